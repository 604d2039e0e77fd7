"""The sentinels of a run in plain values: for judges.json, the report and the terminal."""

from collections.abc import Sequence
from typing import Any

from pipeline.sentinels.occasions import Occasion
from pipeline.sentinels.options import SentinelOptions
from pipeline.sentinels.verdict import Verdict, most_telling, verdicts


def verdicts_of(
    occasions: Sequence[Occasion], options: SentinelOptions, n_tests: int
) -> list[Verdict]:
    """Of all occasions of a run together: they share ``alpha``."""
    findings = [finding for one in occasions for finding in one.findings]
    return verdicts(findings, alpha=options.alpha, n_tests=n_tests)


def summary_of(
    occasions: Sequence[Occasion], options: SentinelOptions, n_tests: int
) -> dict[str, Any] | None:
    """One row per annotator; None where no occasion was ended."""
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
        "judges": [_row(many) for many in _by_judge(found).values()],
    }


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
