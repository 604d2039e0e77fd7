"""What is measured on frames, beside values worked out by hand and the reading of known pictures."""

import io

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.generators.draw import to_pixels
from pipeline.generators.encode import to_mp4
from pipeline.generators.grammar import random_from
from pipeline.generators.spoil import frozen
from pipeline.media.measure import GRID, bars, hashes, measure, reduced

N = 128


def grey(level: int, height: int = N, width: int = N) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def of(*frames: np.ndarray):
    return measure([reduced(frame) for frame in frames])


def scene(seed: int, height: int = 192, width: int = 256) -> np.ndarray:
    """A picture with structure at every scale: noise of 6 x 8 cells, smoothly enlarged."""
    cells = np.random.default_rng(seed).integers(40, 216, (6, 8, 3), np.uint8)
    image = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def distance(one, other) -> float:
    pairs = zip(one.perceptual_hash, other.perceptual_hash, strict=True)
    return float(np.mean([(int(a, 16) ^ int(b, 16)).bit_count() for a, b in pairs]))


# luma, and the small picture


def test_luma_is_that_of_bt_601():
    rgb = np.zeros((64, 192, 3), np.uint8)
    rgb[:, :64, 0], rgb[:, 64:128, 1], rgb[:, 128:, 2] = 100, 100, 100
    small = reduced(rgb)
    assert small.shape == (21, 64)  # 192 // 64 = 3: squares of 3 x 3; the 64th row is cut off
    # 64 columns of each colour are 21 squares and a third of one
    assert small[:, :21] == pytest.approx(29.9, abs=1e-4)
    assert small[:, 22:42] == pytest.approx(58.7, abs=1e-4)
    assert small[:, 43:] == pytest.approx(11.4, abs=1e-4)


@given(
    height=st.integers(1, 90),
    width=st.integers(1, 90),
    times=st.integers(1, 4),
    seed=st.integers(0, 9),
)
def test_squares_are_averaged_whatever_the_size(height, width, times, seed):
    rgb = np.random.default_rng(seed).integers(0, 256, (height * times, width * times, 3), np.uint8)
    small = reduced(rgb)
    f = max(1, min(max(rgb.shape[:2]) // 64, *rgb.shape[:2]))
    rows, columns = rgb.shape[0] // f, rgb.shape[1] // f
    luma = rgb[: rows * f, : columns * f].astype(float) @ [0.299, 0.587, 0.114]
    expected = luma.reshape(rows, f, columns, f).mean(axis=(1, 3))
    np.testing.assert_allclose(small, expected, atol=1e-3)
    assert max(small.shape) < 128


def test_the_brightest_picture_of_the_largest_size_does_not_overflow():
    rgb = np.broadcast_to(np.uint8(255), (300, 20_000, 3))  # 20,000 // 64 = 312 would
    assert reduced(rgb) == pytest.approx(255.0, abs=1e-2)


def test_luma_mean_is_over_all_frames():
    assert of(grey(10), grey(20), grey(60)).luma_mean == pytest.approx(30.0, abs=1e-3)


# black


@pytest.mark.parametrize(
    ("lit", "black"),
    [(1, 1.0), (2, 0.0)],  # of 64 rows: 1.6 % and 3.1 % of the picture, around 2 %
)
def test_a_frame_is_black_where_98_percent_of_its_pixels_are(lit, black):
    rgb = grey(0)
    rgb[: 2 * lit] = 200
    assert of(rgb).black_frames == black


def test_black_reaches_up_to_a_tenth_of_the_range():
    assert of(grey(25), grey(26), grey(0), grey(255)).black_frames == 0.5  # 25.5 of 255


# motion


def test_motion_is_the_mean_change_from_frame_to_frame():
    assert of(grey(10), grey(30), grey(30)).motion == pytest.approx(10.0, abs=1e-3)
    right_half = grey(10)
    right_half[:, N // 2 :] = 50
    assert of(grey(10), right_half).motion == pytest.approx(20.0, abs=1e-3)
    assert of(grey(10)).motion is None


def test_grain_is_no_motion_and_a_moving_thing_is():
    rng = np.random.default_rng(0)
    still = [np.clip(grey(120) + rng.normal(0, 6, (N, N, 3)), 0, 255).astype(np.uint8)] * 2
    fresh = np.clip(grey(120) + rng.normal(0, 6, (N, N, 3)), 0, 255).astype(np.uint8)
    # luma of the grain: 6 x |(0.299, 0.587, 0.114)| = 4.0; over 4 x 4 pixels 1.0; the difference of
    # two has 1.42, and its mean size is 0.8 of that
    assert of(still[0], fresh).motion == pytest.approx(1.13, abs=0.1)
    ball, moved = grey(120), grey(120)
    ball[40:72, 10:42], moved[40:72, 60:92] = 220, 220
    # 2 x 32 x 32 pixels of 128 x 128 change by 100
    assert of(ball, moved).motion == pytest.approx(100 * 2 * 32**2 / N**2, abs=1e-2)


def test_a_clip_that_a_simulated_generator_froze_hardly_moves_once_encoded():
    rng = random_from("frozen")
    cells = np.asarray(rng.integers(30, 220, (16, 3, 12, 12)), np.float32)
    frames = cells.repeat(8, axis=2).repeat(8, axis=3)
    video = to_mp4(to_pixels(frozen(frames, 1.0)), 8)
    with av.open(io.BytesIO(video)) as container:
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert of(*decoded[::2]).motion < 0.25
    assert of(*to_pixels(frames)[::2]).motion > 10


# letterbox


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((16, 112, 0, 128), 0.25),  # above and below
        ((0, 128, 16, 112), 0.25),  # left and right
        ((16, 112, 16, 112), 1 - 0.75**2),  # all around
        ((0, 128, 0, 128), 0.0),
        ((16, 128, 0, 128), 0.0),  # one side only: as a night sky
    ],
)
def test_bars_are_measured(box, share):
    top, bottom, left, right = box
    frames = [grey(8), grey(8)]  # bars as a codec leaves them
    for seed, frame in enumerate(frames):
        frame[top:bottom, left:right] = scene(seed, bottom - top, right - left)
    assert of(*frames).letterbox == pytest.approx(share, abs=0.02)


def test_bars_must_stay_black():
    boxed, full = grey(0), scene(1, N, N)
    boxed[32:96] = scene(1, 64, N)
    assert of(boxed, boxed).letterbox == pytest.approx(0.5, abs=0.02)
    assert of(boxed, full).letterbox == 0.0


def test_a_small_thing_in_the_dark_has_no_bars():
    rgb = grey(5)
    rgb[40:80, 50:90] = 200
    assert of(rgb).letterbox == 0.0


def test_where_nothing_is_lit_there_is_no_telling():
    assert of(grey(0), grey(10)).letterbox is None


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 2**31))
def test_bars_of_any_height_are_found_to_the_line(top, bottom, seed):
    lit = np.random.default_rng(seed).uniform(60, 255, (2, 64, 50)).astype(np.float32)
    lit[:, :top], lit[:, 64 - bottom :] = 12, 12
    expected = (top + bottom) / 64 if top and bottom else 0.0
    assert bars(lit) == pytest.approx(expected, abs=1e-4)


