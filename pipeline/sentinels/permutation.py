"""Whether the replies of one occasion differ from earlier ones by more than noise.

If the judge is the same, the replies to one question (a clip under a rubric) are exchangeable between
occasions: which of them arrived now is chance. So the replies of each question are dealt out anew to
"now" and "before", and the test asks how often chance alone gives a difference as large as the one
seen. A whole reply is dealt out, never a single score: the dimensions that one reply answers hang
together. The statistic is the sum of the squared differences of mean scores, over questions and
dimensions, plus the square of their sum over the root of their number n. The first sees scores that
changed places between clips, the second a judge that became milder or harsher on all of them. For n
independent normal differences of variance v, the first varies by 2 n v^2, the square of the sum by
2 n^2 v^2; the root makes the two weigh alike.

The test takes replies of one occasion to be independent draws. What all replies of one occasion share
by accident (a cache that repeats one reply) it would take for a change: see ``compare`` for those.

Sources: Good 2005, Permutation, Parametric and Bootstrap Tests of Hypotheses (exchangeability within
strata); Phipson and Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9(1) 39, (b + 1) / (m + 1) for
deals drawn at random, so that p is never 0; Besag and Clifford 1991, Biometrika 78(2) 301, h / l where
the h-th deal as extreme comes at draw l, so that only small p cost many draws. Small tables are
dealt out in every possible way.
"""

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Extreme = Callable[[Array], npt.NDArray[np.bool_]]

EVERY_DEAL = 20_000  # deals, up to which all are looked at
BLOCK = 10_000  # deals drawn at a time
ENOUGH = 100  # deals as extreme as the observed one, after which p is known well enough
MOST_DEALS = 1_000_000
_CLOSE = 1e-9  # of two statistics that differ by rounding alone


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """The replies to one question, now and before: (replies, kinds, dimensions) on comparable scales.

    A kind is what is counted of every dimension: its score, and perhaps whether it is missing. Shifts
    are summed within a kind.
    """

    now: Array
    before: Array

    @property
    def n_deals(self) -> int:
        """In how many ways the replies can be dealt out to now and before."""
        return math.comb(len(self.now) + len(self.before), len(self.now))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Chance:
    """``p`` of the observed difference, and the ``smallest`` p that so many replies could give."""

    statistic: float
    p: float
    smallest: float


def changed_by_chance(
    questions: Sequence[Replies], *, most: int = BLOCK, block: int = BLOCK, seed: int = 0
) -> Chance:
    """The permutation test. ``most``: deals drawn at most, where there are too many to try all.

    Raises ValueError without a question, or for one without replies on either side.
    """
    if not questions or any(not len(q.now) or not len(q.before) for q in questions):
        raise ValueError("expected questions with replies both now and before")
    gaps = sum(_gaps(q, q.now.sum(axis=0, keepdims=True)) for q in questions)
    n = sum(q.now.shape[2] for q in questions)
    observed = float(_statistic(np.asarray(gaps), n)[0])
    limit = observed - _CLOSE * max(1.0, observed)
    # a question whose replies are all alike adds nothing, however they are dealt out
    telling = [q for q in questions if np.ptp(np.concatenate([q.now, q.before]), axis=0).any()]
    every = math.prod(q.n_deals for q in telling) <= EVERY_DEAL
    extreme = functools.partial(_extreme, n=n, limit=limit)
    p = _exact(telling, extreme) if every else _drawn(telling, extreme, most, block, seed)
    floor = smallest_p(questions)
    return Chance(statistic=observed, p=p, smallest=floor if every else max(floor, 1 / (most + 1)))


def smallest_p(questions: Sequence[Replies]) -> float:
    """The p of the most extreme deal of all, if every deal is tried and no two scores are equal.

    Where every question has as many replies now as before, the two sides can change places in all of
    them without changing the statistic: the most extreme deal comes twice.
    """
    twice = all(len(q.now) == len(q.before) for q in questions)
    return (1 + twice) / math.prod(q.n_deals for q in questions)


