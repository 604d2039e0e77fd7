"""How much of a reward is the name of the generator.

A generator may well be better than another, so the same is asked of what raters or annotator said: a
reward that says much more about the name than they do has learned the name.
"""

import dataclasses

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, Interval, cluster_bootstrap
from pipeline.videorm.evaluation.probes.catalogue import CLEAN
from pipeline.videorm.evaluation.probes.changes import centred
from pipeline.videorm.evaluation.probes.sample import Case
from pipeline.videorm.evaluation.probes.verdict import NOTHING, Row, row

IDENTITY, GAP, GUESS = "generator_identity", "generator_identity_gap", "generator_guess"
VARIANCE, CLIPS = "share of the variance within prompts", "share of clips"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The n clips that have a score: rewards and scores less their prompt's mean, and who made them."""

    by: str  # who scored
    n_prompts: int  # P of the sample
    n_generators: int  # G
    prompt: NDArray[np.intp]  # (n,)
    generator: NDArray[np.intp]  # (n,)
    reward: Array  # (n,)
    score: Array  # (n,)


def generator_rows(case: Case, *, of_score: bool) -> list[Row]:
    """Per dimension the variance that generators explain, how much more than of the score, and how
    often they are guessed. ``of_score``: the same of the score, under its own name as an arm."""
    rows = []
    for k in range(len(case.sample.dimensions)):
        known = known_clips(case, k)
        found = [
            (GAP, case.arm, *_gap(known, case.seed)),
            *_both(case.arm, known, known.reward, case.seed),
        ]
        if of_score:
            found += _both(known.by, known, known.score, case.seed)
        rows += [_row(case, known, k, *one) for one in found]
    return rows


def known_clips(case: Case, k: int) -> Known:
    """Of dimension ``k``."""
    by, score = case.sample.score(k)
    kept = np.isfinite(score)
    prompt = case.sample.prompt[kept]
    names, generator = np.unique(np.array(case.sample.generators)[kept], return_inverse=True)
    return Known(
        by=by,
        n_prompts=case.sample.n_prompts,
        n_generators=len(names),
        prompt=prompt,
        generator=generator.astype(np.intp),
        reward=centred(case.rewards[CLEAN][kept, k], prompt),
        score=centred(score[kept], prompt),
    )


def _both(
    arm: str, known: Known, values: Array, seed: int
) -> list[tuple[str, str, Interval, str, str]]:
    table = share_table(known, values)
    n, prompts = len(values), len(np.unique(known.prompt))
    chance = (known.n_generators - 1) / max(1, n - prompts)
    share = cluster_bootstrap(table, explained, seed=seed)
    hits = np.column_stack([guessed(known, values), np.ones(n)])
    right = cluster_bootstrap(
        sum_by_prompt(hits, known.prompt, known.n_prompts), ratio(0, 1), seed=seed
    )
    most = np.bincount(known.generator).max(initial=0) / max(1, n)
    return [
        (IDENTITY, arm, share, VARIANCE, f"by chance about {chance:.3f}"),
        (GUESS, arm, right, CLIPS, f"naming the most frequent of {known.n_generators}: {most:.3f}"),
    ]


def _gap(known: Known, seed: int) -> tuple[Interval, str, str]:
    table = np.hstack([share_table(known, v) for v in (known.reward, known.score)])
    return (
        cluster_bootstrap(table, _difference, seed=seed),
        VARIANCE,
        f"less that of what the {known.by} said",
    )


def _row(
    case: Case, known: Known, k: int, probe: str, arm: str, found: Interval, unit: str, note: str
) -> Row:
    one = known.n_generators < 2
    return row(
        probe,
        arm,
        case.sample.dimensions[k],
        NOTHING if one else found,
        n_clips=len(known.prompt),
        n_prompts=len(np.unique(known.prompt)),
        unit=unit,
        note="fewer than two generators" if one else note,
    )


def share_table(known: Known, values: Array) -> Array:
    """Table (P, 2 G + 1): clips and sum of values by generator, and the squares."""
    place = known.prompt * known.n_generators + known.generator
    size = known.n_prompts * known.n_generators
    counts, sums = (
        np.bincount(place, weights=w, minlength=size).reshape(known.n_prompts, -1)
        for w in (None, values)
    )
    squares = np.bincount(known.prompt, weights=values**2, minlength=known.n_prompts)
    return np.column_stack([counts, sums, squares])


def explained(sums: Array) -> Array:
    """Eta squared (B,) of sums (B, 2 G + 1): sum over generators of n mean^2, over the sum of squares.

    Of values less their prompt's mean, so of the variance within prompts; NaN where there is none.
    Source: the correlation ratio of Pearson 1905, On the general theory of skew correlation. By chance
    alone it is about (generators - 1) / (clips - prompts). A resample repeats prompts and so has more
    by chance than the data, which moves an interval upwards; in the gap of two shares that falls away.
    """
    g = sums.shape[1] // 2
    counts, totals, squares = sums[:, :g], sums[:, g : 2 * g], sums[:, 2 * g]
    between = (totals**2 / np.maximum(counts, 1)).sum(axis=1)
    return np.where(squares > 1e-12, between / squares, np.nan)


def _difference(sums: Array) -> Array:
    reward, score = np.split(sums, 2, axis=1)
    return np.asarray(explained(reward) - explained(score))


def guessed(known: Known, values: Array) -> Array:
    """1 where the generator with the nearest mean made the clip (n,), else 0.

    Means are those of the other prompts' clips: a prompt's own would know the answer.
    """
    if not len(values):
        return np.zeros(0)
    table, g = share_table(known, values), known.n_generators
    left = table.sum(axis=0) - table  # (P, 2 G + 1): all prompts but this one
    with np.errstate(invalid="ignore", divide="ignore"):
        means = (left[:, g : 2 * g] / left[:, :g])[known.prompt]  # (n, G)
    distance = np.abs(values[:, None] - means)
    nearest = np.where(np.isfinite(distance), distance, np.inf).argmin(axis=1)
    return (nearest == known.generator).astype(float)
