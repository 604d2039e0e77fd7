"""Every table, and the clips, load by name with ``datasets``, also streaming, without a network."""

import hashlib
import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from datasets import Dataset, Image, List, Video, load_dataset
from datasets.exceptions import ExpectedMoreSplitsError
from datasets.utils.info_utils import NonMatchingSplitsSizesError
from hub_server import HubServer
from report_run import N_FRAMES, SIZE, make_run, manifest, write_tables

from pipeline.dataset.clips import COLUMNS, write_clips
from pipeline.dataset.finish import describe
from pipeline.report.tables import NAMES, table_files
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    datasets.disable_progress_bars()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("load") / "run"
    root.mkdir()
    record = make_run(root)
    describe(Layout(root), record)
    return root, record


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tmp_path_factory.mktemp("cache"))


def columns_of(name: str) -> list[str]:
    return [*arrow_schema(TABLES[name][0]).names, *(["images"] if name == "frames" else [])]


@pytest.mark.parametrize("name", NAMES)
def test_a_table_with_rows_loads_whole_and_streaming(
    run: tuple[Path, dict[str, Any]], cache: str, name: str
) -> None:
    root, record = run
    streamed = load_dataset(str(root), name, streaming=True)
    n_streamed = {split: sum(1 for _ in part) for split, part in streamed.items()}
    assert sum(n_streamed.values()) == record["tables"][name]
    assert all(list(part.features) == columns_of(name) for part in streamed.values())
    if not record["tables"][name]:  # see the test of tables without rows
        return
    loaded = load_dataset(str(root), name, cache_dir=cache)
    assert {split: len(part) for split, part in loaded.items()} == n_streamed
    assert all(list(part.features) == columns_of(name) for part in loaded.values())
    if name == "preferences":
        assert n_streamed == {"train": 2, "validation": 2}  # no row of test: no split
    else:
        assert list(n_streamed) == ["train"]


def test_frames_are_images_by_the_card_alone(run: tuple[Path, dict[str, Any]], cache: str) -> None:
    frames = load_dataset(str(run[0]), "frames", split="train", cache_dir=cache)
    assert frames.features["images"] == List(Image())
    assert [image.size for row in frames for image in row["images"]] == [
        (SIZE, SIZE)
    ] * 5 * N_FRAMES


@pytest.mark.parametrize("streaming", [False, True])
def test_clips_load_as_videos_without_a_second_copy(
    run: tuple[Path, dict[str, Any]], cache: str, streaming: bool
) -> None:
    root, record = run
    kept = {"cache_dir": cache} if not streaming else {}
    clips = load_dataset(str(root), data_dir="media", split="train", streaming=streaming, **kept)
    assert isinstance(clips.features["video"], Video)
    assert list(clips.features) == ["video", *COLUMNS]
    rows = list(clips.cast_column("video", Video(decode=False)))
    assert len(rows) == record["tables"]["videos"]
    for row in rows:
        clip = Path(row["video"]["path"])
        assert row["video"]["bytes"] is None
        assert clip.is_relative_to(root / "media")
        assert hashlib.sha256(clip.read_bytes()).hexdigest() == row["sha256"]


def test_only_clips_of_the_folder_that_datasets_takes_for_videos_are_offered(
    tmp_path: Path,
) -> None:
    make_run(tmp_path)
    (file,) = table_files(Layout(tmp_path), "videos")
    table = pq.read_table(file)
    uris = table.column("uri").to_pylist()
    moved = ["/elsewhere/a.mp4", "media/ab/clip.webm", *uris[2:]]
    at = table.schema.get_field_index("uri")
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(moved)), file)
    assert write_clips(Layout(tmp_path)) == len(uris) - 2
    names = pq.read_table(tmp_path / "media" / "metadata.parquet").column("file_name").to_pylist()
    assert [f"media/{name}" for name in names] == uris[2:]
    gone = pa.array(["/elsewhere/a.mp4"] * len(uris))
    pq.write_table(table.set_column(at, table.schema.field(at), gone), file)
    assert write_clips(Layout(tmp_path)) == 0
    assert not (tmp_path / "media" / "metadata.parquet").exists()


def test_a_table_without_rows_streams_and_is_refused_otherwise(tmp_path: Path) -> None:
    """Of no split that holds no row ``datasets`` makes a Dataset, whatever the card or the files say:
    ``arrow_reader.make_file_instructions`` skips a file of which it takes 0 rows, and ``read`` refuses
    an empty list of files. The way round it that the card names is tested with it."""
    root = tmp_path / "run"
    empty: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    write_tables(Layout(root), empty)
    describe(Layout(root), manifest(empty) | {"simulated": False})
    for name in ("failures", "frames", "preferences"):
        streamed = load_dataset(str(root), name, streaming=True)
        assert all(list(part) == [] for part in streamed.values())
        assert all(list(part.features)[:1] == columns_of(name)[:1] for part in streamed.values())
        files = table_files(Layout(root), name)
        assert len(Dataset(pq.read_table(files))) == 0
    with pytest.raises(ValueError, match="corresponds to no data"):
        load_dataset(str(root), "failures", cache_dir=str(tmp_path / "cache"))


