"""From a clip to its FrameSet."""

import gc
import io
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from av.video.frame import VideoFrame
from coded_clips import WIDTH, draw, number_in, write_clip, zero_delays
from PIL import Image

from pipeline.media.clip_frames import jpegs_of
from pipeline.media.decode import decode
from pipeline.media.jpeg import encode, fit
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from pipeline.media.sample import sample_frames
from schemas import Failure, FrameSet, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name


def video(path: Path, video_id: str = "v1") -> Video:
    return Video(video_id=video_id, prompt_id="p1", prompt="a red ball", generator="g",
                 uri=str(path), sha256="0" * 64, n_bytes=1, source="test",
                 simulated=True)  # fmt: skip


def sample(path: Path, store: Store, **options: object) -> FrameSet:
    frames = sample_frames(video(path), str(path), FramesOptions(**options), store)
    assert isinstance(frames, FrameSet), frames
    return frames


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "frames"))


def pictures(frames: FrameSet, store: Store) -> list[Image.Image]:
    blobs = [store.get(blob_name(digest, ".jpg")) for digest in frames.jpeg_sha256]
    return [Image.open(io.BytesIO(blob or b"")) for blob in blobs]


def test_a_clip_becomes_jpegs_in_the_store(tmp_path: Path, store: Store) -> None:
    frames = sample(write_clip(tmp_path / "a.mp4", range(16), rate=8), store)
    assert frames == FrameSet(
        video_id="v1", prompt_id="p1", prompt="a red ball", generator="g", simulated=True,
        policy="uniform-8", decoder="pyav-index",
        indices=(0, 2, 4, 6, 9, 11, 13, 15),
        times_s=(0.0, 0.25, 0.5, 0.75, 1.125, 1.375, 1.625, 1.875),  # index / 8
        jpeg_sha256=frames.jpeg_sha256,
        n_frames_in_clip=16, fps=8.0, duration_s=2.0, width_px=128, height_px=64,
        frame_width_px=128, frame_height_px=64, flags=(),
        luma_mean=frames.luma_mean, black_frames=0.125,  # the first is the number 0: all black
        motion=frames.motion, letterbox=frames.letterbox, perceptual_hash=frames.perceptual_hash,
    )  # fmt: skip
    shown = pictures(frames, store)
    assert [number_in(np.asarray(p)) for p in shown] == list(frames.indices)
    assert {(p.format, p.mode, p.size) for p in shown} == {("JPEG", "RGB", (128, 64))}
    for digest in frames.jpeg_sha256:
        assert sha256_hex(store.get(blob_name(digest, ".jpg")) or b"") == digest


def test_the_same_clip_gives_the_same_bytes_again(tmp_path: Path, store: Store) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(30))
    first = sample(clip, store)
    other = Store(str(tmp_path / "other"))
    assert sample(clip, other) == sample(clip, store) == first
    assert list(other.names()) == list(store.names())


def test_a_short_clip_gives_the_frames_it_has(tmp_path: Path, store: Store) -> None:
    frames = sample(write_clip(tmp_path / "a.mp4", [5, 6, 7]), store)
    assert frames.indices == (0, 1, 2)
    assert frames.flags == ("fewer_frames_than_asked",)
    assert [number_in(np.asarray(p)) for p in pictures(frames, store)] == [5, 6, 7]


def test_a_gif_without_times(tmp_path: Path, store: Store) -> None:
    gif = zero_delays(write_clip(tmp_path / "a.gif", range(16), codec="gif"))
    frames = sample(gif, store, count=2)
    assert (frames.policy, frames.indices) == ("uniform-2", (0, 15))
    assert frames.times_s == (None, None)
    assert (frames.fps, frames.duration_s, frames.flags) == (None, None, ())


def test_large_frames_are_scaled_down_and_keep_their_shape(tmp_path: Path, store: Store) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(8), size=(256, 144))
    frames = sample(clip, store, long_side_px=64, count=4)
    assert (frames.width_px, frames.height_px) == (256, 144)
    assert (frames.frame_width_px, frames.frame_height_px) == (64, 36)  # 144 * 64 / 256
    assert {p.size for p in pictures(frames, store)} == {(64, 36)}
    assert [number_in(np.asarray(p)) for p in pictures(frames, store)] == list(frames.indices)


@pytest.mark.parametrize(
    ("size", "long_side", "expected"),
    [
        ((1920, 1080), 512, (512, 288)),
        ((1080, 1920), 512, (288, 512)),
        ((512, 100), 512, (512, 100)),
        ((96, 96), 512, (96, 96)),  # never enlarged
        ((4000, 2), 512, (512, 1)),  # 0.256 of a line is one line
    ],
)
def test_fit(size: tuple[int, int], long_side: int, expected: tuple[int, int]) -> None:
    assert fit(*size, long_side) == expected


