"""Pick-a-Pic: Parquet of pairs of pictures, their bytes in the rows; PickScore trains on it.

Columns as in yuvalkirstain/PickScore (``trainer/datasetss/clip_hf_dataset.py``,
``clip_criterion.py``). Splits: ``train``; ``validation`` and ``test`` with every pair; and
``validation_unique`` and ``test_unique``, which their configuration asks for, with one pair a caption
(that whose id has the lowest hash). A caption's ``num_example_per_prompt`` is its number of rows in the
split: the loss weighs a row by one over it.

Decisions. A picture is one frame of a clip, motion is lost. A tie is 0.5 for both sides, as the format
has it; ``best_image_uid`` is then ``tie``. Which side is first was drawn by hash. The uids are our
video ids, ``ranking_id`` the pair's position in the export. Nobody of theirs made the choice, at no
time: ``user_id`` and ``created_at`` are null, and no loader reads them.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.chosen import (
    MARGINS,
    by_split,
    one_dimension,
    others_lost,
    pairs_of,
    told,
)
from pipeline.formats.finder import ClipFinder
from pipeline.formats.held import Held, opens
from pipeline.formats.labelled import (
    UNKNOWN,
    NamedClip,
    PairRow,
    refuse_label,
    words,
    words_or_none,
)
from pipeline.formats.parquet_rows import ParquetRows, PlannedRows, column_names, column_rows
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.picture_votes import DIMENSION, NO_RATERS, PICTURES, pair_votes
from pipeline.formats.pictures import Pictures, picture_bytes
from pipeline.formats.writing import Choice, Material, Plan, Row, Writer
from schemas import Preference, ids

SCHEMA = pa.schema(
    {
        "caption": pa.string(),
        "jpg_0": pa.binary(),
        "jpg_1": pa.binary(),
        "label_0": pa.float64(),
        "label_1": pa.float64(),
        "are_different": pa.bool_(),
        "has_label": pa.bool_(),
        "image_0_uid": pa.string(),
        "image_1_uid": pa.string(),
        "best_image_uid": pa.string(),
        "num_example_per_prompt": pa.int64(),
        "model_0": pa.string(),
        "model_1": pa.string(),
        "ranking_id": pa.int64(),
        "user_id": pa.int64(),
        "created_at": pa.timestamp("us"),
        "__index_level_0__": pa.int64(),
    }
)
REQUIRED = ("caption", "label_0", "label_1", "image_0_uid", "image_1_uid")
LABELS = {"a": (1.0, 0.0), "b": (0.0, 1.0), "tie": (0.5, 0.5)}
CHOICES = {labels: choice for choice, labels in LABELS.items()}
COLUMNS = "tables have the columns that the trainer reads or drops, __index_level_0__ too"
ROWS_AT_ONCE = 128  # of a row group: two pictures each
UNIQUE = ("validation", "test")  # splits that are also written with one row a caption


# reading


def read_pickapic(path: str | Path, generator: str = UNKNOWN) -> Iterator[tuple[str, PairRow]]:
    """Every pair with who chose (``user_id``, else ``human``); the pictures themselves are not read.

    A clip's ``video`` is its picture's uid. A row without label has no vote. Raises
    :class:`SetupError` naming file, row and column.
    """
    file = Path(path)
    for number, row in column_rows(file, REQUIRED, leave_out=("jpg_0", "jpg_1")):
        user = row.get("user_id")
        yield (ANYBODY if user is None else str(user)), _pair_row(file, number, row, generator)


def _pair_row(file: Path, number: int, row: Row, generator: str) -> PairRow:
    a, b = (
        NamedClip(
            video=words(file, number, row, f"image_{side}_uid"),
            generator=words_or_none(file, number, row, f"model_{side}") or generator,
        )
        for side in (0, 1)
    )
    labels = row["label_0"], row["label_1"]
    labelled = row.get("has_label") is not False
    if labelled and labels not in CHOICES:
        expected = "1 and 0, 0 and 1, or 0.5 and 0.5"
        raise refuse_label(file, number, "label_0", labels, expected)
    return PairRow(
        number=number,
        prompt=words(file, number, row, "caption"),
        a=a,
        b=b,
        labels={DIMENSION: str(labels) if labelled else None},
        votes={DIMENSION: CHOICES[labels]} if labelled else {},
    )


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """A vote a row. There is no scale. Raises :class:`SetupError` as :func:`read_pickapic` does."""
    named = "user_id" in column_names(path)
    return pair_votes(path, read_pickapic(path), finder, PICTURES, *([] if named else [NO_RATERS]))


READER = Reader(
    kind="pickapic",
    what="Pick-a-Pic's pairs of pictures",
    read=read_people,
    is_it=lambda path: column_names(path).issuperset(REQUIRED),
)


# writing


def plan(material: Material, choice: Choice) -> Plan:
    """A table for each split. The rows fetch their pictures when they are asked for."""
    dimension, pictures = one_dimension(material, choice), Pictures(material, choice)
    left_out: Counter[str] = Counter()
    pairs = pictures.seen(pairs_of(material, dimension), left_out)
    place = {pair.pair_id: i for i, pair in enumerate(pairs)}
    files: dict[str, Sequence[Row]] = {}
    for split, own in _splits(pairs).items():
        counts = Counter(pair.prompt for pair in own)
        rows = [_row(i, pair, place[pair.pair_id], counts) for i, pair in enumerate(own)]
        files[f"data/{split}-00000-of-00001.parquet"] = PlannedRows(
            rows, lambda row: _with_pictures(row, material, pictures)
        )
    return Plan(
        files=files,
        media={},
        embedded=[
            pictures.medium(video_id)
            for video_id in sorted({v for pair in pairs for v in (pair.video_a, pair.video_b)})
        ],
        left_out=told(left_out),
        lost=[pictures.lost, MARGINS, *others_lost(material, dimension)],
        notes=[
            "validation_unique and test_unique repeat one pair of each caption of validation and test",
            "user_id and created_at are null: the labels are those of the dataset's annotators",
        ],
    )


def _splits(pairs: Sequence[Preference]) -> dict[str, list[Preference]]:
    found = by_split(pairs)
    for split in UNIQUE:
        first: dict[str, Preference] = {}
        for pair in sorted(found.get(split, []), key=lambda one: ids.hash_fraction(one.pair_id)):
            first.setdefault(pair.prompt, pair)
        if first:
            found[f"{split}_unique"] = sorted(first.values(), key=lambda pair: pair.pair_id)
    return found


def _row(index: int, pair: Preference, ranking_id: int, counts: Mapping[str, int]) -> Row:
    """A row without its pictures."""
    label_0, label_1 = LABELS[pair.label]
    best = {"a": pair.video_a, "b": pair.video_b, "tie": "tie"}[pair.label]
    return {
        "caption": pair.prompt,
        "label_0": label_0,
        "label_1": label_1,
        "are_different": True,
        "has_label": True,
        "image_0_uid": pair.video_a,
        "image_1_uid": pair.video_b,
        "best_image_uid": best,
        "num_example_per_prompt": counts[pair.prompt],
        "model_0": pair.generator_a,
        "model_1": pair.generator_b,
        "ranking_id": ranking_id,
        "user_id": None,
        "created_at": None,
        "__index_level_0__": index,
    }


def _with_pictures(row: Row, material: Material, pictures: Pictures) -> Row:
    jpegs = {
        f"jpg_{side}": picture_bytes(material, pictures.medium(row[f"image_{side}_uid"]))
        for side in (0, 1)
    }
    return {**row, **jpegs}


def write(plan: Plan, folder: Path) -> None:
    """A Parquet file for each split, in row groups of ``ROWS_AT_ONCE``."""
    for path, rows in plan.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        with pq.ParquetWriter(folder / path, SCHEMA) as writer:
            for start in range(0, len(rows), ROWS_AT_ONCE):
                some = list(rows[start : start + ROWS_AT_ONCE])
                writer.write_table(pa.Table.from_pylist(some, SCHEMA))


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the tables to what the loss and the evaluation take for granted."""
    held = Held(folder)
    for path in plan.files:
        held.that(
            column_names(folder / path) == set(SCHEMA.names), COLUMNS, path, "columns", "others"
        )
        captions = Counter(row["caption"] for _, row in column_rows(folder / path, ("caption",)))
        unique = path.split("/")[-1].startswith(tuple(f"{split}_unique-" for split in UNIQUE))
        seen: dict[bytes, bool] = {}
        for number, row in enumerate(ParquetRows(folder / path), start=1):
            at = f"{path}: row {number}"
            _check_labels(held, at, row)
            n = row["num_example_per_prompt"]
            rule = "num_example_per_prompt is the caption's number of rows in the split"
            held.that(n == captions[row["caption"]], rule, at, "num_example_per_prompt", n)
            if unique:
                held.that(n == 1, "a unique split has one row a caption", at, "caption", n)
            _check_pictures(held, at, row, seen)
    return held.counts


