"""VideoFeedback and VideoScore: what is written, refused, checked, and read back by the source."""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from export_folder import DOG, KITE, Written
from picture_folder import PICTURED, SEA, jpegs_of, write_pictured

from pipeline.export.material import open_material
from pipeline.formats.aspects import question, recovered
from pipeline.formats.videofeedback import DIMENSIONS, read_videofeedback
from pipeline.formats.writers import WRITERS
from pipeline.formats.writing import Choice, ExportError
from pipeline.sources.videofeedback import VideoFeedbackSource
from schemas.options import SetupError

OURS = dict.fromkeys(DIMENSIONS, "video_quality") | {"text-to-video alignment": "prompt_following"}
CHOICE = Choice(dimensions=OURS)
TRAIN = "annotated/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judged from 1 to 4, so that nothing is mapped; k3, d1, d2 have other scores than elsewhere."""
    judged = {
        **PICTURED,
        "k3": (KITE, "org/m3", (4, 3)),
        "d2": (DOG, "m2", (1, 2.5)),
    }
    return write_pictured(tmp_path_factory.mktemp("dataset"), judged, scale=(1.0, 4.0))


@pytest.fixture(scope="module")
def written(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    done: dict[str, Written] = {}

    def of(name: str) -> Written:
        if name not in done:
            done[name] = Written(dataset, name, tmp_path_factory.mktemp(name) / "out", CHOICE)
        return done[name]

    return of


TALK = (
    "These are frames of one generated video, in order of time. Judge the video on five aspects: visual "
    "quality, temporal consistency, dynamic degree, text-to-video alignment, factual consistency. Give "
    "each a whole number from 1 (bad) to 4 (as good as real footage).\n"
    'For this video the text prompt is "a red kite, high over a lake",\n'
    "all the frames of the video are as follows:\n<image> <image> <image>"
)


def test_videofeedback_is_written(written: Callable[[str], Written]) -> None:
    export = written("videofeedback")
    assert export.writer.read(export.folder, TRAIN)[0] == {
        "id": "k1",
        "images": ["k1_00.jpg", "k1_01.jpg", "k1_02.jpg"],
        "text prompt": KITE,
        "video link": "",
        "visual quality": 4,
        "temporal consistency": 4,
        "dynamic degree": 4,
        "text-to-video alignment": 3,
        "factual consistency": 4,
        "conversations": [
            {"from": "human", "value": TALK},
            {
                "from": "gpt",
                "value": "visual quality: 4\ntemporal consistency: 4\ndynamic degree: 4\n"
                "text-to-video alignment: 3\nfactual consistency: 4",
            },
        ],
    }
    frames = [(export.folder / f"images/k1/k1_{i:02d}.jpg").read_bytes() for i in range(3)]
    assert frames == jpegs_of(PICTURED, "k1")
    told = "\n".join(export.told)
    # video_quality of d2 is 2.5, in four aspects of eight clips with five scores each
    assert "ATTENTION: 4 of 40 scores were no whole numbers from 1 to 4; they are rounded" in told
    assert "linearly" not in told
    assert "'factual consistency' are all our 'video_quality'" in told


def test_the_source_reads_the_export(written: Callable[[str], Written]) -> None:
    folder = written("videofeedback").folder
    source = VideoFeedbackSource(path=str(folder / TRAIN), videos=str(folder / "images"))
    found = source.read()
    assert [(c.prompt, c.path) for c in found.clips] == [
        (KITE, str(folder / "images" / clip)) for clip in ("k1", "k2", "k3")
    ]
    assert found.clips[2].frame_files == ("k3_00.jpg", "k3_01.jpg", "k3_02.jpg")
    scores = [tuple(row.clip.scores.values()) for row in read_videofeedback(folder / TRAIN)]
    # visual, temporal, dynamic: video_quality; alignment: prompt_following; factual: video_quality
    assert scores == [(4, 4, 4, 3, 4), (2, 2, 2, 3, 2), (3, 3, 3, 4, 3)]


def test_videoscore_is_written(written: Callable[[str], Written]) -> None:
    export = written("videoscore")
    rows = json.loads(export.text("test_regression.json"))
    assert rows[1] == {
        "id": "d2",
        "images": ["images/d2/d2_00.jpg", "images/d2/d2_01.jpg", "images/d2/d2_02.jpg"],
        "prompt": TALK.replace(KITE, DOG),
        "labels": {
            "visual quality": 2.5,
            "temporal consistency": 2.5,
            "dynamic degree": 2.5,
            "text-to-video alignment": 1.0,
            "factual consistency": 2.5,
        },
    }
    chat = json.loads(export.text("test_chat.json"))[1]
    assert chat["images"] == rows[1]["images"]
    assert chat["conversations"][1]["value"].startswith("visual quality: 3\n")  # halves go up


def test_what_their_preparation_makes_of_the_export(written: Callable[[str], Written]) -> None:
    """``prepare_regression.py`` in our words: folder from the first image, labels from the text."""
    folder = written("videofeedback").folder
    for path in written("videofeedback").plan.files:
        for row in pq.read_table(folder / path).to_pylist():
            at = folder / "images" / row["images"][0].split("_")[0]
            assert all((at / image).exists() for image in row["images"])
            lines = [x for x in row["conversations"][1]["value"].split("\n") if x]
            labels = {x.split(":")[0].strip(" \n"): float(x.split(":")[1]) for x in lines}
            assert labels == {aspect: row[aspect] for aspect in DIMENSIONS}
            first = row["conversations"][0]["value"]
            found = re.search(r'text prompt is "(.*?)",\n', first, re.DOTALL)
            assert found is not None
            assert found[1] == row["text prompt"]


def changed(export: Written, change: Callable[[dict[str, Any]], None]) -> None:
    """The check of a VideoFeedback export with its first row changed; the file is put back."""
    file = export.folder / TRAIN
    before, table = file.read_bytes(), pq.read_table(file)
    rows = table.to_pylist()
    change(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, table.schema), file)
    try:
        export.writer.check(export.folder, export.plan)
    finally:
        file.write_bytes(before)


