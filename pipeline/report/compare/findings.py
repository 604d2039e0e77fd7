"""What a comparison comes to, in sentences that a person can quote."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from schemas import CONSENSUS

Found = Mapping[str, Any]
HEADLINE = "pair_accuracy_ties_half"
FEW = 10  # prompts, below which intervals are too narrow


def findings(found: Found) -> list[str]:
    """The main sentences: labels, agreement with people, cost."""
    versions = [found[side]["dataset_version"] for side in ("old", "new")]
    same = versions[0] is not None and versions[0] == versions[1]
    lines = ["The tables of both hold the same rows."] if same else []
    people, few = _people(found["people"]), _few(found["labels"])
    return [*lines, *_labels(found), *people, *few, *_cost(found["cost"])]


def _labels(found: Found) -> Iterator[str]:
    if not sum(one["common"] for one in found["labels"]):
        yield _nothing(found)
    for one in found["labels"]:
        if one["common"]:
            name = str(one["dimension"]).replace("_", " ")
            yield (
                f"{name}: {one['flipped']['count']:,} of {one['common']:,} common pairs have another label, "
                f"{percent(one['flipped'])} over {one['prompts']:,} prompts: {one['reversed']['count']:,} "
                f"turned round, {one['to_tie']['count']:,} became a tie, {one['from_tie']['count']:,} no "
                f"longer are one{_kappa(one['kappa'])}."
            )


def _nothing(found: Found) -> str:
    prompts, clips = (found["common"][name]["common"] for name in ("prompts", "videos"))
    if not prompts:
        return "The two have no prompt in common, so no label can be compared."
    of_both = f"No labelled pair is in both, though prompts ({prompts:,}) are"
    if not clips:
        return f"{of_both}: each has its own clips of them, so no label can be compared."
    of_both = f"No labelled pair is in both, though prompts ({prompts:,}) and clips ({clips:,}) are"
    judged = [
        {one["dimension"] for one in found["labels"] if one[side]}
        for side in ("only_old", "only_new")
    ]
    apart = judged[0] and judged[1] and not judged[0] & judged[1]
    why = (
        "the two label other"
        if apart
        else "no two clips of a prompt are labelled in both on the same"
    )
    return f"{of_both}: {why} dimension{'s' if apart else ''}, so no label can be compared."


def _few(labels: Iterable[Found]) -> Iterator[str]:
    most = max((one["prompts"] for one in labels), default=0)
    if 0 < most < FEW:
        many = "1 prompt" if most == 1 else f"{most} prompts"
        yield f"The two have pairs of {many} in common: intervals over so few are too narrow."


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
            f"of the pairs as people do (a tie of its own counts half), then "
            f"{tenths(row['new']['value'])} %: {points(change)} points on the same "
            f"{row['n_items']:,} pairs{_holds_zero(change)}."
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
    return f"{text} [{tenths(row['low'])}, {tenths(row['high'])}]" if _has_interval(row) else text


def _has_interval(row: Found) -> bool:
    """Resamples that all come to one number, such as no flip at all, say nothing of how sure it is."""
    return row["low"] is not None and row["low"] != row["high"]


def points(row: Found) -> str:
    """``+1.8 [−0.4, +4.0]``: a difference of shares, in points."""
    if row["value"] is None:
        return "undefined"
    text = tenths(row["value"], "+")
    ends = [tenths(row[key], "+") for key in ("low", "high")] if _has_interval(row) else []
    return f"{text} [{', '.join(ends)}]" if ends else text


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
