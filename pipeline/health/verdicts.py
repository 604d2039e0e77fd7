"""Figures of verdicts: how many failed and of what kind, and what a usable one costs."""

from collections.abc import Iterator

import numpy as np

from pipeline.health.items import Floats, Ints
from pipeline.health.kinds import NOT_APPLICABLE, OTHER_FAILURE, PARSE_FAILURE, REFUSAL, USABLE
from pipeline.health.measure import Measure
from pipeline.health.read import NO_REPLY, Verdicts

RATES = {
    "refusal_rate": REFUSAL,
    "parse_failure_rate": PARSE_FAILURE,
    "other_failure_rate": OTHER_FAILURE,
    "not_applicable_rate": NOT_APPLICABLE,
}


def verdict_measures(verdicts: Verdicts) -> Iterator[Measure]:
    """Shares of the verdicts owed that failed, by kind, then cost and tokens of a usable one."""
    items, owed = verdicts.items, np.ones(len(verdicts.kind))
    for statistic, kind in RATES.items():
        top = (verdicts.kind == kind).astype(float)
        yield Measure(statistic=statistic, items=items, top=top, bottom=owed)
    usable = (verdicts.kind == USABLE).astype(float)
    yield Measure(
        statistic="cost_per_verdict_usd",
        items=items,
        top=verdicts.cost,
        bottom=usable,
        share=False,
        whole=True,
    )
    replied = _of_annotators_with_replies(verdicts)
    yield Measure(
        statistic="output_tokens_per_verdict",
        items=items.take(replied),
        top=_tokens(verdicts)[replied],
        bottom=usable[replied],
        share=False,
        whole=True,
    )


def _of_annotators_with_replies(verdicts: Verdicts) -> Ints:
    """Verdicts of annotators that bought any reply: the others have no tokens to count."""
    asked = np.unique(verdicts.items.annotator[verdicts.reply != NO_REPLY])
    return np.flatnonzero(np.isin(verdicts.items.annotator, asked))


def _tokens(verdicts: Verdicts) -> Floats:
    """Output tokens of each verdict (N,): NaN where no row of its reply states any.

    A reply that answers several dimensions states its tokens on the first of them.
    """
    stated = np.isfinite(verdicts.tokens)
    known = (verdicts.reply == NO_REPLY) | np.isin(verdicts.reply, verdicts.reply[stated])
    return np.where(stated, verdicts.tokens, np.where(known, 0.0, np.nan))
