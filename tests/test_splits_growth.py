"""A dataset that grows, in its folder and into another one: whole runs, and no prompt moves."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from pipeline import command
from pipeline.dataset.parquet import parts, read_columns
from pipeline.generators.encode import to_mp4
from pipeline.preference.decision import read_decision
from pipeline.preference.leaks import split_facts
from pipeline.preference.options import SplitOptions
from pipeline.preference.settled import paired_contents, published_splits
from pipeline.preference.splits import BRIDGE, STATED, drawn
from schemas import SPLITS
from schemas.ids import prompt_id
from schemas.layout import Layout

FOX = "a small brown fox jumping over an old fallen tree in the snow"
KITE = "a red kite flying high above two green hills in winter"
LEAK = f"{KITE}, slowly"  # stated in another split than KITE
BIRD, DOGS = "many white birds", "two dogs run"
# of the first version: prompt, split, and the clips of the generators `one` and `two`, by content
FIRST = [(KITE, "test", "AB"), (LEAK, "train", "CD"), (BIRD, "train", "EF"), (FOX, "", "GH")]
TREE = f"On a fallen OLD tree in snow, {FOX[:33]}, 4k"  # FOX, in other words
# of the second: TREE joins FOX, DOGS has a clip of a test prompt and one of a train prompt
SECOND = [(TREE, "", "IJ"), (DOGS, "", "AE"), ("a new lighthouse", "", "KL")]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder after the first version, and after the second; the third generator is held out."""
    folder = tmp_path_factory.mktemp("growing")
    manifest(folder, "first", FIRST)
    manifest(folder, "second", SECOND)
    assert run(folder, ["first"]) == 0
    shutil.copytree(folder / "out", folder / "before")
    assert run(folder, ["first", "second"], "--rebuild", held_out_generators=["two"]) == 0
    return folder / "before", folder / "out"


def manifest(folder: Path, name: str, rows: list[tuple[str, str, str]]) -> None:
    with (folder / f"{name}.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["prompt", "generator", "video", "split"])
        for text, split, contents in rows:
            for generator, content in zip(("one", "two"), contents, strict=True):
                table.writerow([text, generator, f"{content}.mp4", split])
                clip(folder / f"{content}.mp4", content)


def clip(path: Path, content: str) -> None:
    frames = np.random.default_rng(ord(content)).integers(0, 255, (6, 4, 4, 3), np.uint8)
    path.write_bytes(to_mp4(frames.repeat(8, axis=1).repeat(8, axis=2), 6))


def run(folder: Path, names: list[str], *flags: str, to: str = "out", **splits: Any) -> int:
    sources = [
        {"kind": "run", "path": str(folder / n)}
        if (folder / n).is_dir()
        else {"kind": "manifest", "path": str(folder / f"{n}.csv")}
        for n in names
    ]
    config = {
        "sources": sources,
        "annotators": [{"kind": "signal"}],
        "rubrics": ["videoprefer/video_quality"],
        "splits": {"validation": 0.2, "test": 0.3, **splits},
        "report": {"prompts": 1},
        "concurrency": {"processes": 1},
    }
    (folder / "c.yaml").write_text(yaml.safe_dump(config))
    return command.main(["--config", str(folder / "c.yaml"), "--output", str(folder / to), *flags])


def splits(root: Path) -> dict[str, str | None]:
    """text -> split of the published prompts"""
    files = parts(Layout(root).table("prompts"))
    return dict(read_columns(files, ("text", "split")))


def pairs(root: Path) -> set[tuple[str, str]]:
    """(text, split) of the published preferences"""
    layout = Layout(root)
    files = [file for split in SPLITS for file in parts(layout.table("preferences", split))]
    return set(read_columns(files, ("prompt", "split")))


def record(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "run.json").read_text())
    return found


FOX_IN = drawn(prompt_id(FOX), SplitOptions(validation=0.2, test=0.3))


