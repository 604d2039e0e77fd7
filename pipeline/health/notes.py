"""What the figures say in words: one sentence for each thing that a user must know of a judge."""

from collections.abc import Sequence

from pipeline.health.bias import LEVEL, MATTERS, Tested
from pipeline.health.measure import Row
from pipeline.health.names import ALL

FAILS = {"refusal_rate": "refuses", "parse_failure_rate": "gives no readable verdict on"}

Rows = Sequence[Row]


def notes_of(
    rows: Rows, tests: Sequence[Tested], copied: Rows, annotators: Sequence[str]
) -> list[str]:
    """Findings, the gravest first. ``copied`` are rows of the share of items with equal draws."""
    whole = [row for row in rows if row["dimension"] == ALL and row["generator"] == ALL]
    return [
        *_silent(whole, annotators),
        *_bias(tests),
        *_position(whole),
        *_copies(copied),
        *_unpriced(whole),
    ]


def _silent(whole: Rows, annotators: Sequence[str]) -> list[str]:
    """Judges without a row: they owed nothing."""
    known = {row["annotator"] for row in whole}
    return [
        f"{name} has neither verdicts nor failures." for name in annotators if name not in known
    ]


def _bias(tests: Sequence[Tested]) -> list[str]:
    """Failures that fall on one generator: what is left of its clips is a selection."""
    return [
        f"Selection bias: {t.annotator} {FAILS[t.statistic]} {_percent(t.share)} of the verdicts on"
        f" clips of {t.generator} and {_percent(t.others)} of those on other clips of the same"
        f" prompts ({t.n_prompts:,} prompts, Holm-adjusted p {_p(t.p_adjusted)} over {len(tests)}"
        f" tests): its scores of {t.generator} are of the clips that it did judge."
        for t in tests
        if t.p_adjusted < LEVEL and t.share - t.others >= MATTERS
    ]


def _position(whole: Rows) -> list[str]:
    by = {(row["annotator"], row["statistic"]): row for row in whole}
    notes = []
    for (annotator, statistic), row in by.items():
        if statistic != "first_position_rate" or row["low"] is None:
            continue
        expected = by[annotator, "first_position_expected"]["value"]
        if row["low"] <= expected <= row["high"]:
            continue
        consistent = by.get((annotator, "position_consistency"))
        also = (
            ""
            if consistent is None
            else (
                f"; it prefers the same clip in every order on {_percent(consistent['value'])} of items"
            )
        )
        notes.append(
            f"Position bias: {annotator} picks the clip shown first in {_interval(row)} of its"
            f" decided comparisons, where {_percent(expected)} is expected{also}."
        )
    return notes


def _copies(copied: Rows) -> list[str]:
    return [
        f"{row['annotator']} says word for word the same in all draws of {_percent(row['value'])} of"
        " items: such draws are one answer, copied (greedy decoding, or a cache of the provider),"
        " and averaging them gains nothing."
        for row in copied
        if row["dimension"] == ALL and row["generator"] == ALL and row["value"] >= 0.5
    ]


def _unpriced(whole: Rows) -> list[str]:
    return [
        f"What a verdict of {row['annotator']} costs is unknown: a reply of it has no price."
        for row in whole
        if row["statistic"] == "cost_per_verdict_usd" and row["value"] is None
    ]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _interval(row: Row) -> str:
    return f"{_percent(row['value'])} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"
