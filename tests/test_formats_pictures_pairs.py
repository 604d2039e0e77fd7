"""HPD v2, HPDv3, ImageReward, Pick-a-Pic: what is written, what is refused, what is read back.

Who is preferred follows from the scores in ``picture_folder``; the order of rows and which clip stands
first where the format does not say the winner so, from hashes of ids.
"""

import dataclasses
import itertools
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_folder import DOG, KITE, Written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from picture_folder import PICTURED, SEA, jpegs_of, write_pictured
from PIL import Image

from pipeline.export.export import export
from pipeline.export.material import open_material
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.hpdv3 import choice_dist
from pipeline.formats.imagereward import n_tokens
from pipeline.formats.people import PeopleRead
from pipeline.formats.pictures import position
from pipeline.formats.readers import reader_of
from pipeline.formats.writers import WRITERS
from pipeline.formats.writing import Choice, ExportError
from schemas import Preference
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import blob_name

MOTION = (
    "lost: motion is lost: each clip is one picture, the middle one of the frames that were taken of it, "
    "though its judges saw all of them"
)
TIE = "left out: 1 pairs are ties, which the format cannot say"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pictured(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="module")
def written(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    done: dict[str, Written] = {}

    def of(name: str) -> Written:
        if name not in done:
            done[name] = Written(dataset, name, tmp_path_factory.mktemp(name) / "out")
        return done[name]

    return of


def known(dataset: Path) -> ClipFinder:
    """A finder that knows the dataset's clips, as an audit of its folder does."""
    videos = open_material(dataset).videos.values()
    return ClipFinder(
        ClipFacts(
            video_id=v.video_id,
            prompt_id=v.prompt_id,
            generator=v.generator,
            prompt=v.prompt,
            video=v.uri,
        )
        for v in videos
    )


def winners(read: PeopleRead) -> dict[frozenset[str], str]:
    """The preferred clip of each pair, or ``tie``."""
    sides = {"a": lambda v: v.video_a, "b": lambda v: v.video_b, "tie": lambda v: "tie"}
    return {frozenset((v.video_a, v.video_b)): sides[v.choice](v) for v in read.votes}


KITES = {
    frozenset(("k1", "k2")): "k1",
    frozenset(("k1", "k3")): "k3",
    frozenset(("k2", "k3")): "k3",
}
DOGS = {frozenset(("d1", "d3")): "d1", frozenset(("d2", "d3")): "d2"}
DOGS_TIED = {**DOGS, frozenset(("d1", "d2")): "tie"}


def test_hpdv2_is_written(written: Callable[[str], Written]) -> None:
    export = written("hpdv2")
    assert export.text("train.json") == (
        "[\n"
        f'{{"human_preference": [0, 1], "prompt": "{KITE}", "file_path": ["k2.jpg", "k3.jpg"]}},\n'
        f'{{"human_preference": [0, 1], "prompt": "{KITE}", "file_path": ["k2.jpg", "k1.jpg"]}},\n'
        f'{{"human_preference": [0, 1], "prompt": "{KITE}", "file_path": ["k1.jpg", "k3.jpg"]}}\n'
        "]\n"
    )
    assert json.loads(export.text("test.json")) == [
        {
            "prompt": DOG,
            "image_path": ["d1.jpg", "d2.jpg", "d3.jpg"],
            "rank": [1, 1, 3],  # overall 3, 3, 1: the tie is said
            "raw_annotations": [{"rank": [1, 1, 3], "user_hash": "consensus"}],
        }
    ]
    middle = jpegs_of(PICTURED, "d2")[1]
    assert (export.folder / "test" / "d2.jpg").read_bytes() == middle
    assert MOTION in export.told
    assert not any(line.startswith("left out") for line in export.told)


def test_hpdv3_is_written(written: Callable[[str], Written]) -> None:
    export = written("hpdv3")
    assert export.text("test.json") == (
        "[\n"
        '{"path1": "images/d2.jpg", "path2": "images/d3.jpg", "prompt": "a dog says \\"hi\\"", '
        '"choice_dist": [1, 0], "confidence": null, "model1": "m2", "model2": "org/m3"},\n'
        '{"path1": "images/d1.jpg", "path2": "images/d3.jpg", "prompt": "a dog says \\"hi\\"", '
        '"choice_dist": [1, 0], "confidence": null, "model1": "m1", "model2": "org/m3"}\n'
        "]\n"
    )
    assert TIE in export.told
    assert any("6 of 6 pairs rest on scores of each clip" in line for line in export.told)


def test_imagereward_is_written(written: Callable[[str], Written]) -> None:
    export = written("imagereward")
    # overall of k1, k2, k3: 3.5, 2.5, 4; of s1, s2: 2, 3
    assert export.text("train.json") == (
        f'[\n{{"id": "p0", "prompt": "{KITE}", "generations": ["images/k1.jpg", "images/k2.jpg", '
        '"images/k3.jpg"], "ranking": [2, 3, 1]}\n]\n'
    )
    assert export.text("valid.json") == (
        f'[\n{{"id": "p1", "prompt": "{SEA}", "generations": ["images/s1.jpg", "images/s2.jpg"], '
        '"ranking": [2, 1]}\n]\n'
    )


def test_pickapic_is_written(written: Callable[[str], Written]) -> None:
    export = written("pickapic")
    rows = list(export.writer.read(export.folder, "data/test-00000-of-00001.parquet"))
    assert rows[0] == {
        "caption": DOG,
        "jpg_0": jpegs_of(PICTURED, "d1")[1],
        "jpg_1": jpegs_of(PICTURED, "d2")[1],
        "label_0": 0.5,
        "label_1": 0.5,
        "are_different": True,
        "has_label": True,
        "image_0_uid": "d1",
        "image_1_uid": "d2",
        "best_image_uid": "tie",
        "num_example_per_prompt": 3,
        "model_0": "m1",
        "model_1": "m2",
        "ranking_id": 0,
        "user_id": None,
        "created_at": None,
        "__index_level_0__": 0,
    }
    labels = [(r["image_0_uid"], r["image_1_uid"], r["label_0"], r["label_1"]) for r in rows[1:]]
    assert labels == [("d2", "d3", 1.0, 0.0), ("d1", "d3", 1.0, 0.0)]
    unique = export.writer.read(export.folder, "data/test_unique-00000-of-00001.parquet")
    assert [(r["caption"], r["num_example_per_prompt"]) for r in unique] == [(DOG, 1)]
    # the licences of clips that lie in rows are told as those of files are
    assert sum(one["clips"] for one in export.exported.record["clips"]) == len(PICTURED)


@pytest.mark.parametrize("name", ["hpdv2", "hpdv3", "imagereward", "pickapic"])
def test_another_dimension_and_frame_can_be_chosen(
    dataset: Path, tmp_path: Path, name: str
) -> None:
    choice = Choice(
        dimensions={"preference": "prompt_following"}, splits=("train",), picture="first"
    )
    export = Written(dataset, name, tmp_path / "out", choice)
    read = reader_of(export.folder / next(iter(export.plan.files))).read(
        export.folder / next(iter(export.plan.files)), known(dataset), None
    )
    # prompt_following of k1, k2, k3: 3, 3, 5
    expected = {frozenset(("k1", "k3")): "k3", frozenset(("k2", "k3")): "k3"}
    if name in ("imagereward", "pickapic"):
        expected[frozenset(("k1", "k2"))] = "tie"
    assert winners(read) == expected
    assert ("1 pairs are ties" in " ".join(export.told)) == (len(expected) == 2)
    if export.plan.media:
        first = jpegs_of(PICTURED, "k3")[0]
        assert first in [(export.folder / path).read_bytes() for path in export.plan.media]
    else:
        assert first_pictures(export) == {
            jpegs_of(PICTURED, clip)[0] for clip in ("k1", "k2", "k3")
        }


def first_pictures(export: Written) -> set[bytes]:
    rows = export.writer.read(export.folder, next(iter(export.plan.files)))
    return {row[name] for row in rows for name in ("jpg_0", "jpg_1")}


@pytest.mark.parametrize("name", ["hpdv2", "hpdv3", "imagereward", "pickapic"])
@pytest.mark.parametrize(
    ("dimensions", "says"),
    [
        ({"VQ": "video_quality"}, "this format has one dimension, called 'preference'"),
        ({"preference": "beauty"}, "there are overall, prompt_following, video_quality"),
    ],
)
def test_an_unknown_dimension_is_refused(
    dataset: Path, name: str, dimensions: dict[str, str], says: str
) -> None:
    with pytest.raises(SetupError, match=says):
        WRITERS[name].plan(open_material(dataset), Choice(dimensions=dimensions))


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("hpdv2", "train.json", KITES),
        ("hpdv2", "test.json", DOGS_TIED),
        ("hpdv3", "train.json", KITES),
        ("hpdv3", "test.json", DOGS),
        ("imagereward", "train.json", KITES),
        ("imagereward", "test.json", DOGS_TIED),
        ("pickapic", "data/train-00000-of-00001.parquet", KITES),
        ("pickapic", "data/test-00000-of-00001.parquet", DOGS_TIED),
    ],
)
def test_votes_on_exported_pictures_find_their_clips(
    dataset: Path,
    written: Callable[[str], Written],
    name: str,
    path: str,
    expected: dict[frozenset[str], str],
) -> None:
    file = written(name).folder / path
    reader = reader_of(file)
    assert reader.kind == name  # told by its content alone
    read = reader.read(file, known(dataset), None)
    assert winners(read) == expected
    assert read.left_out == {}
    alone = reader.read(file, ClipFinder(open=True), None)  # without the dataset: clips by path
    assert len(alone.votes) == len(expected)


