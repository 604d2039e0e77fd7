"""What VideoRM's page says first: is the temporal model better than its control, and how sure is that?

Sentences from the rows of ``metrics.json``. A difference is only called one where its whole interval
lies on one side of zero.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

ALL, CONTROL, CEILING, ANNOTATOR = "all", "per_frame", "human_ceiling", "annotator"
NAMES = {
    "videorm": "VideoRM",
    "shift": "the shift alone",
    "transformer": "the head over frames alone",
    CONTROL: "the per-frame control",
}
TARGETS = {
    "raters": "the raters (each left out in turn, held against the mean of the others)",
    "votes": "people's votes (each left out in turn, held against the majority of the others)",
    ANNOTATOR: "the annotator's labels",
}
FEW = 10  # prompts, below which intervals are too narrow
ORDER = ("raters", "votes", ANNOTATOR)  # people first
TAUGHT = {  # by which labels the model was trained on
    "machine": "The annotator, whose labels it was trained on,",
    "human": "The annotator, whose labels it was not trained on,",
    "both": "The annotator, whose labels it was trained on beside people's,",
}


def findings(metrics: Row) -> list[dict[str, Any]]:
    """``{"against", "split", "verdict", "headline", "more"}`` for each target, people before labels.

    ``verdict``: ``better``, ``worse``, ``open`` (the interval holds zero), ``few`` of fewer prompts
    than ``FEW``, or ``unknown`` where there is no control or no interval. A sentence whose numbers are not
    there is left out. ``labels`` of the metrics names what the model was trained on (a key of ``TAUGHT``).
    """
    rows = metrics.get("accuracy") or []
    arm = main_arm(metrics)
    targets = dict.fromkeys((row["against"], row["split"]) for row in rows)
    found = []
    for against, split in sorted(targets, key=lambda t: (_place(t[0]), t[1])):
        own = [r for r in rows if (r["against"], r["split"]) == (against, split)]
        gaps = [
            r
            for r in metrics.get("differences") or []
            if (r["against"], r["split"], r["arm"]) == (against, split, arm)
        ]
        if (row := _find(own, arm)) is not None and row["value"] is not None:
            taught = TAUGHT[metrics.get("labels") or "machine"]
            found.append(_finding(against, split, arm, row, own, gaps, taught))
    return found


def main_arm(metrics: Row) -> str:
    """The model that the page is about: the one that the differences are of, else the first."""
    for row in metrics.get("differences") or []:
        return str(row["arm"])
    return next(iter(metrics.get("arms") or {}), "videorm")


def _finding(
    against: str,
    split: str,
    arm: str,
    row: Row,
    rows: Sequence[Row],
    gaps: Sequence[Row],
    taught: str,
) -> dict[str, Any]:
    gap = _find(gaps, CONTROL, "minus")
    more = (
        _dimensions(gaps),
        _ceiling(arm, row, rows, gaps),
        _teacher(arm, row, rows, gaps, taught),
        _few(row),
    )
    return {
        "against": against,
        "split": split,
        "verdict": "few" if gap is not None and _is_few(row) else _verdict(gap),
        "headline": _headline(against, split, arm, row, _find(rows, CONTROL), gap),
        "more": [sentence for sentence in more if sentence],
    }


def _headline(
    against: str, split: str, arm: str, row: Row, control: Row | None, gap: Row | None
) -> str:
    who, where = _name(arm), "" if split == "test" else f" on the {split} prompts"
    told = f"it orders {percent(row)} of {_many(row, 'pair')} of {_many(row, 'prompt')} as they do"
    if gap is None or control is None or gap["value"] is None:
        why = (
            "it sees every frame by itself, so this says nothing of what seeing time adds."
            if arm == CONTROL
            else "no per-frame control was trained beside it, so what seeing time adds is not known."
            if control is None
            else "its difference from the per-frame control was not measured."
        )
        return _upper(
            f"against {TARGETS.get(against, against)}{where} {told.replace('it', who, 1)}; {why}"
        )
    verdict = {
        "better": f"{who} is better than its per-frame control",
        "worse": f"{who} is worse than its per-frame control",
        "open": f"{who} is not shown to differ from its per-frame control",
        "unknown": f"{who} beside its per-frame control: no interval, so nothing is shown",
    }[_verdict(gap)]
    if _is_few(row):
        verdict = f"{who} beside its per-frame control: too few prompts to tell the two apart"
    return _upper(
        f"{verdict} against {TARGETS.get(against, against)}{where}: {told}, the control"
        f" {percent(control)}; the difference on the same pairs is {points(gap)}"
        f"{_hedge(gap)}."
    )


def _dimensions(gaps: Sequence[Row]) -> str:
    """The difference from the control by dimension, where there are several."""
    own = [r for r in gaps if r["minus"] == CONTROL and r["dimension"] != ALL]
    parts = [r for r in own if r["value"] is not None]
    if len(parts) < 2:
        return ""
    said = [
        f"{r['dimension'].replace('_', ' ')} {points(r)} (n = {r['n_pairs']:,}){_hedge(r)}"
        for r in parts
    ]
    return f"By dimension: {'; '.join(said)}."


def _ceiling(arm: str, row: Row, rows: Sequence[Row], gaps: Sequence[Row]) -> str:
    """Where one rater stands, and how far from it the model is."""
    ceiling = _find(rows, CEILING)
    if ceiling is None or ceiling["value"] is None:
        return ""
    text = f"One rater, held against the others, reaches {percent(ceiling)}: the human ceiling. "
    gap = _find(gaps, CEILING, "minus")
    return text + _upper(f"{_name(arm)} is {_from(gap, row, ceiling, 'it')}.")


def _teacher(arm: str, row: Row, rows: Sequence[Row], gaps: Sequence[Row], taught: str) -> str:
    """The annotator held against the same people, and whether the model learnt from it."""
    teacher = _find(rows, ANNOTATOR)
    if teacher is None or teacher["value"] is None:
        return ""
    gap = _find(gaps, ANNOTATOR, "minus")
    return (
        f"{taught} reaches {percent(teacher)}:"
        f" {_name(arm)} is {_from(gap, row, teacher, 'the annotator')}."
    )


def _from(gap: Row | None, row: Row, other: Row, whom: str) -> str:
    """How far below or above another; without a paired interval the difference alone."""
    if gap is not None and gap["value"] is None:
        gap = None
    value = row["value"] - other["value"] if gap is None else gap["value"]
    size = f"{abs(100 * value):.1f} points"
    where = "level with" if size == "0.0 points" else f"{size} {'below' if value < 0 else 'above'}"
    if gap is None or _verdict(gap) == "unknown":
        return f"{where} {whom} (no interval of the difference was kept)"
    return f"{where} {whom} [{_bound(gap['low'])}, {_bound(gap['high'])}]{_hedge(gap)}"


def _few(row: Row) -> str:
    return (
        f"Of {_many(row, 'prompt')}: intervals over so few are too narrow." if _is_few(row) else ""
    )


def _is_few(row: Row) -> bool:
    return bool(row["n_prompts"] < FEW)


def _many(row: Row, what: str) -> str:
    n = row[f"n_{what}s"]
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def _verdict(gap: Row | None) -> str:
    if gap is None or gap.get("low") is None or gap.get("high") is None:
        return "unknown"
    return "better" if gap["low"] > 0 else "worse" if gap["high"] < 0 else "open"


def _hedge(gap: Row) -> str:
    return ", an interval that holds zero" if _verdict(gap) == "open" else ""


def percent(row: Row) -> str:
    """``75.3 % [73.5, 77.1]``, the interval only where there is one; ``undefined`` for null."""
    if row["value"] is None:
        return "undefined"
    text = f"{100 * row['value']:.1f} %"
    if row.get("low") is None or row.get("high") is None:
        return text
    return f"{text} [{100 * row['low']:.1f}, {100 * row['high']:.1f}]"


def points(row: Row) -> str:
    """``+8.8 points [+6.5, +11.0]`` of a difference of shares."""
    if row["value"] is None:
        return "undefined"
    text = f"{_bound(row['value'])} points"
    if row.get("low") is None or row.get("high") is None:
        return f"{text} (no interval)"
    return f"{text} [{_bound(row['low'])}, {_bound(row['high'])}]"


def _bound(value: float) -> str:
    text = f"{100 * value:+.1f}".replace("-", "\N{MINUS SIGN}")
    return "0.0" if text[1:] == "0.0" else text  # neither plus nor minus nothing


def _find(rows: Iterable[Row], name: str, field: str = "arm") -> Row | None:
    """The row of all dimensions together."""
    return next((r for r in rows if r[field] == name and r["dimension"] == ALL), None)


def _name(arm: str) -> str:
    return NAMES.get(arm, arm.replace("_", " "))


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def _place(against: str) -> int:
    return ORDER.index(against) if against in ORDER else len(ORDER)