def test_jpeg_quality_is_used() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    assert len(encode(noise, 512, 30).data) < len(encode(noise, 512, 85).data)
    assert encode(draw(3), 512, 85) == encode(draw(3), 512, 85)


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1280, 720), (720, 1280), (864, 480)])
def test_the_short_way_of_scaling_looks_like_the_long_one(width: int, height: int) -> None:
    # Edges, colours and grain: a disc on a slope, and noise of 8 levels.
    y, x = np.mgrid[:height, :width]
    slope = np.stack([255 * x / width, 255 * y / height, 255 - 255 * x / width], axis=2)
    disc = (x - width / 2) ** 2 + (y - height / 2) ** 2 < (height / 4) ** 2
    noise = np.random.default_rng(0).normal(0, 8, (height, width, 1))
    picture = np.clip(np.where(disc[:, :, None], 255 - slope, slope) + noise, 0, 255)
    rgb = picture.astype(np.uint8)
    size = fit(width, height, 512)
    long_way = Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC)
    ours = np.asarray(Image.open(io.BytesIO(encode(rgb, 512, 95).data)), np.int16)
    theirs = np.asarray(Image.open(io.BytesIO(jpeg(long_way, 95))), np.int16)
    assert np.abs(ours - theirs).mean() < 2.0


def jpeg(image: Image.Image, quality: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def test_a_bad_clip_is_a_failure_with_a_key(tmp_path: Path, store: Store) -> None:
    (tmp_path / "a.mp4").write_bytes(b"not a video")
    failure = sample_frames(
        video(tmp_path / "a.mp4", "v7"), str(tmp_path / "a.mp4"), FramesOptions(), store
    )
    assert isinstance(failure, Failure)
    assert (failure.stage, failure.key, failure.reason) == ("frames", "v7", Reason.UNDECODABLE)
    assert list(store.names()) == []


def test_damage_is_flagged(tmp_path: Path, store: Store) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(40), options={"movflags": "faststart"})
    assert sample(clip, store).flags == ()
    clip.write_bytes(clip.read_bytes()[: clip.stat().st_size * 3 // 4])
    assert sample(clip, store).flags == ("damaged",)


def test_arguments_and_results_travel_between_processes(tmp_path: Path, store: Store) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(16))
    arguments = pickle.loads(pickle.dumps((video(clip), str(clip), FramesOptions(), store)))
    frames = sample_frames(*arguments)
    assert pickle.loads(pickle.dumps(frames)) == frames == sample(clip, store)


def test_a_child_process_starts_light() -> None:
    code = (
        "import sys, pipeline.media.sample, pipeline.media.ingest\n"
        "print([m for m in ('torch', 'apache_beam', 'pyarrow', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_frames_are_let_go_at_once(tmp_path: Path) -> None:
    """A large frame that waits for Python's collector waits for hundreds of clips."""
    clip = write_clip(tmp_path / "a.mp4", range(16))
    gc.collect()
    gc.disable()
    try:
        jpegs_of(str(clip))
        held = [o for o in gc.get_objects() if isinstance(o, VideoFrame) and o.width == WIDTH]
    finally:
        gc.enable()
    assert held == []


def test_options_need_no_decoder() -> None:
    code = (
        "import sys, pipeline.media.options\n"
        "print([m for m in ('av', 'numpy') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_real_clips_give_the_same_frames_with_both_decoders(test_data: Path) -> None:
    # The phone clip's 1080p takes seconds; the other four codecs and four GIFs stay.
    clips = [p for p in sorted((test_data / "real").iterdir()) if p.stat().st_size < 2_000_000]
    clips += sorted((test_data / "fetv" / "gif").glob("*.gif"))
    assert len(clips) == 8
    choose = policy_of(FramesOptions(count=3), "")
    for clip in clips:
        ours, theirs = (
            decode(str(clip), FramesOptions(decoder=name), choose, lambda rgb: rgb.astype(np.int16))
            for name in ("pyav", "ffmpeg")
        )
        assert ours.indices == theirs.indices
        assert len(ours.timeline.pts) == len(theirs.timeline.pts)
        assert ours.timeline.times_s(ours.indices) == theirs.timeline.times_s(theirs.indices)
        for a, b in zip(ours.taken, theirs.taken, strict=True):
            assert np.abs(a - b).mean() <= 2.0, clip


def test_real_clips_are_what_their_makers_say(test_data: Path, store: Store) -> None:
    def facts(name: str) -> tuple[object, ...]:
        frames = sample(test_data / "real" / name, store)
        return frames.n_frames_in_clip, frames.fps, frames.width_px, frames.height_px

    # As published with the files: 13 s at 25 a second, 1 s at 10, 5 s at 25.
    assert facts("nasa_13013.mp4") == (325, 25.0, 320, 180)
    assert facts("h265_video.mp4") == (10, 10.0, 128, 128)
    assert facts("av1_video.mkv") == (125, 25.0, 640, 360)
    phone = facts("debian_VID_20191220_170832.mp4")  # variable rate
    assert phone[2:] == (1920, 1080)
    assert facts("debian_movie-hello.mpeg")[1:] == (29.97003, 640, 480)  # 30000 / 1001
