"""Datasets that the `datasets` library loads: folders and Parquet, written by it and by pyarrow."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipeline.sources.hf_dataset import HuggingFaceSource
from schemas import ids
from schemas.ids import sha256_hex
from schemas.options import SetupError

datasets = pytest.importorskip("datasets")

KITE, DOG = "a red kite over a lake", "a dog digs in snow"
CLIP = b"\0\0\0\x18ftypmp42" + b"clip of a kite"  # an MP4 file begins so; nobody decodes it here


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The library's caches and ours in a folder of the test's."""
    home = tmp_path / "home"
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", home / "datasets")
    monkeypatch.setattr(
        datasets.config, "DOWNLOADED_DATASETS_PATH", home / "datasets" / "downloads"
    )
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    datasets.disable_progress_bars()
    yield
    datasets.enable_progress_bars()


def video_folder(root: Path) -> Path:
    """A split folder with two clips and metadata, as `videofolder` wants it."""
    (root / "train" / "clips").mkdir(parents=True)
    rows = [
        {"file_name": "clips/1.mp4", "prompt": KITE, "generator": "m1", "seed": 7, "cfg": 7.5},
        {"file_name": "clips/2.mp4", "prompt": DOG, "generator": "m2", "seed": 8, "cfg": None},
    ]
    for row in rows:
        (root / "train" / row["file_name"]).write_bytes(row["file_name"].encode())
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (root / "train" / "metadata.jsonl").write_text(lines)
    return root


def refusal(**options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        HuggingFaceSource(**options).read()
    return str(caught.value)


def test_a_video_folder(tmp_path: Path) -> None:
    root = video_folder(tmp_path / "set")
    found = HuggingFaceSource(path=str(root)).read()
    assert [(p.text, p.source) for p in found.prompts] == [(KITE, "set"), (DOG, "set")]
    assert [(c.generator, c.path, c.sha256) for c in found.clips] == [
        ("m1", str(root / "train/clips/1.mp4"), None),
        ("m2", str(root / "train/clips/2.mp4"), None),
    ]
    assert [c.extra for c in found.clips] == ['{"cfg":7.5,"seed":7}', '{"seed":8}']
    # The id comes from the path below the dataset, so it is the same wherever the folder lies.
    names = [(ids.prompt_id(KITE), "m1", "train/clips/1.mp4"),
             (ids.prompt_id(DOG), "m2", "train/clips/2.mp4")]  # fmt: skip
    assert [c.video_id for c in found.clips] == [ids.video_id(*name) for name in names]
    moved = root.rename(tmp_path / "moved")
    again = HuggingFaceSource(path=str(moved)).read()
    assert [c.video_id for c in again.clips] == [c.video_id for c in found.clips]
    assert again.clips[0].path == str(moved / "train/clips/1.mp4")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_video_folder_with_other_metadata(tmp_path: Path, kind: str) -> None:
    root = video_folder(tmp_path / "set")
    metadata = root / "train" / "metadata.jsonl"
    rows = [json.loads(line) for line in metadata.read_text().splitlines()]
    table = pa.Table.from_pylist(rows)
    expected = [c.video_id for c in HuggingFaceSource(path=str(root)).read().clips]
    metadata.unlink()
    if kind == "csv":
        pyarrow.csv.write_csv(table, metadata.with_suffix(".csv"))
    else:
        pq.write_table(table, metadata.with_suffix(".parquet"))
    found = HuggingFaceSource(path=str(root)).read()
    assert [c.video_id for c in found.clips] == expected


def written_by_datasets(path: Path, rows: list[dict[str, Any]]) -> None:
    loaded = datasets.Dataset.from_list(rows).cast_column("video", datasets.Video(decode=False))
    loaded.to_parquet(path)


def written_by_pyarrow(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows), path)


