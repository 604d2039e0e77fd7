"""Options of consensus, preferences and splits."""

from typing import Literal

from pydantic import Field, model_validator

from schemas.options import Options


class ConsensusOptions(Options):
    """How several annotators become one score."""

    method: Literal["mean", "median", "human_weights", "dawid_skene"] = "mean"
    annotators: list[str] | None = None  # annotator_ids that count; None: all of them
    # standardised: each annotator's scores of a dimension less their mean, in units of their sd over
    # all clips of the run, so that annotators on different scales can be combined
    scale: Literal["rubric", "standardised"] = "rubric"
    folds: int = Field(5, ge=2)  # human_weights: a prompt's weights come from the other folds

    @model_validator(mode="after")
    def _levels_need_the_rubric(self) -> "ConsensusOptions":
        if self.method == "dawid_skene" and self.scale == "standardised":
            raise ValueError(
                "dawid_skene counts who said which point of the rubric's scale, so scale: "
                "standardised does not go with it; leave scale out, or take another method"
            )
        return self

    @property
    def needs_fit(self) -> bool:
        """Whether something must be learned from all clips before any prompt is judged."""
        return self.scale == "standardised" or self.method in ("human_weights", "dawid_skene")


class PreferenceOptions(Options):
    """How scores become pairs."""

    tie_margin: float = Field(
        0.0, ge=0
    )  # |margin| up to this, on the scale of the consensus, is a tie
    weights: dict[str, float] | None = None  # of the dimensions in `overall`; None: equal


class SplitOptions(Options):
    """Shares of prompts per split, and what must not stand in two of them; a prompt with a split in
    its manifest keeps it."""

    validation: float = Field(0.1, ge=0, lt=1)
    test: float = Field(0.1, ge=0, lt=1)
    seed: int = 0
    # Jaccard similarity of their words from which two prompts count as one; None: equal words alone
    near_duplicates: float | None = Field(0.85, ge=0.5, le=1)
    # generators whose clips stand in pairs of the test split alone
    held_out_generators: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _leave_something_to_train(self) -> "SplitOptions":
        if self.validation + self.test >= 1:
            raise ValueError("splits.validation + splits.test must stay below 1")
        return self
