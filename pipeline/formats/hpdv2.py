"""HPD v2: pairs of pictures to train on, rankings of several to test on.

Layout and keys as in tgxs002/HPSv2 (``hpsv2/src/training/data.py``): ``train.json`` with
``human_preference``, ``prompt``, ``file_path`` and pictures in ``train/``; ``test.json`` with ``prompt``,
``image_path``, ``rank``, ``raw_annotations`` and pictures in ``test/``; paths are relative to the
folder of pictures. Their loader makes one Arrow table of a list, and whatever goes wrong with a row
silently serves the next one instead.

Decisions. A picture is one frame of a clip, motion is lost. ``train.json`` cannot say a tie:
``[0, 0]`` would be a row without loss, so ties are left out and counted. The validation split is a
``validation.json`` of pairs, for the ``HPD`` data set of their trainer reads pairs in validation, too.
A test ranking has equal ranks where scores are equal; one of equal ranks alone is left out, for their
evaluation counts each of its pairs as right. ``raw_annotations`` holds one ranking, of ``consensus``:
the dataset publishes no other one that the ranks rest on.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.formats.chosen import (
    MARGINS,
    by_split,
    decided,
    one_dimension,
    others_lost,
    pairs_of,
    told,
)
from pipeline.formats.finder import ClipFinder
from pipeline.formats.held import Held, are_texts, is_text, rows_back, whole, write_json_list
from pipeline.formats.labelled import UNKNOWN, NamedClip, PairRow, refuse_label, without_dot, words
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.picture_votes import (
    DIMENSION,
    NO_RATERS,
    PICTURES,
    pair_votes,
    rank_votes,
)
from pipeline.formats.pictures import Pictures
from pipeline.formats.rankings import Ranking, RankRow, rankings, ranks_of, sentences
from pipeline.formats.writing import Choice, ExportError, Material, Named, Plan, Row, Writer
from schemas import CONSENSUS, Preference
from schemas.options import SetupError
from schemas.rows import read_rows

PAIR = ("human_preference", "prompt", "file_path")
RANKED = ("prompt", "image_path", "rank", "raw_annotations")
LABELS = {(1, 0): "a", (0, 1): "b"}
TEST = "test"


# reading


def read_pairs(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """The pairs of a ``train.json``. Raises :class:`SetupError` naming file, row and column."""
    file = Path(path)
    for number, row in read_rows(file, PAIR):
        a, b = _clips(file, number, row, "file_path", generator, 2)
        label = row["human_preference"]
        if not isinstance(label, list) or tuple(label) not in LABELS:
            raise refuse_label(file, number, "human_preference", label, "[1, 0] or [0, 1]")
        yield PairRow(
            number=number,
            prompt=words(file, number, row, "prompt"),
            a=a,
            b=b,
            labels={DIMENSION: str(label)},
            votes={DIMENSION: LABELS[tuple(label)]},
        )


def read_rankings(path: str | Path, generator: str = UNKNOWN) -> Iterator[RankRow]:
    """The rankings of a ``test.json``, with each rater's own where ``raw_annotations`` has them.

    Raises :class:`SetupError` naming file, row and column.
    """
    file = Path(path)
    for number, row in read_rows(file, RANKED[:3]):
        clips = _clips(file, number, row, "image_path", generator)
        yield RankRow(
            number=number,
            prompt=words(file, number, row, "prompt"),
            clips=clips,
            ranks=ranks_of(file, number, row, "rank", len(clips)),
            by_rater=tuple(_raters(file, number, row, len(clips))),
        )


def _raters(file: Path, number: int, row: Row, n: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    said = row.get("raw_annotations") or []
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise refuse_label(file, number, "raw_annotations", said, "a list of objects")
    for one in said:
        yield words(file, number, one, "user_hash"), ranks_of(file, number, one, "rank", n)


def _clips(
    file: Path, number: int, row: Row, column: str, generator: str, n: int | None = None
) -> tuple[NamedClip, ...]:
    value = row[column]
    names = value if isinstance(value, list) else []
    good = len(names) >= 2 and all(isinstance(name, str) and name.strip() for name in names)
    if not good or len(set(names)) < len(names) or n not in (None, len(names)):
        raise SetupError(
            f"{file}: row {number}, column {column!r}: expected {n or 'at least 2'} different files, got "
            f"{str(value)[:200]}"
        )
    return tuple(NamedClip(video=without_dot(name), generator=generator) for name in names)


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """The votes of either file. There is no scale. Raises :class:`SetupError` as its readers do."""
    if "human_preference" in columns_of(path):
        rows = ((ANYBODY, row) for row in read_pairs(path))
        return pair_votes(path, rows, finder, PICTURES, NO_RATERS)
    return rank_votes(path, read_rankings(path), finder, PICTURES)


def _is_it(path: Path) -> bool:
    columns = columns_of(path)
    return columns.issuperset(PAIR) or columns.issuperset(RANKED[:3])


READER = Reader(
    kind="hpdv2", what="HPD v2's pairs or rankings of pictures", read=read_people, is_it=_is_it
)


# writing


def plan(material: Material, choice: Choice) -> Plan:
    """Pairs of the train and validation splits, rankings of the test split."""
    dimension, pictures = one_dimension(material, choice), Pictures(material, choice)
    left_out: Counter[str] = Counter()
    lost: Counter[str] = Counter()
    splits = by_split(pictures.seen(pairs_of(material, dimension), left_out))
    files: dict[str, Sequence[Row]] = {}
    named: list[Named] = []
    for split, pairs in splits.items():
        if split == TEST:
            found = rankings(pairs, pictures.sha256, left_out, lost)
            rows = [_ranked(ranking, pictures, split) for ranking in found]
            column = "image_path"
        else:
            rows = [_pair(pair, pictures, split) for pair in decided(pairs, left_out)]
            column = "file_path"
        files |= {f"{split}.json": rows} if rows else {}
        named += [_named(row, column, split) for row in rows]
    return Plan(
        files=files,
        media=pictures.media,
        named=named,
        left_out=told(left_out),
        lost=[pictures.lost, MARGINS, *others_lost(material, dimension), *sentences(lost)],
        notes=[
            "train.json and validation.json hold pairs, test.json rankings; pictures lie in the folder of "
            "the same name",
            f"ranks in test.json are those of one annotator, {CONSENSUS!r}",
        ],
    )


def _pair(pair: Preference, pictures: Pictures, split: str) -> Row:
    sides = pair.video_a, pair.video_b
    return {
        "human_preference": [1, 0] if pair.label == "a" else [0, 1],
        "prompt": pair.prompt,
        "file_path": [pictures.place(side, split).removeprefix(f"{split}/") for side in sides],
    }


def _ranked(ranking: Ranking, pictures: Pictures, split: str) -> Row:
    ranks = list(ranking.ranks)
    return {
        "prompt": ranking.prompt,
        "image_path": [
            pictures.place(clip, split).removeprefix(f"{split}/") for clip in ranking.clips
        ],
        "rank": ranks,
        "raw_annotations": [{"rank": ranks, "user_hash": CONSENSUS}],
    }


def _named(row: Row, column: str, split: str) -> Named:
    return Named(prompt=row["prompt"], media=tuple(f"{split}/{name}" for name in row[column]))


def write(plan: Plan, folder: Path) -> None:
    """A JSON list for each split."""
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the files to what their loader swallows without a word."""
    held = Held(folder)
    for path in plan.files:
        split = Path(path).stem
        column = "image_path" if split == TEST else "file_path"
        keys = RANKED if split == TEST else PAIR
        rows = list(held.rows(path, keys, {"prompt": is_text, column: are_texts}))
        for at, row in rows:
            _check_names(held, at, row, split, column)
            (_check_ranks if split == TEST else _check_label)(held, at, row)
        _check_types(path, [row for _, row in rows])
    return held.counts


