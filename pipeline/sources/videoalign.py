"""The clips of VideoAlign's training CSV, or of VideoGen-RewardBench's."""

from typing import Literal

from pydantic import Field

from pipeline.formats.videoalign import read_videoalign
from pipeline.sources.base import Found
from pipeline.sources.labelled import LabelledSource, pairs_found


class VideoAlignSource(LabelledSource):
    """A source ``{kind: videoalign, path: train.csv}``: two clips a row."""

    kind: Literal["videoalign"] = "videoalign"
    columns: dict[str, str] = Field(
        default_factory=dict
    )  # the format's name: the file's name for it

    def read(self) -> Found:
        """Prompts and clips in the order of the file.

        The frame rate and number of frames that a row states are kept in the clip's ``extra``.
        Raises :class:`SetupError` naming file, row and column; labels are checked, too.
        """
        rows = read_videoalign(self.path, self.columns, self.generator)
        return pairs_found(self, rows, (self._column("path_A"), self._column("path_B")))

    def _column(self, name: str) -> str:
        return self.columns.get(name, name)
