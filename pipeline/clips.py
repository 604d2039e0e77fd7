"""A planned clip becomes a video, a video becomes frames: the work of one element, for any process."""

from collections.abc import Mapping

from pipeline.generators.base import GenerationError, GeneratorSpec
from pipeline.generators.pool import generate
from pipeline.media.ingest import ingest, store_generated
from pipeline.media.options import FramesOptions
from pipeline.media.sample import sample_frames
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.layout import Layout


def obtain_clip(
    clip: Clip, *, layout: Layout, generators: Mapping[str, GeneratorSpec], options: FramesOptions
) -> Video | Failure:
    """Read the clip's file into the media store, or have its generator make it."""
    if clip.path is not None:
        return ingest(clip, layout.media, options)
    try:
        return store_generated(clip, generate(clip, generators[clip.generator]), layout.media)
    except GenerationError as error:
        return Failure(
            stage="video", key=clip.video_id, reason=Reason.GENERATION, message=str(error)
        )


def take_frames(video: Video, *, layout: Layout, options: FramesOptions) -> FrameSet | Failure:
    """Sample the clip's frames into the frame store."""
    return sample_frames(video, str(layout.clip_path(video.uri)), options, layout.frames)
