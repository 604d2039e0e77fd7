"""Scores and preferences of a finished folder anew, from its published tables. No Beam.

For whoever changes the tables of a run that is over: a clip goes, two runs become one. The rows are made
by the function that makes them in a run.
"""

import dataclasses
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.config import Config
from pipeline.dataset.parquet import parts, read_columns, read_rows, rows_in, write_rows
from pipeline.preference.assembly import assemble_shard
from pipeline.preference.consensus import MARK_COLUMNS, keyed_mark
from pipeline.preference.decision import read_decision
from pipeline.preference.fit import fit
from pipeline.preference.rules import Rules
from pipeline.preference.shards import Shard, cut, shards_of
from pipeline.rubrics import scales_of
from pipeline.state import record_of
from schemas import HumanRating, Prompt
from schemas.layout import Layout


def rules_of(layout: Layout) -> Rules:
    """The rules that a finished run followed; what its consensus learned is learned anew, from the
    tables as they are now.

    Raises :class:`SetupError` where the folder holds no complete run.
    """
    record = record_of(layout)
    config = Config.model_validate({k: v for k, v in record["config"].items() if k != "name"})
    scales = scales_of(record)
    decision = read_decision(layout)
    rules = Rules(
        dimensions=tuple(scales),
        consensus=config.consensus,
        preferences=config.preferences,
        splits=config.splits,
        protocol=config.protocol,
        barred=frozenset(decision.unpaired if decision else ()),
    )
    if not config.consensus.needs_fit:
        return rules
    people = read_rows(HumanRating, parts(layout.table("human_ratings")))
    left_out = config.audit.leave_out_generators if config.audit else ()
    fitted = fit(
        map(keyed_mark, read_columns(parts(layout.table("annotations")), MARK_COLUMNS)),
        config.consensus,
        [rating for rating in people if rating.generator not in left_out],
        config.audit.dimensions if config.audit else {},
        scales,
    )
    return dataclasses.replace(rules, fitted=fitted)


def reassemble(layout: Layout, rules: Rules, prompts: Iterable[Prompt], out: Path) -> None:
    """Write ``out/scores/*.parquet`` and ``out/SPLIT/preferences/*.parquet``, as the stage does.

    From the tables annotations and comparisons below ``layout``, as far as the protocol of the rules
    asks for them; what was said of other prompts than those given counts for nothing. Where a prompt's
    pairs stand its ``split`` says, None being nowhere.
    """
    prompts = sorted(prompts, key=lambda prompt: prompt.prompt_id)
    listed = write_rows(Prompt, prompts, out / "prompts.parquet")
    for shard in _shards(layout, rules, prompts, listed):
        assemble_shard(shard, rules, str(out))


def _shards(
    layout: Layout, rules: Rules, prompts: Sequence[Prompt], listed: Path
) -> Iterable[Shard]:
    """Those of all prompts that hold one of the given: few among many must not be read as one."""
    annotations = parts(layout.table("annotations")) if rules.protocol.scores else []
    comparisons = parts(layout.table("comparisons")) if rules.protocol.compares else []
    videos = read_columns(parts(layout.table("videos")), ("prompt_id",))
    n_clips = Counter(prompt_id for (prompt_id,) in videos)
    said, owed = rows_in([*annotations, *comparisons]), n_clips.total() * len(rules.dimensions)
    marks = -(-said // max(1, owed))  # of a clip on a dimension, rounded up
    ranges = cut(
        sorted(n_clips.items()), marks=marks, annotators=marks, dimensions=len(rules.dimensions)
    )
    ids = [prompt.prompt_id for prompt in prompts]
    wanted = [(a, b) for a, b in ranges if bisect_left(ids, a) < bisect_right(ids, b)]
    return shards_of(wanted, [listed], annotations, comparisons)
