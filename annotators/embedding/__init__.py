"""Kind ``embedding``: CLIPScore, HPS v2, PickScore. Each frame is held against the prompt by CLIP."""

from annotators.embedding.spec import EmbeddingSpec

__all__ = ["EmbeddingSpec"]
