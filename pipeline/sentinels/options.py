"""The block ``sentinels:`` of the configuration."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.options import Options


class SentinelOptions(Options):
    """Clips that every wave of every run judges again, and what follows from a change.

    ``clips`` of the run's own are chosen by hash, so the same sources give the same ones; ``path``
    names a manifest of clips of their own, which stay the same whatever a run judges. ``history``
    is a folder or URL that holds one small file per occasion and judge; runs that share it are
    compared with each other. After a change that is known and wanted, begin a new one.
    """

    clips: int = Field(8, ge=1)
    path: str | None = None
    draws: int = Field(3, ge=1)  # replies per clip and rubric on each occasion
    alpha: float = Field(
        0.01, gt=0, lt=1
    )  # of a false alarm in a whole run, all its tests together
    history: str | None = None  # None: OUTPUT/sentinels
    on_change: Literal["say", "stop"] = "say"

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.path is not None and "clips" in self.model_fields_set:
            raise ValueError(
                "give clips: (of the run's own) or path: (clips of their own), not both"
            )
        return self
