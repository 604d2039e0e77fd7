"""Frame sampling policies: which frames of a clip are taken. Every one is a rule on frame numbers."""

import dataclasses
import math
from collections.abc import Callable, Iterable, Sequence

from pipeline.media.decoded import Choose, FrameList
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.timeline import uniform
from schemas import Reason
from schemas.ids import hash_fraction

_GRACE_S = 1e-6  # times are rounded to a microsecond, and 1/24 s is none


def policy_of(options: FramesOptions, key: str) -> Choose:
    """The rule that ``options`` name. ``key`` (the clip's id) decides what a policy leaves to chance.

    All give distinct, ascending, 0-based frame numbers, at least one and at most ``options.most``.
    """
    return _Policy(options, key)


@dataclasses.dataclass(frozen=True, slots=True)
class _Policy:
    options: FramesOptions
    key: str

    def __call__(self, frames: FrameList) -> tuple[int, ...]:
        return _RULES[self.options.policy](frames, self.options, self.key)


def _uniform(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    return uniform(frames.n, options.count)


def _first_middle_last(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    return uniform(frames.n, 3)


def _segment_centres(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    """The middle of each of ``count`` equal segments, as TSN takes frames for testing (Wang et al.,
    2016). A clip with fewer frames than segments gives each frame once."""
    n, count = frames.n, options.count
    return _distinct((2 * i + 1) * n // (2 * count) for i in range(count))


def _random_per_segment(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    """One frame drawn evenly from each of ``count`` equal segments, as InstructVideo takes them
    (SegVR, arXiv 2312.12490). The draw hangs on seed and clip alone. Segments that hold no frame of
    their own (a clip shorter than ``count``) share their neighbour's."""
    n, count = frames.n, options.count
    chosen = []
    for i in range(count):
        low, high = i * n // count, max((i + 1) * n // count, i * n // count + 1)
        drawn = hash_fraction("random_per_segment", str(options.seed), key, str(i))
        chosen.append(low + math.floor(drawn * (high - low)))
    return _distinct(chosen)


def _key_frames(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    """The keyframes; where there are more than ``count``, that many of them, evenly by their order."""
    if not frames.keys:
        raise MediaError(
            Reason.UNDECODABLE,
            "which of its frames are keyframes cannot be told; set frames.policy: uniform",
        )
    return _thinned(_distinct(frames.keys), options.count)


def _fps(frames: FrameList, options: FramesOptions, key: str) -> tuple[int, ...]:
    """The frame on screen at 0, 1/fps, 2/fps, ... seconds after the first; where that is more than
    ``count``, that many of them, evenly."""
    times = [t for t in frames.timeline.times_s(range(frames.n)) if t is not None]
    if len(times) < frames.n:
        raise MediaError(
            Reason.NO_TIMES,
            "its frames have no times, and frames.policy is fps; set frames.policy: uniform",
        )
    rate = options.fps or 1.0
    return _thinned([i for i in range(frames.n) if _is_shown(times, i, rate)], options.count)


def _is_shown(times: Sequence[float], i: int, rate: float) -> bool:
    """Whether one of the moments 0, 1/rate, 2/rate, ... up to the last frame finds frame i on screen.

    By frame and not by moment: a file may claim to last for years.
    """
    moment = math.ceil((times[i] - _GRACE_S) * rate)  # the first not before this frame
    if i + 1 < len(times):
        return moment < (times[i + 1] - _GRACE_S) * rate
    return moment <= (times[i] + _GRACE_S) * rate


def _thinned(numbers: Sequence[int], count: int) -> tuple[int, ...]:
    return tuple(numbers[i] for i in uniform(len(numbers), count))


def _distinct(numbers: Iterable[int]) -> tuple[int, ...]:
    return tuple(sorted(set(numbers)))


_RULES: dict[str, Callable[[FrameList, FramesOptions, str], tuple[int, ...]]] = {
    "uniform": _uniform,
    "segment_centres": _segment_centres,
    "fps": _fps,
    "key_frames": _key_frames,
    "first_middle_last": _first_middle_last,
    "random_per_segment": _random_per_segment,
}
