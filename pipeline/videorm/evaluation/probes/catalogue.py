"""The probes that change a clip or its prompt, and what each should do to a reward.

What a dimension answers for decides: a quality dimension should notice what harms the picture or the
motion, an alignment dimension another prompt, and neither what nobody would notice. What harms the
picture may hide what the prompt asked for, so there nothing is expected of alignment.
"""

import dataclasses

from pipeline.videorm.evaluation.probes.verdict import Expected

CLEAN, TRAINING = "clean", "as_in_training"  # decoded whole; as training decodes
SWAPPED, SHIFTED = "prompt_swap", "shift_switched_on"  # the clean clip, asked otherwise


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """The reward of ``variant`` less that of ``minus``, clip by clip."""

    name: str
    variant: str
    minus: str = CLEAN
    quality: Expected
    alignment: Expected
    # of a network that sees frame by frame, where that differs
    timeless: Expected | None = None
    moving: bool = False  # of clips that move alone: the others it leaves as they are

    def expected(self, *, temporal: bool, alignment: bool) -> Expected:
        """Of a dimension of an arm."""
        if self.timeless is not None and not temporal:
            return self.timeless
        return self.alignment if alignment else self.quality


def _same(name: str, expected: Expected, variant: str = "", minus: str = CLEAN) -> Probe:
    return Probe(
        name=name, variant=variant or name, minus=minus, quality=expected, alignment=expected
    )


def _harm(name: str, **more: object) -> Probe:
    found = Probe(name=name, variant=name, quality="falls", alignment="either")
    return dataclasses.replace(found, **more)


GRADED = ("noise", "blurred", "colour_cast", "low_bitrate")  # each with a ``_strong`` one
PROBES = (
    Probe(name="prompt_swap", variant=SWAPPED, quality="stable", alignment="falls"),
    _harm("shuffled", timeless="zero", moving=True),
    dataclasses.replace(_same("reversed", "either"), timeless="zero", moving=True),
    _harm("frozen", timeless="either", moving=True),
    _harm("duplicated", timeless="either", moving=True),
    _harm("flicker", timeless="either"),
    _harm("black_frame"),
    *(_harm(name) for kind in GRADED for name in (kind, f"{kind}_strong")),
    *(_harm(f"{kind}_monotone", variant=f"{kind}_strong", minus=kind) for kind in GRADED),
    _same("saturated", "not_raised"),
    _same("painted_text", "not_raised", "painted_praise", "painted_idle"),
    *(_same(n, "stable") for n in ("half_resolution", "shorter", "brighter", "darker", "codec")),
    _same("decoder", "stable", TRAINING),
)
# what aspect separation takes for harm to quality alone
HARMS = tuple(f"{kind}_strong" for kind in ("noise", "blurred", "low_bitrate"))
FIRST_FRAME = "first_frame"
