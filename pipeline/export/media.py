"""The files that rows name: a clip, or a frame of it, copied or linked, and held to its digest."""

import hashlib
import os
import shutil
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from pipeline.formats.writing import ExportError, Material, Medium
from schemas.options import SetupError
from schemas.store import blob_name

THREADS = 4  # of hashing and the disk; more gain nothing
_CHUNK = 1 << 20


def source_of(material: Material, medium: Medium) -> tuple[Path, str]:
    """Where the file of a medium lies, and its SHA-256."""
    if medium.frame is None:
        video = material.videos[medium.video_id]
        return material.layout.clip_path(video.uri), video.sha256
    digest = material.frames[medium.video_id].jpeg_sha256[medium.frame]
    return Path(material.layout.frames.path(blob_name(digest, ".jpg"))), digest


def bytes_needed(material: Material, media: Mapping[str, Medium]) -> int:
    """Size of all of these files. Raises :class:`SetupError` naming the first that is not there."""
    total = 0
    gone: list[str] = []
    for medium in media.values():
        source, _ = source_of(material, medium)
        try:
            total += source.stat().st_size
        except OSError:
            gone.append(f"{source} of clip {medium.video_id!r}")
    if gone:
        raise SetupError(
            f"{gone[0]}: cannot be found, nor can {len(gone) - 1} other files that the export needs; "
            "put them back, or copy the dataset's folder anew with its frames and media"
        )
    return total


def place(
    material: Material,
    media: Mapping[str, Medium],
    folder: Path,
    how: Literal["copy", "link"],
) -> None:
    """Put every file below ``folder`` at its path.

    Linked files are the dataset's own: where the file system has no hard links, they are copied.
    Raises :class:`ExportError` naming the first whose content is not what the dataset's tables say.
    """
    for parent in sorted({(folder / path).parent for path in media}):
        parent.mkdir(parents=True, exist_ok=True)

    def one(item: tuple[str, Medium]) -> None:
        path, medium = item
        source, digest = source_of(material, medium)
        found = _put(source, folder / path, how)
        if found != digest:
            raise ExportError(
                f"{source}: its SHA-256 is {found}, the table says {digest} for clip "
                f"{medium.video_id!r}; the file was changed or damaged: put the right one back"
            )

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(one, media.items()):
            pass


def _put(source: Path, target: Path, how: Literal["copy", "link"]) -> str:
    if how == "link":
        try:
            os.link(source.resolve(), target)
        except OSError:  # another file system, or one without hard links
            shutil.copyfile(source, target)
    else:
        shutil.copyfile(source, target)
    return sha256_of(target)


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, read in parts."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(_CHUNK):
            digest.update(data)
    return digest.hexdigest()
