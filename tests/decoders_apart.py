"""Decoding in a process of its own: decord loads an FFmpeg of its own, which no test may keep."""

import dataclasses
import importlib.util
import itertools
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
from coded_clips import number_in

from pipeline.media.decode import decode
from pipeline.media.decoded import Decoded, FrameList
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas import Reason

HAS_DECORD = importlib.util.find_spec("decord") is not None  # its wheels are for x86-64 alone
NAMED = ("pyav", "ffmpeg", *(["decord"] if HAS_DECORD else []))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Seen:
    """What came of one clip by one decoder, with all its frames asked for."""

    decoder: str
    numbers: tuple[int, ...]  # coded into the pixels
    middles: tuple[tuple[int, ...], ...]  # the colour in the middle of each frame
    times_s: tuple[float | None, ...]
    keys: tuple[int, ...] | None
    width_px: int
    height_px: int
    lost: int
    notes: tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Agreement:
    """How the decoders agree on one clip: whom it refuses, and worst mean differences of a frame."""

    refused: dict[str, Reason]
    same_indices: bool
    worst_time_s: float
    worst: dict[tuple[str, str], float]  # of 255


@contextmanager
def process() -> Iterator[ProcessPoolExecutor]:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("forkserver")) as pool:
        yield pool


def see(path: str, **options: object) -> Seen | tuple[Reason, str]:
    """Every frame of a clip, or why it is refused. ``policy_of`` is not asked."""
    keys: list[tuple[int, ...] | None] = []

    def every(frames: FrameList) -> tuple[int, ...]:
        keys.append(frames.keys)
        return tuple(range(frames.n))

    try:
        decoded = decode(path, FramesOptions(**options), every, _number_and_middle)
    except MediaError as error:
        return error.reason, error.message
    return Seen(
        decoder=decoded.decoder,
        numbers=tuple(number for number, _ in decoded.taken),
        middles=tuple(middle for _, middle in decoded.taken),
        times_s=decoded.timeline.times_s(decoded.indices),
        keys=keys[-1],
        width_px=decoded.width_px,
        height_px=decoded.height_px,
        lost=decoded.lost,
        notes=decoded.notes,
    )


def _number_and_middle(rgb: npt.NDArray[np.uint8]) -> tuple[int, tuple[int, ...]]:
    height, width = rgb.shape[:2]
    number = number_in(rgb) if min(height, width) >= 8 else -1
    return number, tuple(int(level) for level in rgb[height // 2, width // 2])


def compare(path: str, **options: object) -> Agreement:
    """The frames of one policy by every decoder that may be named, held against each other."""
    done: dict[str, Decoded[npt.NDArray[np.int16]]] = {}
    refused = {}
    for name in NAMED:
        asked = FramesOptions(decoder=name, **options)
        try:
            done[name] = decode(path, asked, policy_of(asked, "clip"), _wide)
        except MediaError as error:
            refused[name] = error.reason
    if not done:
        return Agreement(refused=refused, same_indices=True, worst_time_s=0.0, worst={})
    first = next(iter(done.values()))
    times = [d.timeline.times_s(d.indices) for d in done.values()]
    return Agreement(
        refused=refused,
        same_indices=all(
            d.indices == first.indices and len(d.timeline.pts) == len(first.timeline.pts)
            for d in done.values()
        ),
        worst_time_s=max(_apart(times[0], other) for other in times),
        worst={
            (a, b): max(
                float(np.abs(x - y).mean())
                for x, y in zip(done[a].taken, done[b].taken, strict=True)
            )
            for a, b in itertools.combinations(done, 2)
        },
    )


def _wide(rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.int16]:
    return rgb.astype(np.int16)


def _apart(times: tuple[float | None, ...], others: tuple[float | None, ...]) -> float:
    if None in times or None in others:
        return 0.0 if times == others else float("inf")
    return max(abs(a - b) for a, b in zip(times, others, strict=True))  # type: ignore[operator]
