"""What judges said, from files: scores of clips, choices between clips, replies to a benchmark."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pipeline.formats.choice import Choice
from pipeline.formats.finder import ClipFinder
from pipeline.formats.genai_bench_results import judged_by
from pipeline.formats.judge_choices import read_bench, read_choices
from pipeline.formats.judge_scores import read_scores
from pipeline.formats.judged import ALIASES, EVERY, JudgesRead, Key
from pipeline.formats.peek import columns_of
from schemas import Score

__all__ = ["EVERY", "JudgesRead", "Key", "read_judges", "spread_out"]

Said = TypeVar("Said", Score, Choice)


def read_judges(path: str | Path, finder: ClipFinder) -> JudgesRead:
    """Scores and choices of a file of judges, whatever its layout.

    A table with ``annotator`` (or ``metric``) and ``score`` (see
    :func:`pipeline.formats.judge_scores.read_scores`), or with ``annotator`` and ``choice`` (see
    :func:`pipeline.formats.judge_choices.read_choices`); GenAI-Bench's files of results, with the
    judge of the file's name, and their wide table, where every column ``judge_NAME`` is an annotator.

    Raises :class:`SetupError` naming file and row.
    """
    file = Path(path)
    columns = columns_of(file)
    judged = judged_by(columns)
    if judged:
        return read_bench(file, judged, finder)
    plain = {ALIASES.get(name, name) for name in columns}
    if {"annotator", "choice"} <= plain:
        return read_choices(file, finder)
    return read_scores(file, finder)


def spread_out(said: Iterable[Said], dimensions: Sequence[str]) -> Iterator[Said]:
    """What has the dimension ``*`` once for every one of ``dimensions``, the rest as it is."""
    for one in said:
        for dimension in dimensions if one.dimension == EVERY else [one.dimension]:
            yield dataclasses.replace(one, dimension=dimension)
