"""The clips of a T2VQA-DB list."""

from typing import Literal

from pipeline.formats.t2vqa import read_t2vqa
from pipeline.sources.base import Found
from pipeline.sources.labelled import LabelledSource, clips_found


class T2VQASource(LabelledSource):
    """A source ``{kind: t2vqa, path: train.txt, videos: data_prefix}``: one clip a line.

    The folder that a clip's file lies in names its generator; ``generator:`` is that of files that
    lie in none.
    """

    kind: Literal["t2vqa"] = "t2vqa"

    def read(self) -> Found:
        """Prompts and clips in the order of the file.

        Raises :class:`SetupError` naming file, line and part; scores are checked, too.
        """
        return clips_found(self, read_t2vqa(self.path, self.generator), "file")
