"""Clips and frames for the pages: referred to in the run's folder, or put beside the pages."""

import dataclasses
import functools
import os
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.media.browsers.header import is_plain
from pipeline.media.browsers.preview import Preview
from pipeline.media.fetching.target import is_address
from pipeline.report.placing import digest_of, link_or_copy
from pipeline.report.previews.kept import address_of
from schemas.layout import Layout
from schemas.store import blob_name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ShownClip:
    """What a page plays: an address relative to the pages, or None and ``why`` there is none.

    ``preview``: a small copy, as browsers do not play the clip; ``note`` is a line that says so.
    """

    url: str | None = None
    why: str = ""
    preview: bool = False
    note: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Media:
    """Where the pages in ``folder`` find clips and frames.

    What lies beside the pages, in the run's own folder, is referred to; anything else is linked or
    copied below ``folder``, and everything is where ``contained``: such pages can be moved alone.
    ``previews`` are those that lie in ``folder``, by the digest of their clip
    (:func:`pipeline.report.previews.make.make_previews`).
    """

    layout: Layout
    folder: Path
    clips: bool = True  # false: frames only
    contained: bool = False
    previews: Mapping[str, Preview] = dataclasses.field(default_factory=dict)

    def clip(self, video: Mapping[str, Any]) -> ShownClip:
        """What a page plays of a clip.

        ``video`` has ``uri`` and ``sha256``; where the digest is None, the file is read for it. A clip
        without a preview is played itself if it is an MP4 that browsers play.
        """
        if not self.clips:
            return ShownClip(why="clips left out by option")
        if is_address(video["uri"]):
            return ShownClip(why="the clip is not on this machine")
        path = self.layout.clip_path(video["uri"])
        try:
            return self._shown(path, video["sha256"])
        except (FileNotFoundError, NotADirectoryError):
            return ShownClip(why="the clip is not on this machine any more")

    def _shown(self, path: Path, sha256: str | None) -> ShownClip:
        if self.previews:
            sha256 = sha256 or digest_of(path)
        preview = self.previews.get(sha256 or "")
        if preview is None and not is_plain(path):
            return ShownClip(why=f"browsers do not play {path.suffix.lower() or 'this file'}")
        if preview is None or preview.plays:
            return ShownClip(url=self._placed(path, sha256))
        os.stat(path)  # raises where the clip has gone
        if not preview.made:
            return ShownClip(why=preview.reason)
        return ShownClip(url=address_of(sha256 or ""), preview=True, note=preview.note)

    def _placed(self, path: Path, sha256: str | None) -> str:
        if beside := self._beside(path):
            return beside
        name = f"media/{blob_name(sha256 or digest_of(path), path.suffix.lower())}"
        link_or_copy(path, self.folder / name)
        return name

    def frame(self, sha256: str) -> str | None:
        """The address of one JPEG of the frame store, None if it is not there."""
        blob = blob_name(sha256, ".jpg")
        path = f"{self._frames}/{blob}"
        try:
            if self._frames_beside:
                os.stat(path)
                return f"{self._frames_beside}/{blob}"
            link_or_copy(Path(path), self.folder / "frames" / blob)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return f"frames/{blob}"

    def _beside(self, path: Path) -> str | None:
        """The address of a file below the folder in which the pages' folder stands."""
        if address := self._address(path):
            os.stat(path)  # raises where it is not there
        return address

    def _address(self, path: Path) -> str | None:
        root = self.folder.parent
        if self.contained or not path.is_relative_to(root):
            return None
        return urllib.parse.quote(f"../{path.relative_to(root).as_posix()}")

    # A run has hundreds of thousands of frames: what is the same for all of them is found once.
    @functools.cached_property
    def _frames(self) -> str:
        return self.layout.frames.root

    @functools.cached_property
    def _frames_beside(self) -> str | None:
        return self._address(Path(self._frames))
