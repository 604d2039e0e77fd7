"""The audit in words: one sentence per dimension that a person can quote."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.audit.names import RATER
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

PASSES = 0.5  # share of raters from which the alternative annotator test is passed

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


def without_echo(audit: Mapping[str, Any]) -> Mapping[str, Any]:
    """The audit without the consensus where it only repeats the one annotator there is.

    Everything would stand twice, and "the nearest of two" would be said of a single judge.
    """
    rows = audit.get("rows", [])
    judges = {row["annotator"] for row in rows if _is_judge(row)}
    if len(judges) != 2 or CONSENSUS not in judges:
        return audit
    (other,) = judges - {CONSENSUS}
    own, theirs = _numbers(rows, CONSENSUS), _numbers(rows, other)
    if any(theirs.get(key) != number for key, number in own.items()):
        return audit
    kept = {name: _but_consensus(value) for name, value in audit.items()}
    scope = dict(audit.get("scope") or {})
    if "annotators" in scope:
        scope["annotators"] = [name for name in scope["annotators"] if name != CONSENSUS]
    note = f"the consensus is {other} alone, with the same numbers: it is not shown a second time"
    return {**kept, "scope": scope, "notes": [*(audit.get("notes") or []), note]}


def _numbers(rows: Sequence[Row], annotator: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Of every statistic, dimension and slice."""
    return {
        (row["statistic"], row["dimension"], row.get("slice")): tuple(
            row.get(name) for name in ("value", "low", "high", "n_items")
        )
        for row in rows
        if row["annotator"] == annotator
    }


