"""Look before paying: a few questions of a run, asked and shown in full."""

from pipeline.preview.command import Ask, preview

__all__ = ["Ask", "preview"]
