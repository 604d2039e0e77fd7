"""Kind ``transformers``: open multimodal models that run here, on a GPU or without one."""

from annotators.local.spec import TransformersSpec

__all__ = ["TransformersSpec"]
