"""The audit in words: one sentence per dimension that a person can quote."""

from collections.abc import Mapping, Sequence
from typing import Any

from schemas import CONSENSUS

# Annotators and people are comparable only on targets that leave one rater out, so that statistic
# is quoted where there is one.
HEADLINES = ("pair_accuracy_ties_half_loo", "pair_accuracy_ties_half")
REFERENCES = {
    "human_ceiling": "one rater against the others",
    "chance": "guessing",
    "all_tie": "calling every pair a tie",
    "raters": "the raters",
}

Row = Mapping[str, Any]


def is_whole(row: Row) -> bool:
    """Whether a row is about all items rather than a slice of them."""
    return row.get("slice") in (None, "", "all", "overall")


def percent(row: Row) -> str:
    """``71.2 % [66.0, 76.1]``, the interval only where there is one; ``undefined`` for null."""
    if row.get("value") is None:
        return "undefined"
    text = f"{100 * row['value']:.1f} %"
    low, high = row.get("low"), row.get("high")
    if low is not None and high is not None and low < high:
        text += f" [{100 * low:.1f}, {100 * high:.1f}]"
    return text


def headlines(audit: Mapping[str, Any]) -> list[str]:
    """One sentence per dimension: the annotator nearest to the raters, their ceiling, chance.

    The nearest of several is told as such, for the best of many looks better than it is; of equals it
    is the consensus, by which the pairs are made.
    A dimension on which no annotator has a pair accuracy gets no sentence.
    """
    rows = [row for row in audit.get("rows", []) if is_whole(row) and row.get("value") is not None]
    dimensions = dict.fromkeys(row["dimension"] for row in rows)
    sentences = (headline(name, [r for r in rows if r["dimension"] == name]) for name in dimensions)
    return [sentence for sentence in sentences if sentence]


def headline(dimension: str, rows: Sequence[Row]) -> str:
    """The sentence of one dimension from its rows, empty where nothing can be said."""
    for statistic in HEADLINES:
        accuracy = [row for row in rows if row["statistic"] == statistic]
        judges = [row for row in accuracy if row["annotator"] not in REFERENCES]
        if judges:
            best = max(judges, key=_rank)
            return _sentence(dimension, best, accuracy, len(judges))
    return ""


def _rank(row: Row) -> tuple[float, bool, str]:
    return row["value"], row["annotator"] == CONSENSUS, row["annotator"]


def _sentence(dimension: str, best: Row, accuracy: Sequence[Row], n_judges: int) -> str:
    others = [
        f"{words} reaches {percent(row)}"
        for name, words in REFERENCES.items()
        for row in accuracy
        if row["annotator"] == name and name in ("human_ceiling", "chance")
    ]
    if best["statistic"].endswith("_loo"):
        rule, unit = (
            "each rater left out in turn, a tie of the annotator counts half",
            "pairs × raters",
        )
    else:
        rule, unit = "a tie of the annotator counts half", "pairs"
    among = f"; the nearest of {n_judges} to them" if n_judges > 1 else ""
    text = (
        f"On {dimension.replace('_', ' ')}, {best['annotator']} prefers the clip that the raters"
        f" prefer in {percent(best)} of pairs ({rule}; {best['n_items']:,} {unit},"
        f" {best['n_raters']} raters{among})"
    )
    return "; ".join([text, *others]) + "."
