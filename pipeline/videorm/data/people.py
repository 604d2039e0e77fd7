"""Pairs that people labelled: by ratings of each clip, or by votes between two."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.videorm.data.pairs import PAIRS, keep, pairs_table

Columns = dict[str, NDArray[Any]]

DECIMALS = 9  # means of the same scores summed in another order are equal
CLIP = ["prompt_id", "prompt", "video_id", "generator"]
PAIR = ["prompt_id", "prompt", "a", "b", "generator_a", "generator_b"]
VOTES = {"a": 1.0, "b": 0.0, "tie": 0.5, "both_good": 0.5, "both_bad": 0.5}


def pairs_by_ratings(
    ratings: pa.Table, answers: Mapping[str, Sequence[str]]
) -> tuple[pa.Table, int]:
    """Every two clips of a prompt that a rater saw both of; and how many that no rater did.

    ``ratings`` has CLIP, rater, dimension, score. margin: difference of the clips' means over all of
    their raters; label: its sign, a tie where it is 0; share: of those who saw both that scored a
    higher, alike counting half; weight: how many saw both, over the mean of that over all pairs, so
    that a pair weighs one on average, as a machine's does. Pairs that nobody saw both of would weigh
    nothing and are left out. A rater who left out one of several dimensions that answer for one of
    ours has no score for that clip, as in the audit.
    """
    parts = [
        _of_prompt(prompt, ours)
        for ours, theirs in answers.items()
        for prompt in _prompts(_per_rater(ratings, CLIP, theirs, "score"))
    ]
    if not parts:
        return PAIRS.empty_table(), 0
    pairs = pairs_table({name: np.concatenate([p[name] for p in parts]) for name in parts[0]})
    seen = pairs["weight"].to_numpy() > 0
    return _mean_weight_one(keep(pairs, seen)), int((~seen).sum())


def pairs_by_votes(votes: pa.Table, answers: Mapping[str, Sequence[str]]) -> pa.Table:
    """A row for every pair voted on: share of the raters for a, ``tie``, ``both_good`` and
    ``both_bad`` counting half; label by majority; margin unknown; weight as for ratings.

    ``votes`` has PAIR, rater, dimension, choice.
    """
    value = pc.index_in(votes["choice"], pa.array(list(VOTES)))
    votes = votes.append_column("value", pa.array(np.array(list(VOTES.values()))[value.to_numpy()]))
    votes = _oriented(votes)
    parts = [PAIRS.empty_table()]
    for ours, theirs in answers.items():
        per_rater = _per_rater(votes, PAIR, theirs, "value")
        found = _grouped(per_rater, PAIR, [("value", "mean"), ("value", "count")])
        share = np.round(found["value_mean"].to_numpy(), DECIMALS)
        parts.append(
            pairs_table(
                {name: found[name] for name in PAIR}
                | {
                    "dimension": np.full(len(found), ours),
                    "label": np.sign(share - 0.5).astype(np.int64),
                    "share": share,
                    "weight": found["value_count"].to_numpy().astype(np.float64),
                    "by_people": np.ones(len(found), bool),
                }
            )
        )
    return _mean_weight_one(pa.concat_tables(parts))


def _grouped(table: pa.Table, keys: list[str], what: list[tuple[str, str]]) -> pa.Table:
    return table.group_by(keys, use_threads=False).aggregate(what)


def _per_rater(table: pa.Table, keys: list[str], theirs: Sequence[str], value: str) -> pa.Table:
    """keys, rater and the rater's mean ``value`` over the named dimensions, where all are there."""
    names = list(dict.fromkeys(theirs))
    table = table.filter(pc.is_in(table["dimension"], pa.array(names, pa.string())))
    # a rating that stands in several folders is one rating
    once = _grouped(table, [*keys, "rater", "dimension"], [(value, "mean")])
    rows = _grouped(once, [*keys, "rater"], [(f"{value}_mean", "mean"), (f"{value}_mean", "count")])
    whole = rows.filter(pc.equal(rows[f"{value}_mean_count"], len(names)))
    return whole.select([*keys, "rater", f"{value}_mean_mean"]).rename_columns(
        [*keys, "rater", value]
    )


def _prompts(scores: pa.Table) -> Iterator[Columns]:
    """The rows of each prompt, sorted by clip and rater."""
    ordered = scores.sort_by([(name, "ascending") for name in (*CLIP, "rater")])
    columns = {c: ordered[c].to_numpy(zero_copy_only=False) for c in ordered.column_names}
    new = [columns[c][1:] != columns[c][:-1] for c in ("prompt_id", "prompt")]
    starts = [0, *(np.flatnonzero(new[0] | new[1]) + 1).tolist(), len(ordered)]
    for start, end in itertools.pairwise(starts):
        if end > start:
            yield {name: values[start:end] for name, values in columns.items()}


def _of_prompt(rows: Columns, dimension: str) -> Columns:
    """All pairs of one prompt's clips; weight: how many raters saw both."""
    videos, first, clip = np.unique(rows["video_id"], return_index=True, return_inverse=True)
    raters, rater = np.unique(rows["rater"], return_inverse=True)
    scores = np.full((len(videos), len(raters)), np.nan)
    scores[clip, rater] = rows["score"]
    means, generators = np.nanmean(scores, axis=1), rows["generator"][first]
    a, b = np.triu_indices(len(videos), 1)
    gap = np.round(scores[a] - scores[b], DECIMALS)  # (P, R)
    n = (~np.isnan(gap)).sum(axis=1)
    margin = np.round(means[a] - means[b], DECIMALS)
    return {
        "prompt_id": np.full(len(a), rows["prompt_id"][0], object),
        "prompt": np.full(len(a), rows["prompt"][0], object),
        "dimension": np.full(len(a), dimension, object),
        "a": videos[a],
        "b": videos[b],
        "generator_a": generators[a],
        "generator_b": generators[b],
        "label": np.sign(margin).astype(np.int64),
        "by_people": np.ones(len(a), bool),
        "margin": margin,
        "share": ((gap > 0).sum(axis=1) + 0.5 * (gap == 0).sum(axis=1)) / np.maximum(n, 1),
        "weight": n.astype(np.float64),
        "score_a": means[a],
        "score_b": means[b],
    }


def _oriented(votes: pa.Table) -> pa.Table:
    """The same votes, all of a pair with the smaller id as a."""
    a, b = (votes[c].to_numpy(zero_copy_only=False) for c in "ab")
    turned = np.asarray(a > b, bool)
    value = votes["value"].to_numpy()
    columns = {"value": pa.array(np.where(turned, 1 - value, value))}
    for name in ("", "generator_"):
        one, other = (votes[f"{name}{c}"].to_numpy(zero_copy_only=False) for c in "ab")
        columns[f"{name}a"] = pa.array(np.where(turned, other, one), pa.string())
        columns[f"{name}b"] = pa.array(np.where(turned, one, other), pa.string())
    kept = {c: columns.get(c, votes[c]) for c in votes.column_names}
    return pa.table(kept)


def _mean_weight_one(pairs: pa.Table) -> pa.Table:
    weight = pairs["weight"].to_numpy()
    scaled = weight / weight.mean() if len(weight) else weight
    return pairs.set_column(pairs.schema.get_field_index("weight"), "weight", pa.array(scaled))
