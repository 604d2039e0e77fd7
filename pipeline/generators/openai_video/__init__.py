"""Kind ``openai-video``: clips of a server that speaks the Videos API of the OpenAI interface."""

from pipeline.generators.openai_video.spec import OpenAIVideoSpec, VideoPrice

__all__ = ["OpenAIVideoSpec", "VideoPrice"]
