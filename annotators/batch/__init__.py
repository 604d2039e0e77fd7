"""Judges asked through a Batch API: half the price, replies within a day.

A batch is a bulk filler of the journal. Before the workers ask anything, every question without a
reply goes through the API and every raw reply into the journal; the workers then read it.
"""

from annotators.batch.spec import OpenAIBatchSpec

__all__ = ["OpenAIBatchSpec"]
