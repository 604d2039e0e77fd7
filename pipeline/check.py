"""What each stage owed and wrote, read back from its files: the books of one wave, and of assembly."""

import itertools
import math
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from annotators.base import AnnotatorSpec
from pipeline.books import Book, balance
from pipeline.dataset.parquet import parts, read_columns, read_rows
from schemas import HARMLESS, STOPS_RUN, Failure, Lineup, Reason, Rubric
from schemas.tables import TABLES, join_key

FAILURE_RATE = 0.5  # of a wave's items; more than that stops the run
FAILURE_RATE_FROM = 20  # items, below which a rate says nothing


class Stopped(RuntimeError):
    """The run stops early and can be resumed. Exit code 3."""


def keys(folder: Path, table: str) -> list[str]:
    """Keys of a stage's table."""
    columns = TABLES[table][1]
    return [join_key(*values) for values in read_columns(parts(folder / table), columns)]


def failures(folder: Path) -> list[Failure]:
    """A stage's failures."""
    return list(read_rows(Failure, parts(folder / "failures")))


def collect_books(clip_ids: Sequence[str], out: Path) -> list[Book]:
    """The stages ``video`` and ``frames`` of one wave."""
    failed = failures(out)
    no_video = [f.key for f in failed if f.stage == "video"]
    no_frames = [f.key for f in failed if f.stage == "frames"]
    return [
        balance("video", clip_ids, written=keys(out, "videos"), failed=no_video),
        balance(
            "frames", clip_ids, written=keys(out, "frames"), failed=no_frames, upstream=no_video
        ),
    ]


def clip_check_book(
    clip_ids: Iterable[str], with_frames: Iterable[str], files: Sequence[Path]
) -> Book:
    """The clip checks of all waves: rows of clips that are kept, and of those left out by a rule."""
    owed = set(clip_ids)
    rows = list(read_columns(files, ("video_id", "left_out")))
    return balance(
        "check",
        owed,
        written=[video for video, out in rows if not out],
        filtered=[video for video, out in rows if out],
        upstream=owed.difference(with_frames),
    )


def annotate_book(
    clip_ids: Iterable[str],
    with_frames: set[str],
    annotators: Sequence[AnnotatorSpec],
    dimensions: Sequence[str],
    out: Path,
    left_out: Collection[str] = (),
) -> Book:
    """Clips x annotators x dimensions x draws of one wave. ``left_out``: clips, by the checks."""
    owed, filtered, upstream = [], [], []
    for clip, annotator, dimension in itertools.product(clip_ids, annotators, dimensions):
        for draw in range(annotator.draws):
            key = join_key(clip, dimension, annotator.annotator_id, draw)
            owed.append(key)
            if clip in left_out:
                filtered.append(key)
            elif clip not in with_frames:
                upstream.append(key)
    return balance(
        "annotate",
        owed,
        written=keys(out, "annotations"),
        failed=[f.key for f in failures(out)],
        filtered=filtered,
        upstream=upstream,
    )


def owed_comparisons(
    lineups: Iterable[Lineup], judges: Sequence[AnnotatorSpec], rubrics: Sequence[Rubric]
) -> Iterator[str]:
    """Keys of the comparisons of one wave: lineups x annotators x dimensions."""
    dimensions = {rubric.name: [d.name for d in rubric.dimensions] for rubric in rubrics}
    for lineup in lineups:
        for judge, dimension in itertools.product(judges, dimensions[lineup.rubric]):
            if lineup.draw < judge.draws:
                yield join_key(
                    lineup.prompt_id, lineup.video_ids, dimension, judge.annotator_id, lineup.draw
                )


def compare_book(owed: Iterable[str], out: Path) -> Book:
    """The comparisons of one wave."""
    failed = [f.key for f in failures(out)]
    return balance("compare", owed, written=keys(out, "comparisons"), failed=failed)


def unanswered(failed: Iterable[Failure]) -> int:
    """How many failures a later run may do better on: nobody answered, and nobody refused."""
    return sum(f.reason == Reason.UNAVAILABLE for f in failed)


def require_health(stage: str, n_items: int, failed: Iterable[Failure], to_come: int = 0) -> None:
    """Raise :class:`Stopped` where an annotator stopped, or where most items of a wave failed.

    ``to_come``: clips of later waves, for the message.
    """
    failed = list(failed)
    for reason in (*STOPS_RUN, Reason.NOT_ATTEMPTED):
        stopping = [f for f in failed if f.reason == reason]
        if stopping:
            unsent = sum(f.reason == Reason.NOT_ATTEMPTED for f in failed)
            later = f", and {to_come} clips of later waves" if to_come else ""
            raise Stopped(f"{stage}: {stopping[0].message} ({unsent} answers not asked for{later})")
    counted = [f for f in failed if f.reason not in HARMLESS]
    if n_items >= FAILURE_RATE_FROM and len(counted) > math.floor(FAILURE_RATE * n_items):
        reason, times = Counter(f.reason for f in counted).most_common(1)[0]
        example = next(f for f in counted if f.reason == reason)
        raise Stopped(
            f"{stage}: {len(counted)} of {n_items} items failed, {times} of them "
            f"{reason}; for example {example.key}: {example.message}"
        )
