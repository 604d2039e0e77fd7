"""One picture of each clip, for formats that hold no video.

It is one of the frames that were taken for the judges: by default the middle one (of an even number
the earlier of the two), as ``--picture`` says. Motion is lost, and the export says so.
"""

from collections import Counter
from collections.abc import Callable, Sequence

from pipeline.formats.chosen import kept
from pipeline.formats.clip_files import safe_name
from pipeline.formats.writing import Choice, Material, Medium
from schemas import FrameSet, Preference, ids
from schemas.options import SetupError
from schemas.store import blob_name

NO_PICTURE = "pairs have a clip of which no frame was taken"
SAME_PICTURE = "pairs show the same picture on both sides"
_WHICH: dict[str, Callable[[int], int]] = {
    "first": lambda n: 0,
    "middle": lambda n: (n - 1) // 2,
    "last": lambda n: n - 1,
}


def position(frames: FrameSet, choice: Choice) -> int:
    """Which of a clip's frames is its picture."""
    return _WHICH[choice.picture](len(frames.jpeg_sha256))


def picture_bytes(material: Material, medium: Medium) -> bytes:
    """A frame's JPEG, for rows that hold it themselves.

    Raises :class:`SetupError` where it is not in the dataset's store, or is not what its name says.
    """
    assert medium.frame is not None
    digest = material.frames[medium.video_id].jpeg_sha256[medium.frame]
    name = blob_name(digest, ".jpg")
    data = material.layout.frames.get(name)
    if data is None or ids.sha256_hex(data) != digest:
        raise SetupError(
            f"{material.layout.frames.path(name)}: the picture of clip {medium.video_id!r} is "
            f"{'not there' if data is None else 'damaged'}; copy the dataset's folder anew with its frames"
        )
    return data


class Pictures:
    """The picture of each clip of a dataset."""

    def __init__(self, material: Material, choice: Choice) -> None:
        self._frames, self._choice = material.frames, choice
        self.media: dict[str, Medium] = {}  # what was named so far, by path

    def sha256(self, video_id: str) -> str | None:
        """Of the picture's JPEG; None where the clip has no frames."""
        frames = self._frames.get(video_id)
        return None if frames is None else frames.jpeg_sha256[position(frames, self._choice)]

    def medium(self, video_id: str) -> Medium:
        """Which frame of a clip is its picture."""
        return Medium(video_id=video_id, frame=position(self._frames[video_id], self._choice))

    def place(self, video_id: str, folder: str) -> str:
        """The path of the clip's picture in a folder of the export; it will be put there."""
        path = f"{folder}/{safe_name(video_id)}.jpg"
        self.media[path] = self.medium(video_id)
        return path

    def seen(self, pairs: Sequence[Preference], left_out: Counter[str]) -> list[Preference]:
        """The pairs with two different pictures; the others are counted."""

        def shas(pair: Preference) -> tuple[str | None, str | None]:
            return self.sha256(pair.video_a), self.sha256(pair.video_b)

        there = kept(pairs, lambda pair: None not in shas(pair), NO_PICTURE, left_out)
        return kept(there, lambda pair: len(set(shas(pair))) == 2, SAME_PICTURE, left_out)

    @property
    def lost(self) -> str:
        """The sentence on what one picture cannot show."""
        return (
            f"motion is lost: each clip is one picture, the {self._choice.picture} one of the frames that "
            "were taken of it, though its judges saw all of them"
        )