# each rule broken once: file, what stood there, what stands there now, what is said
BROKEN = [
    ("hpdv2", "train.json", "[0, 1]", "[0, 0]", "row 1, human_preference: .* breaks the rule"),
    ("hpdv2", "train.json", "[0, 1]", "[1, 1]", "row 1, human_preference"),
    ("hpdv2", "train.json", "[0, 1]", "[0.5, 0.5]", "row 1, human_preference"),
    ("hpdv2", "train.json", "[0, 1]", "[false, true]", "row 1, human_preference"),
    ("hpdv2", "train.json", '"k3.jpg"]', '"k2.jpg"]', "pictures of a row differ"),
    ("hpdv2", "train.json", '"k3.jpg"]', '"k9.jpg"]', "files that rows name are there"),
    ("hpdv2", "train.json", '"k3.jpg"]', '"../k3.jpg"]', "paths are relative"),
    ("hpdv2", "train.json", '"k3.jpg"]', '"k3.jpg", "k1.jpg"]', "a pair has two pictures"),
    ("hpdv2", "train.json", '"prompt"', '"caption"', "rows have the same keys"),
    ("hpdv2", "train.json", '["k2.jpg", "k3.jpg"]', "null", "file_path: .* cells are text"),
    ("imagereward", "train.json", '"images/k1.jpg"', "[]", "generations: .* cells are text"),
    ("hpdv2", "train.json", f'"{KITE}"', "7", "prompt: .* breaks the rule that cells are text"),
    ("hpdv2", "test.json", '"rank": [1, 1, 3], "raw', '"rank": [1, 3], "raw', "one whole rank"),
    ("hpdv2", "test.json", '"rank": [1, 1, 3], "raw', '"rank": [1, 1, 1], "raw', "two ranks"),
    ("hpdv2", "test.json", '"rank": [1, 1, 3], "user', '"rank": [1, 2.5, 3], "user', "whole rank"),
    (
        "hpdv2",
        "test.json",
        '"user_hash": "consensus"',
        '"user": 3',
        None,
    ),  # one type: still a table
    ("hpdv2", "train.json", "[\n", "\ufeff[\n", "byte order mark"),
    ("hpdv2", "train.json", "[\n", "[\r\n", "plain line ends"),
    ("hpdv3", "train.json", "[1, 0]", "[0, 1]", "more verdicts are for path1"),
    ("hpdv3", "train.json", "[1, 0]", "[2, 2]", "more verdicts are for path1"),
    ("hpdv3", "train.json", "[1, 0]", "[0, 0]", "two counts, not both 0"),
    ("hpdv3", "train.json", "[1, 0]", "null", "two counts, not both 0"),
    ("hpdv3", "train.json", "[1, 0]", '"[1, 0]"', "two counts, not both 0"),
    ("hpdv3", "train.json", "null", '"0.98"', "confidence is null or from 0 to 1"),
    ("hpdv3", "train.json", "null", "1.5", "confidence is null or from 0 to 1"),
    ("hpdv3", "train.json", "images/k3.jpg", "/images/k3.jpg", "without a leading slash"),
    ("hpdv3", "train.json", "images/k3.jpg", "images/k9.jpg", "files that rows name are there"),
    ("hpdv3", "train.json", "images/k2.jpg", "images/k3.jpg", "pictures of a row differ"),
    (
        "hpdv3",
        "train.json",
        '"model1": "org/m3"',
        '"model1": null',
        "model1: .* cells are text",
    ),
    ("imagereward", "train.json", "[2, 3, 1]", "[2, 3]", "one rank for each picture"),
    ("imagereward", "train.json", "[2, 3, 1]", "[2, 3, 0]", "a whole number from 1"),
    ("imagereward", "train.json", "[2, 3, 1]", "[2.0, 3, 1]", "a whole number from 1"),
    ("imagereward", "train.json", "[2, 3, 1]", "[1, 1, 1]", "two ranks at least"),
    ("imagereward", "train.json", "images/k3", "images/k1", "pictures of a row differ"),
    ("imagereward", "train.json", "images/k3", "images/k9", "files that rows name are there"),
    (
        "imagereward",
        "train.json",
        f'"{KITE}"',
        '" "',
        "prompt: .* breaks the rule that cells are text",
    ),
]


