"""One occasion of a judge against all earlier ones that asked the same."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.audit.statistics.bootstrap import cluster_bootstrap
from pipeline.sentinels.permutation import (
    BLOCK,
    MOST_DEALS,
    Array,
    Replies,
    changed_by_chance,
)
from pipeline.sentinels.record import Reading, Record

DEALS_PER_LEVEL = 20  # deals drawn for one that alone would be significant

# (occasion, draw) of one question -> dimension -> the reading
Said = dict[tuple[str, int], dict[str, Reading]]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an occasion says of a judge. ``p`` None: there is nothing to compare it with.

    ``shift`` is the mean over clips and dimensions of the mean score now minus before, in points of
    the scale, with its 95 % interval (clips resampled). ``smallest`` is the least p that so many
    replies could give. ``new_models`` and ``new_fingerprints`` are names in the replies that none of
    the earlier replies had.
    """

    annotator: str
    occasion: str
    wave: str
    p: float | None = None
    smallest: float | None = None
    shift: float | None = None
    low: float | None = None
    high: float | None = None
    n_clips: int = 0
    n_before: int = 0  # occasions
    models: tuple[str, ...] = ()
    models_before: tuple[str, ...] = ()
    new_fingerprints: tuple[str, ...] = ()
    alike: bool = False  # all draws of an occasion: each occasion counts as one reply
    n_readings: int = 0
    failures: dict[str, int] = dataclasses.field(default_factory=dict)
    failures_before: int = 0

    @property
    def new_models(self) -> tuple[str, ...]:
        """Names of models that answered now and never before."""
        if not self.models_before:
            return ()
        return tuple(sorted(set(self.models) - set(self.models_before)))


def find(
    now: Record,
    before: Sequence[Record],
    *,
    n_tests: int,
    alpha: float,
    most: int | None = None,
    block: int = BLOCK,
) -> Finding:
    """The finding of one occasion. ``n_tests``: of the whole run, which share ``alpha``.

    A score that the judge refused, or that cannot be read, is no score, but it is a reply: the test
    counts of each dimension, too, whether it is missing, and a missing score stands at the mean of all
    scores to the question, where it moves nothing, however the replies are dealt out.
    Draws that are alike in every word, on every occasion, may be one reply that a cache sent several
    times, so each occasion counts as one. Questions with replies on one side only are left out.
    """
    before = [record for record in before if record.questions & now.questions]
    bare = Finding(
        annotator=now.annotator,
        occasion=now.occasion,
        wave=now.wave,
        n_before=len(before),
        models=now.models,
        models_before=tuple(sorted({model for r in before for model in r.models})),
        new_fingerprints=_new(now, before),
        n_readings=len(now.readings),
        failures=now.failures,
        failures_before=sum(sum(record.failures.values()) for record in before),
    )
    alike = {_alike(record) for record in (now, *before)} - {None} == {True}
    pairs = _paired([now], before, first_only=alike)
    if not pairs:
        return bare
    tested = changed_by_chance(
        [_scaled(pair, now.scales) for pair in pairs],
        most=most or _deals(n_tests, alpha),
        block=block,
    )
    return dataclasses.replace(
        bare,
        alike=alike,
        p=tested.p,
        smallest=tested.smallest,
        n_clips=len({pair.clip for pair in pairs}),
        **_shift(pairs),
    )


def shift_between(now: Record, before: Record) -> dict[str, Any]:
    """``shift``, ``low``, ``high`` as of a finding, of two occasions, and ``n_clips`` it rests on.

    Draws count as they are: what is drawn, not tested. None where no question is common to both.
    """
    pairs = _paired([now], [before], first_only=False)
    return {**_shift(pairs), "n_clips": len({pair.clip for pair in pairs if _is_scored(pair)})}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    """The replies to a question: (replies, dimensions) in points of the scale, NaN where missing."""

    clip: str
    dimensions: tuple[str, ...]
    now: Array
    before: Array


