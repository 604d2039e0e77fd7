"""Clips and frames inside the report folder, so that it can be moved or served as it is."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.media.fetching.target import is_address
from schemas.layout import Layout
from schemas.store import blob_name

PLAYABLE = frozenset({".mp4", ".m4v", ".mov", ".webm", ".ogv"})  # containers that browsers open


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` hold the bytes of ``source``, as a hard link where the disk allows it.

    Raises FileNotFoundError if the source is not there. An existing target is kept: names here are
    digests of the content.
    """
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(strict=True), target)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or one without hard links
        shutil.copyfile(source, target)


def place_clip(layout: Layout, video: Mapping[str, Any], folder: Path) -> tuple[str | None, str]:
    """Put one clip under ``folder/media``: (its relative URL, "") or (None, why there is none).

    ``video`` has ``uri`` and ``sha256``; where the digest is None, the file is read for it.
    """
    if is_address(video["uri"]):
        return None, "the clip is not on this machine"
    suffix = Path(video["uri"]).suffix.lower()
    if suffix not in PLAYABLE:
        return None, f"browsers do not play {suffix or 'this container'}"
    path = layout.clip_path(video["uri"])
    try:
        name = f"media/{blob_name(video['sha256'] or _digest(path), suffix)}"
        link_or_copy(path, folder / name)
    except (FileNotFoundError, NotADirectoryError):
        return None, "the clip is not on this machine any more"
    return name, ""


def _digest(path: Path) -> str:
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def place_frame(layout: Layout, sha256: str, folder: Path) -> str | None:
    """Put one JPEG of the frame store under ``folder/frames``: its relative URL, None if absent."""
    blob = blob_name(sha256, ".jpg")
    try:
        link_or_copy(Path(layout.frames.path(blob)), folder / "frames" / blob)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return f"frames/{blob}"
