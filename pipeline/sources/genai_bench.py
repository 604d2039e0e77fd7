"""The clips of GenAI-Bench's video arena."""

from typing import Literal

from pipeline.formats.genai_bench import read_genai_bench
from pipeline.sources.base import Found
from pipeline.sources.labelled import LabelledSource, pairs_found


class GenAIBenchSource(LabelledSource):
    """A source ``{kind: genai_bench, path: data.json, videos: folder}``: two clips a row.

    A release that names clips by https:// addresses needs ``urls: true``.
    """

    kind: Literal["genai_bench"] = "genai_bench"

    def read(self) -> Found:
        """Prompts and clips in the order of the file.

        Raises :class:`SetupError` naming file, row and column; votes are checked, too.
        """
        rows = read_genai_bench(self.path, self.generator)
        return pairs_found(self, rows, ("left_video", "right_video"))