def _deals(n_tests: int, alpha: float) -> int:
    """Enough for a p far below what is significant among all tests of the run."""
    return min(MOST_DEALS, max(BLOCK, math.ceil(DEALS_PER_LEVEL * n_tests / alpha)))


def _new(now: Record, before: Sequence[Record]) -> tuple[str, ...]:
    known = {name for record in before for name in record.system_fingerprints}
    return tuple(sorted(set(now.system_fingerprints) - known)) if known else ()


def _alike(record: Record) -> bool | None:
    """Whether all draws of every question are the same in every word; None without several draws."""
    draws: dict[str, dict[int, set[Any]]] = defaultdict(lambda: defaultdict(set))
    for r in record.readings:
        draws[r.question][r.draw].add((r.dimension, r.score, r.reason, r.words))
    several = [list(replies.values()) for replies in draws.values() if len(replies) > 1]
    return all(reply == many[0] for many in several for reply in many) if several else None


def _paired(now: Sequence[Record], before: Sequence[Record], *, first_only: bool) -> list[_Pair]:
    clips = {r.question: r.video_id for record in now for r in record.readings}
    said_now, said_before = _said(now, first_only), _said(before, first_only)
    pairs = []
    for question in sorted(said_now.keys() & said_before.keys()):
        sides = (said_now[question], said_before[question])
        names = tuple(sorted({name for side in sides for reply in side.values() for name in reply}))
        one, other = (_table(side, names) for side in sides)
        pairs.append(_Pair(clip=clips[question], dimensions=names, now=one, before=other))
    return pairs


def _said(records: Iterable[Record], first_only: bool) -> dict[str, Said]:
    """The replies to each question; of those that are alike, the first."""
    found: dict[str, Said] = defaultdict(dict)
    for record in records:
        for reading in record.readings:
            draw = 0 if first_only else reading.draw
            reply = found[reading.question].setdefault((record.occasion, draw), {})
            reply.setdefault(reading.dimension, reading)
    return found


def _table(said: Said, dimensions: Sequence[str]) -> Array:
    def score(reply: Mapping[str, Reading], dimension: str) -> float:
        reading = reply.get(dimension)
        return math.nan if reading is None or reading.score is None else reading.score

    return np.array([[score(reply, d) for d in dimensions] for reply in said.values()])


def _scaled(pair: _Pair, scales: Mapping[str, tuple[float, float]]) -> Replies:
    """Points become shares of their scale, so that dimensions on different scales weigh alike."""
    spans = np.array([scales[d][1] - scales[d][0] for d in pair.dimensions])
    pooled = np.vstack([pair.now, pair.before]) / spans
    missing = np.isnan(pooled)
    counts = np.maximum(1, (~missing).sum(axis=0))
    means = np.where(missing, 0.0, pooled).sum(axis=0) / counts
    table = np.stack([np.where(missing, means, pooled), missing], axis=1)
    return Replies(now=table[: len(pair.now)], before=table[len(pair.now) :])


def _is_scored(pair: _Pair) -> bool:
    """Whether some dimension has a score on both sides."""
    return bool((~np.isnan(pair.now).all(axis=0) & ~np.isnan(pair.before).all(axis=0)).any())


def _shift(pairs: Sequence[_Pair]) -> dict[str, Any]:
    """Over the scores that are there, on both sides."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for pair in pairs:
        for now, before in zip(pair.now.T, pair.before.T, strict=True):
            if not np.isnan(now).all() and not np.isnan(before).all():
                sums[pair.clip][0] += float(np.nanmean(now) - np.nanmean(before))
                sums[pair.clip][1] += 1
    table = np.array([sums[clip] for clip in sorted(sums)]).reshape(-1, 2)
    interval = cluster_bootstrap(table, lambda t: t[:, 0] / t[:, 1])
    return {"shift": interval.value, "low": interval.low, "high": interval.high}
