"""Tables on disk: same rows, same file; images decode with datasets; a table appears whole."""

import io

import datasets
import pytest
from PIL import Image

from pipeline.dataset.parquet import parts, publish, read_columns, read_rows, write_rows
from schemas import FrameSet, Score
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def score(video: str, mean: float = 3.0) -> Score:
    return Score(
        video_id=video,
        dimension="d",
        annotator_id="a",
        prompt_id="p",
        generator="g",
        mean=mean,
        spread=None,
        n=1,
    )


def test_rows_are_sorted_by_key_so_that_files_are_equal(tmp_path):
    rows = [score("b"), score("a"), score("c")]
    one = write_rows(Score, rows, tmp_path / "1.parquet")
    other = write_rows(Score, reversed(rows), tmp_path / "2.parquet")
    assert [s.video_id for s in read_rows(Score, [one])] == ["a", "b", "c"]
    assert one.read_bytes() == other.read_bytes()
    assert list(tmp_path.glob(".tmp-*")) == []


def test_columns_are_read_without_records(tmp_path):
    path = write_rows(Score, [score("a", 1), score("b", 2)], tmp_path / "1.parquet")
    assert list(read_columns([path], ("mean", "video_id"))) == [(1.0, "a"), (2.0, "b")]


def frames_of(store: Store, video: str, colour: int) -> FrameSet:
    data = io.BytesIO()
    Image.new("RGB", (8, 6), (colour, 0, 0)).save(data, "JPEG", quality=95)
    digest = sha256_hex(data.getvalue())
    store.put(blob_name(digest, ".jpg"), data.getvalue())
    return FrameSet(
        video_id=video,
        prompt_id="p",
        prompt="t",
        generator="g",
        policy="uniform-1",
        decoder="pyav-index",
        indices=(0,),
        times_s=(0.0,),
        jpeg_sha256=(digest,),
        n_frames_in_clip=1,
        fps=None,
        duration_s=None,
        width_px=8,
        height_px=6,
        frame_width_px=8,
        frame_height_px=6,
    )


def test_frames_carry_images_that_datasets_decodes(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    store = Store(str(tmp_path / "frames"))
    rows = [frames_of(store, f"v{i:03d}", i) for i in range(205)]  # three row groups
    path = write_rows(FrameSet, rows, tmp_path / "frames.parquet", store)
    loaded = datasets.load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert loaded.num_rows == 205
    image = loaded[200]["images"][0]
    assert image.size == (8, 6)
    assert abs(image.getpixel((3, 3))[0] - 200) <= 3  # JPEG at quality 95
    assert list(read_rows(FrameSet, [path])) == rows


def test_a_lost_frame_is_named(tmp_path):
    store = Store(str(tmp_path / "frames"))
    row = frames_of(store, "v", 1)
    (tmp_path / "frames" / blob_name(row.jpeg_sha256[0], ".jpg")).unlink()
    with pytest.raises(FileNotFoundError, match=row.jpeg_sha256[0]):
        write_rows(FrameSet, [row], tmp_path / "frames.parquet", store)
    assert not (tmp_path / "frames.parquet").exists()


def test_publishing_swaps_the_whole_folder(tmp_path):
    folder = tmp_path / "tables" / "scores"
    one = write_rows(Score, [score("a")], tmp_path / "1.parquet")
    two = write_rows(Score, [score("b")], tmp_path / "2.parquet")
    none = write_rows(Score, [], tmp_path / "0.parquet")
    assert publish([one, none, two], folder, Score) == 2
    assert [p.name for p in parts(folder)] == [
        "part-00000-of-00002.parquet",
        "part-00001-of-00002.parquet",
    ]
    assert publish([two], folder, Score) == 1
    assert [s.video_id for s in read_rows(Score, parts(folder))] == ["b"]
    assert publish([], folder, Score) == 0
    assert len(parts(folder)) == 1  # an empty table is one file without rows
    assert sorted(p.name for p in folder.parent.iterdir()) == ["scores"]
