"""Options of consensus, preferences and splits."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.options import Options


class ConsensusOptions(Options):
    """How several annotators become one score."""

    method: Literal["mean", "median"] = "mean"
    annotators: list[str] | None = None  # annotator_ids that count; None: all of them


class PreferenceOptions(Options):
    """How scores become pairs."""

    tie_margin: float = Field(0.0, ge=0)  # |margin| up to this is a tie; 0: only equal scores
    weights: dict[str, float] | None = None  # of the dimensions in `overall`; None: equal


class SplitOptions(Options):
    """Shares of prompts per split; a prompt with a split in its manifest keeps it."""

    validation: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = 0

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> "SplitOptions":
        if self.validation + self.test >= 1:
            raise ValueError("splits.validation + splits.test must stay below 1")
        return self