@pytest.mark.parametrize("write", [written_by_datasets, written_by_pyarrow])
def test_clips_inside_parquet_are_written_once(tmp_path: Path, write: Any) -> None:
    root = tmp_path / "set"
    root.mkdir()
    rows = [
        {"caption": KITE, "model": 3, "video": {"bytes": CLIP, "path": "1.mp4"}},
        {"caption": DOG, "model": 3, "video": {"bytes": CLIP + b"2", "path": None}},
        {"caption": DOG, "model": 3, "video": {"bytes": CLIP + b"2", "path": "x.sh"}},
    ]
    write(root / "train.parquet", rows)
    columns = {"prompt": "caption", "generator": "model"}
    found = HuggingFaceSource(path=str(root), columns=columns).read()
    digests = [sha256_hex(CLIP), sha256_hex(CLIP + b"2")]
    cache = tmp_path / "home" / "videoprefer" / "clips"
    # The second and third row hold the same bytes of the same prompt: one clip. Its name says what
    # the bytes are, whatever the row calls them.
    assert [c.path for c in found.clips] == [str(cache / d[:2] / f"{d}.mp4") for d in digests]
    assert [c.sha256 for c in found.clips] == digests
    assert [c.generator for c in found.clips] == ["3", "3"]
    assert Path(found.clips[0].path or "").read_bytes() == CLIP
    assert found.clips[0].video_id == ids.video_id(ids.prompt_id(KITE), "3", digests[0])
    assert len([path for path in cache.rglob("*") if path.is_file()]) == 2
    stamp = Path(found.clips[0].path or "").stat().st_mtime_ns
    other = HuggingFaceSource(path=str(root), columns=columns, cache=str(tmp_path / "other")).read()
    assert [c.video_id for c in other.clips] == [c.video_id for c in found.clips]
    assert str(other.clips[0].path).startswith(str(tmp_path / "other"))
    HuggingFaceSource(path=str(root), columns=columns).read()
    assert Path(found.clips[0].path or "").stat().st_mtime_ns == stamp


def test_paths_in_parquet(tmp_path: Path) -> None:
    root = tmp_path / "set"
    (root / "clips").mkdir(parents=True)
    (root / "clips" / "1.mp4").write_bytes(CLIP)
    (tmp_path / "2.mp4").write_bytes(CLIP)

    def source(video: str, **options: Any) -> HuggingFaceSource:
        written_by_pyarrow(root / "train.parquet", [{"prompt": KITE, "video": video}])
        return HuggingFaceSource(path=str(root), generator="m1", **options)

    found = source("clips/1.mp4").read()
    assert [(c.path, c.generator) for c in found.clips] == [(str(root / "clips/1.mp4"), "m1")]
    assert found.clips[0].video_id == ids.video_id(ids.prompt_id(KITE), "m1", "clips/1.mp4")
    for outside in ("../2.mp4", str(tmp_path / "2.mp4"), "/etc/passwd"):
        with pytest.raises(
            SetupError, match=r"set, split train: row 1, column 'video': .* outside"
        ):
            source(outside).read()
    assert len(source("../2.mp4", roots=[str(tmp_path)]).read().clips) == 1
    with pytest.raises(SetupError, match="urls: true"):
        source("https://host/1.mp4").read()
    assert source("https://host/1.mp4", urls=True).read().clips[0].path == "https://host/1.mp4"
    with pytest.raises(SetupError, match="1 of 1 clips are not there"):
        source("clips/9.mp4").read()
    assert source("clips/9.mp4", missing="leave_out").read().clips == []


def test_clips_in_an_archive_are_unpacked(tmp_path: Path) -> None:
    folder, root = video_folder(tmp_path / "set"), tmp_path / "zipped"
    root.mkdir()
    with zipfile.ZipFile(root / "train.zip", "w") as archive:
        for path in sorted((folder / "train").rglob("*.*")):
            archive.write(path, path.relative_to(folder / "train"))
    found = HuggingFaceSource(path=str(root)).read()
    assert [Path(c.path or "").read_bytes() for c in found.clips] == [
        b"clips/1.mp4",
        b"clips/2.mp4",
    ]
    assert str(found.clips[0].path).startswith(str(tmp_path / "home" / "videoprefer" / "clips"))
    digest = sha256_hex(b"clips/1.mp4")
    assert found.clips[0].video_id == ids.video_id(ids.prompt_id(KITE), "m1", digest)