def _check_labels(held: Held, at: str, row: Row) -> None:
    labels = row["label_0"], row["label_1"]
    good = all(label in (1.0, 0.0, 0.5) for label in labels) and sum(labels) == 1.0
    rule = "labels are 1, 0 or 0.5 and add up to 1"
    held.that(good, rule, at, "label_0", labels)
    for name in ("has_label", "are_different"):
        held.that(row[name] is True, f"{name} is true", at, name, row[name])
    caption = row["caption"]
    held.that(bool(caption and caption.strip()), "captions are text", at, "caption", caption)
    best = {1.0: row["image_0_uid"], 0.0: row["image_1_uid"], 0.5: "tie"}[labels[0]]
    rule = "best_image_uid is that of the preferred picture"
    held.that(row["best_image_uid"] == best, rule, at, "best_image_uid", row["best_image_uid"])
    index = row["__index_level_0__"]
    held.that(index is not None, "__index_level_0__ is there", at, "__index_level_0__", index)


def _check_pictures(held: Held, at: str, row: Row, seen: dict[bytes, bool]) -> None:
    for name in ("jpg_0", "jpg_1"):
        data = row[name] or b""
        digest = bytes.fromhex(ids.sha256_hex(data))
        if digest not in seen:
            seen[digest] = opens(data)
        held.that(seen[digest], "bytes open as a picture", at, name, data[:20])
    differ = row["jpg_0"] != row["jpg_1"] and row["image_0_uid"] != row["image_1_uid"]
    held.that(differ, "pictures of a row differ", at, "jpg_1", row["image_1_uid"])


WRITER = Writer(
    name="pickapic",
    what="Pick-a-Pic: Parquet with pairs of pictures in the rows (one frame of each clip)",
    loader="yuvalkirstain/PickScore, trainer/datasetss/clip_hf_dataset.py",
    unit="pair",
    theirs={},
    plan=plan,
    write=write,
    check=check,
    read=lambda folder, path: ParquetRows(folder / path),
    cannot="motion, margins, more than one dimension",
)
