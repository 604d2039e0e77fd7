"""The audit of a merged dataset: everything that people said of its clips, held against all judges."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.audit.files import audit_run
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People
from pipeline.audit.simulated_raters import DIMENSIONS, SimulatedRaters
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.parquet import parts, read_rows
from pipeline.state import Marks
from schemas import HumanRating, HumanVote
from schemas.layout import Layout
from schemas.options import SetupError

Scales = dict[str, tuple[float, float]]


def people_record(sources: Sequence[Source]) -> dict[str, Any]:
    """Scales of the human dimensions, and notes on what was left out, of all runs together.

    Raises :class:`SetupError` where two runs have a dimension on scales that cannot be one.
    """
    scales: Scales = {}
    whose: dict[str, str] = {}
    notes: list[str] = []
    for source in sources:
        said = people_of(source)
        for dimension, scale in said["scales"].items():
            known = scales.setdefault(dimension, tuple(scale))
            if tuple(scale) != known:
                raise SetupError(
                    f"human_ratings: dimension {dimension!r} is on {known[0]:g} to {known[1]:g} in "
                    f"{whose[dimension]} and on {scale[0]:g} to {scale[1]:g} in {source.name}; scores of "
                    "both cannot stand in one table under one name: rename the dimension in one run's "
                    "table of ratings and run it again (the audit alone is done anew)"
                )
            whose.setdefault(dimension, source.name)
        notes += [note for note in said["notes"] if note not in notes]
    return {"scales": {d: list(scale) for d, scale in scales.items()}, "notes": notes}


def people_of(source: Source) -> Mapping[str, Any]:
    """What a run noted of its people: in its record where it was merged, else in its work folder; where
    that is gone, what its configuration says."""
    if said := source.record.get("people"):
        found: Mapping[str, Any] = said
        return found
    try:
        noted: Mapping[str, Any] = Marks(source.layout).note("human")
        return noted
    except (FileNotFoundError, ValueError, KeyError):
        return {"scales": _stated(source), "notes": []}


def _stated(source: Source) -> Scales:
    """The scale of each dimension that the configuration fixes for all of them; an audit takes 1 to 5
    for the others."""
    given = (source.config.get("audit") or {}).get("ratings") or ()
    found: Scales = {}
    for one in given:
        if one["kind"] == SimulatedRaters.model_fields["kind"].default:
            found |= dict.fromkeys(DIMENSIONS, (1.0, 5.0))
        elif one.get("scale") and len(given) == 1:
            low, high = one["scale"]
            found |= dict.fromkeys(_rated(source), (float(low), float(high)))
    return found


def _rated(source: Source) -> list[str]:
    rows = read_rows(HumanRating, source.files("human_ratings"))
    return sorted({row.dimension for row in rows})


def audit_merged(layout: Layout, options: AuditOptions, people: Mapping[str, Any]) -> None:
    """Write ``audit.json`` and ``audit_details.json`` of the merged tables."""
    found = People(
        ratings=list(read_rows(HumanRating, parts(layout.table("human_ratings")))),
        votes=list(read_rows(HumanVote, parts(layout.table("human_votes")))),
        scales={dimension: tuple(scale) for dimension, scale in people["scales"].items()},
        notes=list(people["notes"]),
    )
    audit_run(layout, options, found).result.write(layout.audit)


def any_audit(sources: Sequence[Source]) -> bool:
    """Whether any run was held against people."""
    return any(source.layout.audit.is_file() for source in sources)
