"""Clips and frames for the pages: referred to in the run's folder, or put beside the pages."""

import dataclasses
import hashlib
import os
import shutil
import urllib.parse
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Media:
    """Where the pages in ``folder`` find clips and frames.

    What lies beside the pages, in the run's own folder, is referred to; anything else is linked or
    copied below ``folder``, and everything is where ``contained``: such pages can be moved alone.
    """

    layout: Layout
    folder: Path
    clips: bool = True  # false: frames only
    contained: bool = False

    def clip(self, video: Mapping[str, Any]) -> tuple[str | None, str]:
        """The address of a clip, relative to the pages, and "", or None and why there is none.

        ``video`` has ``uri`` and ``sha256``; where the digest is None, the file is read for it.
        """
        if not self.clips:
            return None, "clips left out by option"
        if is_address(video["uri"]):
            return None, "the clip is not on this machine"
        suffix = Path(video["uri"]).suffix.lower()
        if suffix not in PLAYABLE:
            return None, f"browsers do not play {suffix or 'this container'}"
        path = self.layout.clip_path(video["uri"])
        try:
            if beside := self._beside(path):
                return beside, ""
            name = f"media/{blob_name(video['sha256'] or _digest(path), suffix)}"
            link_or_copy(path, self.folder / name)
        except (FileNotFoundError, NotADirectoryError):
            return None, "the clip is not on this machine any more"
        return name, ""

    def frame(self, sha256: str) -> str | None:
        """The address of one JPEG of the frame store, None if it is not there."""
        blob = blob_name(sha256, ".jpg")
        path = Path(self.layout.frames.path(blob))
        try:
            if beside := self._beside(path):
                return beside
            link_or_copy(path, self.folder / "frames" / blob)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return f"frames/{blob}"

    def _beside(self, path: Path) -> str | None:
        """The address of a file below the folder in which the pages' folder stands."""
        root = self.folder.parent
        if self.contained or not path.is_relative_to(root):
            return None
        os.stat(path)  # raises where it is not there
        return urllib.parse.quote(f"../{path.relative_to(root).as_posix()}")


def _digest(path: Path) -> str:
    with open(path, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
