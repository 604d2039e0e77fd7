"""What a generator is: a block of the configuration that can draw settings and make clips.

One kind, one file. A kind subclasses :class:`GeneratorSpec` and joins the pool's list of kinds.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from annotators.ledger import Ledger
from schemas import Clip, Reason
from schemas.options import Options
from schemas.store import Store

SettingValue = str | int | float | bool
GUIDANCE_DIGITS = (
    1  # a drawn guidance scale has tenths, so that it can be written down and repeated
)


class GenerationError(RuntimeError):
    """A clip could not be made; the message says which, why, and what to do.

    ``reason`` AUTHENTICATION or QUOTA ends the run (exit code 3); ``cost_usd`` is what was paid for
    nothing, None where nobody knows.
    """

    def __init__(
        self, message: str, reason: Reason = Reason.GENERATION, *, cost_usd: float | None = 0.0
    ) -> None:
        super().__init__(message)
        self.reason, self.cost_usd = reason, cost_usd


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a generator's clips will be like, as far as its block tells."""

    width_px: int
    height_px: int
    n_frames: int
    fps: float | None = None
    n_bytes: int | None = None  # of a clip's file, on average


class GeneratorSpec(Options):
    """Common part of every generator's block: plain data, so that it travels to any worker."""

    # where clips are made: in child processes, or in threads of the worker (kinds that only wait)
    place: ClassVar[Literal["processes", "threads"]] = "processes"
    # whether its clips are noted, so that none is made twice; no need where they cost nothing
    kept: ClassVar[bool] = True
    # whether any number of workers may make its clips side by side; else one of each machine does
    anywhere: ClassVar[bool] = False

    kind: str
    # Names the generator in every table, and so goes into the ids of its clips.
    name: str = Field(min_length=1, pattern=r"^[^\s/][^\n/]*$")
    licence: str | None = None  # of the clips it makes
    terms: str | None = None  # what its makers allow to be done with them: a name or an address
    share: float = Field(default=1.0, gt=0, allow_inf_nan=False)  # of the draws, against the others
    # one value, or [low, high] to draw from, evenly, for each clip
    guidance_scale: tuple[float, float] | float | None = None
    timeout_s: float = Field(default=1800.0, gt=0)  # for one clip

    @model_validator(mode="after")
    def _low_before_high(self) -> Self:
        if isinstance(self.guidance_scale, tuple):
            low, high = self.guidance_scale
            if not 0 <= low <= high < 1e6:
                raise ValueError(f"guidance_scale: expected [low, high], got [{low:g}, {high:g}]")
        return self

    @property
    def simulated(self) -> bool:
        """Whether its clips are drawn by a program that stands in for a generator."""
        return False

    @property
    def lane(self) -> str:
        """Generators of one lane take turns in the same processes or threads."""
        return self.kind

    @property
    def account(self) -> str:
        """Under what name the ledger enters what its clips cost."""
        return f"generator {self.name}"

    @property
    def batch(self) -> int:
        """How many clips are made together."""
        return 1

    def at_once(self, processes: int) -> int:
        """How many batches are in the making at a time, where the run may use ``processes``.

        The smallest number of a lane's generators holds for all of them.
        """
        return processes

    @property
    def worst_usd(self) -> float | None:
        """What a clip can cost at most; None where there is no price to tell, 0.0 where it is free."""
        return 0.0

    @property
    def declared(self) -> Declared | None:
        """What its clips will be like, for an estimate; None: nobody can tell."""
        return None

    @property
    def counts(self) -> bool:
        """Whether a clip is a request in the ledger, priced or free."""
        return self.worst_usd != 0

    def check(self) -> None:
        """Refuse what cannot work, before anything is made. Raises :class:`SetupError`."""

    def draw_settings(self, rng: np.random.Generator) -> dict[str, SettingValue]:
        """Settings of one clip, as JSON can hold them: everything but prompt and seed that shapes it,
        the model and its revision included. They go into the clip's id and into the ``Video``."""
        settings = self.fixed_settings()
        if isinstance(self.guidance_scale, tuple):
            drawn = float(rng.uniform(*self.guidance_scale))
            settings["guidance_scale"] = round(drawn, GUIDANCE_DIGITS)
        elif self.guidance_scale is not None:
            settings["guidance_scale"] = self.guidance_scale
        return settings

    def fixed_settings(self) -> dict[str, SettingValue]:
        """What of the settings is the same for all of its clips."""
        return {}

    def generate(self, clips: Sequence[Clip], tools: "Tools") -> Iterator[bytes | GenerationError]:
        """A video file, or why there is none, for each clip in its order; as soon as it is there.

        Called in a child process or a thread, again and again: a kind keeps what it opened (a model,
        a client) in that process. Raising :class:`GenerationError` fails all that is left.
        """
        raise TypeError(f"generator kind {self.kind!r} does not say how it generates")

    def ask_again(self, clip: Clip, tools: "Tools") -> None:
        """Forget what was paid for this clip and came to nothing: the next run makes it anew.

        For kinds that keep such failures, so that nobody pays for them again unasked.
        """


class Tools(Options, arbitrary_types_allowed=True):
    """What a generator may use while it works. Pickles by paths."""

    # for its own notes that a killed run takes up again, such as the id of a job that is paid
    jobs: Store
    ledger: Ledger  # where a paid request is reserved and settled, under its generator's `account`
