"""trl's preference and unpaired forms, and binarised UltraFeedback: answers that are paths of clips."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import load_dataset
from export_folder import DOG, JUDGED, KITE, Written, content, write_dataset

from pipeline.export.material import open_material
from pipeline.formats.finder import ClipFinder
from pipeline.formats.readers import READERS, reader_of
from pipeline.formats.text_pairs import read_text_pairs
from pipeline.formats.writers import WRITERS
from pipeline.formats.writing import Choice, ExportError
from schemas.ids import sha256_hex
from schemas.options import SetupError

# overall of d1 and d2 is 3 and 3, so that the only pair in test is a tie; d3 loses against both
JUDGED_TOO = {**JUDGED, "d3": (DOG, "org/m3", (1.0, 1.0))}
PREFS = "data/train_prefs-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"), JUDGED_TOO)


@pytest.fixture(scope="module")
def written(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Written]:
    done: dict[str, Written] = {}

    def of(name: str) -> Written:
        if name not in done:
            done[name] = Written(dataset, name, tmp_path_factory.mktemp(name) / "out")
        return done[name]

    return of


def test_preferences_are_written(written: Callable[[str], Written]) -> None:
    export = written("trl-preference")
    # overall 3.5, 2.5 and 4: margins 1.5, 1 and 0.5
    assert export.text("train.jsonl") == "".join(
        f'{{"prompt": "{KITE}", "chosen": "videos/{chosen}.mp4", "rejected": "videos/{rejected}.mp4", '
        f'"margin": {margin}, "video_chosen": "videos/{chosen}.mp4", '
        f'"video_rejected": "videos/{rejected}.mp4"}}\n'
        for chosen, rejected, margin in (
            ("k3", "k2", 1.5),
            ("k1", "k2", 1.0),
            ("k3", "k1", 0.5),
        )
    )
    assert (export.folder / "videos" / "k3.mp4").read_bytes() == content("k3")
    assert "left out: 1 pairs are ties, which the format cannot say" in export.told
    assert any("sees no video" in line for line in export.told)


def test_single_answers_are_written(written: Callable[[str], Written]) -> None:
    export = written("trl-unpaired")
    # k3 won twice, k2 lost twice, k1 won and lost once
    assert export.text("train.jsonl") == (
        f'{{"prompt": "{KITE}", "completion": "videos/k2.mp4", "label": false, "video": "videos/k2.mp4"}}\n'
        f'{{"prompt": "{KITE}", "completion": "videos/k3.mp4", "label": true, "video": "videos/k3.mp4"}}\n'
    )
    labels = {
        row["video"]: row["label"]
        for row in map(json.loads, export.text("test.jsonl").split("\n")[:-1])
    }
    assert labels == {"videos/d1.mp4": True, "videos/d2.mp4": True, "videos/d3.mp4": False}
    assert any("1 clips won as many of their pairs as they lost" in line for line in export.told)


def test_ultrafeedback_is_written(written: Callable[[str], Written]) -> None:
    export = written("ultrafeedback")
    chosen = [
        {"content": KITE, "role": "user"},
        {"content": "videos/k3.mp4", "role": "assistant"},
    ]
    assert export.writer.read(export.folder, PREFS)[0] == {
        "prompt": KITE,
        "prompt_id": sha256_hex(KITE.encode()),
        "chosen": chosen,
        "rejected": [chosen[0], {"content": "videos/k2.mp4", "role": "assistant"}],
        "messages": chosen,
        "score_chosen": 4.0,
        "score_rejected": 2.5,
    }
    assert "note: scores are means on the rubric's scale" in export.told


@pytest.mark.parametrize(
    ("name", "splits"),
    [
        ("trl-preference", {"train": 3, "test": 2}),
        ("trl-unpaired", {"train": 2, "test": 3}),
        ("ultrafeedback", {"train_prefs": 3, "test_prefs": 2}),
    ],
)
def test_datasets_loads_the_export(
    written: Callable[[str], Written], tmp_path: Path, name: str, splits: dict[str, int]
) -> None:
    files = {
        path.split("/")[-1].split("-")[0].split(".")[0]: str(written(name).folder / path)
        for path in written(name).plan.files
    }
    kind = "parquet" if name == "ultrafeedback" else "json"
    loaded = load_dataset(kind, data_files=files, cache_dir=str(tmp_path))
    assert {split: rows.num_rows for split, rows in loaded.items()} == splits


@pytest.mark.parametrize(
    ("name", "path", "old", "new", "says"),
    [
        ("preference", "train", '"margin": 1.5', '"margin": -1.5', "not negative"),
        ("preference", "train", '"margin": 1.5', '"margin": null', "margins are numbers"),
        ("preference", "train", '"margin": 1.0, ', "", "margin in every row or in none"),
        ("preference", "train", '"margin": 1.5, ', "", "margin in every row or in none"),
        ("preference", "train", '"chosen": "videos/k3.mp4"', '"chosen": ["k3"]', "all of one type"),
        (
            "preference",
            "train",
            '"rejected": "videos/k2.mp4"',
            '"rejected": " "',
            "all of one type",
        ),
        ("preference", "train", f'"{KITE}"', "[]", "all of one type"),
        (
            "preference",
            "train",
            '"rejected": "videos/k2',
            '"rejected": "videos/k3',
            "answers differ",
        ),
        ("preference", "train", 'chosen": "videos/k3', 'chosen": "/videos/k3', None),
        (
            "preference",
            "train",
            '"video_chosen": "videos/k3',
            '"video_chosen": "videos/k9',
            "there",
        ),
        ("preference", "train", '"video_chosen": "', '"video_chosen": "../', "paths are relative"),
        ("unpaired", "train", "false", '"false"', "labels are true or false"),
        ("unpaired", "train", "false", "0", "labels are true or false"),
        ("unpaired", "train", '"completion": "videos/k2.mp4"', '"completion": 7', "of one type"),
        ("unpaired", "train", '"video": "videos/k2', '"video": "videos/k9', "are there"),
        ("unpaired", "train", ', "label": false', "", "rows have the same keys"),
    ],
)
def test_a_broken_line_is_caught(
    written: Callable[[str], Written], name: str, path: str, old: str, new: str, says: str | None
) -> None:
    export = written(f"trl-{name}")
    if says is None:  # an answer is text, whatever it says
        export.check_of_changed(f"{path}.jsonl", old, new)
        return
    with pytest.raises(ExportError, match=says):
        export.check_of_changed(f"{path}.jsonl", old, new)


def turns(*said: str, roles: tuple[str, ...] = ("user", "assistant")) -> list[dict[str, str]]:
    return [{"content": text, "role": role} for text, role in zip(said, roles, strict=True)]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"prompt": "another"}, "prompt_id is a hash of the prompt"),
        (
            {"prompt": "another", "prompt_id": sha256_hex(b"another")},
            "the first turn is the prompt",
        ),
        ({"prompt_id": None}, "prompt_id: 'None' breaks the rule that cells are text"),
        ({"chosen": None}, "chosen: 'None' breaks the rule that cells are text"),
        ({"prompt": DOG, "prompt_id": sha256_hex(DOG.encode())}, "the first turn is the prompt"),
        ({"chosen": turns(KITE, roles=("user",))}, "a turn of the user and one of the assistant"),
        ({"rejected": turns(KITE, "x", roles=("user", "user"))}, "a turn of the user and one"),
        ({"chosen": turns("other", "videos/k3.mp4")}, "the first turn is the prompt"),
        ({"chosen": turns(KITE, "videos/k9.mp4")}, "files that rows name are there"),
        ({"messages": turns(KITE, "videos/k2.mp4")}, "messages are those of chosen"),
        ({"rejected": turns(KITE, "videos/k3.mp4")}, "answers differ"),
        ({"score_chosen": 2.5}, "score_chosen is above score_rejected"),
        ({"score_rejected": None}, "score_chosen is above score_rejected"),
    ],
)
def test_a_broken_row_of_ultrafeedback_is_caught(
    written: Callable[[str], Written], change: dict[str, Any], says: str
) -> None:
    export = written("ultrafeedback")
    file = export.folder / PREFS
    before, table = file.read_bytes(), pq.read_table(file)
    rows = table.to_pylist()
    pq.write_table(pa.Table.from_pylist([{**rows[0], **change}, *rows[1:]], table.schema), file)
    try:
        with pytest.raises(ExportError, match=says):
            export.writer.check(export.folder, export.plan)
    finally:
        file.write_bytes(before)


def test_a_prompt_in_two_splits_is_caught_and_never_written(
    dataset: Path, written: Callable[[str], Written]
) -> None:
    export = written("ultrafeedback")
    other = export.folder / "data/test_prefs-00000-of-00001.parquet"
    before = other.read_bytes()
    other.write_bytes((export.folder / PREFS).read_bytes())
    try:
        with pytest.raises(ExportError, match="a prompt is in one split only"):
            export.writer.check(export.folder, export.plan)
    finally:
        other.write_bytes(before)
    material = open_material(dataset)
    moved = [
        dataclasses.replace(pair, split="test")
        if {pair.video_a, pair.video_b} == {"k1", "k2"}
        else pair
        for pair in material.preferences
    ]
    plan = WRITERS["ultrafeedback"].plan(dataclasses.replace(material, preferences=moved), Choice())
    assert plan.left_out["pairs are of a prompt whose text stands in another split, too"] == 3
    assert {row["prompt"] for rows in plan.files.values() for row in rows} == {DOG}


def test_margins_of_two_units_are_left_out(dataset: Path) -> None:
    material = open_material(dataset)
    kites = {"k1", "k2"}
    mixed = [
        dataclasses.replace(p, basis="comparisons") if {p.video_a, p.video_b} == kites else p
        for p in material.preferences
    ]
    plan = WRITERS["trl-preference"].plan(
        dataclasses.replace(material, preferences=mixed), Choice()
    )
    assert all("margin" not in row for rows in plan.files.values() for row in rows)
    assert any("whose units differ" in sentence for sentence in plan.lost)


def test_one_pair_lost_is_bad_and_one_won_is_good(dataset: Path) -> None:
    material = open_material(dataset)
    alone = [p for p in material.preferences if {p.video_a, p.video_b} == {"k1", "k2"}]
    plan = WRITERS["trl-unpaired"].plan(dataclasses.replace(material, preferences=alone), Choice())
    labels = {row["video"]: row["label"] for row in plan.files["train.jsonl"]}
    assert labels == {"videos/k1.mp4": True, "videos/k2.mp4": False}  # 3.5 against 2.5


def test_clips_that_cannot_be_placed_are_left_out(tmp_path: Path) -> None:
    root = write_dataset(tmp_path / "in", JUDGED_TOO)
    (root / "media" / "p0-2.mp4").unlink()  # of k3
    for name in ("trl-preference", "trl-unpaired", "ultrafeedback"):
        plan = WRITERS[name].plan(open_material(root), Choice())
        gone = plan.left_out["pairs hold a clip that cannot be placed: the clip's file is gone"]
        assert gone == 2
        assert "videos/k3.mp4" not in plan.media
        assert "videos/k1.mp4" in plan.media


@pytest.mark.parametrize(
    ("name", "kind", "path"),
    [("trl-preference", "trl", "train.jsonl"), ("ultrafeedback", "ultrafeedback", PREFS)],
)
def test_exports_are_read_as_votes(
    written: Callable[[str], Written], name: str, kind: str, path: str
) -> None:
    file = written(name).folder / path
    reader = reader_of(file)
    assert reader.kind == kind
    pairs = [(row.a.video, row.b.video, row.votes) for row in read_text_pairs(file)]
    assert pairs == [
        ("videos/k3.mp4", "videos/k2.mp4", {"overall": "a"}),
        ("videos/k1.mp4", "videos/k2.mp4", {"overall": "a"}),
        ("videos/k3.mp4", "videos/k1.mp4", {"overall": "a"}),
    ]
    read = reader.read(file, ClipFinder(open=True), None)
    assert len(read.votes) == 3
    assert "its labels are its judges', not people's" in " ".join(read.notes)


def test_text_that_names_no_clip_is_no_human_data_of_ours(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    row = {"prompt": "2 + 2?", "chosen": "4", "rejected": "5"}
    file.write_text(json.dumps(row) + "\n")
    assert not any(READERS[kind].is_it(file) for kind in ("trl", "ultrafeedback"))
    with pytest.raises(SetupError, match="row 1, column 'chosen': '4' is not the path of a clip"):
        list(read_text_pairs(file))
    same = {"prompt": "p", "chosen": turns("p", "a.mp4"), "rejected": turns("p", "a.mp4")}
    file.write_text(json.dumps(same) + "\n")
    with pytest.raises(SetupError, match=r"row 1: chosen and rejected are the same, a\.mp4"):
        list(read_text_pairs(file))
