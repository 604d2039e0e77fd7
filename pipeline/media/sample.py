"""From a clip to its FrameSet: the frames of one policy as JPEGs in the store."""

import functools
from typing import NamedTuple

from pipeline.media.decode import decode
from pipeline.media.decoded import Decoded, Rgb
from pipeline.media.errors import MediaError
from pipeline.media.jpeg import Jpeg, encode
from pipeline.media.measure import Small, measure, reduced
from pipeline.media.montage import put_jpegs
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas import Failure, FrameSet, Video
from schemas.store import Store

STAGE = "frames"
FEWER, DAMAGED = "fewer_frames_than_asked", "damaged"


class _Frame(NamedTuple):
    """All that is kept of a frame while others are decoded."""

    jpeg: Jpeg
    small: Small


def _take(rgb: Rgb, options: FramesOptions) -> _Frame:
    return _Frame(encode(rgb, options.long_side_px, options.jpeg_quality), reduced(rgb))


def sample_frames(
    video: Video,
    clip_path: str,
    options: FramesOptions,
    frames: Store,
) -> FrameSet | Failure:
    """Decode the clip at a local path, store its JPEGs, and say which frames they are.

    Never raises for what is wrong with the clip: that is a :class:`Failure` of stage ``frames``.
    Safe to call in a child process: arguments and result pickle, no state stays. What cannot be
    bounded from inside (a decoder that hangs or crashes) is for the caller to end after
    ``options.timeout_s``. A store that cannot be written raises ``OSError``.
    """
    try:
        decoded = decode(
            clip_path,
            options,
            policy_of(options, video.video_id),
            functools.partial(_take, options=options),
        )
    except MediaError as error:
        return Failure(stage=STAGE, key=video.video_id, reason=error.reason, message=error.message)
    return _frame_set(video, options, decoded, frames)


def _frame_set(
    video: Video, options: FramesOptions, decoded: Decoded[_Frame], frames: Store
) -> FrameSet:
    jpegs = [frame.jpeg.data for frame in decoded.taken]
    measured = measure([frame.small for frame in decoded.taken])
    kept = put_jpegs(jpegs, frames, options)
    return FrameSet(
        video_id=video.video_id,
        prompt_id=video.prompt_id,
        prompt=video.prompt,
        generator=video.generator,
        simulated=video.simulated,
        policy=options.policy_name,
        decoder=decoded.decoder,
        indices=decoded.indices,
        times_s=decoded.timeline.times_s(decoded.indices),
        jpeg_sha256=kept.jpegs,
        n_frames_in_clip=len(decoded.timeline.pts),
        fps=decoded.timeline.fps,
        duration_s=decoded.timeline.duration_s,
        width_px=decoded.width_px,
        height_px=decoded.height_px,
        frame_width_px=decoded.taken[0].jpeg.width_px,
        frame_height_px=decoded.taken[0].jpeg.height_px,
        flags=_flags(decoded, options),
        montage_sha256=kept.montage,
        montage_columns=options.montage,
        luma_mean=measured.luma_mean,
        black_frames=measured.black_frames,
        motion=measured.motion,
        letterbox=measured.letterbox,
        perceptual_hash=measured.perceptual_hash,
    )


def _flags(decoded: Decoded[_Frame], options: FramesOptions) -> tuple[str, ...]:
    fewer = (FEWER,) if _fewer(decoded, options) else ()
    damaged = (DAMAGED,) if decoded.lost else ()
    return (*fewer, *damaged, *decoded.notes)


def _fewer(decoded: Decoded[_Frame], options: FramesOptions) -> bool:
    """Whether the clip is too short for the policy; how many fps and key_frames give is the clip's."""
    return options.policy not in ("fps", "key_frames") and len(decoded.indices) < options.most