def test_a_prompt_that_leaks_is_left_out_and_its_clips_are_judged(grown: Any) -> None:
    before, _ = grown
    assert splits(before) == {KITE: "test", LEAK: None, BIRD: "train", FOX: FOX_IN}
    assert pairs(before) == {(KITE, "test"), (BIRD, "train"), (FOX, FOX_IN)}
    assert record(before)["tables"]["annotations"] == 8
    book = record(before)["books"]["preferences"]  # a pair of each prompt x (quality, overall)
    assert (book["owed"], book["written"], book["filtered"]) == (8, 6, 2)
    assert any(
        note.startswith("splits: 1 prompt is left out of all") for note in record(before)["notes"]
    )
    facts = split_facts(Layout(before))
    assert set(facts["overlap"].values()) == {0, None}
    assert facts["counts"]["left_out"] == 1
    assert facts["left_out"] == {STATED: 1}


def test_nothing_moves_when_the_dataset_grows(grown: Any) -> None:
    before, after = grown
    was, now = splits(before), splits(after)
    assert {text: now[text] for text in was} == was
    assert now[TREE] == FOX_IN  # joined what it repeats
    assert now[DOGS] is None  # between two splits
    assert read_decision(Layout(after)).left_out[prompt_id(DOGS)] == BRIDGE  # type: ignore[union-attr]
    facts = split_facts(Layout(after))
    assert facts["overlap"] == dict.fromkeys(facts["overlap"], 0)
    assert facts["rule"] == {
        "near_duplicates": 0.85, "held_out_generators": ["two"], "decided": True,
    }  # fmt: skip
    assert facts["groups"] == 1  # FOX and TREE; LEAK and DOGS stand nowhere
    assert sum(facts["counts"].values()) == 7


def test_pairs_with_a_generator_that_is_held_out_stand_in_test_alone(grown: Any) -> None:
    _, after = grown
    assert {split for _, split in pairs(after)} == {"test"}
    n_test = sum(split == "test" for split in splits(after).values())
    book = record(after)["books"]["preferences"]
    assert (book["owed"], book["written"]) == (14, 2 * n_test)
    assert book["filtered"] == 14 - 2 * n_test
    assert any("splits.held_out_generators keeps them" in note for note in record(after)["notes"])


def test_files_of_schema_version_1_tell_by_their_pairs(grown: Any, tmp_path: Path) -> None:
    """There a prompt that was drawn by hash has null, and the pairs say where."""
    before, _ = grown
    old = Layout(tmp_path / "old")
    shutil.copytree(before / "tables", old.root / "tables")
    (path,) = parts(old.table("prompts"))
    rows = pq.read_table(path)
    null = pa.array([None if t in (FOX, LEAK) else s for t, s in zip(*texts(rows))], pa.string())
    rows = rows.set_column(rows.schema.get_field_index("split"), "split", null)
    metadata = {**rows.schema.metadata, b"schema_version": b"1"}
    pq.write_table(rows.replace_schema_metadata(metadata), path)
    found = published_splits(old)  # LEAK has no pairs: nobody knows
    assert found == {prompt_id(KITE): "test", prompt_id(BIRD): "train", prompt_id(FOX): FOX_IN}
    assert published_splits(Layout(before)) == {**found, prompt_id(LEAK): None}


def texts(rows: pa.Table) -> tuple[list[str], list[str | None]]:
    return rows["text"].to_pylist(), rows["split"].to_pylist()


def test_contents_that_pairs_hold(grown: Any) -> None:
    before, _ = grown
    videos = dict(read_columns(parts(Layout(before).table("videos")), ("prompt_id", "sha256")))
    wanted = {videos[prompt_id(text)]: text for text in (KITE, LEAK, BIRD)}
    found = paired_contents(Layout(before), wanted)
    assert {wanted[sha256]: split for sha256, split in found.items()} == {
        KITE: "test",
        BIRD: "train",
    }
    assert paired_contents(Layout(before), ()) == {}


@pytest.mark.slow
def test_another_folder_takes_the_splits_over(grown: Any, tmp_path: Path) -> None:
    """By `kind: run`, although the seed is another; and a third version of it, after its work folder and
    its marks are gone."""
    before, _ = grown
    shutil.copytree(before.parent, tmp_path, dirs_exist_ok=True)
    assert run(tmp_path, ["before", "second"], to="next", seed=7) == 0
    was, now = splits(before), splits(tmp_path / "next")
    assert {text: now[text] for text in was} == was
    shutil.rmtree(tmp_path / "next" / "work")
    assert run(tmp_path, ["before", "second"], "--rebuild", to="next", seed=8) == 0
    assert splits(tmp_path / "next") == now
