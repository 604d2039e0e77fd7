"""The rating tables of an audit, read before any work and again when it is done."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from pipeline.audit.options import AuditOptions, RatingsTable
from pipeline.audit.simulated_raters import DIMENSIONS, SimulatedRaters
from pipeline.formats.cells import number_or_none, optional_text
from pipeline.formats.ratings import ALIASES, read_ratings
from schemas import HasClip, HumanRating
from schemas.options import SetupError
from schemas.rows import read_rows


def tables_of(options: AuditOptions) -> list[RatingsTable]:
    """The rating tables among the ratings; the others are simulated."""
    return [source for source in options.ratings if isinstance(source, RatingsTable)]


def read_tables(
    options: AuditOptions, clips: Iterable[HasClip]
) -> tuple[list[HumanRating], list[str]]:
    """Ratings of known clips from every table, and notes on what was left out of each."""
    clips = list(clips)
    rows: list[HumanRating] = []
    notes: list[str] = []
    for table in tables_of(options):
        found = read_ratings(table.path, clips, table.scale)
        rows += found.rows
        low, high = table.scale
        left_out = {
            "rows are about clips that are not here": found.unmatched,
            f"scores are off the scale {low:g} to {high:g}": found.off_scale,
            "rows have no score": found.blank,
        }
        notes += [
            f"{Path(table.path).name}: {n} {what}; left out" for what, n in left_out.items() if n
        ]
    return rows, notes


def check_dimensions(options: AuditOptions, human: Collection[str]) -> None:
    """Raise :class:`SetupError` for a human dimension named in the options that nobody rated."""
    for ours, theirs in options.dimensions.items():
        for name in theirs:
            if name not in human:
                raise SetupError(
                    f"audit.dimensions.{ours}: no rating has the dimension {name!r}; they have "
                    + (", ".join(sorted(human)) or "none")
                )


def rated_dimensions(options: AuditOptions) -> set[str]:
    """Every dimension of the rating tables, and those of simulated raters where there are any.

    Raises :class:`SetupError` naming file and row for a missing column or a score that is no number.
    """
    found = {name for source in options.ratings for name in _made_up(source)}
    for table in tables_of(options):
        for number, row in read_rows(table.path, ("rater", "dimension", "score"), ALIASES):
            number_or_none(Path(table.path), number, row, "score")
            if (name := optional_text(row, "dimension")) is not None:
                found.add(name)
    return found


def _made_up(source: RatingsTable | SimulatedRaters) -> tuple[str, ...]:
    return DIMENSIONS if isinstance(source, SimulatedRaters) else ()


def check_ratings(options: AuditOptions, clips: Sequence[HasClip] | None = None) -> None:
    """Find what is wrong with the rating tables before any work is done.

    Columns, numbers and named dimensions always; with the ``clips`` of the plan also rows that
    match several clips, rows given twice, tables that match none. Raises :class:`SetupError` naming
    file and row.
    """
    found = rated_dimensions(options)
    if found:
        check_dimensions(options, found)
    if clips is not None and tables_of(options) and not read_tables(options, clips)[0]:
        files = ", ".join(table.path for table in tables_of(options))
        raise SetupError(f"audit.ratings: no rating in {files} is about a clip of this run")
