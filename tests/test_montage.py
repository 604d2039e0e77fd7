"""A clip's frames in one picture: how it is laid out, and what a judge is sent and told."""

import dataclasses
import io
from pathlib import Path

import pytest
from PIL import Image
from questions import frame_set

from annotators.base import Question
from annotators.chat.spec import OpenAISpec
from annotators.judge.request import request_of
from pipeline.media.montage import montage, with_jpegs
from pipeline.media.options import FramesOptions
from prompts import load_rubric
from prompts.protocol import as_protocol
from schemas import RecordError
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

COLOURS = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)]


def jpeg(colour: tuple[int, int, int], size: tuple[int, int] = (32, 16)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG", quality=95)
    return written.getvalue()


def cell(sheet: Image.Image, column: int, row: int) -> tuple[int, ...]:
    """The colour in the middle of a cell of 32 x 16 pixels."""
    return tuple(sheet.getpixel((32 * column + 16, 16 * row + 8)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("n", "columns", "size"),
    [
        (5, 3, (96, 32)),  # 3 + 2: two rows, the last cell is empty
        (5, 8, (160, 16)),  # fewer frames than columns: one row of five
        (5, 1, (32, 80)),
        (1, 4, (32, 16)),
    ],
)
def test_frames_stand_in_rows_in_order(n: int, columns: int, size: tuple[int, int]) -> None:
    sheet = Image.open(io.BytesIO(montage([jpeg(c) for c in COLOURS[:n]], columns, 95)))
    assert sheet.size == size
    across = min(columns, n)
    for i, colour in enumerate(COLOURS[:n]):
        shown = cell(sheet, i % across, i // across)
        assert max(abs(a - b) for a, b in zip(shown, colour, strict=True)) < 12
    if n % across:
        assert max(cell(sheet, across - 1, n // across)) < 12  # an empty cell is black


def test_a_judge_is_sent_the_montage_and_told_how_to_read_it(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    plain = frame_set("v1", n_frames=4)
    options = FramesOptions(count=4, montage=2)
    frames = with_jpegs(plain, [jpeg(c) for c in COLOURS[:4]], store, options)
    assert frames.montage_columns == 2
    assert frames.picture_px == (2 * plain.frame_width_px, 2 * plain.frame_height_px)
    (shown,) = frames.pictures
    assert sha256_hex(store.get(blob_name(shown, ".jpg")) or b"") == shown

    spec = OpenAISpec(kind="openai", model="m", base_url="http://localhost:1/v1")
    rubric = load_rubric("videoprefer/video_quality")
    one = request_of(spec, Question(frames=frames, rubric=rubric, draw=0))
    four = request_of(spec, Question(frames=plain, rubric=rubric, draw=0))
    assert one.frames == (shown,)
    assert len(four.frames) == 4
    assert "The 4 frames of the video follow" in one.user
    assert one.user.startswith(four.user)
    assert "one picture, in rows: from left to right" in one.user
    assert "one picture" not in four.user
    assert one.key != four.key


def test_several_clips_have_a_montage_each(tmp_path: Path) -> None:
    options = FramesOptions(count=2, montage=2)
    jpegs = [jpeg(c) for c in COLOURS[:2]]
    a, b = (
        with_jpegs(frame_set(name, n_frames=2), jpegs, Store(str(tmp_path)), options)
        for name in ("v1", "v2")
    )
    rubric = as_protocol(load_rubric("videoprefer/video_quality"), "pairwise")
    spec = OpenAISpec(kind="openai", model="m", base_url="http://localhost:1/v1")
    request = request_of(spec, Question(frames=a, others=(b,), rubric=rubric, draw=0))
    assert [n for _, n in request.captions] == [1, 1]
    assert len(request.frames) == 2
    assert "2 frames in order of time" in request.captions[0][0]


def test_columns_and_montage_go_together() -> None:
    with pytest.raises(RecordError, match="montage_columns"):
        dataclasses.replace(frame_set("v1", n_frames=2), montage_sha256="0" * 64)


def test_a_run_counts_one_picture_a_clip() -> None:
    assert (FramesOptions(count=8, montage=4).shown, FramesOptions(count=8).shown) == (1, 8)


def test_a_montage_too_large_for_a_jpeg_is_refused_before_work() -> None:
    with pytest.raises(ValueError, match="up to 66048 pixels a side"):
        FramesOptions(montage=1, count=129)  # 129 rows of 512 pixels
    assert FramesOptions(montage=1, count=127).montage == 1  # 65 024
    assert FramesOptions(montage=2, count=129).montage == 2  # 65 rows
    assert FramesOptions(montage=16, count=1, long_side_px=65_500).montage == 16  # one column
