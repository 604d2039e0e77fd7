"""What a DoFn counts: Beam's metrics, which every runner shows, and the launcher's live display.

The metrics' namespace is the stage, or stage/annotator; their names carry the unit. Of items: ``done``,
``skipped`` (not applicable, not recorded), ``failed`` and, of those without a row, ``failed_REASON``;
``attempted`` is their sum. Of replies and money: see :class:`annotators.told.Told`; money in whole
micro-USD, for a counter holds whole numbers. Distributions: ``request_ms``, ``decode_ms``, ``item_ms``.
"""

import functools
import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import apache_beam as beam
from apache_beam.metrics import Metrics

from annotators.log import FirstFew
from annotators.told import Told
from pipeline.progress import NUMBERS, Counts, Spread, Ticker
from schemas import HARMLESS, Failure

UNIT = 1_000_000  # micro-USD of a US dollar
REASON = "failed_"
_TOLD = ("asked", "cached", "bought", "missing", "requests", "input_tokens", "output_tokens",
         "written_bytes", "attempts_failed")  # fmt: skip


class Counting:
    """Counters of one stage, or of one annotator in it. Opened in ``setup``, in the worker.

    Annotators tell from threads of their own what they did (:meth:`tell` may be called on any thread);
    Beam's metrics belong to the bundle, so they are counted when the DoFn next calls :meth:`count` or
    :meth:`flush`. What was told of a bundle that is given up is told once: the money was spent once, too.
    """

    def __init__(self, namespace: str, progress: str) -> None:
        self._ticker = Ticker(progress, namespace)
        self._counter = functools.cache(functools.partial(Metrics.counter, namespace))
        self._distribution = functools.cache(functools.partial(Metrics.distribution, namespace))
        self._told: deque[Told] = deque()
        stage, _, annotator = namespace.partition("/")
        who = {"annotator": annotator} if annotator else {}
        self._failing = FirstFew(logging.WARNING, "failure", stage=stage, **who)
        self._owed_usd = 0.0  # of a micro-USD, not counted yet

    @property
    def tell(self) -> Any:
        """Takes a :class:`~annotators.told.Told`, on any thread."""
        return self._told.append

    def count(self, outcome: Any, **took_ms: float) -> None:
        """A record or a Failure is there, and how long it took: ``decode_ms=12.5``."""
        self._drain()
        reason = outcome.reason if isinstance(outcome, Failure) else None
        self._add("attempted", 1)
        if reason is None:
            self._add("done", 1)
        else:
            self._add("skipped" if reason in HARMLESS else "failed", 1)
            self._counter(f"{REASON}{reason}").inc()
            if reason not in HARMLESS:  # its message may quote a judge: the table has it
                self._failing.say(str(reason), f"{outcome.key}: {reason}", key=outcome.key)
            reasons = self._ticker.counts.reasons
            reasons[str(reason)] = reasons.get(str(reason), 0) + 1
        for name, ms in took_ms.items():
            self._took(name, ms)
        self._ticker.tick()

    def flush(self) -> None:
        """Everything that was told so far is counted, and the display sees it: at the end of a bundle."""
        self._drain()
        self._ticker.flush()

    def _drain(self) -> None:
        while self._told:
            self._enter(self._told.popleft())

    def _enter(self, told: Told) -> None:
        for name in _TOLD:
            self._add(name, getattr(told, name))
        if told.usd is None:
            self._add("unpriced", told.requests)
        self._owed_usd += (told.usd or 0.0) * UNIT
        whole = int(self._owed_usd + 1e-6)  # a sum of decimal fractions may lie a hair below
        self._add("cost_microusd", whole)
        self._owed_usd -= whole
        if told.request_ms is not None:
            self._took("request_ms", told.request_ms)

    def _add(self, name: str, n: int) -> None:
        if n:
            self._counter(name).inc(n)
            if name != "attempted":  # the sum of three others, here
                counts = self._ticker.counts
                setattr(counts, name, getattr(counts, name) + n)

    def _took(self, name: str, ms: float) -> None:
        self._distribution(name).update(round(ms))
        self._ticker.counts.spread(name).add(round(ms))


class Counted(beam.DoFn):
    """A plain function of one element that gives no row, counted: how many, and how long each took."""

    def __init__(self, work: Callable[[Any], Any], stage: str, progress: str) -> None:
        self._work, self._stage, self._progress = work, stage, progress

    def setup(self) -> None:
        self._counting = Counting(self._stage, self._progress)

    def process(self, element: Any) -> None:
        began = time.monotonic()
        self._work(element)
        self._counting.count(element, item_ms=1000 * (time.monotonic() - began))

    def finish_bundle(self) -> None:
        self._counting.flush()


def counts_of(metrics: Any) -> dict[str, Counts]:
    """The counts per stage of a job, from ``result.metrics()``; empty where it has none of ours.

    By namespace and name, for engines rename steps; ``committed`` where there is any, for some engines
    tell no ``attempted``, and what a bundle that was given up attempted is attempted again.
    """
    found: dict[str, Counts] = {}
    queried = metrics.query()
    for one in queried["counters"]:
        counts = found.setdefault(one.key.metric.namespace, Counts())
        _count(counts, one.key.metric.name, int(_value(one) or 0))
    for one in queried["distributions"]:
        value = _value(one)
        if value is not None and one.key.metric.name.endswith("_ms"):
            counts = found.setdefault(one.key.metric.namespace, Counts())
            counts.spread(one.key.metric.name).__iadd__(
                Spread(n=value.count, sum=value.sum, least=value.min, most=value.max)
            )
    return {stage: counts for stage, counts in found.items() if counts != Counts()}


def _value(one: Any) -> Any:
    return one.attempted if one.committed is None else one.committed


def _count(counts: Counts, name: str, n: int) -> None:
    if name in NUMBERS:
        setattr(counts, name, getattr(counts, name) + n)
    elif name.startswith(REASON):
        reason = name.removeprefix(REASON)
        counts.reasons[reason] = counts.reasons.get(reason, 0) + n
