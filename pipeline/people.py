"""What people said of a run's clips: read from tables, or simulated where clips are."""

from collections.abc import Iterable
from pathlib import Path

from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People, facts_of, read_people, tables_of
from pipeline.audit.simulated_raters import SimulatedRaters, simulated_ratings
from pipeline.config import Config
from pipeline.formats.finder import ClipFinder
from schemas import Video
from schemas.address import place_of
from schemas.ids import sha256_hex


def people_of(config: Config, videos: Iterable[Video]) -> People:
    """All ratings and votes, their scales, and notes on what was left out."""
    options, videos = config.audit or AuditOptions(), list(videos)
    people = read_people(options, ClipFinder(facts_of(videos)))
    for source in options.ratings:
        if isinstance(source, SimulatedRaters) and config.generators is not None:
            made_up = list(simulated_ratings(videos, source, config.generators))
            people.ratings.extend(made_up)
            people.scales.update({rating.dimension: (1.0, 5.0) for rating in made_up})
            people.notes.append(f"{source.raters} simulated raters: no person rated anything here")
    return people


def rating_files(options: AuditOptions | None) -> list[str]:
    """SHA-256 of every file of human data: what follows from them changes with them."""
    tables = tables_of(options) if options else []
    return [
        sha256_hex(path.read_bytes()) for table in tables for path in _files(place_of(table.path))
    ]


def _files(path: Path) -> list[Path]:
    """The file, or all files of a folder, in order."""
    return sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
