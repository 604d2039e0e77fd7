"""How the labels of common pairs moved, dimension by dimension, and which generators gained by it."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse

from pipeline.audit.measures.measure import Resampling
from pipeline.audit.statistics.agreement import sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, Interval
from pipeline.audit.statistics.kappa import cohen_kappas, kappa_table
from pipeline.report.compare.pairs import CommonPairs, Numbers

Row = dict[str, Any]
SIGNS = (1, 0, -1)  # the first clip, a tie, the second clip
_LEVELS = np.array([-1.0, 0.0, 1.0])
SHARES = ("flipped", "reversed", "to_tie", "from_tie")
MOST_COUPLES = 60  # of generators that are shown, those with the most pairs


def label_changes(pairs: CommonPairs, how: Resampling) -> list[Row]:
    """Per dimension: ``table`` (3, 3), rows old and columns new in the order of SIGNS; counts and shares
    of common pairs ``flipped`` (another label), ``reversed`` (a to b or b to a), ``to_tie`` and
    ``from_tie``; Cohen's ``kappa`` of the two runs' labels; pairs that only one run has.

    Shares and kappa have percentile intervals over prompts
    (:func:`pipeline.audit.statistics.bootstrap.cluster_bootstrap`): pairs of a prompt are not independent.
    Kappa: :func:`pipeline.audit.statistics.kappa.cohen_kappas`, unweighted.
    """
    return [_dimension(pairs, number, how) for number in range(len(pairs.dimensions))]


def _dimension(pairs: CommonPairs, number: int, how: Resampling) -> Row:
    rows = pairs.of(number)
    old, new = pairs.old[rows], pairs.new[rows]
    moved = np.stack([old != new, old * new < 0, (old != 0) & (new == 0), (old == 0) & (new != 0)])
    used, prompts = np.unique(pairs.prompt[rows], return_inverse=True)
    kappas = kappa_table(old.astype(float), new.astype(float), _LEVELS)
    stats = np.column_stack([*moved, np.ones(len(rows)), kappas])
    sums = sum_by_prompt(stats, prompts, len(used))
    intervals = how.each_of_sums(sums, _shares_and_kappa, len(SHARES) + 1)
    only = pairs.only[pairs.dimensions[number]]
    return {
        "dimension": pairs.dimensions[number],
        "common": len(rows),
        "prompts": len(used),
        "only_old": only[0],
        "only_new": only[1],
        "table": np.bincount((1 - old) * 3 + (1 - new), minlength=9).reshape(3, 3).tolist(),
        **{
            name: {"count": int(one.sum()), **ends(interval)}
            for name, one, interval in zip(SHARES, moved, intervals)
        },
        "kappa": ends(intervals[-1]),
    }


def ends(interval: Interval) -> Row:
    """An interval as JSON."""
    return {"value": interval.value, "low": interval.low, "high": interval.high}


def _shares_and_kappa(sums: Array) -> Array:
    n = len(SHARES)
    shares = sums[:, :n] / sums[:, n : n + 1]
    return np.column_stack([shares, cohen_kappas(sums[:, n + 1 :], _LEVELS)[:, 0]])


def generator_changes(pairs: CommonPairs, how: Resampling) -> list[Row]:
    """Per dimension: ``generators`` and ``couples`` of them with the share of their pairs that they win,
    a tie as half, ``old`` and ``new``, and the ``change`` between the two, paired over the same pairs.

    Of a couple it is the share of the first. Intervals as in :func:`label_changes`. Pairs of two clips of
    one generator tell nothing of generators and are left out.
    """
    found = []
    for number, dimension in enumerate(pairs.dimensions):
        rows = pairs.of(number)
        rows = rows[pairs.first[rows] != pairs.second[rows]]
        couples = list(_couples(pairs, rows, how))
        found.append(
            {
                "dimension": dimension,
                "generators": list(_each(pairs, rows, how)),
                "couples": couples[:MOST_COUPLES],
                "couples_left_out": max(0, len(couples) - MOST_COUPLES),
            }
        )
    return found


def _each(pairs: CommonPairs, rows: Numbers, how: Resampling) -> Iterator[Row]:
    old, new = ((labels[rows] + 1) / 2 for labels in (pairs.old, pairs.new))
    used, prompts = np.unique(pairs.prompt[rows], return_inverse=True)
    sides = (pairs.first[rows], old, new), (pairs.second[rows], 1 - old, 1 - new)
    who, before, after = (np.concatenate(both) for both in zip(*sides))
    generators, subject = np.unique(who, return_inverse=True)
    changes = paired_changes(
        np.tile(prompts, 2), len(used), subject, len(generators), before, after, how
    )
    for generator, change in zip(generators, changes):
        yield {"generator": pairs.generators[generator], **change}


def _couples(pairs: CommonPairs, rows: Numbers, how: Resampling) -> Iterator[Row]:
    first, second = pairs.first[rows], pairs.second[rows]
    turn = np.where(first < second, 1, -1)
    old, new = ((turn * labels[rows] + 1) / 2 for labels in (pairs.old, pairs.new))
    couple = np.minimum(first, second) * len(pairs.generators) + np.maximum(first, second)
    couples, subject, n = np.unique(couple, return_inverse=True, return_counts=True)
    used, prompts = np.unique(pairs.prompt[rows], return_inverse=True)
    changes = list(paired_changes(prompts, len(used), subject, len(couples), old, new, how))
    flipped = np.bincount(subject, pairs.old[rows] != pairs.new[rows], len(couples))
    for i in np.argsort(-n, kind="stable"):
        one, other = divmod(int(couples[i]), len(pairs.generators))
        names = {"generator": pairs.generators[one], "other": pairs.generators[other]}
        yield {**names, "flipped": int(flipped[i]), **changes[i]}


def paired_changes(
    prompts: Numbers,
    n_prompts: int,
    subject: Numbers,
    n: int,
    old: Array,
    new: Array,
    how: Resampling,
) -> Iterator[Row]:
    """Mean of ``old`` and of ``new`` (M,) of every subject in [0, n), and the paired change."""
    values = np.concatenate([old, new, np.ones(len(old))])
    columns = np.concatenate([subject + part * n for part in range(3)])
    places = np.tile(prompts, 3), columns
    sums = sparse.csr_array((values, places), shape=(n_prompts, 3 * n))  # adds what falls together

    def means(sums: Array) -> Array:
        before, after, many = np.split(sums, 3, axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            one, other = before / many, after / many
        return np.concatenate([one, other, other - one], axis=1)

    intervals = how.each_of_sums(sums, means, 3 * n) if n else []
    counts = np.bincount(subject, minlength=n)
    for i in range(n):
        old_mean, new_mean, change = (ends(intervals[part * n + i]) for part in range(3))
        yield {"old": old_mean, "new": new_mean, "change": change, "n": int(counts[i])}