def _check_names(held: Held, at: str, row: Row, split: str, column: str) -> None:
    names = row[column]
    many = len(names) >= 2 if split == TEST else len(names) == 2
    held.that(many, "a pair has two pictures and a ranking two or more", at, column, names)
    held.that(len(set(names)) == len(names), "pictures of a row differ", at, column, names)
    for name in names:
        held.picture(at, column, f"{split}/{name}")


def _check_label(held: Held, at: str, row: Row) -> None:
    label = row["human_preference"]
    good = isinstance(label, list) and all(map(whole, label)) and tuple(label) in LABELS
    rule = "human_preference is [1, 0] or [0, 1], in whole numbers"
    held.that(good, rule, at, "human_preference", label)


def _check_ranks(held: Held, at: str, row: Row) -> None:
    said = row["raw_annotations"]
    named = isinstance(said, list) and all(
        isinstance(one, dict) and isinstance(one.get("user_hash"), str) for one in said
    )
    held.that(named, "a raw annotation names who ranked", at, "raw_annotations", said)
    for ranks in (row["rank"], *(one.get("rank") for one in said)):
        good = isinstance(ranks, list) and all(map(whole, ranks))
        long = good and len(ranks) == len(row["image_path"])
        held.that(long, "there is one whole rank for each picture", at, "rank", ranks)
        held.that(len(set(ranks)) > 1, "a ranking has two ranks at least", at, "rank", ranks)


def _check_types(path: str, rows: list[Row]) -> None:
    try:
        pa.Table.from_pylist(rows)
    except (pa.ArrowException, TypeError) as error:
        raise ExportError(f"{path}: its rows do not fit into one Arrow table: {error}") from error


WRITER = Writer(
    name="hpdv2",
    what="HPD v2: pairs of pictures, and rankings to test on (one frame of each clip)",
    loader="tgxs002/HPSv2, hpsv2/src/training/data.py",
    unit="pair",
    theirs={},
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="motion, margins, more than one dimension, ties outside the test split, generators",
)
