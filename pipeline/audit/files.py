"""An audit from files alone: a run's folder or a table of scores, and tables of ratings."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.audit.audit import audit
from pipeline.audit.options import AuditOptions, RatingsTable
from pipeline.audit.ratings import read_tables, tables_of
from pipeline.audit.recorded import recorded_scores, spread_out
from pipeline.audit.result import AuditResult
from schemas import Score, Video
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import R, from_table, table_of


def audit_files(
    annotations: Path, ratings: Sequence[Path], output: Path, options: AuditOptions | None = None
) -> AuditResult:
    """Audit a run's folder, or a table of recorded scores, against tables of ratings.

    A folder holds ``tables/scores`` and ``tables/videos`` of a run; a table has the columns of
    recorded scores (see :func:`pipeline.audit.recorded.recorded_scores`). ``ratings`` are added to
    those of the options. Writes ``audit.json`` into the folder ``output``. Raises
    :class:`SetupError` for whatever is missing or contradicts itself.
    """
    options = options or AuditOptions()
    if len(tables_of(options)) < len(options.ratings):
        raise SetupError("audit.ratings: only a run can simulate raters; name a table of ratings")
    tables = [RatingsTable(path=str(path)) for path in ratings]
    options = options.model_copy(update={"ratings": [*options.ratings, *tables]})
    if annotations.is_dir():
        layout = Layout(annotations)
        scores: list[Score] = _read(layout, Score)
        rows, notes = read_tables(options, _read(layout, Video))
    else:
        paths = [Path(table.path) for table in tables_of(options)]
        recorded = recorded_scores(annotations, paths)
        rows, notes = read_tables(options, recorded)
        ours = options.dimensions or sorted({row.dimension for row in rows})
        scores = list(spread_out(recorded, list(ours)))
    result = audit(scores, rows, options, notes)
    result.write(output / "audit.json")
    return result


def _read(layout: Layout, record: type[R]) -> list[R]:
    folder = layout.table(table_of(record))
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise SetupError(f"{folder}: no Parquet file; is {layout.root} the folder of a run?")
    try:
        return [row for file in files for row in from_table(record, pq.read_table(file))]
    except pa.ArrowException as error:
        raise SetupError(f"{folder}: not readable as Parquet: {error}") from error
