"""How many tokens a model counts for one image.

Sources: the rules as litellm 1.109.1 (2026-11) implements them and OpenAI's guide on images states
them. Guides and bills differ for some models: what a rule gives is an estimate, a reply's usage counts.
"""

import math
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from schemas.options import Options


class TileRule(Options):
    """A base for the whole image, and a price for each tile of 512 px that covers it.

    An image is shrunk to fit a box of 2048 px, then until its short side is 768 px, and never
    enlarged. ``low`` detail is the base alone; any other, ``auto`` included, counts as ``high``:
    which of the two ``auto`` becomes is the server's choice, and an estimate must not be too small.
    Bigger images can cost less, once shrinking makes them thinner.
    """

    rule: Literal["tile"] = "tile"
    base: int = Field(ge=0)
    per_tile: int = Field(ge=0)

    def tokens(self, width_px: int, height_px: int, detail: str) -> int:
        """Tokens of one image of this size, in pixels."""
        if detail == "low":
            return self.base
        # exact: a float a hair above a multiple of 512 would be one tile more
        fit = min(Fraction(1), Fraction(2048, max(width_px, height_px)))
        shrink = fit * min(Fraction(1), 768 / (fit * min(width_px, height_px)))
        tiles = math.ceil(width_px * shrink / 512) * math.ceil(height_px * shrink / 512)
        return self.base + self.per_tile * tiles


class PatchRule(Options):
    """Patches that cover the image, times a multiplier, rounded up; detail has no effect.

    An image of more patches than the budget is shrunk, as OpenAI's guide describes it (it gives
    1800 x 2400 px under a budget of 1,536 as 33 x 44 = 1,452 patches): by
    ``s = sqrt(budget * patch^2 / (w * h))``, and then until the side that loses more has a whole
    number of patches, ``s * min(floor(w s / patch) / (w s / patch), the same of h)``.
    """

    rule: Literal["patch"] = "patch"
    multiplier: float = Field(1.0, gt=0, allow_inf_nan=False)
    patch_px: int = Field(32, ge=1)
    budget: int = Field(ge=1)  # patches

    def tokens(self, width_px: int, height_px: int, detail: str) -> int:
        """Tokens of one image of this size, in pixels."""
        patches = _cover(width_px, height_px, self.patch_px)
        if patches > self.budget:
            patches = self._shrunk(width_px / self.patch_px, height_px / self.patch_px)
        return math.ceil(round(patches * self.multiplier, 6))

    def _shrunk(self, columns: float, rows: float) -> int:
        scale = min(1.0, math.sqrt(self.budget / (columns * rows)))
        sides = columns * scale, rows * scale
        whole = min(max(1, math.floor(side)) / side for side in sides)
        across, down = (math.ceil(round(side * min(1.0, whole), 6)) for side in sides)
        return min(self.budget, across * down)


class ClaudeRule(Options):
    """Patches of 28 px that cover the image, up to a cap; detail has no effect."""

    rule: Literal["claude"] = "claude"
    patch_px: int = Field(28, ge=1)
    cap: int = Field(ge=1)

    def tokens(self, width_px: int, height_px: int, detail: str) -> int:
        """Tokens of one image of this size, in pixels."""
        return min(self.cap, _cover(width_px, height_px, self.patch_px))


class FixedRule(Options):
    """The same for every image."""

    model_config = ConfigDict(populate_by_name=True)  # what was dumped is read again

    rule: Literal["fixed"] = "fixed"
    per_image: int = Field(ge=0, alias="tokens")

    def tokens(self, width_px: int, height_px: int, detail: str) -> int:
        """Tokens of one image of this size, in pixels."""
        return self.per_image


ImageRule = Annotated[TileRule | PatchRule | ClaudeRule | FixedRule, Field(discriminator="rule")]


def _cover(width_px: int, height_px: int, patch_px: int) -> int:
    return math.ceil(width_px / patch_px) * math.ceil(height_px / patch_px)
