"""The sentinels of a run in plain values: for judges.json, the report and the terminal."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline.sentinels.compare import shift_between
from pipeline.sentinels.occasions import Occasion
from pipeline.sentinels.options import SentinelOptions
from pipeline.sentinels.record import Record
from pipeline.sentinels.verdict import Verdict, most_telling, verdicts


def verdicts_of(
    occasions: Sequence[Occasion], options: SentinelOptions, n_tests: int
) -> list[Verdict]:
    """Of all occasions of a run together: they share ``alpha``."""
    findings = [finding for one in occasions for finding in one.findings]
    return verdicts(findings, alpha=options.alpha, n_tests=n_tests)


def summary_of(
    occasions: Sequence[Occasion],
    options: SentinelOptions,
    n_tests: int,
    records: Mapping[str, Sequence[Record]] | None = None,
) -> dict[str, Any] | None:
    """One row per annotator; None where no occasion was ended.

    ``records``: by annotator, all that its history holds, the oldest first; each row then has a
    ``series`` of them.
    """
    found = verdicts_of(occasions, options, n_tests)
    if not found:
        return None
    return {
        "clips": max(one.n_clips for one in occasions),
        "draws": options.draws,
        "alpha": options.alpha,
        "tests": n_tests,
        "occasions": [
            {"occasion": one.occasion, "wave": one.wave, "time": one.time}
            for one in occasions
            if one.findings
        ],
        "judges": [
            {
                **_row(many),
                "series": series_of(
                    (records or {}).get(name, ()), {one.finding.occasion for one in many}
                ),
            }
            for name, many in _by_judge(found).items()
        ],
    }


def series_of(
    records: Sequence[Record], own: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Every occasion of one judge against the first of them, the oldest first.

    ``own``: those of the run; others, which a shared history may hold, are left out where they asked
    nothing that these did. None: all are of the run.

    ``{"occasion", "time", "run", "wave", "mean", "n_scores", "shift", "low", "high", "n_clips"}``:
    ``mean`` of all scores in points, ``shift`` the mean over clips and dimensions of the score then
    minus that of the first occasion, on the questions that both asked, with its 95 % interval (clips
    resampled); of the first occasion it is 0 by definition, without an interval.
    """
    own = {record.occasion for record in records} if own is None else own
    asked = frozenset().union(*(r.questions for r in records if r.occasion in own))
    records = [r for r in records if r.occasion in own or r.questions & asked]
    first = next((record for record in records if record.questions), None)
    found = []
    for record in records:
        scores = [r.score for r in record.readings if r.score is not None]
        against = shift_between(record, first or record)
        if record is first:
            against |= {"low": None, "high": None}
        found.append(
            {
                "occasion": record.occasion,
                "time": record.time,
                "run": record.run,
                "wave": record.wave,
                "mean": sum(scores) / len(scores) if scores else None,
                "n_scores": len(scores),
                **against,
            }
        )
    return found


def lines_of(occasions: Sequence[Occasion], options: SentinelOptions, n_tests: int) -> list[str]:
    """One sentence per annotator, of its most telling occasion."""
    by = _by_judge(verdicts_of(occasions, options, n_tests))
    return [f"  sentinels, {name}: {most_telling(many).said}" for name, many in by.items()]


def _by_judge(found: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    by: dict[str, list[Verdict]] = {}
    for one in found:
        by.setdefault(one.finding.annotator, []).append(one)
    return by


def _row(many: Sequence[Verdict]) -> dict[str, Any]:
    """The numbers are those of the most telling occasion, ``changed`` and ``models`` of all.

    ``able``: whether there were ever replies enough to see a change; without it ``changed: false``
    says nothing.
    """
    told = most_telling(many)
    found = told.finding
    return {
        "annotator": found.annotator,
        "occasion": found.occasion,
        "changed": any(one.changed for one in many),
        "able": any(one.able for one in many),
        "p": found.p,
        "p_adjusted": told.p_adjusted,
        "shift": found.shift,
        "low": found.low,
        "high": found.high,
        "n_clips": found.n_clips,
        "occasions": len(many),
        "models": sorted({model for one in many for model in one.finding.models}),
        "new_models": sorted({model for one in many for model in one.finding.new_models}),
        "said": told.said,
    }
