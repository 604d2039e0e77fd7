"""Pair accuracy: does a judge order two clips of one prompt as the target does?

Pairs are always within a prompt. Functions of plain arrays; a *difference* is score(a) - score(b)
of one pair, and a difference of at most 1e-9 after rounding to 1e-9 is a tie. A target is what the
judge is held against (the raters' mean, other raters' mean, an annotator's labels).
"""

import functools

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.bootstrap import Array

TIE = 1e-9  # scores are rounded to this; a difference no larger is a tie

# columns of the table of :func:`pair_table`
CORRECT, JUDGE_TIES, UNTIED, BOTH_TIED, PAIRS = range(5)

RULES = ("ties_half", "ties_wrong", "ties_excluded")


def within_prompt_pairs(
    prompts: npt.ArrayLike,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Positions of the first and second clip of every pair of clips with the same prompt.

    ``prompts`` is (N,), any comparable labels. Returns two (M,) arrays; each pair appears once.
    """
    labels = np.asarray(prompts)
    order = np.argsort(labels, kind="stable")
    ends = np.flatnonzero(labels[order][1:] != labels[order][:-1]) + 1
    groups = np.split(order, ends)
    pairs = [_triangle(len(group)) for group in groups]
    empty = np.empty(0, dtype=np.intp)
    first = [group[i] for group, (i, _) in zip(groups, pairs)]
    second = [group[j] for group, (_, j) in zip(groups, pairs)]
    return np.concatenate([empty, *first]), np.concatenate([empty, *second])


@functools.lru_cache(maxsize=64)  # prompts mostly have the same number of clips
def _triangle(size: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    first, second = np.triu_indices(size, k=1)
    return first, second


def signs(differences: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """-1, 0 (a tie) or 1 for each difference."""
    rounded = np.round(np.asarray(differences, dtype=np.float64), 9)
    return np.where(np.abs(rounded) <= TIE, 0, np.sign(rounded)).astype(np.int8)


def pair_table(
    judge: npt.ArrayLike, target: npt.ArrayLike, prompts: npt.ArrayLike, n_prompts: int
) -> Array:
    """Sufficient statistics (P, 5) of every prompt, from differences of judge and target.

    ``judge`` and ``target`` are (M,) differences of the same pairs, ``prompts`` (M,) numbers in
    [0, n_prompts). Columns: ``CORRECT`` (same sign, target not tied), ``JUDGE_TIES`` (judge tied,
    target not), ``UNTIED`` (target not tied), ``BOTH_TIED``, ``PAIRS`` (all). Pairs in which either
    difference is NaN are left out. A prompt without pairs is a row of zeros.
    """
    judge, target = np.asarray(judge, np.float64), np.asarray(target, np.float64)
    known = np.isfinite(judge) & np.isfinite(target)
    own, theirs = signs(judge[known]), signs(target[known])
    prompt = np.asarray(prompts, dtype=np.intp)[known]
    untied = theirs != 0
    columns = [
        untied & (own == theirs),
        untied & (own == 0),
        untied,
        ~untied & (own == 0),
        np.ones_like(untied),
    ]
    table = [np.bincount(prompt[c], minlength=n_prompts) for c in columns]
    return np.stack(table, axis=1).astype(np.float64)


def accuracy(sums: Array, rule: str = "ties_half") -> Array:
    """Share of pairs ordered as the target orders them; pairs tied in the target are dropped.

    ``sums`` is (B, 5), sums of rows of :func:`pair_table`; returns (B,), NaN without pairs. The
    rule says what a judge's tie counts: ``ties_half`` (correct + ties / 2) / untied, ``ties_wrong``
    correct / untied, ``ties_excluded`` correct / (untied - ties).

    Source: the three readings of pairwise accuracy in Deutsch, Foster and Freitag 2023,
    arXiv:2305.14324, section 3.
    """
    correct, ties, untied = sums[:, CORRECT], sums[:, JUDGE_TIES], sums[:, UNTIED]
    with np.errstate(invalid="ignore", divide="ignore"):
        if rule == "ties_half":
            return np.asarray((correct + ties / 2) / untied)
        if rule == "ties_wrong":
            return np.asarray(correct / untied)
        if rule == "ties_excluded":
            return np.asarray(correct / (untied - ties))
    raise ValueError(f"rule: expected one of {', '.join(RULES)}, got {rule!r}")


def agreement_with_ties(sums: Array) -> Array:
    """Share of all pairs on which judge and target say the same of better, worse and tie.

    (correct + both tied) / pairs, NaN without pairs: acc_eq of arXiv:2305.14324 with a threshold of
    zero, so nothing is fitted.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((sums[:, CORRECT] + sums[:, BOTH_TIED]) / sums[:, PAIRS])


def judge_tie_share(sums: Array) -> Array:
    """Share of all pairs that the judge calls a tie; NaN without pairs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((sums[:, JUDGE_TIES] + sums[:, BOTH_TIED]) / sums[:, PAIRS])


def target_tie_share(sums: Array) -> Array:
    """Share of all pairs that are tied in the target; NaN without pairs."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 - sums[:, UNTIED] / sums[:, PAIRS])
