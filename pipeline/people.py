"""What people said of a run's clips: read from tables, or simulated where clips are."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import read_tables, tables_of
from pipeline.audit.simulated_raters import SimulatedRaters, simulated_ratings
from pipeline.config import Config
from schemas import HumanRating, Video
from schemas.ids import sha256_hex


def people_of(config: Config, videos: Sequence[Video]) -> tuple[list[HumanRating], list[str]]:
    """All ratings, and notes on what was left out."""
    options = config.audit or AuditOptions()
    rows, notes = read_tables(options, videos)
    for source in options.ratings:
        if isinstance(source, SimulatedRaters) and config.generators is not None:
            rows += simulated_ratings(videos, source, config.generators)
            notes.append(f"{source.raters} simulated raters: no person rated anything here")
    return rows, notes


def rating_files(options: AuditOptions | None) -> list[str]:
    """SHA-256 of every table of ratings: what follows from them changes with them."""
    tables = tables_of(options) if options else []
    return [sha256_hex(Path(table.path).read_bytes()) for table in tables]