def test_a_part_of_an_older_schema_loads_beside_a_newer_one(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    (file,) = table_files(Layout(tmp_path), "videos")
    table = pq.read_table(file)
    older = table.slice(0, 3).drop_columns(["terms"])
    pq.write_table(older.replace_schema_metadata({"schema_version": "1", "record": "Video"}), file)
    file = file.rename(file.with_name("part-00000-of-00002.parquet"))
    later = file.with_name("part-00001-of-00002.parquet")
    told = pa.array(["no weapons"] * (len(table) - 3))
    at = table.schema.get_field_index("terms")
    pq.write_table(table.slice(3).set_column(at, table.schema.field(at), told), later)
    describe(Layout(tmp_path), record)
    loaded = load_dataset(str(tmp_path), "videos", split="train", cache_dir=str(tmp_path / "c"))
    assert loaded["terms"][:] == [None] * 3 + ["no weapons"] * (len(table) - 3)


def test_rows_that_the_card_does_not_tell_of_are_refused(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    describe(Layout(tmp_path), record)
    (file,) = table_files(Layout(tmp_path), "scores")
    pq.write_table(pq.read_table(file).slice(1), file)
    with pytest.raises((NonMatchingSplitsSizesError, ExpectedMoreSplitsError)):
        load_dataset(str(tmp_path), "scores", cache_dir=str(tmp_path / "cache"))


def test_the_card_tells_rows_and_sizes_of_every_split(run: tuple[Path, dict[str, Any]]) -> None:
    root, record = run
    front = yaml.safe_load((root / "README.md").read_text("utf-8").split("---\n", 2)[1])
    told = {info["config_name"]: info for info in front["dataset_info"]}
    assert set(told) == set(NAMES)
    for name, info in told.items():
        assert sum(s["num_examples"] for s in info["splits"]) == record["tables"][name]
        size = sum(file.stat().st_size for file in table_files(Layout(root), name))
        # of preferences the split without rows is not told of, and neither is its file
        assert info["download_size"] == size or name == "preferences"
        assert info["dataset_size"] == sum(s["num_bytes"] for s in info["splits"])
    assert told["frames"]["features"][-1] == {"name": "images", "list": "image"}


def test_a_run_is_not_shown_for_another_in_a_folder_of_that_name_nor_old_rows_for_new(
    tmp_path: Path,
) -> None:
    """`datasets` keeps what it read under the folder's own name, `out` for both of these."""
    one, other = tmp_path / "one" / "out", tmp_path / "other" / "out"
    for root in (one, other):
        root.mkdir(parents=True)
        record = make_run(root)
    (file,) = table_files(Layout(other), "annotations")

    def add(points: float) -> None:
        table = pq.read_table(file)
        at = table.schema.get_field_index("score")
        moved = pc.add(table.column("score"), points)
        pq.write_table(table.set_column(at, table.schema.field(at), moved), file)
        describe(Layout(other), record)

    def scores(root: Path) -> list[float]:
        loaded = load_dataset(str(root), "annotations", cache_dir=str(tmp_path / "cache"))
        return list(loaded["train"]["score"])

    describe(Layout(one), record)
    add(10)
    first = scores(one)
    assert scores(other) == [score + 10 for score in first]
    add(10)  # as a rebuild would
    assert scores(other) == [score + 20 for score in first]


FROM_HUB = """
import hashlib, json, sys
import fsspec
from datasets import Video, load_dataset
found = []
for streaming in (False, True):
    clips = load_dataset("me/clips", data_dir="media", split="train", streaming=streaming)
    plain = clips.decode(False) if streaming else clips.cast_column("video", Video(decode=False))
    for row in plain:
        with fsspec.open(row["video"]["path"]) as file:
            same = hashlib.sha256(file.read()).hexdigest() == row["sha256"]
        found.append((streaming, row["video"]["path"].startswith("hf://"), same))
print(json.dumps(found))
"""
UPLOAD = """
import sys
from huggingface_hub import HfApi
HfApi().create_repo("me/clips", repo_type="dataset")
HfApi().upload_folder(repo_id="me/clips", repo_type="dataset", folder_path=sys.argv[1],
                      allow_patterns=["README.md", "tables/**", "media/**"])
"""


@pytest.mark.slow
def test_clips_load_as_videos_from_a_hub(run: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """Relative paths beside ``metadata.parquet`` are found in a repository as they are in a folder."""
    with HubServer() as hub:
        for code in (UPLOAD, FROM_HUB):
            done = subprocess.run(
                [sys.executable, "-c", code, str(run[0])], env=hub.environment(tmp_path),
                capture_output=True, text=True, timeout=120,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
    n_clips = run[1]["tables"]["videos"]
    assert json.loads(done.stdout.splitlines()[-1]) == [
        *([[False, False, True]] * n_clips), *([[True, True, True]] * n_clips),
    ]  # fmt: skip