# the perceptual hash


def test_a_wave_sets_the_bit_of_its_frequencies():
    """Coefficient (2, 3) of cos(2 pi (y + 1/2) / 32) cos(3 pi (x + 1/2) / 32) is large, the others hold
    noise: bit 2 * 8 + 3 from the left is set, and in the negative not."""
    at = np.pi * (np.arange(GRID) + 0.5) / GRID
    noise = 4 * np.random.default_rng(3).normal(0, 1, (GRID, GRID))
    wave = np.asarray(90 * np.outer(np.cos(2 * at), np.cos(3 * at)) + noise, np.float32)

    def bit(picture: np.ndarray, place: int) -> int:
        return int(hashes(picture[None])[0], 16) >> (63 - place) & 1

    assert bit(128 + wave, 2 * 8 + 3) == 1
    assert bit(128 - wave, 2 * 8 + 3) == 0
    assert bit(128 + wave.T, 3 * 8 + 2) == 1
    assert bit(128 - wave.T, 3 * 8 + 2) == 0
    assert bit(128 - wave, 0) == bit(128 + wave, 0) == 1  # the mean of a lit picture is high
    # half of the 64 lie above their median
    assert int(hashes(128 + wave[None])[0], 16).bit_count() == 32


def test_the_hash_is_that_of_a_direct_cosine_transform():
    grid = np.random.default_rng(5).uniform(0, 255, (GRID, GRID)).astype(np.float32)
    n = np.arange(GRID)
    waves = [np.cos(np.pi * i * (2 * n + 1) / 64) for i in range(8)]
    low = [[(grid * np.outer(down, along)).sum() for along in waves] for down in waves]
    bits = (np.array(low) > np.median(low)).reshape(-1)
    expected = f"{int(''.join(map(str, bits.astype(int))), 2):016x}"
    assert hashes(grid[None]) == (expected,)


def test_flat_pictures_have_the_hash_that_no_other_has():
    rng = np.random.default_rng(0)
    grain = np.clip(grey(90) + rng.normal(0, 3, (N, N, 3)), 0, 255).astype(np.uint8)
    assert of(grey(0), grey(255), grain).perceptual_hash == ("0" * 16,) * 3
    assert of(scene(1)).perceptual_hash != ("0" * 16,)


@pytest.mark.parametrize("seed", range(6))
def test_the_hash_outlives_scaling_encoding_and_light_and_tells_scenes_apart(seed):
    frame = scene(seed)
    first = of(frame)
    half = np.asarray(Image.fromarray(frame).resize((128, 96), Image.Resampling.BICUBIC))
    squeezed = np.asarray(Image.fromarray(frame).resize((320, 180), Image.Resampling.LANCZOS))
    jpeg = io.BytesIO()
    Image.fromarray(half).save(jpeg, "JPEG", quality=30)
    encoded = np.asarray(Image.open(jpeg))
    brighter = np.clip(frame * 1.1 + 8, 0, 255).astype(np.uint8)
    for copy in (half, squeezed, encoded, brighter):
        assert distance(first, of(copy)) <= 5
    # bits of unrelated pictures are alike by chance: 32 +- 4 of 64
    assert distance(first, of(scene(seed + 100))) > 16


def test_there_is_a_hash_for_every_frame():
    found = of(scene(1), scene(2), scene(1))
    assert len(found.perceptual_hash) == 3
    assert found.perceptual_hash[0] == found.perceptual_hash[2] != found.perceptual_hash[1]
    assert all(len(h) == 16 for h in found.perceptual_hash)
