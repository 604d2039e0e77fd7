"""Marks and rankings of a shard of prompts -> scores and preferences, as Parquet. No Beam.

What annotators said is read in the few columns that count, prompt by prompt judged, and written by the
process that made it: neither rationales nor rows travel anywhere.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, TypeVar

from pipeline.dataset.parquet import write_rows
from pipeline.dataset.ranges import read_range
from pipeline.preference.consensus import MARK_COLUMNS, Mark, keyed_mark
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.rules import Rules
from pipeline.preference.shards import Shard
from pipeline.preference.votes import RANKING_COLUMNS, Ranking, keyed_ranking
from schemas import SPLITS, Annotation, Comparison, Preference, Prompt, Score
from schemas.tables import arrow_schema

T = TypeVar("T")


def assemble_shard(shard: Shard, rules: Rules, out: str) -> str:
    """Write the shard's scores, and its preferences by split, below ``out``. Returns its name.

    Each file appears whole or not at all, and replaces what an earlier try wrote; a table to which the
    shard adds no row gets no file.
    """
    scores: list[Score] = []
    pairs: dict[str, list[Preference]] = {split: [] for split in SPLITS}
    marks, said = marks_in(shard), rankings_in(shard)
    for prompt in prompts_of(shard):
        key = prompt.prompt_id
        found, preferences = judge_prompt(prompt, marks.pop(key, ()), rules, said.pop(key, ()))
        scores += found
        for one in preferences:
            pairs[one.split].append(one)
    _write(shard, out, Score, "scores", scores)
    for split, own in pairs.items():
        _write(shard, out, Preference, f"{split}/preferences", own)
    return shard.name


def prompts_of(shard: Shard) -> list[Prompt]:
    """The prompts of a shard, in the order of their ids."""
    names = arrow_schema(Prompt).names
    rows = read_range(shard.prompts, Prompt, shard.wanted, names)
    return sorted((Prompt(**dict(zip(names, row))) for row in rows), key=lambda p: p.prompt_id)


def marks_in(shard: Shard) -> dict[str, list[Mark]]:
    """What was said of single clips, prompt by prompt."""
    rows = read_range(shard.annotations, Annotation, shard.wanted, MARK_COLUMNS)
    return _by_prompt(map(keyed_mark, rows))


def rankings_in(shard: Shard) -> dict[str, list[Ranking]]:
    """What was compared, prompt by prompt."""
    rows = read_range(shard.comparisons, Comparison, shard.wanted, RANKING_COLUMNS)
    return _by_prompt(map(keyed_ranking, rows))


def _by_prompt(keyed: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for key, one in keyed:
        found[key].append(one)
    return found


def _write(shard: Shard, out: str, record: type, table: str, rows: list[Any]) -> None:
    if rows:
        write_rows(record, rows, shard.part(out, table))
