"""Bytes that a report shows, put beside its pages."""

import hashlib
import os
import shutil
from pathlib import Path


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


def digest_of(path: Path) -> str:
    """SHA-256 of a file's bytes, hexadecimal."""
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