def test_a_table_may_point_only_into_archives_of_its_own(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    for archive in (root / "own.bin", tmp_path / "other.bin"):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("1.mp4", CLIP)
    for place, says in (
        (f"zip://1.mp4::{tmp_path}/other.bin", "row 1, column 'video': 'zip://1.mp4::"),
        (f"zip://1.mp4::{root}/../other.bin", "row 1, column 'video': 'zip://1.mp4::"),
        (f"zip://2.mp4::{root}/own.bin", "row 1, column 'video': \"There is no item named '2.mp4'"),
        (f"zip://1.mp4::{root}/train.parquet", "row 1, column 'video': File is not a zip file"),
    ):
        written_by_pyarrow(root / "train.parquet", [{"prompt": KITE, "video": place}])
        assert says in refusal(path=str(root), generator="m1")
    written_by_pyarrow(
        root / "train.parquet", [{"prompt": KITE, "video": f"zip://1.mp4::{root}/own.bin"}]
    )
    found = HuggingFaceSource(path=str(root), generator="m1").read()
    assert Path(found.clips[0].path or "").read_bytes() == CLIP


def test_other_columns_never_open_a_decoder(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    png = io.BytesIO(b"no picture at all")
    rows = [{"prompt": KITE, "generator": "m1", "video": {"bytes": CLIP, "path": None},
             "still": {"bytes": png.getvalue(), "path": None}, "tags": ["a"], "nan": float("nan"),
             "ok": True}]  # fmt: skip
    loaded = datasets.Dataset.from_list(rows).cast_column("video", datasets.Video(decode=False))
    loaded.cast_column("still", datasets.Image(decode=False)).to_parquet(root / "train.parquet")
    found = HuggingFaceSource(path=str(root)).read()
    assert found.clips[0].extra == '{"ok":true}'
    assert found.notes == ("set: columns not kept, for they hold no plain values: still, tags",)


def test_class_labels_are_names(tmp_path: Path) -> None:
    root = tmp_path / "set"
    root.mkdir()
    rows = [
        {"prompt": KITE, "generator": n, "video": {"bytes": CLIP + bytes([n]), "path": None}}
        for n in (1, 0)
    ]
    loaded = datasets.Dataset.from_list(rows).cast_column("video", datasets.Video(decode=False))
    names = datasets.ClassLabel(names=["m1", "m2"])
    loaded.cast_column("generator", names).to_parquet(root / "train.parquet")
    found = HuggingFaceSource(path=str(root)).read()
    assert [c.generator for c in found.clips] == ["m2", "m1"]


def test_what_cannot_be_loaded(tmp_path: Path) -> None:
    root = str(video_folder(tmp_path / "set"))
    assert "Unknown split" in refusal(path=root, split="dev")
    assert "'other' not found" in refusal(path=root, name="other")
    assert "no column 'clip'; it has video, prompt" in refusal(path=root, columns={"video": "clip"})
    assert "no column 'text'; it has prompt" in refusal(path=root, columns={"prompt": "text"})
    assert "'clip' is none that can be named" in refusal(path=root, columns={"clip": "video"})
    assert "which is no clip" in refusal(path=root, columns={"video": "seed"})
    assert "a folder has no revisions" in refusal(path=root, revision="main")
    assert str(tmp_path / "absent") in refusal(path=str(tmp_path / "absent"))
    bare = tmp_path / "bare"
    bare.mkdir()
    written_by_pyarrow(bare / "train.parquet", [{"prompt": KITE, "video": None}])
    assert "no column 'generator'" in refusal(path=str(bare))
    assert "or generator: NAME" in refusal(path=str(bare))
    written_by_pyarrow(
        bare / "train.parquet",
        [{"prompt": KITE, "video": {"bytes": CLIP, "path": None}}, {"prompt": " ", "video": None}],
    )
    assert "bare, split train: row 2, column 'prompt'" in refusal(path=str(bare), generator="m1")


def test_a_dataset_of_the_hub_keeps_its_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Offline, from the library's cache, as an earlier run left it."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    hub = tmp_path / "hub"
    snapshot = hub / "datasets--team--kites" / "snapshots" / commit / "train"
    snapshot.mkdir(parents=True)
    (snapshot / "1.mp4").write_bytes(CLIP)
    (hub / "secret.mp4").write_bytes(CLIP)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(hub))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)

    def prepared(clip: Path) -> None:
        home = tmp_path / "home" / "datasets" / "team___kites" / "default" / "0.0.0" / commit
        home.mkdir(parents=True, exist_ok=True)
        rows = [{"prompt": KITE, "generator": "m1", "video": {"bytes": None, "path": str(clip)}}]
        loaded = datasets.Dataset.from_list(rows).cast_column("video", datasets.Video(decode=False))
        with datasets.arrow_writer.ArrowWriter(
            path=str(home / "kites-train.arrow"), features=loaded.features
        ) as writer:
            writer.write_table(loaded.data.table)
            writer.finalize()
        info = loaded.info.copy()
        info.config_name, info.dataset_name, info.builder_name = "default", "kites", "videofolder"
        info.version = datasets.Version("0.0.0")
        info.splits = datasets.SplitDict.from_split_dict(
            [{"name": "train", "num_examples": 1, "dataset_name": "kites"}]
        )
        info.write_to_directory(str(home))

    prepared(snapshot / "1.mp4")
    found = HuggingFaceSource(path="team/kites").read()
    assert [p.source for p in found.prompts] == [f"team/kites@{commit}"]
    assert found.clips[0].path == str(snapshot / "1.mp4")
    # The path below the dataset, not the cache's: "train/1.mp4".
    assert found.clips[0].video_id == ids.video_id(ids.prompt_id(KITE), "m1", "train/1.mp4")
    assert HuggingFaceSource(path="team/kites", revision=commit).read().clips == found.clips
    assert "copy at hand is 0123456789" in refusal(path="team/kites", revision="f" * 40)
    prepared(hub / "secret.mp4")  # another's file in the same cache
    assert "lies outside" in refusal(path="team/kites")
