"""The ``audit:`` block of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from pipeline.audit.names import STATISTICS
from pipeline.audit.simulated_raters import SimulatedRaters
from schemas import CONSENSUS
from schemas.options import Options


class RatingsTable(Options):
    """A file of human ratings or votes: a plain table, or what another benchmark published.

    ``auto`` looks into the file. The kinds are those of :mod:`pipeline.formats.readers`.
    """

    kind: Literal[
        "auto",
        "table",
        "votes",
        "fetv",
        "genai_bench",
        "videoalign",
        "tvge",
        "video_bench",
        "t2vqa",
        "vbench",
        "evalcrafter",
        "tc_bench",
        "label_studio",
        "videofeedback",
        "hpdv2",
        "hpdv3",
        "imagereward",
        "pickapic",
        "trl",
        "ultrafeedback",
        "videodpo",
        "unifiedreward",
    ] = "auto"
    path: str
    # scores outside are missing marks, counted; None: the format's own, 1 to 5 for a plain table
    scale: tuple[float, float] | None = None

    @field_validator("scale")
    @classmethod
    def _ascending(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and not scale[0] < scale[1]:
            raise ValueError("expected [low, high] with low < high")
        return scale


class Requirement(Options):
    """A number that must be reached, else the run ends with exit code 4."""

    statistic: str  # a name of pipeline.audit.names.STATISTICS
    at_least: float | None = None
    at_most: float | None = None  # of statistics of which less is better
    annotator: str = CONSENSUS
    dimension: str | None = None  # None: every dimension that is audited
    # which end of the interval must reach it: `low` of at_least, `high` of at_most, asks for more
    # than the value itself does, and for the more the fewer prompts were rated
    bound: Literal["value", "low", "high"] = "value"

    @field_validator("statistic")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in STATISTICS:
            raise ValueError(f"unknown statistic {name!r}; known are {', '.join(STATISTICS)}")
        return name

    @model_validator(mode="after")
    def _one_limit(self) -> "Requirement":
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("expected at_least or at_most, one of the two")
        limit, worse = ("at_least", "low") if self.at_most is None else ("at_most", "high")
        if self.bound not in ("value", worse):
            raise ValueError(
                f"bound: {self.bound} is the better end of the interval for {limit}; expected value "
                f"or {worse}"
            )
        return self

    def met_by(self, number: float | None) -> bool:
        """Whether a number (of the row's column ``bound``) is enough; undefined is not."""
        if number is None:
            return False
        if self.at_least is not None:
            return number >= self.at_least
        return self.at_most is not None and number <= self.at_most

    @property
    def limit(self) -> str:
        """In words: ``at least 0.9``, where an end of the interval must reach it ``the low end at
        least 0.9``."""
        end = "" if self.bound == "value" else f"the {self.bound} end "
        if self.at_least is not None:
            return f"{end}at least {self.at_least:g}"
        return f"{end}at most {self.at_most:g}"


class AuditOptions(Options):
    """Which people to hold annotations against, and how."""

    ratings: list[Annotated[RatingsTable | SimulatedRaters, Field(discriminator="kind")]] = Field(
        default_factory=list
    )
    # ours -> the human dimensions that answer for it, several averaged per rater; a dimension of
    # ours that is not named here answers to the human dimension of the same name
    dimensions: dict[str, Annotated[list[str], Field(min_length=1)]] = Field(default_factory=dict)
    leave_out_generators: list[str] = Field(default_factory=list)  # for example real footage
    require: list[Requirement] = Field(default_factory=list)
    resamples: int = Field(default=2000, ge=100)
    seed: int = 0
    level: float = Field(default=0.95, gt=0, lt=1)  # of the intervals
    # what an annotator costs less than a rater, in chance of being as near to the others: 0.2 where the
    # raters are experts, 0.15 where skilled, 0.1 where a crowd
    alt_test_epsilon: float = Field(default=0.15, ge=0, lt=1)
    disagreements: int = Field(default=5, ge=0)  # shown per annotator and dimension

    @field_validator("ratings", mode="before")
    @classmethod
    def _kind_may_be_left_out(cls, value: Any) -> Any:
        """A file's content tells its kind."""
        if not isinstance(value, list):
            return value
        return [{"kind": "auto", **one} if isinstance(one, dict) else one for one in value]

    @field_validator("require", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value