@pytest.mark.parametrize(("name", "path", "old", "new", "says"), BROKEN)
def test_a_broken_rule_is_caught(
    written: Callable[[str], Written], name: str, path: str, old: str, new: str, says: str
) -> None:
    with pytest.raises(ExportError, match=says) as caught:
        written(name).check_of_changed(path, old, new)
    assert str(caught.value).startswith(path)


@pytest.mark.parametrize("name", ["hpdv2", "hpdv3", "imagereward"])
def test_a_picture_that_does_not_decode_is_caught(
    written: Callable[[str], Written], name: str
) -> None:
    path = next(iter(written(name).plan.media))
    whole = (written(name).folder / path).read_bytes()
    for damaged in (b"no picture", whole[: len(whole) // 2]):
        with pytest.raises(ExportError, match="pictures are there and decode"):
            written(name).check_without(path, damaged)
    with pytest.raises(ExportError, match="files that rows name are there"):
        written(name).check_without(path)


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("label_0", 0.7, "labels are 1, 0 or 0.5 and add up to 1"),
        ("label_1", 0.5, "labels are 1, 0 or 0.5 and add up to 1"),  # 0 and 0.5
        ("has_label", False, "has_label is true"),
        ("are_different", False, "are_different is true"),
        ("num_example_per_prompt", 1, "the caption's number of rows"),
        ("best_image_uid", "k2", "best_image_uid is that of the preferred picture"),
        ("caption", " ", "captions are text"),
        ("jpg_1", b"no picture", "bytes open as a picture"),
        ("jpg_1", jpegs_of(PICTURED, "k2")[1], "pictures of a row differ"),
        ("__index_level_0__", None, "__index_level_0__ is there"),
    ],
)
def test_a_broken_row_of_pickapic_is_caught(
    written: Callable[[str], Written], column: str, value: Any, says: str
) -> None:
    file = written("pickapic").folder / "data/train-00000-of-00001.parquet"
    before = file.read_bytes()
    table = pq.read_table(file)
    rows = table.to_pylist()
    rows[0][column] = value  # k2 against k3: labels 0 and 1
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    try:
        with pytest.raises(ExportError, match=says):
            written("pickapic").writer.check(written("pickapic").folder, written("pickapic").plan)
    finally:
        file.write_bytes(before)


