"""Frames of a corpus: how a JPEG becomes a square, where JPEGs lie, and what is refused."""

import dataclasses
import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image
from videorm_run import flat, jpeg, write_frames

from pipeline.videorm.data import decode, frames, places
from pipeline.videorm.data.damage import DAMAGES
from pipeline.videorm.data.frame_index import index_frames
from pipeline.videorm.data.frames import (
    clips_of,
    decode_frame,
    jpegs_of_clips,
    pick,
    stack_clip,
)
from pipeline.videorm.data.known import COPIES
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import blob_name


def textured(seed: int, width: int = 48, height: int = 32) -> np.ndarray:
    """A smooth picture of many levels, (H, W, 3)."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def jpegs(n: int, first: int = 0) -> list[bytes]:
    return [jpeg(textured(first + i)) for i in range(n)]


def load(folders, ids, copies=(), n=4, memory_gb=1.0, **other):
    given = {"image_size": 16, "fit": "squeeze", "workers": 2, "threads": 2} | other
    found = index_frames(folders).places(ids, n)
    return clips_of(found, copies, memory_gb=memory_gb, **given)


def test_a_frame_is_box_averaged_to_the_models_size():
    left_dark = flat(0, 96)
    left_dark[:, 48:] = 200
    small = decode_frame(jpeg(left_dark), 32)
    assert small.shape == (3, 32, 32)
    assert abs(int(small[0, 5, 3]) - 0) <= 3  # JPEG is not exact
    assert abs(int(small[0, 5, 28]) - 200) <= 3


@pytest.mark.parametrize(("fit", "above"), [("crop", 100), ("letterbox", 0)])
def test_a_wide_frame_loses_its_sides_or_gains_bars(fit, above):
    small = decode_frame(jpeg(np.full((32, 64, 3), 100, np.uint8)), 16, fit)
    assert small[0, 8, 8] == pytest.approx(100, abs=2)
    assert small[0, 0, 8] == pytest.approx(above, abs=2)  # letterbox: four black rows above


@pytest.mark.parametrize("fit", ["crop", "letterbox"])
@pytest.mark.parametrize(("width", "height"), [(640, 360), (1280, 720), (360, 640)])
def test_halving_while_decoding_hardly_changes_a_pixel(monkeypatch, fit, width, height):
    data = jpeg(textured(3, width, height))
    small = decode_frame(data, 112, fit).astype(int)
    monkeypatch.setattr(decode, "GAP", 1000)  # never halved
    gap = np.abs(small - decode_frame(data, 112, fit).astype(int))
    assert gap.mean() < 1.5, gap.max()  # of 255 levels, on a picture of loud colours
    assert gap.max() <= 12


def test_longer_clips_are_thinned_evenly_and_shorter_ones_padded():
    assert pick(5, 8) == [0, 1, 2, 3, 4]
    assert pick(9, 3) == [0, 4, 8]
    assert pick(4, 1) == [0]
    pixels, valid = stack_clip([jpeg(flat(90)), jpeg(flat(120))], 4, 32)
    assert pixels.shape == (4, 3, 32, 32)
    assert valid.tolist() == [True, True, False, False]
    assert (pixels[2:] == 0).all()
    assert pixels[1].mean() == pytest.approx(120, abs=2)


@pytest.mark.parametrize("publish", [True, False])
def test_frames_come_from_the_table_or_from_the_store(tmp_path, publish):
    write_frames(tmp_path, {"v": [jpeg(flat(90))], "w": [jpeg(flat(30))] * 2}, publish=publish)
    clips = load([tmp_path], ["w", "v"])
    # T is the most that a clip has, not the four that were asked for; v: half padding
    assert clips.frames.mean(axis=(1, 2, 3, 4)) == pytest.approx([30, 45], abs=2)
    assert clips.valid.tolist() == [[True, True], [True, False]]
    with pytest.raises(SetupError, match=r"frames: no frames of clip x \(1 of 2 clips\)"):
        load([tmp_path], ["v", "x"])


def several(tmp_path, publish=True):
    """Seven clips of one to seven frames, in a table with row groups of two clips."""
    clips = {f"v{i}": jpegs(i + 1, 10 * i) for i in range(7)}
    write_frames(tmp_path, clips, publish=publish)
    if publish:
        file = next(Layout(tmp_path).table("frames").glob("*"))
        pq.write_table(pq.read_table(file), file, row_group_size=2)
    return clips


@pytest.mark.parametrize("fit", ["squeeze", "crop", "letterbox"])
@pytest.mark.parametrize("publish", [True, False])
def test_streamed_clips_hold_the_pixels_of_held_ones(tmp_path, fit, publish):
    ids = list(several(tmp_path, publish))
    copies = [("v5", name) for name in COPIES]
    held = load([tmp_path], ids, copies, fit=fit)
    streamed = load([tmp_path], ids, copies, fit=fit, memory_gb=0)
    assert isinstance(streamed, frames.StreamedClips)
    assert (streamed.video_ids, streamed.keys) == (held.video_ids, held.keys)
    assert streamed.depth is None
    again = pickle.loads(pickle.dumps(streamed))
    rows = np.array([9, 3, 0, 3, 8, 6, 7, 5], np.int64)  # any order, one twice, all of the copies
    for clips in (streamed, again, dataclasses.replace(streamed, workers=1)):
        pixels, valid = clips.read(rows)
        want, there = held.read(rows)
        assert (pixels == want).all()
        assert (valid == there).all()


def test_held_frames_are_what_stack_clip_makes_of_the_same_jpegs(tmp_path):
    clips = several(tmp_path)
    held = load([tmp_path], list(clips))
    for row, found in enumerate(clips.values()):
        pixels, valid = stack_clip(found, 4, 16)
        assert (held.frames[row] == pixels).all()
        assert (held.valid[row] == valid).all()


def test_what_is_streamed_holds_no_picture(tmp_path):
    write_frames(tmp_path, {f"v{i}": jpegs(8, 8 * i) for i in range(20)}, publish=True)
    streamed = load([tmp_path], [f"v{i}" for i in range(20)], n=8, memory_gb=0)
    # 20 clips x 8 frames x 64 digits of a digest, and a few names: far from 160 JPEGs
    assert len(pickle.dumps(streamed)) < 20_000 < sum(map(len, jpegs(8))) * 20 / 4


def test_a_key_says_what_is_seen_and_nothing_else(tmp_path):
    five = jpegs(5)
    other = [*five[:1], jpeg(flat(9)), *five[2:]]  # a frame that three of five leave out
    write_frames(tmp_path, {"v": five, "w": other, "x": five[::-1]}, publish=True)
    three = load([tmp_path], ["v", "w", "x"], n=3, copies=[("v", "blurred")])
    assert three.keys[0] == three.keys[1]
    assert len(set(three.keys)) == 3
    five_seen = load([tmp_path], ["v", "w"], n=5)
    assert len({*five_seen.keys, three.keys[0]}) == 3


def test_damaged_copies_are_the_clip_damaged_and_padding_stays_padding(tmp_path):
    write_frames(tmp_path, {"v": jpegs(4), "w": jpegs(6, 20)}, publish=True)
    copies = [("v", name) for name in COPIES]
    clips = load([tmp_path], ["v", "w"], copies, n=6)
    assert clips.video_ids == ("v", "w", "v#blurred", "v#frozen", "v#shuffled")
    whole, *changed = (clips.frames[i, :4].transpose(0, 2, 3, 1) for i in (0, 2, 3, 4))
    for name, seen, key in zip(COPIES, changed, clips.keys[2:], strict=True):
        assert (seen == DAMAGES[name](whole, int(key[:8], 16))).all()
        assert (seen != whole).any()
    assert (clips.frames[[0, 2, 3, 4], 4:] == 0).all()
    assert clips.valid[2:].tolist() == [[True] * 4 + [False] * 2] * 3


def test_one_clip_may_stand_in_two_folders_but_with_the_same_frames(tmp_path):
    one, two, three = (tmp_path / n for n in ("one", "two", "three"))
    write_frames(one, {"v": jpegs(2), "w": jpegs(2, 7)}, publish=True)
    write_frames(two, {"v": jpegs(2), "x": jpegs(2, 9)}, publish=False)
    write_frames(three, {"v": jpegs(2, 1)}, publish=True)
    found = [load(folders, ["v", "w", "x"]) for folders in ([one, two], [two, one])]
    assert (found[0].frames == found[1].frames).all()
    with pytest.raises(SetupError, match=r"clip v has other frames in .*(one|three).* than in "):
        index_frames([one, three])


def test_jpegs_of_clips_gives_every_frame_once_in_the_order_of_the_table(tmp_path):
    clips = several(tmp_path)
    found = dict(jpegs_of_clips([tmp_path], ["v6", "v2", "v6"]))
    assert list(found) == ["v2", "v6"]
    assert found == {v: clips[v] for v in ("v2", "v6")}
    with pytest.raises(SetupError, match="no frames of clip x"):
        list(jpegs_of_clips([tmp_path], ["x"]))


def test_a_row_group_is_read_once_by_clips_in_the_order_of_the_table(tmp_path, monkeypatch):
    ids = list(several(tmp_path))
    read = []
    original = pq.ParquetFile.read_row_group
    monkeypatch.setattr(
        pq.ParquetFile,
        "read_row_group",
        lambda file, group, **k: read.append(group) or original(file, group, **k),
    )
    streamed = load([tmp_path], ids, memory_gb=0, workers=1)
    places._row_group.cache_clear()
    for row in range(7):
        streamed.read(np.array([row]))
    assert read == [0, 1, 2, 3]


def test_a_store_beside_the_table_is_read_first_and_may_be_gone(tmp_path):
    clips = {"v": jpegs(2), "w": jpegs(2, 5)}
    write_frames(tmp_path, clips, publish=True)
    for found in clips.values():
        for data in found:
            Layout(tmp_path).frames.put(
                blob_name(places.hashlib.sha256(data).hexdigest(), ".jpg"), data
            )
    streamed = load([tmp_path], ["v", "w"], memory_gb=0)
    file = next(Layout(tmp_path).table("frames").glob("*"))
    there = file.read_bytes()
    file.write_bytes(b"gone")  # the table is not needed where the store has the frames
    first, _ = streamed.read(np.array([0, 1]))
    file.write_bytes(there)
    for blob in Layout(tmp_path).frames.names():
        Layout(tmp_path).frames.delete(blob)
    places._row_group.cache_clear()
    second, _ = streamed.read(np.array([0, 1]))
    assert (first == second).all()


def test_a_frame_that_cannot_be_decoded_is_named_with_its_clip_and_number(tmp_path):
    good = jpegs(3)
    half = good[1][: len(good[1]) // 2]
    for name, broken in (("text", b"no picture at all"), ("half", half), ("empty", b"")):
        write_frames(tmp_path / name, {"v": [good[0], broken, good[2]]}, publish=True)
        with pytest.raises(SetupError, match=r"clip v, frame 2 of 3 \(.*is no picture that can be"):
            load([tmp_path / name], ["v"])


def test_frames_that_are_absent_or_others_than_the_table_names_are_refused(tmp_path):
    write_frames(tmp_path, {"v": jpegs(2)}, publish=False)
    store = Layout(tmp_path).frames
    name = next(iter(store.names()))
    data = store.get(name)
    store.delete(name)
    with pytest.raises(
        SetupError, match=r"clip v, frame . of 2 .*is not in the frame store .*frames"
    ):
        load([tmp_path], ["v"])
    store.put(name, data[:-9])
    with pytest.raises(
        SetupError, match=r"clip v, frame . of 2 .* holds other bytes than its digest"
    ):
        load([tmp_path], ["v"])
    store.delete(name)
    store.put(name, data)
    assert load([tmp_path], ["v"]).valid.all()


def test_folders_without_frames_are_refused(tmp_path):
    with pytest.raises(SetupError, match="no such folder; name the folder of a complete run"):
        index_frames([tmp_path / "none"])
    with pytest.raises(SetupError, match="holds no tables/"):
        index_frames([tmp_path])
    (tmp_path / "tables").mkdir()
    with pytest.raises(SetupError, match="no frames table; name the folder of a complete run"):
        index_frames([tmp_path])
    Layout(tmp_path).table("frames").mkdir()
    (Layout(tmp_path).table("frames") / "part.parquet").write_bytes(b"not a table")
    with pytest.raises(SetupError, match=r"part\.parquet: cannot be read .*copy the folder anew"):
        index_frames([tmp_path])
