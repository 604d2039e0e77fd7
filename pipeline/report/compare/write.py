"""Writes the page that holds two runs side by side, with all that it shows."""

import dataclasses
from pathlib import Path
from typing import Any

from pipeline.audit.measures.measure import Resampling
from pipeline.report.compare.cards import shown_flips
from pipeline.report.compare.findings import findings
from pipeline.report.compare.labels import generator_changes, label_changes
from pipeline.report.compare.money import cost, failures, health
from pipeline.report.compare.pairs import CommonPairs, common_pairs
from pipeline.report.compare.people import audits_beside, people_differences
from pipeline.report.compare.runs import common_rows, identity, rubrics
from pipeline.report.compare.scores import score_changes
from pipeline.report.compare.sides import Side, open_sides
from pipeline.report.media import Media
from pipeline.report.pages import COMPARE, write_pages, write_script
from pipeline.report.replacing import check_replaceable, replaced
from pipeline.report.tables import simulated_kinds


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The page, and what it says in sentences."""

    page: Path
    findings: tuple[str, ...]


def write_comparison(
    old: Path, new: Path, output: Path, *, how: Resampling | None = None
) -> Written:
    """Write ``output/compare.html`` anew: what changed from the run in ``old`` to that in ``new``.

    The folder holds everything that the page shows, and may be moved. Raises
    :class:`schemas.options.SetupError` for a folder that is no complete run, the same folder twice, and an
    ``output`` that holds anything but such a comparison. An older page stays until the new one is whole.
    """
    sides = open_sides(old, new)
    target = output.expanduser().resolve()
    check_replaceable(target, COMPARE.file, "a comparison of two runs")
    pairs = common_pairs(*sides)
    found = compared(*sides, pairs, how or Resampling())
    with replaced(target) as folder:
        medias = [Media(layout=side.layout, folder=folder, contained=True) for side in sides]
        found["flips"] = shown_flips(pairs, *sides, medias)
        write_script(folder, "compare.js", "compare", found)
        simulated = dict.fromkeys(word for side in sides for word in simulated_kinds(side.layout))
        write_pages(
            folder,
            [COMPARE],
            simulated=list(simulated),
            of=" → ".join(side.folder for side in sides),
        )
    return Written(page=target / COMPARE.file, findings=tuple(found["findings"]))


def compared(old: Side, new: Side, pairs: CommonPairs, how: Resampling) -> dict[str, Any]:
    """Every number of the page, as JSON values."""
    found: dict[str, Any] = {
        "old": identity(old),
        "new": identity(new),
        "common": common_rows(old, new),
        "rubrics": rubrics(old, new),
        "labels": label_changes(pairs, how),
        "generators": generator_changes(pairs, how),
        "people": people_differences(old, new, how),
        "audits": audits_beside(old, new),
        "scores": score_changes(old, new, how),
        "cost": {"old": cost(old), "new": cost(new)},
        "health": health(old, new),
        "failures": failures(old, new),
        "resampling": dataclasses.asdict(how),
    }
    return {**found, "findings": findings(found)}