def _gaps(question: Replies, sums: Array) -> Array:
    """Of each deal: the squared differences of means, summed, and the plain ones, summed by kind.

    ``sums`` (deals, kinds, dimensions): of the scores that a deal gives to "now"; the rest is
    "before". Returns (deals, 1 + kinds), which add up over questions.
    """
    total = question.now.sum(axis=0) + question.before.sum(axis=0)
    gap = sums / len(question.now) - (total - sums) / len(question.before)
    squares = (gap**2).sum(axis=(1, 2))
    return np.concatenate([squares[:, None], gap.sum(axis=2)], axis=1)


def _statistic(gaps: Array, n: int) -> Array:
    """From the sums over all questions, of ``n`` dimensions together, (deals, 1 + kinds) to (deals,)."""
    found: Array = gaps[:, 0] + (gaps[:, 1:] ** 2).sum(axis=1) / math.sqrt(n)
    return found


def _extreme(gaps: Array, n: int, limit: float) -> npt.NDArray[np.bool_]:
    """Which deals differ as much as what was observed."""
    return _statistic(gaps, n) >= limit


def _exact(questions: Sequence[Replies], extreme: Extreme) -> float:
    """Over all deals of all questions: every sum of one deal per question, equally likely."""
    if not questions:
        return 1.0
    sums = functools.reduce(_combined, map(_every, questions))
    return float(np.mean(extreme(sums)))


def _combined(one: Array, other: Array) -> Array:
    return (one[:, None] + other[None]).reshape(-1, one.shape[1])


def _every(question: Replies) -> Array:
    pooled = np.concatenate([question.now, question.before])
    deals = list(itertools.combinations(range(len(pooled)), len(question.now)))
    return _gaps(question, pooled[np.array(deals)].sum(axis=1))


def _drawn(
    questions: Sequence[Replies], extreme: Extreme, most: int, block: int, seed: int
) -> float:
    rng = np.random.default_rng(seed)
    found = drawn = 0
    while drawn < most:
        size = min(block, most - drawn)
        hits = np.flatnonzero(extreme(_block(questions, size, rng)))
        if found + len(hits) >= ENOUGH:
            return ENOUGH / (drawn + int(hits[ENOUGH - found - 1]) + 1)
        found, drawn = found + len(hits), drawn + size
    return (found + 1) / (drawn + 1)


def _block(questions: Sequence[Replies], size: int, rng: np.random.Generator) -> Array:
    total = np.zeros((size, 1 + questions[0].now.shape[1]))
    for question in questions:
        pooled = np.concatenate([question.now, question.before])
        deals = _deals(rng, len(pooled), len(question.now), size)
        total += _gaps(question, pooled[deals].sum(axis=1))
    return total


def _deals(rng: np.random.Generator, n: int, k: int, size: int) -> npt.NDArray[np.int64]:
    """``size`` subsets of ``k`` of ``n``, each equally likely: (size, k).

    Floyd's algorithm, for all subsets at once (Bentley and Floyd 1987, Commun. ACM 30(9) 754): its
    work grows with k squared and not with n, which grows with every occasion.
    """
    chosen = np.empty((size, k), dtype=np.int64)
    for i, last in enumerate(range(n - k, n)):
        drawn = rng.integers(0, last + 1, size=size)
        taken = (chosen[:, :i] == drawn[:, None]).any(axis=1)
        chosen[:, i] = np.where(taken, last, drawn)
    return chosen


def holm(ps: Sequence[float], n_tests: int) -> list[float]:
    """Adjusted p, in the order given, of those of ``n_tests`` tests that were done so far.

    Holm 1979, Scand. J. Statist. 6(2) 65: the i-th smallest of m, times m - i + 1, and never less
    than the one before it. A test that is still to come counts with p = 1: whatever it will be, the
    adjusted p of those done can only fall, so a change that was found once stays found, and the
    chance of any false alarm in the whole run is at most alpha at every moment of it.
    """
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (max(n_tests, len(ps)) - rank) * ps[i]))
        adjusted[i] = highest
    return adjusted