def put(column: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda row: row.update({column: value})


def say(turn: int, old: str, new: str) -> Callable[[dict[str, Any]], None]:
    def change(row: dict[str, Any]) -> None:
        said = row["conversations"][turn]
        assert old in said["value"]
        said["value"] = said["value"].replace(old, new, 1)

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (put("id", "k_1"), "an id holds no underscore"),
        (put("id", "k2"), "frames are <id>_<nn>.jpg"),
        (put("images", ["k1_00.jpg"]), "frames are <id>_<nn>.jpg, two or more"),
        (put("images", ["k1_00.jpg", "k2_01.jpg"]), "frames are <id>_<nn>.jpg"),
        (put("images", [f"k1_0{i}.jpg" for i in range(4)]), "files that rows name are there"),
        (put("visual quality", 5), "scores are whole numbers from 1 to 4"),
        (put("visual quality", None), "scores are whole numbers from 1 to 4"),
        (put("visual quality", 3), "those of the columns"),
        (put("text prompt", "a kite"), "the prompt is found in the first turn"),
        (put("conversations", []), "two turns are human and gpt"),
        (put("images", None), "images: 'None' breaks the rule that cells are text"),
        (say(0, '",\n', '", '), "the prompt is found in the first turn"),
        (say(0, "<image>", ""), "a mark for each frame"),
        (say(1, "dynamic degree: 4\n", ""), "five lines"),
        (say(1, "visual quality: 4", "visual quality: 4.0"), "five lines"),
        (say(1, "visual quality: 4", "Visual quality: 4"), "five lines"),
        (say(1, "visual quality: 4", "visual quality: 0"), "scores of the text are whole numbers"),
        (say(1, "consistency: 4", "consistency: 4\n"), "whole number"),
    ],
)
def test_a_broken_row_is_caught(
    written: Callable[[str], Written], change: Callable[[dict[str, Any]], None], says: str
) -> None:
    with pytest.raises(ExportError, match=says):
        changed(written("videofeedback"), change)


def test_two_rows_of_one_id_are_caught(written: Callable[[str], Written]) -> None:
    export = written("videofeedback")
    file = export.folder / TRAIN
    before, table = file.read_bytes(), pq.read_table(file)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)
    try:
        with pytest.raises(ExportError, match="row 4, id: 'k1' breaks the rule that ids differ"):
            export.writer.check(export.folder, export.plan)
    finally:
        file.write_bytes(before)


@pytest.mark.parametrize(
    ("path", "old", "new", "says"),
    [
        ("regression", '"visual quality": 4.0', '"visual quality": 5.0', "numbers from 1 to 4"),
        ("regression", '"visual quality": 4.0', '"visual quality": "4"', "numbers from 1 to 4"),
        ("regression", '"visual quality": 4.0, ', "", "labels are the five aspects"),
        ("regression", "images/k1/k1_01.jpg", "images/k2/k1_01.jpg", "files that rows name"),
        ("regression", "images/k1/k1_01.jpg", "images/k2/k2_01.jpg", "frames are <id>_<nn>.jpg"),
        ("regression", '\\",\\nall', '\\", all', "the prompt is found"),
        ("regression", '"labels"', '"label"', "rows have the same keys"),
        ("chat", '"from": "human"', '"from": "user"', "two turns are human and gpt"),
        ("chat", "visual quality: 4", "visual quality: 4.5", "five lines"),
        ("chat", "<image> <image> <image>", "<image> <image>", "a mark for each frame"),
    ],
)
def test_a_broken_list_is_caught(
    written: Callable[[str], Written], path: str, old: str, new: str, says: str
) -> None:
    with pytest.raises(ExportError, match=says):
        written("videoscore").check_of_changed(f"train_{path}.json", old, new)


def test_a_frame_that_does_not_decode_is_caught(written: Callable[[str], Written]) -> None:
    with pytest.raises(ExportError, match="pictures are there and decode"):
        written("videofeedback").check_without("images/k1/k1_01.jpg", b"\xff\xd8 no picture")


