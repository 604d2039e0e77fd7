"""Damages of a clip: what each keeps and what it changes, counted by hand or measured."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.videorm.data.damage import (
    DAMAGES,
    IDLE,
    NOISE,
    PRAISE,
    WHOLE_FRAMES,
    black_frame,
    blurred,
    brighter,
    codec,
    colour_cast,
    darker,
    duplicated,
    first_frame,
    flicker,
    frozen,
    half_resolution,
    low_bitrate,
    noise,
    painted_idle,
    painted_praise,
    reversed_order,
    saturated,
    shorter,
    shuffled,
)

FEWER = {"shorter": lambda t: (t + 1) // 2, "first_frame": lambda t: 1}
ORDERS = (shuffled, reversed_order)
clips = st.tuples(st.integers(1, 9), st.integers(4, 24), st.integers(4, 24)).flatmap(
    lambda shape: arrays(np.uint8, (*shape, 3), elements=st.integers(0, 255))
)


def levels(*values: int, size: int = 8) -> np.ndarray:
    """A clip of flat grey frames."""
    return np.stack([np.full((size, size, 3), v, np.uint8) for v in values])


def numbered(n: int) -> np.ndarray:
    return levels(*(20 * i for i in range(n)))


def order_of(frames: np.ndarray) -> list[int]:
    return [int(v) // 20 for v in frames[:, 0, 0, 0]]


def textured(n: int = 4, size: int = 64) -> np.ndarray:
    """Coloured noise smoothed over a few pixels: edges, and nothing at the ends of the scale."""
    draw = np.random.default_rng(3).uniform(60, 190, (n, size // 4, size // 4, 3))
    return np.kron(draw, np.ones((1, 4, 4, 1))).astype(np.uint8)


def error(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(float) - b).mean())


@pytest.mark.parametrize("name", DAMAGES)
def test_shape_type_and_determinism_and_the_input_is_left_alone(name):
    frames = textured(5, 36)
    before = frames.copy()
    damaged, again = DAMAGES[name](frames, 7), DAMAGES[name](frames, 7)
    n = FEWER.get(name, lambda t: t)(5)
    assert (damaged.shape, damaged.dtype) == ((n, 36, 36, 3), np.uint8)
    assert np.array_equal(damaged, again)
    assert not np.shares_memory(damaged, frames)
    assert np.array_equal(frames, before)


@pytest.mark.parametrize("name", sorted(set(DAMAGES) - {"first_frame", "shorter"}))
def test_every_damage_changes_a_clip_that_moves(name):
    assert not np.array_equal(DAMAGES[name](textured(), 0), textured())


@given(clips)
def test_odd_sides_and_single_frames_pass_every_damage(frames):
    for name, damage in DAMAGES.items():
        n = FEWER.get(name, lambda t: t)(len(frames))
        assert damage(frames, 0).shape == (n, *frames.shape[1:])


@given(clips, st.integers(0, 2**32))
def test_orders_keep_every_frame_once(frames, seed):
    for damage in ORDERS:
        kept = sorted(f.tobytes() for f in damage(frames, seed))
        assert kept == sorted(f.tobytes() for f in frames)


@given(st.integers(4, 12), st.integers(0, 2**32))
def test_no_neighbours_stay_neighbours(n, seed):
    order = order_of(shuffled(numbered(n), seed))
    assert np.abs(np.diff(order)).min() > 1


def test_short_clips_are_shuffled_into_another_order_and_one_frame_stays():
    assert order_of(shuffled(numbered(2))) == [1, 0]
    assert order_of(shuffled(numbered(3))) != [0, 1, 2]
    for name in ("shuffled", "reversed", "frozen", "duplicated", "shorter", "first_frame"):
        assert np.array_equal(WHOLE_FRAMES[name](numbered(1), 0), numbered(1))


def test_seeds_shuffle_differently():
    assert len({tuple(order_of(shuffled(numbered(8), seed))) for seed in range(20)}) > 10


@pytest.mark.parametrize(
    ("damage", "order"),
    [
        (reversed_order, [4, 3, 2, 1, 0]),
        (frozen, [0, 0, 0, 0, 0]),
        (duplicated, [0, 0, 2, 2, 4]),
        (shorter, [0, 2, 4]),
        (first_frame, [0]),
    ],
)
def test_orders_of_five_frames(damage, order):
    assert order_of(damage(numbered(5))) == order


def test_the_middle_frame_becomes_black():
    assert black_frame(levels(50, 60, 70, 80))[:, 0, 0, 0].tolist() == [50, 60, 0, 80]


def test_light_is_multiplied_rounded_and_cut():
    assert brighter(levels(100, 250))[:, 0, 0, 0].tolist() == [110, 255]
    assert darker(levels(100, 5))[:, 0, 0, 0].tolist() == [90, 4]  # 4.5 to even
    assert flicker(levels(100, 100, 200))[:, 0, 0, 0].tolist() == [130, 70, 255]
    assert colour_cast(levels(100))[0, 0, 0].tolist() == [100, 85, 85]


def test_noise_has_its_deviation_and_its_own_draw_per_frame_and_clip():
    grey = levels(128, 128, size=64)
    noisy = noise(grey).astype(float)
    assert noisy.std() == pytest.approx(NOISE[0], rel=0.03)  # 24,576 draws: 0.5 % error
    assert not np.array_equal(noisy[0], noisy[1])
    assert not np.array_equal(noisy, noise(grey, 1))


@pytest.mark.parametrize("name", ["noise", "blurred", "colour_cast", "low_bitrate"])
def test_the_strong_one_changes_more(name):
    clip = textured()
    weak, strong = (error(DAMAGES[n](clip, 0), clip) for n in (name, f"{name}_strong"))
    assert 0 < 1.2 * weak < strong


def test_blur_is_relative_to_the_frame():
    """A step edge twice as large, blurred, is the blurred edge twice as large."""
    small = np.zeros((1, 50, 50, 3), np.uint8)
    small[:, :, 25:] = 200
    large = np.kron(small, np.ones((1, 2, 2, 1), np.uint8))
    halved = blurred(large, 0, 0.06)[:, ::2, ::2].astype(float)
    assert error(blurred(small, 0, 0.06), halved) < 3


def test_grey_has_no_colour_to_saturate():
    assert np.array_equal(saturated(levels(90)), levels(90))
    red = np.full((1, 4, 4, 3), (150, 100, 100), np.uint8)
    left, middle, _ = saturated(red)[0, 0, 0].tolist()
    assert left - middle == pytest.approx(100, abs=2)  # 50 apart, doubled


def test_encoders_keep_the_picture_and_not_its_bytes():
    clip = textured()
    for damage in (low_bitrate, codec, half_resolution):
        assert 0 < error(damage(clip), clip) < 25


def test_the_codec_gives_back_every_frame_in_its_place():
    steps = codec(levels(10, 200, 60, 140, size=33))
    assert steps.mean(axis=(1, 2, 3)) == pytest.approx([10, 200, 60, 140], abs=6)


def test_praise_and_idle_words_cover_the_same_and_differ_in_letters_alone():
    clip = levels(100, 100, size=96)
    praise, idle = painted_praise(clip), painted_idle(clip)
    assert np.array_equal(praise[0], praise[1])  # a text that changes would be motion
    covered = [np.flatnonzero((p[0] != 100).any(axis=(1, 2))) for p in (praise, idle)]
    assert covered[0].min() == covered[1].min() > 48
    assert not np.array_equal(praise, idle)
    ink = [(p > 128).mean() for p in (praise, idle)]
    assert 0.7 < ink[0] / ink[1] < 1.4
    assert abs(len(PRAISE) - len(IDLE)) <= 2
