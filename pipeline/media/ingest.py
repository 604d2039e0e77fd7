"""Clip to Video: the bytes are read once, checked, and kept in the run or left where they are."""

import os
from pathlib import Path

from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.sniff import SUFFIXES, check_file, container_of, unreadable
from schemas import Clip, Failure, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

STAGE = "video"
_DEFAULTS = FramesOptions()
MEDIA = "media"  # the store's folder below the run's folder: uris start with it


def ingest(clip: Clip, media: Store, options: FramesOptions = _DEFAULTS) -> Video | Failure:
    """The video of a clip that lies at a local path.

    ``keep="copy"`` puts the bytes into ``media`` under their digest; ``keep="reference"`` leaves
    the file alone and the uri is its absolute path. Whether the file can be decoded is found out
    when frames are taken. What is wrong with the file is a :class:`Failure` of stage ``video``; a
    store that cannot be written raises ``OSError``.
    """
    if clip.path is None:
        raise ValueError(f"clip {clip.video_id} has no path: generate it, then store_generated")
    try:
        data = _read(clip.path, options.max_bytes, clip.sha256)
    except MediaError as error:
        return Failure(stage=STAGE, key=clip.video_id, reason=error.reason, message=error.message)
    if clip.keep == "reference":
        return _video(clip, data, os.path.abspath(clip.path))
    return _video(clip, data, _store(data, Path(clip.path).suffix.lower(), media))


def store_generated(clip: Clip, data: bytes, media: Store) -> Video:
    """The video of a clip that a generator has just made; ``data`` is the whole file."""
    return _video(clip, data, _store(data, "", media))


def _read(path: str, max_bytes: int, promised: str | None) -> bytes:
    check_file(path, max_bytes)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if promised is not None and sha256_hex(data) != promised:
        raise MediaError(
            Reason.CHECKSUM,
            f"{path}: its sha256 is {sha256_hex(data)}, the source "
            f"promises {promised}; fetch the clip again or correct the source",
        )
    return data


def _store(data: bytes, suffix: str, media: Store) -> str:
    """Uri of the stored bytes. A suffix that is not a clip's is replaced by what the bytes say."""
    if suffix not in SUFFIXES:
        container = container_of(data)
        suffix = container.suffix if container else ".bin"
    name = blob_name(sha256_hex(data), suffix)
    media.put(name, data)
    return f"{MEDIA}/{name}"


def _video(clip: Clip, data: bytes, uri: str) -> Video:
    return Video(
        video_id=clip.video_id,
        prompt_id=clip.prompt_id,
        prompt=clip.prompt,
        generator=clip.generator,
        uri=uri,
        sha256=sha256_hex(data),
        n_bytes=len(data),
        source=clip.source,
        settings=clip.settings,
        seed=clip.seed,
        simulated=clip.simulated,
        licence=clip.licence,
        extra=clip.extra,
    )
