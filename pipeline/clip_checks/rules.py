"""The rules that one clip is held against on its own: what was measured, beside the thresholds."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.clip_checks.options import ChecksOptions
from schemas import Reason

COLUMNS = (
    "video_id",
    "prompt_id",
    "generator",
    "black_frames",
    "motion",
    "letterbox",
    "perceptual_hash",
    "n_frames_in_clip",
    "duration_s",
    "jpeg_sha256",
)  # of the frames table: all that the checks read


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """What the checks know of one clip: ``COLUMNS`` of its FrameSet, in that order."""

    video_id: str
    prompt_id: str
    generator: str
    black_frames: float | None
    motion: float | None
    letterbox: float | None
    perceptual_hash: tuple[str, ...]
    n_frames_in_clip: int
    duration_s: float | None
    jpeg_sha256: tuple[str, ...]


def measured(row: Sequence[Any]) -> Measured:
    """Of the values of ``COLUMNS``; a list that a table has none of is empty."""
    video, prompt, generator, black, motion, bars, hashes, n_frames, duration_s, names = row
    return Measured(
        video_id=video,
        prompt_id=prompt,
        generator=generator,
        black_frames=black,
        motion=motion,
        letterbox=bars,
        perceptual_hash=tuple(hashes or ()),
        n_frames_in_clip=n_frames,
        duration_s=duration_s,
        jpeg_sha256=tuple(names),
    )


def without_names(clip: Measured) -> Measured:
    """The same without the names of its pictures, half a kilobyte that only a hook looks at."""
    return dataclasses.replace(clip, jpeg_sha256=())


def findings(
    clip: Measured, options: ChecksOptions, nsfw: float | None = None
) -> dict[Reason, str]:
    """The rules that the clip meets, each with what was measured and the threshold.

    ``nsfw`` is what the hook gave. A value that is missing meets no rule. Near duplicates are found
    over the whole run: :func:`pipeline.clip_checks.duplicates.near_duplicates`.
    """
    said = {
        Reason.BLACK: _black(clip, options),
        Reason.FROZEN: _frozen(clip, options),
        Reason.TOO_SHORT: _too_short(clip, options),
        Reason.LETTERBOX: _letterbox(clip, options),
        Reason.NSFW: _nsfw(nsfw, options),
    }
    return {reason: text for reason, text in said.items() if text is not None}


def _black(clip: Measured, options: ChecksOptions) -> str | None:
    if clip.black_frames is None or clip.black_frames < options.black_frames:
        return None
    return (
        f"{clip.black_frames:.0%} of the sampled frames are black "
        f"(checks.black_frames: {options.black_frames:g})"
    )


def _frozen(clip: Measured, options: ChecksOptions) -> str | None:
    if clip.motion is None or clip.motion > options.frozen_motion:
        return None
    return (
        f"luma changes by {clip.motion:g} of 255 from frame to frame "
        f"(checks.frozen_motion: {options.frozen_motion:g})"
    )


def _too_short(clip: Measured, options: ChecksOptions) -> str | None:
    if clip.n_frames_in_clip < options.min_frames:
        return f"{clip.n_frames_in_clip} frames (checks.min_frames: {options.min_frames})"
    if clip.duration_s is not None and clip.duration_s < options.min_duration_s:
        return f"{clip.duration_s:g} s (checks.min_duration_s: {options.min_duration_s:g})"
    return None


def _letterbox(clip: Measured, options: ChecksOptions) -> str | None:
    if clip.letterbox is None or clip.letterbox < options.letterbox:
        return None
    return (
        f"black bars take {clip.letterbox:.1%} of the picture "
        f"(checks.letterbox: {options.letterbox:g})"
    )


def _nsfw(value: float | None, options: ChecksOptions) -> str | None:
    if options.nsfw is None or value is None or value < options.nsfw.threshold:
        return None
    return (
        f"{options.nsfw.hook} gives {value:.3g} (checks.nsfw.threshold: {options.nsfw.threshold:g})"
    )


def near_duplicate(of: str, bits: float, options: ChecksOptions) -> Mapping[Reason, str]:
    """As :func:`findings` says it."""
    text = (
        f"its frames' perceptual hashes differ from those of {of} in {bits:g} of 64 bits on average "
        f"(checks.near_duplicate_bits: {options.near_duplicate_bits:g})"
    )
    return {Reason.NEAR_DUPLICATE: text}
