"""The clips' own files in an export: which can be placed, under what name, and which cannot.

A name is made of the clip's id, so that a clip keeps it whatever else is exported, and a clip under
two prompts has two files. Ids with other signs than ``a-z``, ``0-9`` and the hyphen (file systems
fold case; formats part names at underscores, bars and blanks) get a hash behind a dot, which no plain
id can hold: two ids never share a name.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import TypeVar

from pipeline.formats.pair_labels import PairLabels
from pipeline.formats.writing import Choice, Material, Medium
from pipeline.media.sniff import SUFFIXES, container_of
from schemas import FrameSet, Preference, ids

P = TypeVar("P", Preference, PairLabels)

_PLAIN = re.compile(r"[a-z0-9][a-z0-9-]{0,63}\Z")
_OTHER = re.compile(r"[^a-z0-9]+")
_HEAD = 512  # bytes: enough to tell a container


def safe_name(text: str) -> str:
    """A file or folder name for an id or a generator: stable, and another one for another text."""
    if _PLAIN.match(text):
        return text
    plain = _OTHER.sub("-", text.lower()).strip("-")[:40] or "x"
    return f"{plain}.{ids.sha256_hex(text.encode())[:16]}"


def fps_of(frames: FrameSet) -> float | None:
    """Frames per second as the file says, else of its duration; None where neither is known."""
    if frames.fps:
        return frames.fps
    return frames.n_frames_in_clip / frames.duration_s if frames.duration_s else None


def duration_of(frames: FrameSet) -> float | None:
    """Seconds as the file says, else of its frame rate; None where neither is known."""
    if frames.duration_s:
        return frames.duration_s
    return frames.n_frames_in_clip / frames.fps if frames.fps else None


class ClipFiles:
    """The clips of a dataset whose files an export can hold.

    ``needs(frames)`` says why a clip will not do for the format, as the end of a sentence that begins
    with ``hold a clip``; None where it will.
    """

    def __init__(
        self, material: Material, needs: Callable[[FrameSet], str | None] = lambda frames: None
    ) -> None:
        self._material, self._needs = material, needs
        self._faults: dict[str, str | None] = {}
        self._paths: dict[tuple[str, str], str] = {}  # by video_id and folder
        self.media: dict[str, Medium] = {}  # what was named so far, by path

    def fault(self, video_id: str) -> str | None:
        """Why the clip cannot be exported; None where it can."""
        if video_id not in self._faults:
            self._faults[video_id] = self._fault(video_id)
        return self._faults[video_id]

    def _fault(self, video_id: str) -> str | None:
        if video_id in self._material.absent:
            return f"that cannot be placed: {self._material.absent[video_id]}"
        frames = self._material.frames.get(video_id)
        if frames is None:
            return "that was never decoded"
        if frames.n_frames_in_clip < 2:
            return "of a single frame"
        return self._needs(frames)

    def whole(self, pairs: Sequence[P], left_out: Counter[str]) -> list[P]:
        """The pairs whose clips can both be exported; the others are counted."""
        found = []
        for pair in pairs:
            fault = self.fault(pair.video_a) or self.fault(pair.video_b)
            if fault is None:
                found.append(pair)
            else:
                left_out[f"pairs hold a clip {fault}"] += 1
        return found

    def place(self, video_id: str, folder: str) -> str:
        """The path of the clip's file in a folder of the export; it will be put there."""
        key = video_id, folder
        if key not in self._paths:
            path = f"{folder}/{safe_name(video_id)}{self._suffix(video_id)}"
            self._paths[key] = path
            self.media[path] = Medium(video_id=video_id)
        return self._paths[key]

    def _suffix(self, video_id: str) -> str:
        """As the file is called, or as its first bytes say where that is no clip's suffix."""
        uri = self._material.videos[video_id].uri
        suffix = PurePosixPath(uri).suffix.lower()
        if suffix in SUFFIXES:
            return suffix
        with self._material.layout.clip_path(uri).open("rb") as stream:
            container = container_of(stream.read(_HEAD))
        return container.suffix if container else ".mp4"


def sayable(
    pairs: Sequence[P], fault: Callable[[str], str | None], left_out: Counter[str]
) -> list[P]:
    """The pairs whose prompt the format can hold; the others are counted by what is in it."""
    found = []
    for pair in pairs:
        what = fault(pair.prompt)
        if what is None:
            found.append(pair)
        else:
            left_out[f"pairs have a prompt that is or holds {what}"] += 1
    return found


def clip_splits(material: Material, choice: Choice) -> dict[str, str]:
    """The split of each clip: that of its pairs, for a generator may be held out of all but one.

    Where no clip of a prompt is in a pair, each has the prompt's split, if it might be in a pair there:
    its generator is not held out of it, nor does its content stand in another one.
    """
    found, paired = {}, set()
    for pair in material.preferences:
        paired.add(pair.prompt_id)
        found[pair.video_a] = found[pair.video_b] = pair.split
    for video in material.videos.values():
        split = material.splits.get(video.prompt_id)
        barred = split != "test" and video.generator in material.held_out
        barred = barred or video.video_id in material.unpaired
        if split in choice.splits and video.prompt_id not in paired and not barred:
            found[video.video_id] = split
    return found
