"""What a generator is: a block of the configuration that can draw settings and make a clip.

One kind, one file. A kind subclasses :class:`GeneratorSpec` and joins the pool's list of kinds.
"""

import numpy as np
from pydantic import Field

from schemas import Clip
from schemas.options import Options

SettingValue = str | int | float | bool


class GenerationError(RuntimeError):
    """A clip could not be made; the message says which, why, and what to do."""


class GeneratorSpec(Options):
    """Common part of every generator's block: plain data, so that it travels to any worker."""

    kind: str
    # Names the generator in every table, and so goes into the ids of its clips.
    name: str = Field(min_length=1, pattern=r"^[^\s/][^\n/]*$")
    licence: str | None = None  # of the clips it makes

    @property
    def simulated(self) -> bool:
        """Whether its clips are drawn by a program that stands in for a generator."""
        return False

    def draw_settings(self, rng: np.random.Generator) -> dict[str, SettingValue]:
        """Settings of one clip, as JSON can hold them."""
        raise TypeError(f"generator kind {self.kind!r} does not say what its settings are")

    def generate(self, clip: Clip) -> bytes:
        """A video file. Raises :class:`GenerationError` for a clip that cannot be made."""
        raise TypeError(f"generator kind {self.kind!r} does not say how it generates")
