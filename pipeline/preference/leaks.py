"""What of a published dataset stands in more than one split: counted from its tables, for its card.

Nothing here asks how the splits were made: prompts are where the table of prompts says they are and
where their pairs are, whoever wrote these.
"""

import dataclasses
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.parquet import parts, read_batches, read_columns
from pipeline.preference.decision import Decision, read_decision
from pipeline.preference.options import SplitOptions
from pipeline.preference.related import NONE, Relations
from pipeline.preference.settled import published_splits
from pipeline.preference.wording import words_of
from schemas import SPLITS, Preference, Prompt, Video
from schemas.layout import Layout

ROWS = 1 << 16  # read at once


@dataclasses.dataclass(frozen=True, slots=True)
class _Pairs:
    """What stands in the pairs of one split."""

    prompts: set[str]
    clips: set[str]  # of those that were asked for
    n_with: int  # pairs with a clip of one of the generators that were asked for


def split_facts(layout: Layout) -> dict[str, Any]:
    """How the prompts of a dataset are split, and what stands in two splits.

    ``counts``: split -> prompts, and ``left_out``. ``rule``: ``near_duplicates``, the similarity of words
    from which two prompts count as one, or None; ``held_out_generators``; ``decided``, whether the
    dataset was split by this rule, else it is only what was looked for.

    ``overlap``: what -> how many of it stand in more than one split, None where it was not looked for:
    ``prompts``; ``words`` and ``near_duplicates``, prompts that have the words of one in another split,
    or nearly; ``contents``, SHA-256 of clips in pairs; ``held_out_generators``, pairs with their clips
    outside test. All of them are 0 where nothing leaks.

    ``groups`` and ``largest_group``: of related prompts, how many of two and more there are, and how many
    prompts are in the largest. ``left_out``: why -> prompts. ``unpaired_clips``: left out of all pairs
    because their content stands under prompts of two splits.
    """
    said = read_decision(layout)
    rule = said or Decision(near_duplicates=SplitOptions().near_duplicates)
    texts = dict(read_columns(parts(layout.table("prompts")), ("prompt_id", "text")))
    shared, prompts_of = _shared_contents(layout)
    pairs = {
        split: _pairs(layout, split, set(shared), rule.held_out_generators) for split in SPLITS
    }
    published = published_splits(layout)
    where = {p: {split for split in SPLITS if p in pairs[split].prompts} for p in texts}
    for prompt, split in published.items():
        where[prompt] |= {split} if split else set()
    placed = {prompt: min(found) for prompt, found in where.items() if found}
    relations = Relations(
        [Prompt(prompt_id=p, text=texts[p], source="") for p in placed],
        prompts_of,
        rule.near_duplicates,
    )
    group = relations.groups(np.ones(len(placed), bool))
    sizes = np.bincount(group) if len(group) else np.zeros(1, int)
    counts = Counter(placed.values())
    return {
        "counts": {**{s: counts[s] for s in SPLITS}, "left_out": len(texts) - len(placed)},
        "rule": {
            "near_duplicates": rule.near_duplicates,
            "held_out_generators": list(rule.held_out_generators),
            "decided": said is not None,
        },
        "overlap": {
            "prompts": sum(len(found) > 1 for found in where.values()),
            "words": _same_words(texts, where),
            "near_duplicates": _near(relations, placed) if rule.near_duplicates else None,
            "contents": _contents_in_two(shared, pairs),
            "held_out_generators": sum(pairs[split].n_with for split in ("train", "validation"))
            if rule.held_out_generators
            else None,
        },
        "groups": int((sizes > 1).sum()),
        "largest_group": int(sizes.max()),
        "left_out": dict(Counter(rule.left_out[p] for p in sorted(rule.left_out) if p in texts)),
        "unpaired_clips": len(rule.unpaired),
    }


def _same_words(texts: Mapping[str, str], where: Mapping[str, set[str]]) -> int:
    """Prompts whose words stand in another split as well, under whatever id."""
    splits: dict[str, set[str]] = defaultdict(set)
    for prompt, found in where.items():
        if found:
            splits[words_of(texts[prompt])] |= found
    return sum(bool(found) and len(splits[words_of(texts[p])]) > 1 for p, found in where.items())


def _near(relations: Relations, placed: Mapping[str, str]) -> int:
    """Prompts that have nearly the words of one in another split."""
    split = np.array([SPLITS.index(s) for s in placed.values()], np.int64)
    met = relations.near(split, np.zeros(len(split), np.int64)) < NONE
    return int((met.sum(1) > 1).sum())


def _shared_contents(layout: Layout) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Clips whose content stands under two prompts: video_id -> SHA-256; prompt_id -> its SHA-256s."""
    columns = ["sha256", "prompt_id", "video_id"]
    tables = [pa.table({name: pa.array([], pa.string()) for name in columns})]
    for path in parts(layout.table("videos")):
        tables += (
            pa.table(batch.select(columns))
            for batch in read_batches(path, columns, Video, rows=ROWS)
        )
    videos = pa.concat_tables(tables)
    own = videos.group_by("sha256").aggregate([("prompt_id", "count_distinct")])
    several = own.filter(pc.greater(own["prompt_id_count_distinct"], 1))["sha256"]
    rows = videos.filter(pc.is_in(videos["sha256"], value_set=several.combine_chunks())).to_pylist()
    prompts: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        prompts[row["prompt_id"]].add(row["sha256"])
    return {row["video_id"]: row["sha256"] for row in rows}, prompts


def _contents_in_two(content_of: Mapping[str, str], pairs: Mapping[str, _Pairs]) -> int:
    splits: dict[str, set[str]] = defaultdict(set)
    for split, found in pairs.items():
        for video in found.clips:
            splits[content_of[video]].add(split)
    return sum(len(found) > 1 for found in splits.values())


def _pairs(
    layout: Layout, split: str, clips: Collection[str], generators: Collection[str]
) -> _Pairs:
    videos, names = (pa.array(sorted(one), pa.string()) for one in (clips, generators))
    prompts: set[str] = set()
    there: set[str] = set()
    n_with = 0
    for batch in _batches(layout, split):
        prompts.update(pc.unique(batch.column("prompt_id")).to_pylist())
        for side in ("video_a", "video_b"):
            own = batch.column(side)
            there.update(pc.unique(own.filter(pc.is_in(own, value_set=videos))).to_pylist())
        sides = (pc.is_in(batch.column(f"generator_{s}"), value_set=names) for s in "ab")
        n_with += pc.sum(pc.or_(*sides)).as_py() or 0
    return _Pairs(prompts, there, n_with)


def _batches(layout: Layout, split: str) -> Iterator[pa.RecordBatch]:
    columns = ("prompt_id", "video_a", "video_b", "generator_a", "generator_b")
    for path in parts(layout.table("preferences", split)):
        yield from read_batches(path, columns, Preference, rows=ROWS)
