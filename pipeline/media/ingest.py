"""Clip to Video: the bytes are read once, checked, and kept in the run or left where they are."""

import os
from collections.abc import Collection
from pathlib import PurePosixPath

from pipeline.media.errors import MediaError
from pipeline.media.fetching.fetch import read_clip
from pipeline.media.fetching.target import is_address, shown
from pipeline.media.guard import out_of_memory
from pipeline.media.options import FramesOptions
from pipeline.media.pictures import SUFFIX, read_pictures
from pipeline.media.sniff import SUFFIXES, container_of
from schemas import Clip, Failure, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

STAGE = "video"
_DEFAULTS = FramesOptions()
MEDIA = "media"  # the store's folder below the run's folder: uris start with it


def ingest(
    clip: Clip,
    media: Store,
    options: FramesOptions = _DEFAULTS,
    withdrawn: Collection[str] = (),
) -> Video | Failure:
    """The video of a clip that lies at a path or address, or is given as pictures.

    ``keep="copy"`` puts the bytes into ``media`` under their digest; ``keep="reference"`` leaves
    the file alone and the uri is its absolute path, or its address in a store. What comes over https
    or as pictures (put together into a video file) can be copied only: to reference it is a
    ``ValueError``. Whether a file can be decoded is found out when frames are taken. What is wrong
    with the clip is a :class:`Failure` of stage ``video``, and so is content whose SHA-256 is
    ``withdrawn``, which is kept nowhere; a store that cannot be written raises ``OSError``.
    """
    if clip.path is None:
        raise ValueError(f"clip {clip.video_id} has no path: generate it, then store_generated")
    if clip.keep == "reference" and (clip.frame_files or clip.path.startswith("https:")):
        raise ValueError(f"clip {clip.video_id} cannot be referenced, only copied")
    try:
        data, suffix = _read(clip, clip.path, options)
    except MediaError as error:
        return Failure(stage=STAGE, key=clip.video_id, reason=error.reason, message=error.message)
    if sha256_hex(data) in withdrawn:
        return withdrawn_content(clip)
    if clip.keep == "reference":
        uri = clip.path if is_address(clip.path) else os.path.abspath(clip.path)
        return _video(clip, data, uri)
    return _video(clip, data, _store(data, suffix, media))


def withdrawn_content(clip: Clip) -> Failure:
    """What a clip is whose bytes their owner took back, under whatever id they come."""
    return Failure(
        stage=STAGE,
        key=clip.video_id,
        reason=Reason.WITHDRAWN,
        message="its content was withdrawn from this folder (withdrawn.json), so it is left out; "
        "take it out of the source",
    )


def store_generated(clip: Clip, data: bytes, media: Store) -> Video:
    """The video of a clip that a generator has just made; ``data`` is the whole file."""
    return _video(clip, data, _store(data, "", media))


def _read(clip: Clip, path: str, options: FramesOptions) -> tuple[bytes, str]:
    """The clip's bytes, and the suffix that its file has."""
    try:
        if clip.frame_files:
            rate = clip.frame_rate or 0.0  # a Clip with pictures has one
            return read_pictures(path, clip.frame_files, rate, options), SUFFIX
        data = read_clip(path, options.max_bytes, options.timeout_s)
    except MemoryError as error:
        raise out_of_memory(path, options) from error
    told = shown(path) if is_address(path) else path
    if clip.sha256 is not None and sha256_hex(data) != clip.sha256:
        raise MediaError(
            Reason.CHECKSUM,
            f"{told}: its sha256 is {sha256_hex(data)}, the source "
            f"promises {clip.sha256}; fetch the clip again or correct the source",
        )
    return data, PurePosixPath(told).suffix.lower()


def stored_name(data: bytes, suffix: str = "") -> str:
    """Name of a clip's bytes in a store. A suffix that is not a clip's is replaced by what they say."""
    if suffix not in SUFFIXES:
        container = container_of(data)
        suffix = container.suffix if container else ".bin"
    return blob_name(sha256_hex(data), suffix)


def _store(data: bytes, suffix: str, media: Store) -> str:
    name = stored_name(data, suffix)
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
        terms=clip.terms,
        extra=clip.extra,
    )
