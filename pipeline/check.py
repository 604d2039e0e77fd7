"""What each stage owed and wrote, read back from its files: the books of one wave, and of assembly."""

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from annotators.base import AnnotatorSpec
from pipeline.books import Book, balance
from pipeline.dataset.parquet import parts, read_columns, read_rows
from pipeline.preference.options import ConsensusOptions
from schemas import CONSENSUS, HARMLESS, OVERALL, STOPS_RUN, Failure, Reason
from schemas.ids import pair_id
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


def annotate_book(
    clip_ids: Iterable[str],
    with_frames: set[str],
    annotators: Sequence[AnnotatorSpec],
    dimensions: Sequence[str],
    out: Path,
) -> Book:
    """Clips x annotators x dimensions x draws of one wave."""
    owed, upstream = [], []
    for clip, annotator, dimension in itertools.product(clip_ids, annotators, dimensions):
        for draw in range(annotator.draws):
            key = join_key(clip, dimension, annotator.annotator_id, draw)
            owed.append(key)
            if clip not in with_frames:
                upstream.append(key)
    return balance(
        "annotate",
        owed,
        written=keys(out, "annotations"),
        failed=[f.key for f in failures(out)],
        upstream=upstream,
    )


def score_book(
    prompt_of: dict[str, str],
    annotators: Sequence[AnnotatorSpec],
    dimensions: Sequence[str],
    consensus: ConsensusOptions,
    weights: Mapping[str, float] | None,
    annotation_files: Sequence[Path],
    out: Path,
) -> Book:
    """Clips x (annotators + consensus) x (dimensions + overall).

    Owed where the annotations allow it (the rule is that of ``preference.consensus``, worked out here
    a second time from the annotations alone, so that a lost row cannot hide), else owed upstream.
    """
    has = set(read_columns(annotation_files, ("video_id", "dimension", "annotator_id")))
    ids = [a.annotator_id for a in annotators]
    counted = ids if consensus.annotators is None else consensus.annotators
    active: dict[tuple[str, str], set[str]] = defaultdict(set)
    for clip, dimension, annotator in has:
        if annotator in counted:
            active[prompt_of[clip], dimension].add(annotator)
    for clip, dimension in itertools.product(prompt_of, dimensions):
        needed = active[prompt_of[clip], dimension]
        if needed and all((clip, dimension, a) in has for a in needed):
            has.add((clip, dimension, CONSENSUS))
    weighed = [d for d in dimensions if weights is None or weights.get(d, 0.0) > 0]
    for clip, annotator in itertools.product(prompt_of, (*ids, CONSENSUS)):
        if all((clip, d, annotator) in has for d in weighed):
            has.add((clip, OVERALL, annotator))
    owed = list(itertools.product(prompt_of, (*dimensions, OVERALL), (*ids, CONSENSUS)))
    return balance(
        "scores",
        (join_key(*key) for key in owed),
        written=keys(out, "scores"),
        upstream=[join_key(*key) for key in owed if key not in has],
    )


def preference_book(prompt_of: dict[str, str], dimensions: Sequence[str], out: Path) -> Book:
    """All pairs of a prompt's clips x (dimensions + overall): owed where both have a consensus."""
    consensus = {
        (video, dimension)
        for video, dimension, annotator in read_columns(
            parts(out / "scores"), ("video_id", "dimension", "annotator_id")
        )
        if annotator == CONSENSUS
    }
    clips_of: dict[str, list[str]] = defaultdict(list)
    for video, prompt in prompt_of.items():
        clips_of[prompt].append(video)
    owed, upstream = [], []
    for clips, dimension in itertools.product(clips_of.values(), (*dimensions, OVERALL)):
        for one, other in itertools.combinations(clips, 2):
            key = pair_id(one, other, dimension)
            owed.append(key)
            if not {(one, dimension), (other, dimension)} <= consensus:
                upstream.append(key)
    written = [
        key for split in ("train", "validation", "test") for key in keys(out / split, "preferences")
    ]
    return balance("preferences", owed, written=written, upstream=upstream)


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