def test_a_table_of_pickapic_without_a_column_is_caught(
    written: Callable[[str], Written],
) -> None:
    export = written("pickapic")
    file = export.folder / "data/train-00000-of-00001.parquet"
    before = file.read_bytes()
    pq.write_table(pq.read_table(file).drop_columns(["__index_level_0__"]), file)
    try:
        with pytest.raises(ExportError, match="tables have the columns"):
            export.writer.check(export.folder, export.plan)
    finally:
        file.write_bytes(before)


# what the loaders do, told in our words, run on our files


def test_the_loader_of_hpd_v2_serves_every_row_itself(written: Callable[[str], Written]) -> None:
    """Whatever goes wrong with a row, theirs serves the next one: none may go wrong."""
    folder = written("hpdv2").folder
    for path, column, label in (
        ("train.json", "file_path", "human_preference"),
        ("test.json", "image_path", "rank"),
    ):
        table = pa.Table.from_pylist(json.loads((folder / path).read_text()))
        for index in range(len(table)):
            assert served(table, index, folder / path.split(".")[0], column) == index
            assert len(table.column(label)[index].as_py()) >= 2


def served(table: pa.Table, index: int, folder: Path, column: str) -> int:
    try:
        for name in table.column(column)[index].as_py():
            Image.open(folder / name).convert("RGB")
    except OSError:
        return served(table, (index + 1) % len(table), folder, column)
    return index


