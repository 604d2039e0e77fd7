"""What the card says of leaks between splits: counts that are zero where nothing leaks."""

from collections.abc import Mapping
from typing import Any

from pipeline.preference.leaks import split_facts
from schemas.layout import Layout

Row = dict[str, Any]
_OVERLAPS = {
    "prompts": "prompts with pairs in two splits",
    "words": "prompts with the same words as one in another split",
    "near_duplicates": "prompts with nearly the words of one in another split",
    "contents": "clip contents (SHA-256) in pairs of two splits",
    "held_out_generators": "pairs with a clip of a held-out generator outside `test`",
}


def leak_facts(layout: Layout) -> Row | None:
    """For the template; None where no prompt has a split.

    ``rows``: ``what`` and ``count``, None where it was not looked for. ``found``: whether one is not
    zero. ``rule``: sentences on how prompts were split and how many were left out.
    """
    facts = split_facts(layout)
    counts = {name: n for name, n in facts["counts"].items() if name != "left_out"}
    if not any(counts.values()):
        return None
    rows = [{"what": what, "count": facts["overlap"][key]} for key, what in _OVERLAPS.items()]
    return {
        "rows": rows,
        "found": any(row["count"] for row in rows),
        "counts": counts,
        "rule": [*_rule(facts), *_left_out(facts)],
    }


def _rule(facts: Mapping[str, Any]) -> list[str]:
    rule = facts["rule"]
    said = []
    if rule["near_duplicates"] is not None:
        said.append(
            f"Prompts whose words are at least {rule['near_duplicates']:g} alike count as nearly the same."
        )
    if rule["held_out_generators"]:
        said.append(f"Generators held out for the test: {', '.join(rule['held_out_generators'])}.")
    apart = any(facts["overlap"][name] for name in ("words", "near_duplicates", "contents"))
    whole = "" if apart else "; each stands in one split"
    if facts["groups"]:
        said.append(
            f"Groups of related prompts: {facts['groups']:,}, the largest of "
            f"{facts['largest_group']:,} prompts{whole}."
        )
    if not rule["decided"]:
        said.append("The set was not split by this rule: it is only held against it here.")
    return said


def _left_out(facts: Mapping[str, Any]) -> list[str]:
    said = []
    if facts["left_out"]:
        why = ", ".join(f"{n:,} {reason}" for reason, n in facts["left_out"].items())
        said.append(f"Prompts left out of every split, because they would join two: {why}.")
    elif facts["counts"]["left_out"]:
        said.append(
            f"Prompts in no split, because they have no pairs: {facts['counts']['left_out']:,}."
        )
    if facts["unpaired_clips"]:
        said.append(
            "Clips in no pair, because their content stands under prompts of two splits: "
            f"{facts['unpaired_clips']:,}."
        )
    return said