def test_other_scales_are_mapped_and_it_is_said(tmp_path: Path) -> None:
    """1 + 3 (score - 1) / 4: 1, 2, 3, 4, 5 become 1, 1.75, 2.5, 3.25, 4; whole: 1, 2, 3, 3, 4."""
    judged = {f"c{n}": (KITE, f"m{n}", (n, n)) for n in range(1, 6)}
    root = write_pictured(tmp_path / "in", judged, splits={KITE: "train"})
    plan = WRITERS["videofeedback"].plan(open_material(root), CHOICE)
    assert [row["dynamic degree"] for row in plan.files[TRAIN]] == [1, 2, 3, 3, 4]
    scores = WRITERS["videoscore"].plan(open_material(root), CHOICE).files["train_regression.json"]
    assert [row["labels"]["dynamic degree"] for row in scores] == [1.0, 1.75, 2.5, 3.25, 4.0]
    told = " ".join(plan.lost)
    assert (
        "'video_quality' was judged from 1 to 5; its scores are mapped linearly to 1 to 4" in told
    )
    assert "15 of 25 scores were no whole numbers" in told  # three of five, five times


@pytest.mark.parametrize(
    ("dimensions", "scale", "says"),
    [
        ({}, (1.0, 4.0), "no scores of visual_quality, temporal_consistency, dynamic_degree"),
        ({}, (1.0, 4.0), 'answers: --dimension "visual quality=OURS" --dimension "temporal'),
        ({**OURS, "beauty": "video_quality"}, (1.0, 4.0), "beauty=...: no aspect of VideoFeedback"),
        (OURS, (None, None), "has no scale with bounds"),
    ],
)
def test_scores_that_are_lacking_are_not_made_up(
    tmp_path: Path, dimensions: Mapping[str, str], scale: Any, says: str
) -> None:
    root = write_pictured(tmp_path / "in", {"s1": (SEA, "m", (2, 2))}, scale=scale)
    for name in ("videofeedback", "videoscore"):
        with pytest.raises(SetupError, match=says):
            WRITERS[name].plan(open_material(root), Choice(dimensions=dimensions))


def test_scores_off_the_rubrics_scale_are_refused(dataset: Path) -> None:
    material = open_material(dataset)
    material.scales["video_quality"] = (1.0, 3.0)  # type: ignore[index]
    with pytest.raises(
        SetupError, match="'k1', 'video_quality': 4 is not on the rubric's scale 1 to 3"
    ):
        WRITERS["videofeedback"].plan(material, CHOICE)


def test_clips_that_cannot_be_said_are_counted(tmp_path: Path) -> None:
    broken = 'a sign says "go",\nand nobody goes'
    judged = {
        **{clip: PICTURED[clip] for clip in ("k1", "k2")},
        "b1": (broken, "m1", (2, 2)),
        "b2": (broken, "m2", (3, 3)),
        "with_underscores": (SEA, "m1", (2, 2)),  # alone of its prompt: in no pair
        "n1": ("of no split", "m1", (2, 2)),
        "o1": (DOG, "m1", (3, 2)),
    }
    splits = {KITE: "train", broken: "train", SEA: "test", DOG: "test"}
    frames = {"o1": {"indices": (0,), "times_s": (0.0,), "jpeg_sha256": ("0" * 64,)}}
    root = write_pictured(tmp_path / "in", judged, splits=splits, scale=(1.0, 4.0), frames=frames)
    material = open_material(root)
    del material.scores["k2", "video_quality"]  # type: ignore[attr-defined]
    plan = WRITERS["videofeedback"].plan(material, CHOICE)
    rows = {path: [row["id"] for row in rows] for path, rows in plan.files.items()}
    (name,) = rows["annotated/test-00000-of-00001.parquet"]
    assert rows == {TRAIN: ["k1"], "annotated/test-00000-of-00001.parquet": [name]}
    assert name.startswith("with-underscores.")  # and a hash: no underscore
    assert sorted(plan.left_out.values()) == [1, 1, 1, 2]
    told = " ".join(plan.left_out)
    for phrase in ("in no pair", "fewer than two frames", "lack a score", "which breaks the text"):
        assert phrase in told


def test_clips_of_a_generator_that_is_held_out_stay_out_of_train(dataset: Path) -> None:
    """No pair of train holds a clip of such a generator: by scores alone it would slip in."""
    material = open_material(dataset)
    without = [p for p in material.preferences if "k3" not in (p.video_a, p.video_b)]
    plan = WRITERS["videofeedback"].plan(dataclasses.replace(material, preferences=without), CHOICE)
    assert [row["id"] for row in plan.files[TRAIN]] == ["k1", "k2"]
    assert list(plan.left_out.values()) == [1]


@pytest.mark.parametrize(
    "prompt",
    ["a", 'ends in a quote"', 'ends in ",', '"', ",", "two\nlines", 'a "b", c', "{prompt}"],
)
def test_prompts_are_found_in_the_first_turn(prompt: str) -> None:
    assert recovered(question(prompt, 2)) == prompt


@pytest.mark.parametrize("text", ["no marks at all", 'text prompt is "never ends', 'ends",\n'])
def test_a_text_without_marks_has_no_prompt(text: str) -> None:
    assert recovered(text) is None
