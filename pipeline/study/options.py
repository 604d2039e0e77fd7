"""The ``study:`` block of a configuration."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from pipeline.kinds import Judge
from pipeline.study.names import KNOWN
from schemas.options import Options

Frames = Annotated[int, Field(ge=1, le=256)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Draws = Annotated[int, Field(ge=1)]
Rubrics = Annotated[list[str], Field(min_length=1)]

AXES = ("frames", "temperature", "draws", "rubrics")  # what is varied, beside the judges
PAPER_FRAMES = (4, 6, 8, 10)
PAPER_TEMPERATURES = (0.3, 0.5, 0.7, 0.9)


class StudyOptions(Options):
    """Which settings are tried, on how many labelled clips, and by what they are told apart.

    An axis that is left out stays as the configuration has it. Where none is given, they are those of
    VideoPrefer's own ablation: frames and temperature, one at a time.
    """

    frames: list[Frames] | None = Field(None, min_length=1)  # frames per clip
    # None in the list: not sent, so the model's default
    temperature: list[Temperature | None] | None = Field(None, min_length=1)
    draws: list[Draws] | None = Field(None, min_length=1)  # replies per clip and rubric, averaged
    rubrics: list[Rubrics] | None = Field(None, min_length=1)  # lists as `rubrics:` takes them
    # judges: blocks as in `annotators:`, or names of those there; None: all of those
    annotators: list[str | Judge] | None = Field(None, min_length=1)
    # one_at_a_time: the configuration's own point, and each value of each axis from there, which is what
    # the paper does: few points, each a plain comparison. grid: every combination; where settings act on
    # each other (more draws allow a higher temperature) only a grid shows it.
    design: Literal["one_at_a_time", "grid"] = "one_at_a_time"
    # of the labelled prompts and clips, at most; chosen by hash, whole prompts
    prompts: int | None = Field(200, ge=2)
    clips: int | None = Field(None, ge=4)
    # a name of pipeline.study.names.KNOWN; None: pair_accuracy_ties_half_loo, and where one person
    # rated pair_accuracy_ties_half
    statistic: str | None = None
    dimension: str | None = None  # points are ranked by it; None: the mean of all that are audited
    # a point that scored a smaller share of the rated clips is not recommended
    least_coverage: float = Field(0.9, ge=0, le=1)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.statistic is not None and self.statistic not in KNOWN:
            raise ValueError(
                f"statistic: a study knows {', '.join(KNOWN)}; {self.statistic!r} is none of them"
            )
        for axis in AXES:
            given = getattr(self, axis) or []
            if any(value in given[:n] for n, value in enumerate(given)):
                raise ValueError(f"{axis}: a value is given twice")
        return self

    @property
    def from_paper(self) -> bool:
        """Whether no axis is given, so that those of the paper are taken."""
        return all(getattr(self, axis) is None for axis in (*AXES, "annotators"))

    def filled(self) -> Self:
        """With the paper's axes where none is given."""
        if not self.from_paper:
            return self
        return self.model_copy(
            update={"frames": list(PAPER_FRAMES), "temperature": list(PAPER_TEMPERATURES)}
        )
