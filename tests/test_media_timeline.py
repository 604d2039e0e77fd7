"""Which frames are taken, and when they are shown."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.media.timeline import Timeline, no_times, uniform


@pytest.mark.parametrize(
    ("n", "count", "expected"),
    [
        # 15 / 7 = 2.142857: 0, 2.14, 4.29, 6.43, 8.57, 10.71, 12.86, 15
        (16, 8, (0, 2, 4, 6, 9, 11, 13, 15)),
        # 6 / 4 = 1.5: 0, 1.5, 3, 4.5, 6; halves go to the even number
        (7, 5, (0, 2, 3, 4, 6)),
        (8, 8, (0, 1, 2, 3, 4, 5, 6, 7)),
        (3, 8, (0, 1, 2)),
        (1, 8, (0,)),
        (9, 1, (0,)),
        (100, 2, (0, 99)),
    ],
)
def test_uniform_worked_examples(n: int, count: int, expected: tuple[int, ...]) -> None:
    assert uniform(n, count) == expected


@given(st.integers(1, 20_000), st.integers(1, 256))
def test_uniform_gives_every_frame_asked_for_or_every_frame_there_is(n: int, count: int) -> None:
    indices = uniform(n, count)
    assert len(indices) == min(n, count)
    assert list(indices) == sorted(set(indices))
    assert indices[0] == 0
    assert indices[-1] == (n - 1 if count > 1 else 0)


@given(st.integers(2, 20_000), st.integers(2, 256))
def test_uniform_lies_within_half_a_frame_of_the_exact_place(n: int, count: int) -> None:
    if n < count:
        return
    for i, index in enumerate(uniform(n, count)):
        assert abs(Fraction(i * (n - 1), count - 1) - index) <= Fraction(1, 2) + Fraction(1, 10**9)


def test_times_count_from_the_first_frame() -> None:
    # Transport streams start anywhere: 126000 ticks of 1/90000 s = 1.4 s is time zero.
    line = Timeline(pts=[126000, 129600, 133200], tick_s=Fraction(1, 90000), last_ticks=3600)
    assert line.times_s((0, 2)) == (0.0, 0.08)  # 7200 / 90000
    assert line.fps == 25.0  # 2 steps in 0.08 s
    assert line.duration_s == 0.12  # 10800 / 90000


@pytest.mark.parametrize("pts", [[0, 0, 0], [0, None, 2], [0, 5, 3]])
def test_times_that_cannot_be_trusted_are_missing(pts: list[int | None]) -> None:
    line = Timeline(pts=pts, tick_s=Fraction(1, 10), last_ticks=1)
    assert line.times_s((0, 1, 2)) == (None, None, None)
    assert line.fps is None
    assert line.duration_s is None


def test_one_frame_has_a_time_but_no_rate() -> None:
    line = Timeline(pts=[7], tick_s=Fraction(1, 10))
    assert (line.times_s((0,)), line.fps, line.duration_s) == ((0.0,), None, None)


def test_no_times() -> None:
    assert no_times(2).times_s((0, 1)) == (None, None)
    assert no_times(1).times_s((0,)) == (None,)
