"""Which frames each policy takes: worked numbers, and what holds for every clip."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
from coded_clips import write_clip, write_webp, zero_delays
from hypothesis import given
from hypothesis import strategies as st

from pipeline.estimate.clips import look_at
from pipeline.media.decode import decode
from pipeline.media.decoded import FrameList
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from pipeline.media.probe import Header
from pipeline.media.timeline import Timeline, no_times
from schemas import Clip, Reason

NAMES = (
    "uniform",
    "segment_centres",
    "random_per_segment",
    "fps",
    "key_frames",
    "first_middle_last",
)


def frames(n: int, rate: int = 8, keys: Sequence[int] | None = None) -> FrameList:
    timeline = Timeline(pts=range(n), tick_s=Fraction(1, rate))
    return FrameList(timeline=timeline, keys=None if keys is None else tuple(keys))


def at_ms(*pts: int) -> FrameList:
    return FrameList(timeline=Timeline(pts=pts, tick_s=Fraction(1, 1000)), keys=None)


def take(clip: FrameList, policy: str, key: str = "v1", **options: object) -> tuple[int, ...]:
    return policy_of(FramesOptions(policy=policy, **options), key)(clip)


def test_uniform_is_the_rounded_linspace() -> None:
    # 15 / 7 = 2.14: 0, 2.14, 4.29, 6.43, 8.57, 10.71, 12.86, 15
    assert take(frames(16), "uniform", count=8) == (0, 2, 4, 6, 9, 11, 13, 15)
    assert take(frames(5), "uniform", count=8) == (0, 1, 2, 3, 4)
    assert take(frames(9), "uniform", count=1) == (0,)


def test_segment_centres() -> None:
    # Four segments of ten frames are 2.5 long; their middles lie at 1.25, 3.75, 6.25, 8.75.
    assert take(frames(10), "segment_centres", count=4) == (1, 3, 6, 8)
    assert take(frames(16), "segment_centres", count=8) == (1, 3, 5, 7, 9, 11, 13, 15)
    assert take(frames(9), "segment_centres", count=1) == (4,)
    # Middles of eight segments of three frames: 0.19, 0.56, 0.94, 1.31, 1.69, 2.06, 2.44, 2.81.
    assert take(frames(3), "segment_centres", count=8) == (0, 1, 2)


def test_random_per_segment_hangs_on_seed_and_clip_alone() -> None:
    clip = frames(400)
    first = take(clip, "random_per_segment", count=8)
    assert first == take(frames(400), "random_per_segment", count=8)
    assert first != take(clip, "random_per_segment", count=8, seed=1)
    assert first != take(clip, "random_per_segment", key="v2", count=8)
    # A clip of one frame per segment leaves nothing to chance, nor does one of fewer.
    assert take(frames(8), "random_per_segment", count=8) == tuple(range(8))
    assert take(frames(3), "random_per_segment", count=8) == (0, 1, 2)


def test_random_per_segment_is_even() -> None:
    # 2000 clips, one segment of four frames: 500 of each expected, standard deviation 19.4.
    drawn = [take(frames(4), "random_per_segment", key=str(i), count=1)[0] for i in range(2000)]
    assert all(abs(drawn.count(number) - 500) < 4 * 19.4 for number in range(4))


@given(n=st.integers(1, 500), count=st.integers(1, 64), seed=st.integers(0, 9))
def test_random_per_segment_takes_one_of_each_segment(n: int, count: int, seed: int) -> None:
    chosen = take(frames(n), "random_per_segment", count=count, seed=seed)
    if n < count:
        assert chosen == tuple(range(n))
    else:  # segment i holds the frames from i * n // count up to, not with, the next one's first
        assert len(chosen) == count
        for i, number in enumerate(chosen):
            assert i * n // count <= number < (i + 1) * n // count


def test_fps_takes_what_is_on_screen() -> None:
    # 2 a second of 8 a second: 0, 0.5, 1.0, 1.5 s are frames 0, 4, 8, 12.
    assert take(frames(16), "fps", fps=2) == (0, 4, 8, 12)
    # More than the clip has: each frame once.
    assert take(frames(5), "fps", fps=100) == (0, 1, 2, 3, 4)
    assert take(frames(1), "fps", fps=100) == (0,)


def test_fps_of_a_variable_rate() -> None:
    # On screen at 0, 0.25, 0.5, 0.75 and 1.0 s: frame 0 to 0.1 s, 2 from 0.2 s, 3 from 0.7 s, 4 at 1 s.
    clip = at_ms(0, 100, 200, 700, 1000)
    assert take(clip, "fps", fps=4) == (0, 2, 3, 4)
    # Nothing is on screen after the last frame begins, whatever it lasts: 0 and 0.75 s.
    assert take(at_ms(0, 700), "fps", fps=4 / 3) == (0,)


@pytest.mark.parametrize("rate", [24, 30, 60])
def test_fps_at_the_rate_of_the_clip_takes_every_frame(rate: int) -> None:
    # 1/24 s is no number of microseconds: 23/24 s is stored as 0.958333, less than the 24th moment.
    assert take(frames(48, rate), "fps", fps=rate, count=256) == tuple(range(48))


def test_fps_takes_count_at_most_evenly() -> None:
    # 1 a second of 10 s at 8 a second: 0, 8, ..., 72; four of the ten by uniform(10, 4) = 0, 3, 6, 9.
    assert take(frames(80), "fps", fps=1, count=4) == (0, 24, 48, 72)


def test_fps_of_a_file_that_claims_to_last_for_years() -> None:
    assert take(at_ms(0, 10, 10**12), "fps", fps=1000) == (0, 1, 2)


@given(
    steps=st.lists(st.integers(1, 400), min_size=0, max_size=40),
    fps=st.sampled_from([0.5, 1.0, 2.0, 7.5, 24.0, 30.0]),
)
def test_fps_agrees_with_a_walk_through_the_moments(steps: list[int], fps: float) -> None:
    pts = [sum(steps[:i]) for i in range(len(steps) + 1)]
    rate, shown, moment = Fraction(fps), set(), 0
    while moment / rate <= Fraction(pts[-1], 1000):
        shown.add(max(i for i, p in enumerate(pts) if Fraction(p, 1000) <= moment / rate))
        moment += 1
    assert take(at_ms(*pts), "fps", fps=fps, count=256) == tuple(sorted(shown))


@pytest.mark.parametrize("clip", [FrameList(timeline=no_times(4), keys=None), at_ms(0, 10, 10)])
def test_fps_needs_times(clip: FrameList) -> None:
    with pytest.raises(MediaError, match=r"frames\.policy: uniform") as refused:
        take(clip, "fps", fps=2)
    assert refused.value.reason is Reason.NO_TIMES


def test_key_frames() -> None:
    assert take(frames(60, keys=(0, 12, 24)), "key_frames", count=8) == (0, 12, 24)
    # Seven keyframes and three wanted: numbers 0, 3, 6 of them.
    keys = (0, 12, 20, 30, 41, 50, 55)
    assert take(frames(60, keys=keys), "key_frames", count=3) == (0, 30, 55)
    assert take(frames(60, keys=(5, 5, 9)), "key_frames") == (5, 9)


@pytest.mark.parametrize("keys", [None, ()])
def test_key_frames_that_cannot_be_told(keys: tuple[int, ...] | None) -> None:
    with pytest.raises(MediaError, match=r"frames\.policy: uniform") as refused:
        take(frames(60, keys=keys), "key_frames")
    assert refused.value.reason is Reason.UNDECODABLE


def test_first_middle_last() -> None:
    assert take(frames(9), "first_middle_last") == (0, 4, 8)
    assert take(frames(4), "first_middle_last") == (0, 2, 3)  # round(1.5) = 2
    assert take(frames(2), "first_middle_last") == (0, 1)
    assert take(frames(1), "first_middle_last", count=8) == (0,)


@pytest.mark.parametrize("policy", NAMES)
@given(n=st.integers(1, 300), count=st.integers(1, 40), data=st.data())
def test_every_policy_gives_distinct_ascending_numbers(
    policy: str, n: int, count: int, data: st.DataObject
) -> None:
    keys = data.draw(st.sets(st.integers(0, n - 1), min_size=1))
    options = FramesOptions(policy=policy, count=count, fps=3 if policy == "fps" else None)
    chosen = policy_of(options, "v1")(frames(n, keys=sorted(keys)))
    assert 1 <= len(chosen) <= options.most
    assert list(chosen) == sorted(set(chosen))
    assert chosen[0] >= 0
    assert chosen[-1] < n


@pytest.mark.parametrize("policy", NAMES)
def test_an_estimate_counts_the_frames_of_every_policy(tmp_path: Path, policy: str) -> None:
    clip = Clip(
        video_id="v1", prompt_id="p1", prompt="x", generator="g", source="s",
        path=str(write_clip(tmp_path / "a.mp4", range(100), rate=10)),
    )  # fmt: skip
    options = FramesOptions(policy=policy, count=8, fps=2 if policy == "fps" else None)
    expected = look_at([clip], options, {}).coming["v1"].indices
    taken = decode(str(clip.path), options, policy_of(options, "v1"), lambda rgb: None).indices
    if policy == "key_frames":  # a header does not tell them
        assert len(taken) <= len(expected) == 8
    else:
        assert taken == expected


def test_an_estimate_counts_as_many_as_there_may_be_where_a_header_has_no_pace(
    tmp_path: Path,
) -> None:
    webp = write_webp(tmp_path / "a.webp", range(12), ms=0)
    gif = zero_delays(write_clip(tmp_path / "a.gif", range(12), codec="gif"))
    for path in (webp, gif):
        clip = Clip(
            video_id="v1", prompt_id="p1", prompt="x", generator="g", source="s", path=str(path)
        )
        coming = look_at([clip], FramesOptions(policy="fps", fps=1, count=6), {}).coming["v1"]
        assert len(coming.indices) == 6
        assert (coming.fps, set(coming.times_s)) == (None, {None})


def test_a_header_at_an_even_pace() -> None:
    header = Header(width_px=8, height_px=8, n_frames=50, n_bytes=1, fps=30000 / 1001)
    # Frame 30 is shown at 1.001 s: at one second frame 29 is on screen. 50 frames last 1.67 s.
    assert take(header.frames, "fps", fps=1) == (0, 29)
