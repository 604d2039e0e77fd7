"""The clips of an estimate: how many frames each gives, and of what size.

From the frames that an earlier run took, else from the clip's header, else as its generator declares.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.estimate.assumptions import CLIP_BYTES
from pipeline.generators.stage import CANVAS, FPS, FRAMES
from pipeline.media.errors import MediaError
from pipeline.media.jpeg import fit
from pipeline.media.options import FramesOptions
from pipeline.media.probe import Header, probe
from pipeline.media.timeline import uniform
from schemas import Clip, FrameSet

_NO_DIGEST = "0" * 64  # of a frame that is not taken yet


@dataclasses.dataclass(frozen=True, slots=True)
class Clips:
    """Every clip that can be judged, as its frames are or will be."""

    known: dict[str, FrameSet]  # taken by an earlier run
    coming: dict[str, FrameSet]  # sizes and numbers hold, digests are missing
    n_generated: int  # of those coming, not made yet
    new_bytes: int  # of clips that will be copied or made
    unreadable: tuple[str, ...]  # what is wrong with each of the others

    def frame_sets(self) -> Iterator[tuple[FrameSet, bool]]:
        """Frames, and whether they are taken."""
        yield from ((frames, True) for frames in self.known.values())
        yield from ((frames, False) for frames in self.coming.values())


def look_at(clips: Sequence[Clip], options: FramesOptions, frames: Mapping[str, FrameSet]) -> Clips:
    known = {c.video_id: f for c in clips if (f := frames.get(c.video_id)) and _fits(f, options)}
    unknown = [clip for clip in clips if clip.video_id not in known]
    coming, unreadable, new_bytes = {}, [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # opening a file releases the interpreter
        for clip, header in zip(unknown, pool.map(_prober(options), unknown), strict=True):
            if isinstance(header, MediaError):
                unreadable.append(header.message)
                continue
            coming[clip.video_id] = _coming(clip, header, options)
            new_bytes += header.n_bytes if clip.keep == "copy" else 0
    return Clips(
        known=known,
        coming=coming,
        n_generated=sum(clip.path is None for clip in unknown),
        new_bytes=new_bytes,
        unreadable=tuple(unreadable),
    )


def _fits(frames: FrameSet, options: FramesOptions) -> bool:
    """Whether frames of an earlier run are those that these options ask for."""
    size = fit(frames.width_px, frames.height_px, options.long_side_px)
    return frames.policy == options.policy_name and size == (
        frames.frame_width_px,
        frames.frame_height_px,
    )


def _prober(options: FramesOptions) -> Callable[[Clip], Header | MediaError]:
    declared = Header(  # the simulated generators are the only ones there are
        width_px=CANVAS, height_px=CANVAS, n_frames=FRAMES, n_bytes=CLIP_BYTES, fps=FPS
    )

    def look(clip: Clip) -> Header | MediaError:
        if clip.path is None:
            return declared
        try:
            return probe(clip.path, options)
        except MediaError as error:
            return error

    return look


def _coming(clip: Clip, header: Header, options: FramesOptions) -> FrameSet:
    indices = uniform(header.n_frames, options.count)
    width, height = fit(header.width_px, header.height_px, options.long_side_px)
    return FrameSet(
        video_id=clip.video_id,
        prompt_id=clip.prompt_id,
        prompt=clip.prompt,
        generator=clip.generator,
        simulated=clip.simulated,
        policy=options.policy_name,
        decoder="header",
        indices=indices,
        times_s=tuple(i / header.fps if header.fps else None for i in indices),
        jpeg_sha256=(_NO_DIGEST,) * len(indices),
        n_frames_in_clip=header.n_frames,
        fps=header.fps,
        duration_s=None,
        width_px=header.width_px,
        height_px=header.height_px,
        frame_width_px=width,
        frame_height_px=height,
    )
