"""The ``signal`` annotator's block of the configuration."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from annotators.base import Annotator, AnnotatorSpec, Resources
from schemas import Rubric
from schemas.options import SetupError


class SignalSpec(AnnotatorSpec):
    """Measures colour, shape, count, size, motion and background against the prompt, and sharpness,
    noise, flicker, repeated frames, jumps and drift; no model, no key, no cost.

    It was made by hand from what the words of the rubrics mean and was not fitted to people.
    """

    kind: Literal["signal"] = "signal"
    # integer: a point of the rubric's scale, as a judge gives. continuous: the measurement itself,
    # rounded to 0.001, which makes fewer ties.
    scores: Literal["integer", "continuous"] = "integer"
    timeout_s: float = Field(default=60.0, gt=0)  # per question, in a child process

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise ``SetupError`` for more than one draw: measuring again gives the same answer."""
        if self.draws != 1:
            raise SetupError(
                f"annotator {self.annotator_id}: {self.draws} draws asked for, but kind 'signal' "
                "measures and would answer the same again; set draws: 1"
            )

    def open(self, resources: Resources) -> Annotator:
        """The annotator, measuring in ``resources.children`` child processes if more than one."""
        from annotators.signal.pool import Inline, Pooled  # numpy and scipy load only where needed

        return Pooled(self, resources) if resources.children > 1 else Inline(self, resources)
