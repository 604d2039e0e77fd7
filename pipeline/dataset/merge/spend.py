"""What a merged dataset cost: the spend of every run that it was made of, each of them once."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.dataset.merge.sources import Source
from schemas.ids import canonical_json

SUMS = ("requests", "input_tokens", "output_tokens", "lost_requests")
MONEY = ("usd", "lost_usd")
Names = Mapping[str, str]  # of annotators: in a run -> in the output
Bought = tuple[Mapping[str, Any], Names]


def bought(
    sources: Sequence[Source], renamed: Sequence[Names]
) -> tuple[list[Mapping[str, Any]], list[Names]]:
    """Spend, and other names of annotators, of every run that a merge was made of: of a merged dataset
    those of its own runs. A run that is there twice, by ``run_id`` and by what it spent, counts once."""
    found: dict[str, Bought] = {}
    for source, names in zip(sources, renamed, strict=True):
        for run_id, one in _runs(source.record, names):
            found.setdefault(canonical_json([run_id, one[0]]), one)
    return [spend for spend, _ in found.values()], [names for _, names in found.values()]


def _runs(record: Mapping[str, Any], names: Names) -> Iterator[tuple[Any, Bought]]:
    """``record``: of a dataset, or what a merged one says of a run that it was made of."""
    parts = record.get("merged_from") or ()
    if not parts or any("spend" not in one for one in parts):
        yield record.get("run_id"), (record.get("spend") or {}, names)
        return
    for one in parts:
        yield from _runs(one, _through(one.get("renamed") or {}, names))


def _through(inner: Names, outer: Names) -> Names:
    """Names in a part's run -> in the output, by way of the merged dataset that the run went into."""
    kept = {old: new for old, new in outer.items() if old not in inner}
    return {**kept, **{old: outer.get(new, new) for old, new in inner.items()}}


def spend_of(
    spends: Sequence[Mapping[str, Any]], renamed: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    """What all runs spent. An amount that one of them does not know is not known.

    What a run reused of another's replies it had not paid for, so nothing is counted twice.
    """
    totals = [spend.get("all_runs") or spend for spend in spends]
    by_annotator: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for spend, names in zip(spends, renamed, strict=True):
        for annotator, one in (spend.get("by_annotator") or {}).items():
            by_annotator[names.get(annotator, annotator)].append(one)
    found = {
        **_sum(totals),
        "by_annotator": {annotator: _sum(given) for annotator, given in by_annotator.items()},
        "all_runs": _sum(totals),
    }
    if spends and all("by_purpose" in spend for spend in spends):
        found["by_purpose"] = _purposes(spends, renamed)
    clips = [s["clips_of_all_runs"] for s in spends if s.get("clips_of_all_runs")]
    return {**found, "clips_of_all_runs": _sum(clips)} if clips else found


def _purposes(
    spends: Sequence[Mapping[str, Any]], renamed: Sequence[Names]
) -> dict[str, dict[str, Any]]:
    """Account -> purpose -> what all runs spent on it."""
    given: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for spend, names in zip(spends, renamed, strict=True):
        for account, own in spend["by_purpose"].items():
            purposes = given.setdefault(names.get(account, account), defaultdict(list))
            for purpose, one in own.items():
                purposes[purpose].append(one)
    return {
        account: {purpose: _sum(many, digits=12) for purpose, many in own.items()}
        for account, own in given.items()
    }


def _sum(given: Sequence[Mapping[str, Any]], digits: int = 6) -> dict[str, Any]:
    counted = {name: sum(one.get(name) or 0 for one in given) for name in SUMS}
    money = {
        name: round(sum(one.get(name, 0.0) for one in given), digits)
        if all(one.get(name, 0.0) is not None for one in given)
        else None
        for name in MONEY
    }
    return {**money, **counted}
