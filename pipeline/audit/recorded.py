"""Recorded scores as a plain table, for an audit that has no run behind it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.formats.finder import ClipFinder
from pipeline.formats.judges import EVERY, read_judges, spread_out
from pipeline.formats.said import introduce
from schemas import Score

__all__ = ["EVERY", "recorded_scores", "spread_out"]


def recorded_scores(path: Path, others: Sequence[Path] = ()) -> list[Score]:
    """Scores of a table; those without a dimension have the dimension ``*``.

    Pairs are formed within a prompt, so a row with a ``video_id`` alone needs a row, here or in the
    ``others``, that says prompt and generator of that clip. Raises :class:`SetupError` as
    :func:`pipeline.formats.judges.read_judges` does.
    """
    finder = ClipFinder(open=True)
    for table in (path, *others):
        introduce(table, finder)
    return list(read_judges(path, finder).scores)
