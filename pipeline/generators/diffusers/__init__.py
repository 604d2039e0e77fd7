"""Kind ``diffusers``: text-to-video pipelines of Hugging Face diffusers, run on this machine."""
