"""Leaderboards of generators, with intervals by a bootstrap over prompts.

Every comparison of two generators counts once, whoever made it. Counts are summed per prompt, so a
resample is a sum of counts (``standings.py``), and all resamples are solved together, by maximum
likelihood without a prior (``strength.py``). Sources: Bradley and Terry 1952; Davidson 1970.

*Who is ranked.* Strengths exist among generators that are each above every other by a chain of wins
and ties. Where that is not all of them, the largest such group is ranked alone, which is what the
likelihood comes to in the limit; the others are undefined, and nobody is ranked where two groups are
equally large. :func:`leaderboard_notes` says why. *Intervals* are percentiles. Strengths that do not
exist in a resample may be infinite either way, so it counts at both ends: a bound is None where more
than the share beyond it (of a 95 % interval 2.5 % of the resamples) has none.
"""

from collections.abc import Iterator

import numpy as np
from scipy import stats

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.measures.standings import Results, ranked, results_of, unranked
from pipeline.audit.names import ALL
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import strength
from pipeline.audit.statistics.bootstrap import Array, Interval, draws

_UNDEFINED = Interval(value=None, low=None, high=None)
_CELLS = 4_000_000  # of one block of wins, resamples x generators x generators: 32 MB


def leaderboard_measures(
    panel: PairPanel, differences: Array, how: Resampling
) -> Iterator[tuple[str, Measure]]:
    """Slice and measure: strengths of each generator, and Davidson's tie parameter.

    ``differences`` are the panel's ``judge`` (M,), or its ``human`` (M, R): every rater's own word.
    ``bradley_terry_strength`` and ``davidson_strength`` in natural log-odds, mean 0 over those that
    are ranked, of slices ``generator=NAME``; ``davidson_tie`` is nu, of everything. ``n_items`` counts
    pairs of clips with the generator on one side. Nothing where no two generators were compared.
    """
    results = results_of(panel, differences)
    board = ranked(results)
    bradley_terry, davidson = _solved(board, panel.n_prompts, how)
    models = {"bradley_terry_strength": bradley_terry, "davidson_strength": davidson}
    place = {name: i for i, name in enumerate(board.generators)}
    for name, n_items in zip(results.generators, results.pairs):
        for statistic, found in models.items():
            interval = _UNDEFINED
            if name in place:
                interval = _interval(found[:, place[name]], panel.n_prompts, how.level)
            yield f"generator={name}", _measure(statistic, interval, n_items, panel)
    if results.generators:
        nu = _interval(davidson[:, -1], panel.n_prompts, how.level)
        yield ALL, _measure("davidson_tie", nu, results.pairs.sum() // 2, panel)


def leaderboard_agreement(panel: PairPanel, how: Resampling) -> Measure:
    """``leaderboard_spearman``: the annotator's order of generators against that of the raters.

    Spearman's rho of Bradley-Terry strengths, from the same pairs and the same draws of prompts, of
    the generators that both rank; undefined for fewer than two. Pairs that the annotator judged and
    a rater did count on both sides; ``n_items`` are those of two generators.
    """
    assert panel.judge is not None
    both = panel.take(~np.isnan(panel.judge) & ~np.isnan(panel.human).all(axis=1))
    assert both.judge is not None
    results = results_of(both, both.judge)
    judge, people = ranked(results), ranked(results_of(both, both.human))
    common = sorted({*judge.generators} & {*people.generators})
    own, theirs = (_strengths_of(common, board, both.n_prompts, how) for board in (judge, people))
    interval = _interval(rank_correlation(own, theirs), both.n_prompts, how.level)
    return _measure("leaderboard_spearman", interval, results.pairs.sum() // 2, both)


def leaderboard_notes(panel: PairPanel, differences: Array) -> list[str]:
    """Why generators have no strength, and nu is 0 or undefined; a sentence for each reason."""
    results = results_of(panel, differences)
    board = ranked(results)
    if not results.generators:
        return ["no two generators were compared"]
    if not board.generators:
        return [
            "no largest group of generators in which wins and ties lead from each to every other"
        ]
    notes = [f"no strength for {why}" for why in unranked(results, board)]
    wins, ties = board.whole
    if ties.any() and not strength.davidson_exists(wins, ties)[0]:
        notes.append("Davidson's strengths do not exist: no circle of more wins than ties")
    return notes


def rank_correlation(one: Array, other: Array) -> Array:
    """Spearman's rho (B,) of each row of two (B, G); NaN where one is constant or undefined.

    Midranks of strengths rounded to 1e-6: what differs by less is the solver's doing.
    """
    if one.shape[1] < 2:
        return np.full(len(one), np.nan)
    x, y = (stats.rankdata(np.round(v, 6), axis=1) - (v.shape[1] + 1) / 2 for v in (one, other))
    with np.errstate(invalid="ignore", divide="ignore"):
        rho = (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    return np.where(np.isnan(one + other).any(axis=1), np.nan, np.clip(rho, -1, 1))


def _strengths_of(names: list[str], board: Results, n_prompts: int, how: Resampling) -> Array:
    """Bradley and Terry's strengths (1 + B, names): of the data, then of every resample."""
    rows = [strength.bradley_terry(*board.whole)]
    for wins, ties in _resampled(board, n_prompts, how):
        rows.append(strength.bradley_terry(wins, ties, rows[0][0]))
    return np.concatenate(rows)[:, [board.generators.index(name) for name in names]]


def _solved(board: Results, n_prompts: int, how: Resampling) -> tuple[Array, Array]:
    """Bradley and Terry's strengths (1 + B, G), and Davidson's with nu last (1 + B, G + 1)."""
    one = [strength.bradley_terry(*board.whole)]
    two = [np.column_stack(strength.davidson(*board.whole))]
    start = one[0][0] if np.isnan(two[0]).any() else two[0][0, :-1]
    for wins, ties in _resampled(board, n_prompts, how):
        one.append(strength.bradley_terry(wins, ties, one[0][0]))
        two.append(np.column_stack(strength.davidson(wins, ties, start)))
    return np.concatenate(one), np.concatenate(two)


def _resampled(board: Results, n_prompts: int, how: Resampling) -> Iterator[tuple[Array, Array]]:
    """Wins and ties (b, G, G) of the resamples, in blocks that fit into memory."""
    if n_prompts < 2 or not board.generators:
        return
    step = max(1, _CELLS // len(board.generators) ** 2)
    for counts in draws(n_prompts, how.resamples, how.seed):
        for i in range(0, len(counts), step):
            yield board.of(counts[i : i + step])


def _interval(found: Array, n_prompts: int, level: float) -> Interval:
    """Of a value and its resamples, (1 + B,); undefined resamples count at both ends."""
    value, resamples = found[0], found[1:]
    if np.isnan(value):
        return _UNDEFINED
    if n_prompts < 2:
        return Interval(value=float(value), low=None, high=None)
    lost = np.isnan(resamples)
    with np.errstate(invalid="ignore"):
        low = np.quantile(np.where(lost, -np.inf, resamples), (1 - level) / 2)
        high = np.quantile(np.where(lost, np.inf, resamples), (1 + level) / 2)
    low, high = (float(bound) if np.isfinite(bound) else None for bound in (low, high))
    return Interval(value=float(value), low=low, high=high)


def _measure(statistic: str, interval: Interval, n_items: int, panel: PairPanel) -> Measure:
    return Measure(
        statistic=statistic, interval=interval, n_items=int(n_items), n_raters=panel.n_raters
    )
