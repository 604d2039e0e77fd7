"""What objects do over time, against what they were asked to do."""

import dataclasses
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from annotators.signal import colour
from annotators.signal.finding import ramp
from annotators.signal.request import Event
from annotators.signal.scene import Blobs

Array = NDArray[np.float64]

# Over the time an event has, as a share of the picture's short side or as a change of log size:
# below the first nothing happens, from the second on it plainly does.
_TRAVEL = (0.04, 0.10)
_GROWTH = (0.10, 0.25)
_UNSEEN = 0.4  # credit for what the frames neither show nor rule out, because they stand still


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a group of objects does in each step from frame to frame; T frames, T - 1 steps.

    ``place`` (T, 2) is the mean centre in pixels, ``size`` (T,) the mean log of the square root of
    the area, NaN where no object is seen; ``when`` (T,) the position in the clip in frames;
    ``alive`` (T-1,) False for steps that repeat a picture; ``rgb`` (T, 3).
    """

    place: Array
    size: Array
    rgb: Array
    when: Array
    alive: NDArray[np.bool_]


def path(blobs: Blobs, when: NDArray[np.float32], repeated: NDArray[np.bool_]) -> Path:
    """The path of a group of blobs."""
    n = len(when)
    count = np.bincount(blobs.frame, minlength=n).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):

        def mean(value: Array) -> Array:
            return np.asarray(np.bincount(blobs.frame, value, n) / count)

        return Path(
            place=np.stack([mean(blobs.place[:, i]) for i in (0, 1)], axis=1),
            size=mean(np.log(blobs.area) / 2),
            when=when.astype(float),
            alive=~repeated,
            rgb=np.stack([mean(blobs.rgb[:, i]) for i in range(3)], axis=1),
        )


def events(asked: tuple[Event, ...], seen: Path, side_px: int) -> tuple[float, str]:
    """How well the events were met, 0..1, and what was seen. Several share the clip equally."""
    edges = np.linspace(seen.when[0], seen.when[-1], len(asked) + 1)
    parts = [_event(event, seen, side_px, span) for event, span in zip(asked, pairwise(edges))]
    met = float(np.mean([met for met, _ in parts]))
    return met, ", then ".join(words for _, words in parts)


def _event(event: Event, seen: Path, side_px: int, span: tuple[float, float]) -> tuple[float, str]:
    if event.kind == "turn":
        return _turn(event, seen, span)
    middle = (seen.when[1:] + seen.when[:-1]) / 2
    steps = (middle > span[0]) & (middle < span[1]) & np.isfinite(np.diff(seen.size))
    # A step across the turning point belongs to neither event.
    steps &= (seen.when[:-1] >= span[0] - 0.51) & (seen.when[1:] <= span[1] + 0.51)
    live = steps & seen.alive
    if event.kind != "still" and not live.any():
        return _UNSEEN, f"{_asked(event)} asked, but the picture stands still"
    chosen = live if live.any() else steps
    length = span[1] - span[0]
    travel = _rate(seen.place, seen.when, chosen) * length / side_px
    growth = _slope(seen.size, seen.when, chosen) * length
    met = _met(event, travel, growth)
    words = f"{_did(travel, growth)}, asked {_asked(event)}"
    if event.kind != "still" and live.sum() < steps.sum():
        return met * _going_on(live, steps), words + ", then the picture stands still"
    return met, words


def _going_on(live: NDArray[np.bool_], steps: NDArray[np.bool_]) -> float:
    return _UNSEEN + (1 - _UNSEEN) * float(live.sum() / steps.sum())


def _rate(value: Array, when: Array, steps: NDArray[np.bool_]) -> Array:
    """Median change per frame over some steps: a leap or two do not turn it round."""
    if not steps.any():
        return np.zeros(value.shape[1])
    return np.asarray(np.median((np.diff(value, axis=0) / np.diff(when)[:, None])[steps], axis=0))


def _slope(value: Array, when: Array, steps: NDArray[np.bool_]) -> float:
    """Median slope over all pairs of the frames that the steps touch (Theil 1950, Sen 1968)."""
    at = np.flatnonzero(np.append(steps, False) | np.insert(steps, 0, False))
    first, second = np.triu_indices(len(at), 1)
    if not len(first):
        return 0.0
    rise = value[at[second]] - value[at[first]]
    return float(np.median(rise / (when[at[second]] - when[at[first]])))


def _met(event: Event, travel: Array, growth: float) -> float:
    if event.kind == "still":
        return (1 - ramp(float(np.hypot(*travel)), *_TRAVEL)) * (1 - ramp(abs(growth), *_GROWTH))
    if event.kind in ("grow", "shrink"):
        return ramp(growth if event.kind == "grow" else -growth, *_GROWTH)
    towards = np.array([event.dx, event.dy]) / np.hypot(event.dx, event.dy)
    along = float(travel @ towards)
    aside = float(np.hypot(*(travel - along * towards)))
    return ramp(along, *_TRAVEL) * (1 - ramp(aside, abs(along), 2 * abs(along) + 1e-9))


def _turn(event: Event, seen: Path, span: tuple[float, float]) -> tuple[float, str]:
    """Colours at both ends of the time the change has; one wrong end is another change."""
    here = (seen.when >= span[0]) & (seen.when <= span[1]) & np.isfinite(seen.size)
    rgb = seen.rgb[here]
    if not len(rgb):
        return 0.0, f"nothing seen, asked {_asked(event)}"
    ends = max(1, len(rgb) // 4)
    first, last = np.median(rgb[:ends], axis=0), np.median(rgb[-ends:], axis=0)
    met = float(colour.match(last[None], event.after)[0])
    if not seen.alive[-1]:
        met = max(met, _UNSEEN)
    if event.before:
        met = min(met, float(colour.match(first[None], event.before)[0]))
    return met, f"{colour.name_of(first)} turns {colour.name_of(last)}, asked {_asked(event)}"


def _asked(event: Event) -> str:
    if event.kind == "move":
        return f"moving {_direction(event.dx, event.dy)}"
    if event.kind == "turn":
        return f"from {event.before} to {event.after}" if event.before else f"to {event.after}"
    return {"grow": "growing", "shrink": "shrinking", "still": "staying still"}[event.kind]


def _direction(dx: float, dy: float) -> str:
    words = [
        word
        for word, share in (("up", -dy), ("down", dy), ("left", -dx), ("right", dx))
        if share > 0.5 * max(abs(dx), abs(dy))
    ]
    return " and ".join(words)


def _did(travel: Array, growth: float) -> str:
    way = float(np.hypot(*travel))
    done = []
    if way > _TRAVEL[1] / 2 + _TRAVEL[0] / 2:
        done.append(f"moves {_direction(*travel)} by {way:.0%} of the picture")
    if abs(growth) > sum(_GROWTH) / 2:
        done.append("grows" if growth > 0 else "shrinks")
    return " and ".join(done) or "stays where it is"