def test_the_loader_of_hpdv3_never_takes_another_row(
    written: Callable[[str], Written], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(written("hpdv3").folder)
    rows = [
        row for path in written("hpdv3").plan.files for row in json.loads(Path(path).read_text())
    ]
    chance = random.Random(0)

    def item(index: int) -> tuple[int, float]:
        row = rows[index]
        counts = sorted(row["choice_dist"] or [0], reverse=True)
        if Path(row["path1"]).exists() and Path(row["path2"]).exists() and sum(counts) > 0:
            return index, counts[0] / sum(counts)
        return item(chance.randrange(len(rows)))

    assert [item(i) for i in range(len(rows))] == [(i, 1.0) for i in range(6)]
    kept = [row for row in rows if row["confidence"] is None or row["confidence"] >= 0.9]
    assert len(kept) == 6  # null passes any threshold


def test_pairs_that_imagereward_makes(written: Callable[[str], Written]) -> None:
    found = set()
    for path in written("imagereward").plan.files:
        for row in json.loads(written("imagereward").text(path)):
            ranked = list(zip(row["generations"], row["ranking"], strict=True))
            for (left, rank_l), (right, rank_r) in itertools.combinations(ranked, 2):
                if rank_l != rank_r:
                    found.add((left, right) if rank_l < rank_r else (right, left))
    names = {(Path(better).stem, Path(worse).stem) for better, worse in found}
    assert names == {
        ("k1", "k2"), ("k3", "k1"), ("k3", "k2"), ("s2", "s1"), ("d1", "d3"), ("d2", "d3"),
    }  # fmt: skip


def test_weights_of_pickapic_add_up_to_one_a_caption(written: Callable[[str], Written]) -> None:
    """Their loss divides a row by its caption's count: every caption then weighs the same."""
    export = written("pickapic")
    for path in export.plan.files:
        weight: Counter[str] = Counter()
        for row in export.writer.read(export.folder, path):
            assert row["label_0"] + row["label_1"] == 1
            weight[row["caption"]] += 1 / row["num_example_per_prompt"]
        assert all(abs(total - 1) < 1e-9 for total in weight.values())


# what is left out or changed, and told


def test_clips_that_look_alike_are_in_no_pair_and_no_ranking(tmp_path: Path) -> None:
    root = write_pictured(tmp_path / "in", alike={"k2": "k1", "d1": "d2"})
    hpdv3 = Written(root, "hpdv3", tmp_path / "hpdv3")
    assert "left out: 2 pairs show the same picture on both sides" in hpdv3.told
    images = Written(root, "imagereward", tmp_path / "imagereward")
    # of the kites and the dogs one clip is left each, which is no ranking
    assert set(images.plan.files) == {"valid.json"}
    assert (
        "left out: 4 clips of a ranking show the same picture as another one of it" in images.told
    )


def test_a_clip_without_frames_is_left_out(dataset: Path) -> None:
    material = open_material(dataset)
    del material.frames["k3"]  # type: ignore[attr-defined]
    plan = WRITERS["hpdv3"].plan(material, Choice())
    assert plan.left_out["pairs have a clip of which no frame was taken"] == 2
    assert [row["path1"] for row in plan.files["train.json"]] == ["images/k1.jpg"]


@pytest.mark.parametrize(
    ("which", "n", "expected"),
    [
        ("first", 4, 0),
        ("middle", 1, 0),
        ("middle", 3, 1),
        ("middle", 4, 1),
        ("middle", 8, 3),
        ("last", 4, 3),
    ],
)
def test_which_frame_stands_for_a_clip(
    dataset: Path, which: Literal["first", "middle", "last"], n: int, expected: int
) -> None:
    frames = dataclasses.replace(
        open_material(dataset).frames["k1"],
        indices=tuple(range(n)),
        times_s=(None,) * n,
        jpeg_sha256=("0" * 64,) * n,
    )
    assert position(frames, Choice(picture=which)) == expected


def test_pictures_that_are_gone_are_named(tmp_path: Path) -> None:
    root = write_pictured(tmp_path / "in")
    digest = open_material(root).frames["k1"].jpeg_sha256[1]
    gone = Path(Layout(root).frames.path(blob_name(digest, ".jpg")))
    gone.write_bytes(b"another picture")
    with pytest.raises(SetupError, match="picture of clip 'k1' is damaged"):
        export(root, "pickapic", tmp_path / "out", Choice(), say=lambda line: None)
    gone.unlink()
    with pytest.raises(SetupError, match="picture of clip 'k1' is not there"):
        export(root, "pickapic", tmp_path / "out", Choice(), say=lambda line: None)
    assert not (tmp_path / "out").exists()


def pair(**changes: Any) -> Preference:
    told: dict[str, Any] = {
        "pair_id": "p", "prompt_id": "p0", "prompt": KITE, "dimension": "overall", "video_a": "k1",
        "video_b": "k2", "generator_a": "m1", "generator_b": "m2", "score_a": 0.25, "score_b": 0.75,
        "label": "b", "margin": -0.5, "weight": 1.0, "split": "train", "annotator_id": "consensus",
        "n_a": 4, "n_b": 4, "basis": "comparisons",
    }  # fmt: skip
    return Preference(**{**told, **changes})


@pytest.mark.parametrize(
    ("changes", "counts"),
    [
        ({}, [3, 1]),  # of 4 verdicts a quarter for a, the rest for b, who won
        # one of 2 verdicts changed with the order and counts half for each: 1.5 and 0.5
        ({"n_a": 2, "n_b": 2}, [1.5, 0.5]),
        ({"score_a": 1.0, "score_b": 0.0, "label": "a", "margin": 1.0}, [4, 0]),
        # scores are no verdicts between the two, however many stand behind each
        ({"score_a": 2.0, "score_b": 4.0, "margin": -2.0, "basis": "scores"}, [1, 0]),
    ],
)
def test_verdicts_behind_a_pair(changes: dict[str, Any], counts: list[float]) -> None:
    assert choice_dist(pair(**changes)) == counts


def test_pairs_that_were_compared_are_rankings_of_two(dataset: Path) -> None:
    material = open_material(dataset)
    compared = pair(pair_id="kk")
    tie = pair(
        pair_id="tt", video_b="k3", generator_b="org/m3", score_a=0.5, score_b=0.5, label="tie",
        margin=0.0,
    )  # fmt: skip
    plan = WRITERS["imagereward"].plan(
        dataclasses.replace(material, preferences=[compared, tie]), Choice()
    )
    assert plan.files["train.json"] == [
        {
            "id": "kk",
            "prompt": KITE,
            "generations": ["images/k1.jpg", "images/k2.jpg"],
            "ranking": [2, 1],
        }
    ]
    assert plan.left_out == {"rankings hold equal ranks alone, which tell no clip from another": 1}


def test_ties_that_scores_part_and_pairs_that_follow_are_told(dataset: Path) -> None:
    material = open_material(dataset)
    # k1 against k2 is a tie, for 0.5 is little; k1 against k3 is held, k2 against k3 is not
    near = pair(pair_id="x", score_a=3.5, score_b=3.0, label="tie", margin=0.5, basis="scores")
    far = pair(
        pair_id="y", video_b="k3", generator_b="org/m3", score_a=3.5, score_b=5.0, label="b",
        margin=-1.5, basis="scores",
    )  # fmt: skip
    plan = WRITERS["imagereward"].plan(
        dataclasses.replace(material, preferences=[near, far]), Choice()
    )
    assert plan.files["train.json"][0]["ranking"] == [2, 3, 1]
    told = " ".join(plan.lost)
    assert "1 pairs that are ties, because their scores differ by little, are parted" in told
    assert "1 pairs that the dataset does not hold follow from the rankings" in told


def test_prompts_that_imagereward_cuts_are_counted(tmp_path: Path) -> None:
    long = " ".join(["word"] * 33) + "."  # 33 words, a full stop, and two marks: 36
    assert n_tokens(long) == 36
    assert n_tokens(" ".join(["word"] * 33)) == 35
    judged = {"k1": (long, "m1", (3, 4)), "k2": (long, "m2", (1, 1)), **{
        clip: PICTURED[clip] for clip in ("s1", "s2")
    }}  # fmt: skip
    root = write_pictured(tmp_path / "in", judged, splits={long: "train", SEA: "train"})
    told = Written(root, "imagereward", tmp_path / "out").told
    assert any(
        line.startswith("lost: at least 1 of 2 prompts will be cut after 35") for line in told
    )


# other people's files of these formats


def test_forms_that_others_write_are_read(tmp_path: Path) -> None:
    path = tmp_path / "plusplus.json"
    row = {"path1": "a/k.jpg", "path2": "b/k.jpg", "prompt": "p", "confidence": "0.9"}
    path.write_text(json.dumps([{**row, "choice_dist": "[8, 1]"}, {
        **row, "path1": "c/k.jpg", "choice_dist": [2, 2]}]))  # fmt: skip
    votes = reader_of(path).read(path, ClipFinder(open=True), None).votes
    assert sorted(vote.choice for vote in votes) == ["a", "tie"]
    path.write_text(json.dumps([{**row, "choice_dist": "[0, 0]"}]))
    with pytest.raises(SetupError, match="row 1, column 'choice_dist'"):
        reader_of(path).read(path, ClipFinder(open=True), None)


def test_raters_of_hpd_v2_and_pick_a_pic_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "test.json"
    ranked = {"prompt": "p", "image_path": ["a.jpg", "b.jpg"], "rank": [1, 2]}
    raw = [{"rank": [2, 1], "user_hash": "u1"}, {"rank": [1, 2], "user_hash": "u2"}]
    path.write_text(json.dumps([{**ranked, "raw_annotations": raw}]))
    votes = reader_of(path).read(path, ClipFinder(open=True), None).votes
    assert {(vote.rater, vote.choice) for vote in votes} == {("u1", "b"), ("u2", "a")}
    table = tmp_path / "train.parquet"
    one = {"caption": "p", "label_0": 1.0, "label_1": 0.0, "image_0_uid": "x", "image_1_uid": "y"}
    none = {**one, "has_label": False, "image_1_uid": "z", "user_id": 8}
    pq.write_table(pa.Table.from_pylist([{**one, "has_label": True, "user_id": 7}, none]), table)
    read = reader_of(table).read(table, ClipFinder(open=True), None)
    assert [(vote.rater, vote.choice) for vote in read.votes] == [("7", "a")]
    assert read.left_out == {"rows have no label": 1}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"human_preference": [1, 1], "file_path": ["a", "b"]}, "'human_preference': .* is not"),
        ({"human_preference": [1, 0], "file_path": ["a", "a"]}, "expected 2 different files"),
        ({"human_preference": [1, 0], "file_path": "a"}, "expected 2 different files"),
        ({"rank": [1], "image_path": ["a", "b"]}, "column 'rank': expected 2 whole numbers"),
        ({"rank": [1, True], "image_path": ["a", "b"]}, "column 'rank': expected 2 whole numbers"),
        ({"ranking": [1, "2"], "generations": ["a", "b"]}, "column 'ranking': expected 2 whole"),
        ({"ranking": [1, 2], "generations": ["a", 3]}, "'generations': expected at least 2"),
        ({"path1": "a", "path2": "a"}, "both pictures are the same"),
        ({"path1": "a", "path2": "b", "choice_dist": "many"}, "column 'choice_dist'"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], says: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"prompt": "p", **row}]))
    with pytest.raises(SetupError, match=says) as caught:
        reader_of(path).read(path, ClipFinder(open=True), None)
    assert "row 1" in str(caught.value)


ODD = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30
).filter(lambda text: bool(text.strip()))


@settings(max_examples=4, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prompts=st.lists(ODD, min_size=2, max_size=2, unique_by=lambda text: str(text.split())))
def test_odd_prompts_come_back(
    tmp_path_factory: pytest.TempPathFactory, prompts: list[str]
) -> None:
    """Every format's room compares all rows with what was planned: no prompt may change."""
    first, second = prompts
    judged = {
        "k1": (first, "m1", (3, 4)),
        "k2": (first, "m2", (2, 1)),
        "d1": (second, "m1", (1, 1)),
        "d2": (second, "m2", (4, 5)),
    }
    base = tmp_path_factory.mktemp("odd")
    root = write_pictured(base / "in", judged, splits={first: "train", second: "test"})
    for name in ("hpdv2", "pickapic", "trl-preference"):
        choice = Choice(media="link")
        exported = export(root, name, base / name, choice, say=lambda line: None)
        assert exported.checked["rows were read back as planned"] >= 2
