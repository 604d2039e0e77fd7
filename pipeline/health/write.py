"""``judges.json``: what a user must know about each judge, one row per number."""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.health.between import agreement_rows
from pipeline.health.bias import selection_bias
from pipeline.health.draws import copies, draw_measures
from pipeline.health.items import join
from pipeline.health.measure import Measure, Row, rows_of
from pipeline.health.names import JUDGES, METHOD, STATISTICS
from pipeline.health.notes import notes_of
from pipeline.health.position import position_measures
from pipeline.health.read import Tables
from pipeline.health.verdicts import verdict_measures
from schemas.layout import Layout


def write_judges(
    layout: Layout,
    annotators: Mapping[str, Any] | Sequence[str],
    sentinels: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Write ``judges.json`` from the published tables; returns what it holds.

    ``annotators``: the run's record, or the ids of its annotators. ``sentinels``: what the drift
    check found, written as it is. Raises ValueError where tables contradict each other.
    """
    ids = annotators if not isinstance(annotators, Mapping) else _ids(annotators)
    judges = {**judges_health(layout, ids), "sentinels": sentinels}
    path = layout.root / JUDGES
    staged = path.with_name(f".tmp-{JUDGES}")
    staged.write_text(json.dumps(judges, indent=1, allow_nan=False, ensure_ascii=False), "utf-8")
    os.replace(staged, path)
    return judges


def _ids(record: Mapping[str, Any]) -> list[str]:
    return [str(given["annotator_id"]) for given in record.get("annotators") or []]


def judges_health(layout: Layout, annotators: Sequence[str]) -> dict[str, Any]:
    """Rows ``{"annotator", "statistic", "dimension", "generator", "value", "low", "high",
    "n_items"}`` of every annotator in the tables, ``notes`` of what stands out, what each
    ``statistics`` name means, and the ``method``.

    ``value`` is None where it is unknown (a price); a figure about nothing has no row.
    """
    tables = Tables(layout, annotators)
    said, scored = tables.annotations()
    answered, compared, ordered = tables.comparisons()
    verdicts, names = join([said, answered, tables.failures()]), tables.names
    measures: list[Measure] = [
        *verdict_measures(verdicts),
        *draw_measures(scored, compared),
        *position_measures(compared),
    ]
    rows = [row for measure in measures for row in rows_of(measure, names)]
    tests = selection_bias(verdicts, names)
    copied = list(rows_of(copies(scored, compared), names))
    notes = notes_of(rows, tests, copied, names.annotators.names)
    rows += agreement_rows(scored, ordered, tables.prompt_of, names)
    return {"rows": _sorted(rows), "notes": notes, "statistics": STATISTICS, "method": METHOD}


def _sorted(rows: Sequence[Row]) -> list[Row]:
    """By annotator, statistic in the order of their list, dimension and generator."""
    order = list(STATISTICS)
    return sorted(
        rows,
        key=lambda r: (r["annotator"], order.index(r["statistic"]), r["dimension"], r["generator"]),
    )
