"""A clip that lies somewhere becomes a video, a video becomes frames: plain work, for any process."""

import dataclasses
import os

from pipeline.media.errors import MediaError
from pipeline.media.fetching.fetch import at_hand
from pipeline.media.fetching.target import is_address
from pipeline.media.ingest import ingest
from pipeline.media.options import FramesOptions
from pipeline.media.sample import STAGE, sample_frames
from schemas import Clip, Failure, FrameSet, Video
from schemas.layout import Layout


def obtain_clip(
    clip: Clip, *, layout: Layout, options: FramesOptions, withdrawn: frozenset[str] = frozenset()
) -> Video | Failure:
    """Read the clip's file into the media store, or leave it where it is.

    ``withdrawn``: SHA-256 of contents that are kept nowhere.
    """
    return ingest(clip, layout.media, options, withdrawn)


def take_frames(video: Video, *, layout: Layout, options: FramesOptions) -> FrameSet | Failure:
    """Sample the clip's frames into the frame store."""
    path = place = _place(video.uri, layout)
    try:
        with at_hand(place, options) as path:
            taken = sample_frames(video, path, options, layout.frames)
    except MediaError as error:
        taken = Failure(stage=STAGE, key=video.video_id, reason=error.reason, message=error.message)
    if isinstance(taken, FrameSet):
        return taken
    # a temporary copy says nothing to a reader, and rows are the same wherever the run's folder is
    told = taken.message.replace(path, place).replace(place, _told(video))
    return dataclasses.replace(taken, message=told)


def _told(video: Video) -> str:
    """The clip in words: of a copy, whose name is a digest, what its source says of it, too."""
    if is_address(video.uri) or os.path.isabs(video.uri):
        return video.uri
    return f"{video.uri} ({video.generator}, prompt {video.prompt_id}, of {video.source})"


def _place(uri: str, layout: Layout) -> str:
    """A clip's address or real path. Links in the run's own folder are its owner's; one that turns up
    where a referenced clip lay is not followed."""
    if os.path.isabs(uri) or is_address(place := layout.place(uri)):
        return layout.place(uri)
    return os.path.realpath(place)
