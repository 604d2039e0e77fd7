"""The ``audit:`` block of a configuration."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from pipeline.audit.names import STATISTICS
from pipeline.audit.simulated_raters import SimulatedRaters
from schemas import CONSENSUS
from schemas.options import Options


class RatingsTable(Options):
    """A plain table of human ratings; see ``pipeline.formats.ratings``."""

    kind: Literal["table"] = "table"
    path: str
    scale: tuple[float, float] = (1, 5)  # scores outside are missing marks, counted

    @field_validator("scale")
    @classmethod
    def _ascending(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if not scale[0] < scale[1]:
            raise ValueError("expected [low, high] with low < high")
        return scale


class Requirement(Options):
    """A number that must be reached, else the run ends with exit code 4."""

    statistic: str  # a name of pipeline.audit.names.STATISTICS
    at_least: float
    annotator: str = CONSENSUS
    dimension: str | None = None  # None: every dimension that is audited

    @field_validator("statistic")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in STATISTICS:
            raise ValueError(f"unknown statistic {name!r}; known are {', '.join(STATISTICS)}")
        return name


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

    @field_validator("require", mode="before")
    @classmethod
    def _one_is_a_list(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @property
    def scale(self) -> tuple[float, float]:
        """Lowest and highest score that any of the ratings may have."""
        scales = [r.scale for r in self.ratings if isinstance(r, RatingsTable)] or [(1.0, 5.0)]
        return min(low for low, _ in scales), max(high for _, high in scales)
