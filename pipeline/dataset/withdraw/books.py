"""The books of a run after a withdrawal: what is owed for the clips that stay.

Books are counts, so what a withdrawn clip was owed is worked out: as much as every clip was, of pairs
those it was in. A rerun that does a stage anew draws its book up from keys, and comes to the same.
"""

import dataclasses
import json
import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pipeline.dataset.parquet import parts, read_columns
from pipeline.dataset.withdraw.find import named
from pipeline.dataset.withdraw.rows import Rewriter
from schemas import SPLITS
from schemas.layout import Layout

Book = dict[str, Any]
MERGED = "merge_"  # and a table: the book of a merged dataset
TABLE_OF = {
    "video": "videos",
    "frames": "frames",
    "check": "clip_checks",
    "annotate": "annotations",
    "compare": "comparisons",
    "scores": "scores",
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Census:
    """How many clips there were, and how many of them go; ``out``: of those, left out by the checks."""

    before: int
    gone: int
    out: int = 0


def after(book: Book, census: Census, written: int, failed: int) -> Book:
    """One stage's book without the clips, given the rows that remain."""
    share = book["owed"] // max(1, census.before)  # of every clip the same
    owed = written + failed if book["stage"] == "compare" else book["owed"] - share * census.gone
    return settled(book, owed, written, failed, share * census.out)


def settled(book: Book, owed: int, written: int, failed: int, unfiltered: int) -> Book:
    """The book with its new counts; what is neither there nor filtered is owed upstream."""
    filtered = max(0, book["filtered"] - unfiltered)
    owed = max(owed, written + failed)  # of books that other clips than those counted stand in
    rest = owed - written - failed
    filtered = min(filtered, rest)
    return {
        **book,
        "owed": owed,
        "written": written,
        "failed": failed,
        "filtered": filtered,
        "upstream": rest - filtered,
        "missing_keys": [],
        "unexpected_keys": [],
    }


def marks_after(layout: Layout, rows: Rewriter, ids: Collection[str]) -> dict[str, Any]:
    """The notes of every mark that holds books, by its name: what the next run takes as done."""
    found: dict[str, Any] = {}
    out = left_out(layout, ids)
    for path in sorted((layout.work / "done").glob("*.json")):
        stage, _, number = path.stem.rpartition("-")
        note = json.loads(path.read_text())["note"]
        if number.isdigit():
            folder = layout.work / stage / f"wave-{number}"
            census = _census(layout.work / "plan" / f"clips-{number}.parquet", ids, out)
            found[path.stem] = [
                after(book, census, *_remain(folder, book["stage"], rows)) for book in note
            ]
        elif path.stem == "check":
            found[path.stem] = _whole(layout, {"check": note}, rows, ids)["check"]
        elif path.stem == "assemble":
            books = {book["stage"]: book for book in note["books"]}
            found[path.stem] = {**note, "books": list(_whole(layout, books, rows, ids).values())}
    return found


def _census(planned: Path, ids: Collection[str], out: Collection[str]) -> Census:
    videos = [v for (v,) in read_columns([planned], ("video_id",))] if planned.is_file() else []
    gone = [video for video in videos if video in ids]
    return Census(before=len(videos), gone=len(gone), out=sum(video in out for video in gone))


def _remain(folder: Path, stage: str, rows: Rewriter) -> tuple[int, int]:
    """Rows and failures that a wave keeps. Its failures are of one stage, or of video and frames."""
    written = sum(rows.kept(path) for path in parts(folder / TABLE_OF[stage]))
    failed = sum(rows.kept(path, stage) for path in parts(folder / "failures"))
    return written, failed


def left_out(layout: Layout, ids: Collection[str]) -> frozenset[str]:
    """The clips that the checks took from the judges, of those named; of all where the table lies."""
    files = parts(layout.table("clip_checks"))
    rows = read_columns(files, ("video_id", "left_out"))
    return frozenset(video for video, out in rows if out and video in ids)


def record_after(
    layout: Layout, books: Mapping[str, Book], rows: Rewriter, ids: Collection[str]
) -> dict[str, Book]:
    """The books of a run's record."""
    told = _whole(
        layout, {stage: {**book, "stage": stage} for stage, book in books.items()}, rows, ids
    )
    return {stage: {k: v for k, v in book.items() if k != "stage"} for stage, book in told.items()}


def _whole(
    layout: Layout, books: Mapping[str, Book], rows: Rewriter, ids: Collection[str]
) -> dict[str, Book]:
    """Books of stages with all of their waves, from the published tables."""
    clips: dict[str, set[str]] = defaultdict(set)
    for clip in named(layout):
        clips[clip.prompt_id].add(clip.video_id)
    known = {video for own in clips.values() for video in own}
    failed = read_columns(parts(layout.table("failures")), ("stage", "key"))
    known |= {key for stage, key in failed if stage == "video"}
    gone = known.intersection(ids)
    census = Census(before=len(known), gone=len(gone), out=len(left_out(layout, gone)))
    found: dict[str, Book] = {}
    for stage, book in books.items():
        if stage == "preferences":
            found[stage] = _pairs(layout, book, rows, clips, ids)
        elif stage.startswith(MERGED):
            found[stage] = _merged(layout, book, rows)
        else:
            found[stage] = after(book, census, *_published(layout, stage, rows, ids))
    return found


def _merged(layout: Layout, book: Book, rows: Rewriter) -> Book:
    """A book of a merge: what its runs held stands; rows about a withdrawn clip are left out by a rule."""
    table = parts(layout.table(book["stage"].removeprefix(MERGED)))
    gone = sum(map(rows.count, table))
    return {**book, "written": book["written"] - gone, "filtered": book["filtered"] + gone}


def _published(layout: Layout, stage: str, rows: Rewriter, ids: Collection[str]) -> tuple[int, int]:
    """Rows and failures of a stage that remain; a clip that is left out is no row of the checks."""
    table = parts(layout.table(TABLE_OF[stage]))
    written = sum(map(rows.kept, table))
    if stage == "check":
        told = read_columns(table, ("video_id", "left_out"))
        return written - sum(out and video not in ids for video, out in told), 0
    if stage == "scores":
        return written, 0
    return written, sum(rows.kept(path, stage) for path in parts(layout.table("failures")))


def _pairs(
    layout: Layout,
    book: Book,
    rows: Rewriter,
    clips: Mapping[str, Collection[str]],
    ids: Collection[str],
) -> Book:
    """Pairs of a prompt's clips, on each dimension and overall."""
    stay = {prompt: [v for v in own if v not in ids] for prompt, own in clips.items()}
    total, kept = (sum(math.comb(len(own), 2) for own in of.values()) for of in (clips, stay))
    owed = round(book["owed"] * kept / total) if total else book["owed"]
    written = sum(
        rows.kept(path) for split in SPLITS for path in parts(layout.table("preferences", split))
    )
    # of the pairs that go, those that were not written were filtered, as far as any were
    lost = (book["owed"] - owed) - (book["written"] - written)
    return settled(book, owed, written, 0, max(0, min(lost, book["filtered"])))
