"""The rules that hold of every export, whatever its format: each held, and each broken once."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from export_folder import KITE, write_dataset

from pipeline.export.material import open_material
from pipeline.export.media import bytes_needed, place
from pipeline.export.shared_rules import check_files, check_plan
from pipeline.formats.writing import ExportError, Material, Medium, Named, Plan
from schemas.options import SetupError
from schemas.store import blob_name


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture
def planned(dataset: Path) -> tuple[Material, Plan]:
    material = open_material(dataset)
    named = [Named(prompt=KITE, media=("videos/k1.mp4", "videos/k2.mp4"))]
    media = {f"videos/{clip}.mp4": Medium(video_id=clip) for clip in ("k1", "k2")}
    files = {"train.csv": [{"prompt": KITE, "x": 1.0}], "train.json": [{"deep": {"list": [2.0]}}]}
    return material, Plan(files=files, media=media, named=named)


def test_a_plan_that_holds(planned: tuple[Material, Plan]) -> None:
    assert check_plan(*planned) == {
        "paths are relative and stay in the folder": 4,
        "clips have the row's prompt, byte for byte": 1,
        "clips of one row differ in content": 1,
        "numbers are finite": 2,
        "cells are no word that pandas reads as missing": 2,
    }


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"files": {"../train.csv": []}}, "inside its folder"),
        ({"files": {"/train.csv": []}}, "inside its folder"),
        ({"files": {"a\\train.csv": []}}, "inside its folder"),
        ({"named": []}, "no row names it"),
        (
            {"named": [Named(prompt=KITE + " ", media=("videos/k1.mp4", "videos/k2.mp4"))]},
            "was made for the prompt",
        ),
        ({"files": {"t.json": [{"deep": [{"score": math.nan}]}]}}, "row 1, deep.score: nan"),
        ({"files": {"t.json": [{"score": math.inf}]}}, "inf"),
        ({"files": {"t.csv": [{"prompt": "a"}, {"prompt": "null"}]}}, "row 2, prompt: pandas"),
    ],
)
def test_a_plan_that_does_not(
    planned: tuple[Material, Plan], changed: dict[str, Any], said: str
) -> None:
    material, plan = planned
    with pytest.raises(ExportError, match=said):
        check_plan(material, dataclasses.replace(plan, **changed))


def test_two_clips_of_one_content_in_a_row(planned: tuple[Material, Plan]) -> None:
    material, plan = planned
    twin = dataclasses.replace(material.videos["k2"], sha256=material.videos["k1"].sha256)
    twins = dataclasses.replace(material, videos={**material.videos, "k2": twin})
    with pytest.raises(ExportError, match="'k1' and 'k2' are the same file"):
        check_plan(twins, plan)


def test_files_that_hold_and_files_that_do_not(
    planned: tuple[Material, Plan], tmp_path: Path
) -> None:
    material, plan = planned
    place(material, plan.media, tmp_path, "copy")
    good = {"train.csv": b"prompt,x\n", "train.json": b"[]\n"}
    for name, data in good.items():
        (tmp_path / name).write_bytes(data)
    held = check_files(material, plan, tmp_path)
    assert list(held.values()) == [4, 2, 2, 2]  # files, media, clips with frames, texts
    wrong = {
        "train.csv": [
            (b"\xef\xbb\xbfprompt,x\n", "byte order mark"),
            (b"prompt,x\r\n", "carriage return"),
            (b"prompt,\xff\n", "not UTF-8"),
            (b"", "is empty"),
        ],
        "train.json": [(None, "is not there")],
        "stray.txt": [(b"x", "nobody's plan")],
    }
    for name, cases in wrong.items():
        for data, said in cases:
            if data is None:
                (tmp_path / name).unlink()
            else:
                (tmp_path / name).write_bytes(data)
            with pytest.raises(ExportError, match=said):
                check_files(material, plan, tmp_path)
        (tmp_path / name).unlink(missing_ok=True)
        if name in good:
            (tmp_path / name).write_bytes(good[name])
    one = dataclasses.replace(
        material.frames["k2"],
        indices=(0,), times_s=(0.0,), jpeg_sha256=("0" * 64,), n_frames_in_clip=1,
    )  # fmt: skip
    still = dataclasses.replace(material, frames={**material.frames, "k2": one})
    with pytest.raises(ExportError, match=r"k2\.mp4.*fewer than two frames"):
        check_files(still, plan, tmp_path)


def test_a_frame_of_the_store_is_placed_and_a_missing_one_told(
    dataset: Path, tmp_path: Path
) -> None:
    material = open_material(dataset)
    media = {"pictures/k1.jpg": Medium(video_id="k1", frame=1)}
    with pytest.raises(SetupError, match="of clip 'k1': cannot be found"):
        bytes_needed(material, media)
    name = blob_name(material.frames["k1"].jpeg_sha256[1], ".jpg")
    material.layout.frames.put(name, b"1")  # the digest in the table is that of this byte
    assert bytes_needed(material, media) == 1
    place(material, media, tmp_path, "link")
    assert (tmp_path / "pictures/k1.jpg").read_bytes() == b"1"
