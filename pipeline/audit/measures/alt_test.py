"""The alternative annotator test: may an annotator stand in for any one of the raters?

Each rater is left out in turn. On the items that this one and another rater judged, who is nearer to
the others: the annotator or the rater? The annotator *beats* a rater where it is as near or nearer
on so many items that a shortfall of ``epsilon`` is ruled out; it passes where it beats half of them.

Source: Calderon, Reichart and Dror 2025, The Alternative Annotator Test for LLM-as-a-Judge,
arXiv:2501.10970; epsilon 0.2 for experts, 0.15 for skilled raters, 0.1 for crowds.
Deviations: items of one prompt are not independent, so the t-test is cluster-robust by prompt
(Cameron and Miller 2015, A Practitioner's Guide to Cluster-Robust Inference, section II), where the
paper's takes items as independent; a rater of fewer than 30 items, or 5 prompts, is left out, where
the paper offers a Wilcoxon test; and the winning rate and the advantage get intervals over prompts.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.panel import Panel
from pipeline.audit.statistics import ceiling
from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.audit.statistics.bootstrap import Array, Interval, Statistic
from pipeline.audit.statistics.pairs import signs

EPSILON = 0.15  # skilled raters
Q = 0.05  # false discovery rate over the raters
MIN_ITEMS = 30  # of a rater, shared with another
MIN_PROMPTS = 5  # that they are of: fewer say nothing about how prompts differ
MIN_RATERS = 3
SHOWN = 5  # raters whom a note names

# columns of a rater's table: items, W_judge, D = W_rater - W_judge, D^2, D n and n^2 of each prompt,
# and whether the prompt has an item at all
_ITEMS, _JUDGE, _GAP, _GAP_2, _GAP_ITEMS, _ITEMS_2, _PROMPT = range(7)


Nearness = Callable[[Array, Array], Array]  # of own (N,) to others (N, R - 1), (N,)
Prompts = npt.NDArray[np.intp]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RaterTest:
    """The test of one rater; ``p``, adjusted over the raters tested, is None where left out.

    ``advantage`` is the share of the rater's items on which the annotator is as near to the others
    as the rater, or nearer; None without items.
    """

    rater: str
    n_items: int
    advantage: float | None
    p: float | None
    beaten: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AltTest:
    """The test over all raters: ``winning_rate`` (passes at 0.5) and mean ``advantage``.

    Both are of the raters tested, None where fewer than ``MIN_RATERS`` are. ``n_items`` are the
    items of at least one of them; ``notes`` say who was left out and why nothing was tested.
    """

    raters: tuple[RaterTest, ...]
    winning_rate: Interval
    advantage: Interval
    n_items: int
    notes: tuple[str, ...]
    scores: bool = False  # of clips, not of pairs

    @property
    def n_tested(self) -> int:
        return sum(rater.p is not None for rater in self.raters)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _People:
    human: Array  # (N, R), NaN missing
    prompts: Prompts  # (N,)
    raters: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    how: Resampling
    epsilon: float
    q: float


def alt_test_of_pairs(
    panel: PairPanel, how: Resampling, epsilon: float = EPSILON, q: float = Q
) -> AltTest:
    """The test on preferences: an item is a pair, and near is the same of better, worse and tie.

    The nearness of a judgement is the share of the other raters who said the same (the paper's
    accuracy); a rater's equal scores are a tie, and so are an annotator's: take
    ``ties.with_threshold`` first if its scores are fine.
    """
    assert panel.judge is not None
    people = _People(human=_preference(panel.human), prompts=panel.prompts, raters=panel.raters)
    rule = _Rule(how=how, epsilon=epsilon, q=q)
    return _alt_test(_preference(panel.judge), people, _same, rule)


def alt_test_of_scores(
    panel: Panel, how: Resampling, epsilon: float = EPSILON, q: float = Q
) -> AltTest:
    """The test on scores: an item is a clip, nearness the negative root mean square distance.

    For an annotator on the raters' scale alone; on another every rater is nearer.
    """
    assert panel.judge is not None
    people = _People(human=panel.human, prompts=panel.prompts, raters=panel.raters)
    result = _alt_test(panel.judge, people, _near, _Rule(how=how, epsilon=epsilon, q=q))
    return dataclasses.replace(result, scores=True)


def alt_test_measures(result: AltTest) -> Iterator[Measure]:
    """``alt_test_winning_rate`` and ``alt_test_advantage``, of scores with ``_scores``."""
    suffix = "_scores" if result.scores else ""
    values = {"winning_rate": result.winning_rate, "advantage": result.advantage}
    for name, interval in values.items():
        yield Measure(
            statistic=f"alt_test_{name}{suffix}",
            interval=interval,
            n_items=result.n_items,
            n_raters=result.n_tested,
        )


def p_not_worse(sums: Array, epsilon: float) -> Array:
    """One-sided p (B,) that the mean gap W_rater - W_judge is below epsilon, from sums (B, 7).

    t = (mean - epsilon) / s with s^2 = G / (G - 1) sum_g (D_g - n_g mean)^2 / n^2 over the G prompts
    and G - 1 degrees of freedom. Where no prompt differs from the mean, s is zero and p is 0 or 1.
    NaN for fewer than two prompts.
    """
    n, prompts = sums[:, _ITEMS], sums[:, _PROMPT]
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = sums[:, _GAP] / n
        spread = sums[:, _GAP_2] - 2 * mean * sums[:, _GAP_ITEMS] + mean**2 * sums[:, _ITEMS_2]
        spread = np.where(spread < 1e-9 * n, 0.0, spread)  # the rounding error of a difference
        error = np.sqrt(prompts / (prompts - 1) * spread) / n
        p = stats.t.cdf((mean - epsilon) / error, prompts - 1)
        certain = np.where(mean < epsilon, 0.0, 1.0)
        return np.where(prompts < 2, np.nan, np.where(error == 0, certain, p))


def _preference(differences: Array) -> Array:
    missing = np.isnan(differences)
    return np.where(missing, np.nan, signs(np.where(missing, 0.0, differences)))


def _alt_test(judge: Array, panel: _People, nearness: Nearness, rule: _Rule) -> AltTest:
    n_prompts = int(panel.prompts.max(initial=-1)) + 1
    several = (~np.isnan(panel.human)).sum(axis=1) > 1
    ahead = [_ahead(judge, panel.human, j, several, nearness) for j in range(panel.human.shape[1])]
    tables = [_rater_table(who, panel.prompts, n_prompts) for who in ahead]
    kept, notes = _enough(tables, panel.raters)
    over = [tables[j] for j in kept]
    p = dict(zip(kept, _adjusted(np.ones((1, n_prompts)), over, rule.epsilon)[0]))
    seen = np.any([ahead[j].any(axis=1) for j in kept], axis=0)
    return AltTest(
        raters=tuple(
            _rater_test(name, tables[j], float(p[j]) if j in p else None, rule.q)
            for j, name in enumerate(panel.raters)
        ),
        winning_rate=rule.how.of_counts(n_prompts, _winning_rate(over, rule)),
        advantage=rule.how.of_counts(n_prompts, _advantage(over)),
        n_items=int(seen.sum()),
        notes=notes,
    )


def _ahead(
    judge: Array, human: Array, rater: int, several: npt.NDArray[np.bool_], nearness: Nearness
) -> Array:
    """W_rater and W_judge (N, 2): is the one at least as near to the others; 0, 0 without others.

    ``several`` (N,) marks items of more than one rater.
    """
    who = np.zeros((len(judge), 2))
    shared = np.flatnonzero(~np.isnan(human[:, rater]) & several & ~np.isnan(judge))
    if len(shared):
        others = np.delete(human[shared], rater, axis=1)
        near = [nearness(own[shared], others) for own in (human[:, rater], judge)]
        theirs, its = (np.round(value, 9) for value in near)
        who[shared] = np.column_stack([theirs >= its, its >= theirs])
    return who


def _same(own: Array, others: Array) -> Array:
    """Share of the others who said the same, (N,)."""
    return np.asarray(
        np.nanmean(np.where(np.isnan(others), np.nan, others == own[:, None]), axis=1)
    )


def _near(own: Array, others: Array) -> Array:
    """Negative root mean square distance from the others, (N,)."""
    return np.asarray(-np.sqrt(np.nanmean((others - own[:, None]) ** 2, axis=1)))


def _rater_table(who: Array, prompts: Prompts, n_prompts: int) -> Array:
    gap = who[:, 0] - who[:, 1]
    columns = np.column_stack([who.any(axis=1).astype(float), who[:, 1], gap])
    n, judge, d = sum_by_prompt(columns, prompts, n_prompts).T
    return np.column_stack([n, judge, d, d * d, d * n, n * n, n > 0])


def _enough(tables: Sequence[Array], raters: Sequence[str]) -> tuple[list[int], tuple[str, ...]]:
    """Positions of the raters that can be tested, and notes on those that cannot."""
    sizes = [(int(table[:, _ITEMS].sum()), int(table[:, _PROMPT].sum())) for table in tables]
    kept = [j for j, (items, n) in enumerate(sizes) if items >= MIN_ITEMS and n >= MIN_PROMPTS]
    tested = set(kept)
    few = [
        f"{name} ({items} items of {n} prompts)"
        for j, (name, (items, n)) in enumerate(zip(raters, sizes))
        if j not in tested
    ]
    notes = []
    if few:
        more = f" and {len(few) - SHOWN} more" if len(few) > SHOWN else ""
        notes.append(
            f"left out with fewer than {MIN_ITEMS} items of {MIN_PROMPTS} "
            f"prompts that another rater judged too: {', '.join(few[:SHOWN])}{more}"
        )
    if len(kept) < MIN_RATERS:
        notes.append(f"not made, {len(kept)} raters have enough items and it takes {MIN_RATERS}")
        kept = []
    return kept, tuple(notes)


def _adjusted(counts: Array, tables: Sequence[Array], epsilon: float) -> Array:
    """p (B, R) adjusted over raters for prompt counts (B, P); NaN throughout where one is."""
    if not tables:
        return np.empty((len(counts), 0))
    p = np.stack([p_not_worse(counts @ table, epsilon) for table in tables], axis=1)
    known = np.isfinite(p).all(axis=1, keepdims=True)
    adjusted = stats.false_discovery_control(np.where(known, p, 1.0), axis=1, method="by")
    return np.where(known, adjusted, np.nan)


def _winning_rate(tables: Sequence[Array], rule: _Rule) -> Statistic:
    def of_counts(counts: Array) -> Array:
        p = _adjusted(counts, tables, rule.epsilon)
        if not tables:
            return np.full(len(counts), np.nan)
        return np.where(np.isnan(p).any(axis=1), np.nan, (p <= rule.q).mean(axis=1))

    return of_counts


def _advantage(tables: Sequence[Array]) -> Statistic:
    return ceiling.mean_over_raters(tables, ratio(_JUDGE, _ITEMS))


def _rater_test(name: str, table: Array, p: float | None, q: float) -> RaterTest:
    items = int(table[:, _ITEMS].sum())
    return RaterTest(
        rater=name,
        n_items=items,
        advantage=float(table[:, _JUDGE].sum() / items) if items else None,
        p=p,
        beaten=p is not None and p <= q,
    )
