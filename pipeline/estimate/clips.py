"""The clips of an estimate: how many frames each gives, and of what size.

From the frames that an earlier run took, else from the clip's header, else as its generator declares.
"""

import dataclasses
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from pipeline.estimate.assumptions import ASSUMED_CLIP, BYTES_PER_PIXEL
from pipeline.generators.base import Declared, GeneratorSpec
from pipeline.media.errors import MediaError
from pipeline.media.jpeg import fit
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from pipeline.media.probe import Header, probe
from pipeline.media.timeline import uniform
from pipeline.sources.places import is_remote
from schemas import Clip, FrameSet, Reason

_NO_DIGEST = "0" * 64  # of a frame that is not taken yet


@dataclasses.dataclass(frozen=True, slots=True)
class Clips:
    """Every clip that can be judged, as its frames are or will be."""

    known: dict[str, FrameSet]  # taken by an earlier run
    coming: dict[str, FrameSet]  # sizes and numbers hold, digests are missing
    n_generated: int  # of those coming, not made yet
    n_elsewhere: int  # of those coming, not on this machine
    new_bytes: int  # of clips that will be copied or made
    unreadable: tuple[str, ...]  # what is wrong with each of the others

    def frame_sets(self) -> Iterator[tuple[FrameSet, bool]]:
        """Frames, and whether they are taken."""
        yield from ((frames, True) for frames in self.known.values())
        yield from ((frames, False) for frames in self.coming.values())


def look_at(
    clips: Sequence[Clip],
    options: FramesOptions,
    frames: Mapping[str, FrameSet],
    generators: Mapping[str, GeneratorSpec] | None = None,
) -> Clips:
    known = {c.video_id: f for c in clips if (f := frames.get(c.video_id)) and _fits(f, options)}
    unknown = [clip for clip in clips if clip.video_id not in known]
    coming, unreadable, new_bytes = {}, [], 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # opening a file releases the interpreter
        for clip, header in zip(
            unknown, pool.map(_prober(options, generators or {}), unknown), strict=True
        ):
            if isinstance(header, MediaError):
                unreadable.append(header.message)
                continue
            coming[clip.video_id] = _coming(clip, header, options)
            new_bytes += header.n_bytes if clip.keep == "copy" else 0
    return Clips(
        known=known,
        coming=coming,
        n_generated=sum(clip.path is None for clip in unknown),
        n_elsewhere=sum(clip.path is not None and is_remote(clip.path) for clip in unknown),
        new_bytes=new_bytes,
        unreadable=tuple(unreadable),
    )


def _fits(frames: FrameSet, options: FramesOptions) -> bool:
    """Whether frames of an earlier run are those that these options ask for."""
    size = fit(frames.width_px, frames.height_px, options.long_side_px)
    asked = options.policy_name, options.montage, size
    taken = frames.frame_width_px, frames.frame_height_px
    return (frames.policy, frames.montage_columns, taken) == asked


def _prober(
    options: FramesOptions, generators: Mapping[str, GeneratorSpec]
) -> Callable[[Clip], Header | MediaError]:
    def look(clip: Clip) -> Header | MediaError:
        if clip.path is None:
            return _promised(generators[clip.generator].declared or ASSUMED_CLIP)
        if is_remote(clip.path):  # nothing is fetched for an estimate
            return _promised(ASSUMED_CLIP)
        try:
            return _of_pictures(clip) if clip.frame_files else probe(clip.path, options)
        except MediaError as error:
            return error

    return look


def _of_pictures(clip: Clip) -> Header:
    """Of a clip given as pictures: the size of the first one, and how many there are."""
    files = [os.path.join(clip.path or "", name) for name in clip.frame_files]
    try:
        with Image.open(files[0]) as picture:
            width, height = picture.size
        n_bytes = sum(os.path.getsize(file) for file in files)
    except OSError as error:  # Pillow's own errors are of this kind, too
        raise MediaError(Reason.UNDECODABLE, f"{files[0]}: {error}") from error
    return Header(
        width_px=width,
        height_px=height,
        n_frames=len(files),
        n_bytes=n_bytes,
        fps=clip.frame_rate,
    )


def _promised(said: Declared) -> Header:
    """Of a clip that is not there to be looked at."""
    return Header(
        width_px=said.width_px,
        height_px=said.height_px,
        n_frames=said.n_frames,
        n_bytes=said.n_bytes
        or round(said.width_px * said.height_px * said.n_frames * BYTES_PER_PIXEL),
        fps=said.fps,
    )


def _coming(clip: Clip, header: Header, options: FramesOptions) -> FrameSet:
    indices = _indices(clip, header, options)
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
        montage_sha256=_NO_DIGEST if options.montage else None,
        montage_columns=options.montage,
    )


def _indices(clip: Clip, header: Header, options: FramesOptions) -> tuple[int, ...]:
    """The frames that the policy takes; as many as it takes at most where a header cannot tell."""
    try:
        return policy_of(options, clip.video_id)(header.frames)
    except MediaError:  # keyframes and times, which the clip may have
        return uniform(header.n_frames, options.most)
