"""Prompt following from the frames: each thing a prompt asks for is judged by itself."""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from annotators.signal import colour, outline
from annotators.signal.finding import Finding, ramp, sentence
from annotators.signal.flaws import repeats, sharpness
from annotators.signal.frames import Frames
from annotators.signal.motion import Path, events, path
from annotators.signal.request import Request, Thing
from annotators.signal.scene import Blobs, Scene

Array = NDArray[np.float64]

# Of the whole scale, what it costs to miss one kind of thing entirely.
_COSTS = {
    "count": 0.6,
    "colour": 0.5,
    "shape": 0.45,
    "motion": 0.45,
    "background": 0.3,
    "size": 0.15,
}
# A prompt that names only minor things is judged on those, so their costs are scaled up to this.
_LEAST_TOTAL = 0.75
# Longer side of an object against the short side of the picture: between small and large.
_SIZE_BORDER = 0.19


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Facet:
    """One thing asked for: how well it was met, 0..1, and what was seen."""

    kind: str
    met: float
    seen: str


def follow(frames: Frames, scene: Scene, request: Request) -> Finding:
    """Prompt following 0..1: 1 minus what each unmet request costs, and what was seen.

    An object that is not there has no colour, shape, size or motion, so all of them are unmet.
    """
    facets = [
        facet
        for thing, blobs in zip(request.things, assign(request.things, scene.blobs))
        for facet in _thing(thing, blobs, frames)
    ]
    if request.background:
        facets.append(_background(request.background, scene))
    share = 1 / max(1, len(request.things))
    cost = sum(
        _COSTS[f.kind] * (1 - f.met) * (1 if f.kind == "background" else share) for f in facets
    )
    possible = sum(_COSTS[f.kind] * (1 if f.kind == "background" else share) for f in facets)
    value = 1 - cost * max(1.0, _LEAST_TOTAL / possible)
    return Finding(value=max(0.0, value), rationale=sentence([f.seen for f in facets]))


def assign(things: tuple[Thing, ...], blobs: Blobs) -> list[Blobs]:
    """The blobs that answer to each thing: those that fit it best in colour and shape."""
    if len(things) <= 1:
        return [blobs] * len(things)
    fit = np.array([_fit(thing, blobs) for thing in things])
    return [blobs.take(fit.argmax(axis=0) == i) for i in range(len(things))]


def _fit(thing: Thing, blobs: Blobs) -> Array:
    fit = np.zeros(len(blobs))
    if thing.colour:
        fit += colour.match(blobs.rgb, thing.colour)
    if thing.shape:
        fit += 0.9 * outline.match(blobs.outline, thing.shape)
    return fit


def _thing(thing: Thing, blobs: Blobs, frames: Frames) -> list[Facet]:
    n = len(frames.rgb)
    facets = [_count(thing, blobs, n)]
    there = len(blobs) > 0
    if thing.colour:
        facets.append(_colour(thing.colour, blobs))
    if thing.shape:
        facets.append(_shape(thing.shape, blobs, frames))
    changes_size = any(event.kind in ("grow", "shrink") for event in thing.events)
    if thing.size and not changes_size:
        facets.append(_size(thing.size, blobs, frames.side_px))
    if thing.events:
        facets.append(_motion(thing, path(blobs, frames.position, repeats(frames)), frames.side_px))
    return (
        facets
        if there
        else [dataclasses.replace(f, met=0.0) for f in facets[:1]]
        + [Facet(kind=f.kind, met=0.0, seen=f"so no {f.kind} to judge") for f in facets[1:]]
    )


def _count(thing: Thing, blobs: Blobs, n_frames: int) -> Facet:
    per_frame = np.bincount(blobs.frame, minlength=n_frames)
    seen = round(float(np.median(per_frame)))
    asked = thing.count or max(1, seen)
    met = 0.0 if seen == 0 else 1 - abs(seen - asked) / max(seen, asked)
    # Any object too few or too many is plain to see, so it costs something beside its share.
    met = met if met == 1.0 else 0.75 * met
    name = (thing.shape or "object") + "s" * (asked != 1)
    frames = int((per_frame == seen).sum()) if seen else 0
    return Facet(
        kind="count",
        met=met,
        seen=f"{seen} of {asked} {name} found in {frames} of {n_frames} frames",
    )


def _colour(name: str, blobs: Blobs) -> Facet:
    met = _typical(colour.match(blobs.rgb, name))
    seen = f"{name} as asked" if met > 0.5 else f"{_colour_seen(blobs)}, not {name}"
    return Facet(kind="colour", met=met, seen=seen)


def _colour_seen(blobs: Blobs) -> str:
    return colour.name_of(np.median(blobs.rgb, axis=0)) if len(blobs) else "absent"


def _shape(name: str, blobs: Blobs, frames: Frames) -> Facet:
    # A blurred outline cannot be made out, which is no evidence of another shape.
    sharp = sharpness(frames.rgb, frames.noise)
    clear = 1.0 if sharp is None else ramp(sharp, 0.32, 0.5)
    whole = blobs.take(blobs.inside) if blobs.inside.any() else blobs
    met = 1 - clear * (1 - _typical(outline.match(whole.outline, name)))
    if met > 0.5 or not len(whole):
        return Facet(kind="shape", met=met, seen=f"{name} as asked")
    other = outline.name_of(np.median(whole.outline, axis=0))
    return Facet(kind="shape", met=met, seen=f"looks like a {other}, not a {name}")


def _size(name: str, blobs: Blobs, side_px: int) -> Facet:
    size = float(np.median(blobs.extent)) / side_px if len(blobs) else 0.0
    large = ramp(size, 0.8 * _SIZE_BORDER, 1.2 * _SIZE_BORDER)
    met = large if name == "large" else 1 - large
    return Facet(kind="size", met=met, seen=f"{size:.0%} of the picture across, asked {name}")


def _motion(thing: Thing, seen: Path, side_px: int) -> Facet:
    met, words = events(thing.events, seen, side_px)
    return Facet(kind="motion", met=met, seen=words)


def _background(name: str, scene: Scene) -> Facet:
    met = float(np.mean(colour.match(scene.background, name))) * ramp(scene.uniform, 0.1, 0.4)
    seen = colour.name_of(np.median(scene.background, axis=0))
    return Facet(
        kind="background",
        met=met,
        seen=f"background {seen}" + (" as asked" if met > 0.5 else f", not a plain {name}"),
    )


def _typical(values: Array) -> float:
    """The mean over blobs without the worst and the best tenth."""
    if not len(values):
        return 0.0
    ordered = np.sort(values)
    cut = len(ordered) // 10
    return float(np.mean(ordered[cut : len(ordered) - cut]))