def _but_consensus(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [
        one for one in value if not (isinstance(one, Mapping) and one.get("annotator") == CONSENSUS)
    ]


def headlines(audit: Mapping[str, Any]) -> list[str]:
    """One sentence per dimension: the annotator nearest to the raters, their ceiling, chance.

    The nearest of several is told as such, for the best of many looks better than it is; of equals it
    is the consensus, by which the pairs are made.
    A dimension on which no annotator has a pair accuracy gets no sentence.
    """
    audit = without_echo(audit)
    rows = [row for row in audit.get("rows", []) if is_whole(row) and row.get("value") is not None]
    dimensions = dict.fromkeys(row["dimension"] for row in rows)
    sentences = (headline(name, [r for r in rows if r["dimension"] == name]) for name in dimensions)
    return [sentence for sentence in sentences if sentence]


def findings(audit: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the page says first: ``{"dimension", "annotator", "headline", "more"}`` per dimension.

    ``more`` are sentences on the same annotator: how it stands to guessing and to the raters' ceiling,
    what the alternative annotator test says, and how it does where ties count. A sentence whose
    numbers are not there is left out, and so is a dimension without a headline.
    """
    rows = [row for row in audit.get("rows", []) if is_whole(row) and row.get("value") is not None]
    found = []
    for dimension in dict.fromkeys(row["dimension"] for row in rows):
        own = [row for row in rows if row["dimension"] == dimension]
        if best := _best(own):
            more = (_standing(best, own), _alternative(best, own), _with_ties(best, own))
            found.append(
                {
                    "dimension": dimension,
                    "annotator": best["annotator"],
                    "headline": headline(dimension, own),
                    "more": [sentence for sentence in more if sentence],
                }
            )
    return found


def headline(dimension: str, rows: Sequence[Row]) -> str:
    """The sentence of one dimension from its rows, empty where nothing can be said."""
    best = _best(rows)
    if best is None:
        return ""
    accuracy = [row for row in rows if row["statistic"] == best["statistic"]]
    judges = [row for row in accuracy if _is_judge(row)]
    among = f"; the nearest of {len(judges)} to them" if len(judges) > 1 else ""
    if len(enough := _enough(judges)) < len(judges):
        few = len(judges) - len(enough)
        among = f"{among}, {few} that judged less than half as many pairs left out"
    base = best["statistic"].removesuffix("_loo")
    # on the pairs that the annotator judged, where it left out some
    ceiling = _find(rows, f"{base}_ceiling", best["annotator"])
    theirs = [row for row in accuracy if not (ceiling and row["annotator"] == "human_ceiling")]
    own = [{**ceiling, "annotator": "human_ceiling"}] if ceiling else []
    return _sentence(dimension, best, [*own, *theirs], among)


def _best(rows: Sequence[Row]) -> Row | None:
    """The accuracy of the annotator nearest to the raters, None where there is none."""
    for statistic in HEADLINES:
        judges = [row for row in rows if row["statistic"] == statistic and _is_judge(row)]
        if judges:
            return max(_enough(judges), key=_rank)
    return None


def _enough(judges: Sequence[Row]) -> list[Row]:
    """Those with half as many pairs as any has, or more: a few that happen to be right say little."""
    most = max((row["n_items"] for row in judges), default=0)
    return [row for row in judges if 2 * row["n_items"] >= most]


def _is_judge(row: Row) -> bool:
    return row["annotator"] not in REFERENCES and not row["annotator"].startswith(RATER)


def _rank(row: Row) -> tuple[float, bool, str]:
    return row["value"], row["annotator"] == CONSENSUS, row["annotator"]


def _sentence(dimension: str, best: Row, accuracy: Sequence[Row], among: str) -> str:
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
    text = (
        f"On {dimension.replace('_', ' ')}, {best['annotator']} prefers the clip that the raters"
        f" prefer in {percent(best)} of pairs ({rule}; {best['n_items']:,} {unit},"
        f" {_people(best['n_raters'])}{among})"
    )
    return "; ".join([text, *others]) + "."


def _people(n: int) -> str:
    return f"{n} rater" if n == 1 else f"{n} raters"


def _find(rows: Sequence[Row], statistic: str, annotator: str) -> Row | None:
    return next(
        (r for r in rows if (r["statistic"], r["annotator"]) == (statistic, annotator)), None
    )


def _standing(best: Row, rows: Sequence[Row]) -> str:
    """Whether the interval tells the annotator from guessing, and how near the ceiling it comes."""
    low, high = best.get("low"), best.get("high")
    chance = _find(rows, best["statistic"], "chance")
    said = []
    if chance and low is not None and high is not None:
        where = "above" if low > chance["value"] else "below" if high < chance["value"] else ""
        said.append(
            f"its interval lies {where} guessing" if where else "its interval holds guessing"
        )
    base = best["statistic"].removesuffix("_loo")
    share = _find(rows, f"{base}_of_ceiling", best["annotator"])
    if share:
        said.append(f"it reaches {percent(share)} of what one rater reaches")
    text = "; ".join(said)
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _alternative(best: Row, rows: Sequence[Row]) -> str:
    """The verdict of the alternative annotator test on pairs, else on scores of clips."""
    for ending, unit in (("", "pairs"), ("_scores", "clips")):
        winning = _find(rows, f"alt_test_winning_rate{ending}", best["annotator"])
        advantage = _find(rows, f"alt_test_advantage{ending}", best["annotator"])
        if winning and advantage:
            verdict = "passes" if winning["value"] >= PASSES else "does not pass"
            beaten = round(winning["value"] * winning["n_raters"])
            return (
                f"Alternative annotator test: {best['annotator']} {verdict}. It may stand in for"
                f" {beaten} of {winning['n_raters']} raters ({percent(winning)}, where"
                f" {100 * PASSES:.0f} % are needed), and is at least as near to the others as a rater is"
                f" in {percent(advantage)} of {advantage['n_items']:,} {unit}."
            )
    return ""


def _with_ties(best: Row, rows: Sequence[Row]) -> str:
    """Accuracy where ties count, its threshold, and what calling everything a tie would reach."""
    name = "pair_accuracy_with_ties"
    accuracy = _find(rows, name, best["annotator"])
    if accuracy is None:
        return ""
    text = (
        f"Where ties count, {best['annotator']} says the same of better, worse and tie as the raters in"
        f" {percent(accuracy)} of {accuracy['n_items']:,} pairs, its tie threshold fitted on other prompts"
    )
    baseline = _find(rows, name, "all_tie") or _find(rows, "human_tie_share", best["annotator"])
    if baseline:
        text += f"; calling every pair a tie reaches {percent(baseline)}"
    bound = _find(rows, f"{name}_optimistic", best["annotator"])
    if bound:
        text += f"; a threshold fitted on the same pairs would show {percent(bound)}"
    return text + "."
