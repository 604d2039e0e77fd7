"""What a comparison comes to, in sentences that a person can quote."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from schemas import CONSENSUS

Found = Mapping[str, Any]
HEADLINE = "pair_accuracy_ties_half"


def findings(found: Found) -> list[str]:
    """The main sentences: labels, agreement with people, cost."""
    versions = [found[side]["dataset_version"] for side in ("old", "new")]
    same = versions[0] is not None and versions[0] == versions[1]
    lines = ["The tables of both hold the same rows."] if same else []
    return [*lines, *_labels(found), *_people(found["people"]), *_cost(found["cost"])]


def _labels(found: Found) -> Iterator[str]:
    if not sum(one["common"] for one in found["labels"]):
        yield _nothing(found["common"])
    for one in found["labels"]:
        if one["common"]:
            name = str(one["dimension"]).replace("_", " ")
            yield (
                f"{name}: {one['flipped']['count']:,} of {one['common']:,} common pairs have another label, "
                f"{percent(one['flipped'])} over {one['prompts']:,} prompts: {one['reversed']['count']:,} "
                f"turned round, {one['to_tie']['count']:,} became a tie, {one['from_tie']['count']:,} no "
                f"longer are one{_kappa(one['kappa'])}."
            )


def _nothing(common: Found) -> str:
    if not common["prompts"]["common"]:
        return "The two have no prompt in common, so no label can be compared."
    return (
        f"No pair of clips is in both, though prompts ({common['prompts']['common']:,}) and clips "
        f"({common['videos']['common']:,}) are: no prompt has two judged clips in common, so no label can "
        "be compared."
    )


def _kappa(row: Found) -> str:
    return "" if row["value"] is None else f"; κ {row['value']:.2f}".replace("-", "−")


def _people(people: Found) -> Iterator[str]:
    for row in people["rows"]:
        if (row["annotator"], row["statistic"]) != (CONSENSUS, HEADLINE) or row["old"][
            "value"
        ] is None:
            continue
        change = row["change"]
        yield (
            f"{row['dimension'].replace('_', ' ')}: the consensus orders {tenths(row['old']['value'])} % "
            f"of the pairs as people do, then {tenths(row['new']['value'])} %: {points(change)} points on "
            f"the same {row['n_items']:,} pairs{_holds_zero(change)}."
        )


def _holds_zero(change: Found) -> str:
    if change["low"] is None or not change["low"] <= 0 <= change["high"]:
        return ""
    return "" if change["low"] == change["high"] else "; the interval holds zero"


def _cost(cost: Found) -> Iterator[str]:
    old, new = (cost[side]["all_runs"]["usd"] for side in ("old", "new"))
    each = [cost[side]["usd_per_verdict"] for side in ("old", "new")]
    if old != new or old is None or each[0] != each[1]:
        yield (
            f"Spent: {usd(old)}, then {usd(new)}; per usable verdict {usd(each[0])}, then {usd(each[1])}."
        )


def percent(row: Found) -> str:
    """``10.3 % [8.9, 11.8]``, the interval only where there is one."""
    if row["value"] is None:
        return "undefined"
    text = f"{tenths(row['value'])} %"
    return text if row["low"] is None else f"{text} [{tenths(row['low'])}, {tenths(row['high'])}]"


def points(row: Found) -> str:
    """``+1.8 [−0.4, +4.0]``: a difference of shares, in points."""
    if row["value"] is None:
        return "undefined"
    value, low, high = (row[key] and tenths(row[key], "+") for key in ("value", "low", "high"))
    text = value or "0.0"
    return text if row["low"] is None else f"{text} [{low or '0.0'}, {high or '0.0'}]"


def tenths(share: float, sign: str = "-") -> str:
    """A share in percent with one digit, halves upwards as the page's own numbers; no minus zero."""
    tenth = math.floor(abs(1000 * share) + 0.5) / 10
    text = f"{math.copysign(tenth, share) if tenth else 0.0:{sign if tenth else ''}.1f}"
    return text.replace("-", "−")


def usd(value: float | None) -> str:
    """An amount, with four places where it is small."""
    if value is None:
        return "unknown"
    return f"${value:.4f}" if 0 < value < 1 else f"${value:,.2f}"
