"""What a measurement came to."""

import dataclasses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """``value`` 0 (worst) to 1 (best) on the dimension, and one or two sentences of why."""

    value: float
    rationale: str


def ramp(value: float, none: float, full: float) -> float:
    """0 up to ``none``, 1 from ``full`` on, straight between; ``full`` may be the smaller one."""
    return min(1.0, max(0.0, (value - none) / (full - none)))


def sentence(parts: list[str]) -> str:
    """Parts joined into one sentence."""
    text = "; ".join(parts)
    return text[:1].upper() + text[1:] + "."
