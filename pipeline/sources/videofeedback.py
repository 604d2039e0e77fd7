"""The clips of VideoFeedback, which come as pictures."""

from pathlib import Path
from typing import Literal

from pipeline.formats.labelled import UNKNOWN
from pipeline.formats.videofeedback import FRAME_RATE, REAL, read_videofeedback
from pipeline.sources.base import Found
from pipeline.sources.labelled import LabelledSource, clips_found
from schemas.address import place_of
from schemas.options import SetupError

CONFIGS = ("annotated", REAL)


class VideoFeedbackSource(LabelledSource):
    """A source ``{kind: videofeedback, path: annotated/train.parquet, videos: images}``.

    ``videos`` is the folder with one folder of frames per clip; without it, ``images`` beside the
    file. Clips of the configuration ``real`` are camera footage: their generator is ``real``.
    """

    kind: Literal["videofeedback"] = "videofeedback"
    config: Literal["annotated", "real"] = "annotated"

    def read(self) -> Found:
        """Prompts and clips in the order of the file.

        Raises :class:`SetupError` naming file, row and column (scores are checked, too), and for a
        file in a folder of the other configuration's name.
        """
        file = place_of(self.path)
        self._check_config(file)
        rows = read_videofeedback(file, self._generator())
        videos = self.videos or str(file.parent / "images")
        return clips_found(self, rows, "images", FRAME_RATE, videos)

    def _generator(self) -> str:
        if self.config == REAL:
            if self.generator not in (UNKNOWN, REAL):
                raise SetupError(
                    f"{self.path}: generator {self.generator!r}: config real is camera footage; take "
                    "generator: out"
                )
            return REAL
        return self.generator

    def _check_config(self, file: Path) -> None:
        folder = file.parent.name
        if folder in CONFIGS and folder != self.config:
            raise SetupError(
                f"{file}: lies in a folder {folder!r}, but the source says config: {self.config}; "
                f"set config: {folder}, or move the file"
            )
