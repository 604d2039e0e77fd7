"""The statistics of the probes, on a handful of clips whose figures are worked out by hand."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from videorm_run import write

from pipeline.audit.statistics.bootstrap import Interval
from pipeline.videorm.data.groups import Group
from pipeline.videorm.evaluation.probes import verdict as of_verdicts
from pipeline.videorm.evaluation.probes.catalogue import PROBES, SHIFTED, SWAPPED
from pipeline.videorm.evaluation.probes.changes import (
    change_rows,
    change_table,
    first_frame_rows,
    in_deviations,
)
from pipeline.videorm.evaluation.probes.correlations import (
    correlation_rows,
    partial,
    plain,
    rank_table,
)
from pipeline.videorm.evaluation.probes.generators import (
    Known,
    explained,
    generator_rows,
    guessed,
    share_table,
)
from pipeline.videorm.evaluation.probes.looks import LOOKS, looks_of
from pipeline.videorm.evaluation.probes.sample import Case, Sample, _rated
from pipeline.videorm.evaluation.probes.separation import separation_rows
from pipeline.videorm.evaluation.probes.shift_on import shift_rows
from pipeline.videorm.evaluation.probes.variants import VARIANTS
from pipeline.videorm.evaluation.probes.verdict import STABLE, met, verdict
from pipeline.videorm.options import ALIGNMENT
from schemas import HumanRating
from schemas.tables import to_table

DIMENSIONS = ("prompt_following", "video_quality")
# two prompts of two clips. Within prompts the squares are 1 + 1 and 1 + 1, over 4 - 2 = 2 degrees of
# freedom: a variance of 2
CLEAN = np.array([0.0, 2.0, 1.0, 3.0])
DEVIATION = np.sqrt(2)


def group(name: str, n: int, label: int = 1) -> Group:
    """A prompt with n clips and one pair per dimension: its first clip against its second."""
    return Group(
        prompt_id=name,
        prompt=name,
        rows=np.arange(n),
        generators=("g",) * n,
        scores=np.zeros((n, 2)),
        dimension=np.array([0, 1]),
        a=np.array([0, 0]),
        b=np.array([1, 1]),
        label=np.array([label, label]),
        margin=np.array([1.0, 1.0]),
        share=np.full(2, np.nan),
        weight=np.ones(2),
    )


def case(clean=CLEAN, sizes=(2, 2), temporal=True, motion=None, scores=None, **variants) -> Case:
    """Rewards of both dimensions alike unless a variant is (N, 2); variants not named are clean."""

    def both(values) -> np.ndarray:
        values = np.asarray(values, float)
        return values if values.ndim == 2 else np.column_stack([values, values])

    n = sum(sizes)
    rewards = {name: both(clean) for name in (*VARIANTS, SWAPPED)}
    rewards |= {name: both(values) for name, values in variants.items()}
    empty = np.full((n, 2), np.nan)
    sample = Sample(
        dimensions=DIMENSIONS,
        groups=tuple(group(f"p{i}", size) for i, size in enumerate(sizes)),
        video_ids=tuple(f"v{i}" for i in range(n)),
        prompt=np.repeat(np.arange(len(sizes)), sizes),
        generators=("g",) * n,
        annotator=empty if scores is None else both(scores),
        raters=empty,
    )
    looks = {name: np.full(n, np.nan) for name in LOOKS} | {"motion": np.full(n, 9.0)}
    if motion is not None:
        looks["motion"] = np.asarray(motion, float)
    return Case(
        arm="arm",
        temporal=temporal,
        sample=sample,
        rewards=rewards,
        looks=looks,
        alignment=ALIGNMENT,
        seed=0,
    )


@pytest.fixture(autouse=True)
def two_prompts_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Worked by hand; what fewer than ten come to has a test of its own."""
    monkeypatch.setattr(of_verdicts, "ENOUGH_PROMPTS", 2)


def test_no_verdict_rests_on_a_handful_of_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_verdicts, "ENOUGH_PROMPTS", 3)
    rows = change_rows(case(flicker=CLEAN - [2, 1, 0, 1], frozen=CLEAN - 1))
    row = found(rows, "flicker")
    assert row["high"] < 0  # the interval alone would say that it falls
    assert (row["met"], row["verdict"]) == (None, None)
    assert row["note"] == "2 prompts are too few for a verdict"
    assert found(rows, "frozen")["note"].endswith("frame; 2 prompts are too few for a verdict")
    still = found(change_rows(case(temporal=False)), "shuffled")
    assert (still["expected"], still["verdict"]) == ("zero", "met")


def found(rows, probe: str, dimension: str = "video_quality") -> dict:
    (row,) = [r for r in rows if (r["probe"], r["dimension"]) == (probe, dimension)]
    return row


@pytest.mark.parametrize(
    ("expected", "low", "high", "told"),
    [
        ("falls", -2.0, -0.01, "met"),
        ("falls", -2.0, 0.0, "open"),
        ("falls", 0.01, 0.1, "not_met"),
        ("stable", -0.25, 0.25, "met"),
        ("stable", -0.26, 0.1, "open"),
        ("stable", -0.1, 0.26, "open"),
        ("stable", 0.26, 0.3, "not_met"),
        ("stable", -0.3, -0.26, "not_met"),
        ("not_raised", -5.0, -1.0, "met"),
        ("not_raised", -5.0, 0.25, "met"),
        ("not_raised", -5.0, 0.26, "open"),
        ("not_raised", 0.1, 0.13, "not_met"),  # small, but a rise that is clear of zero
        ("below_one", 0.2, 0.99, "met"),
        ("below_one", 0.2, 1.0, "open"),
        ("below_one", 1.0, 1.0, "not_met"),
        ("above_zero", 0.01, 2.0, "met"),
        ("above_zero", 0.0, 2.0, "open"),
        ("above_zero", -2.0, -0.1, "not_met"),
        ("either", -2.0, -1.0, None),
    ],
)
def test_an_expectation_is_met_where_the_whole_interval_shows_it(expected, low, high, told):
    assert STABLE == 0.25
    interval = Interval(value=(low + high) / 2, low=low, high=high)
    shown = met(expected, interval)
    assert shown is (None if told is None else told == "met")
    assert verdict(expected, interval, shown) == told


@pytest.mark.parametrize("expected", ["falls", "stable", "not_raised", "below_one", "above_zero"])
def test_without_an_interval_there_is_no_verdict(expected):
    assert met(expected, Interval(value=-1.0, low=None, high=None)) is None


def test_a_change_is_counted_in_within_prompt_standard_deviations():
    row = found(change_rows(case(flicker=CLEAN - [2, 1, 0, 1])), "flicker")
    # mean change -4 / 4
    assert row["value"] == pytest.approx(-1 / DEVIATION)
    # only the first prompt: -3/2; only the second: -1/2; the deviation is that of either
    assert row["low"] == pytest.approx(-1.5 / DEVIATION)
    assert row["high"] == pytest.approx(-0.5 / DEVIATION)
    assert (row["expected"], row["met"], row["share_falls"]) == ("falls", True, 0.75)
    assert (row["n_clips"], row["n_prompts"]) == (4, 2)


def test_a_reward_that_rises_does_not_meet_falls_and_a_small_change_is_stable():
    up = case(
        flicker=CLEAN + 1, brighter=CLEAN + np.array([0.2, 0.2, -0.2, -0.2]), darker=CLEAN - 1
    )
    rows = change_rows(up)
    assert found(rows, "flicker")["met"] is False
    assert found(rows, "brighter")["met"] is True  # 0.2 / 1.414 = 0.14 either way
    assert found(rows, "darker")["met"] is False
    assert found(rows, "half_resolution")["met"] is True  # nothing changed


def test_strength_is_held_against_the_weaker_and_praise_against_idle_words():
    rows = change_rows(
        case(
            noise=CLEAN - 1,
            noise_strong=CLEAN - 3,
            blurred=CLEAN - 3,
            blurred_strong=CLEAN - 1,
            painted_idle=CLEAN - 2,
            painted_praise=CLEAN - 1,
        )
    )
    assert found(rows, "noise_monotone")["value"] == pytest.approx(-2 / DEVIATION)
    assert found(rows, "noise_monotone")["met"] is True
    assert found(rows, "blurred_monotone")["met"] is False
    assert found(rows, "painted_text")["value"] == pytest.approx(1 / DEVIATION)  # praised
    assert found(rows, "painted_text")["verdict"] == "not_met"
    assert found(rows, "painted_text")["note"] == "less that of painted idle"


def test_the_prompt_counts_for_alignment_alone():
    swapped = np.column_stack([CLEAN - 2, CLEAN])
    rows = change_rows(case(prompt_swap=swapped))
    assert found(rows, "prompt_swap", "prompt_following")["met"] is True
    assert found(rows, "prompt_swap", "video_quality")["met"] is True
    rows = change_rows(case(prompt_swap=swapped[:, ::-1]))  # the wrong way round
    assert found(rows, "prompt_swap", "prompt_following")["met"] is False
    assert found(rows, "prompt_swap", "video_quality")["met"] is False


def test_one_prompt_has_no_other_to_swap_with():
    row = found(change_rows(case(CLEAN, (4,))), "prompt_swap")
    assert (row["value"], row["met"], row["n_clips"]) == (None, None, 0)
    assert "no other" in row["note"]


def test_what_sees_frame_by_frame_must_not_change_at_all_with_their_order():
    tiny, small = CLEAN + 9e-6, CLEAN + 3e-5
    assert found(change_rows(case(temporal=False, shuffled=tiny)), "shuffled")["met"] is True
    row = found(change_rows(case(temporal=False, shuffled=small)), "shuffled")
    assert (row["expected"], row["met"], row["verdict"]) == ("zero", False, "not_met")
    # a reward of 100 is not known to 3e-5 in 32 bits
    large = case(CLEAN + 100, temporal=False, shuffled=small + 100, reversed=tiny + 100)
    assert found(change_rows(large), "shuffled")["met"] is True
    assert found(change_rows(large), "reversed", "prompt_following")["met"] is True
    timed = found(change_rows(case(shuffled=small)), "shuffled")
    assert (timed["expected"], timed["met"]) == ("falls", False)


def test_clips_that_stand_still_are_not_asked_about_time():
    still = case(motion=[0.5, 9, 0.5, 1.0], frozen=CLEAN - [0, 3, 0, 0])
    row = found(change_rows(still), "frozen")
    assert (row["n_clips"], row["n_prompts"]) == (1, 1)
    assert row["value"] == pytest.approx(-3 / DEVIATION)
    none = found(change_rows(case(motion=[0, 0, 0, 0])), "frozen")
    assert (none["n_clips"], none["value"], none["met"]) == (0, None, None)


def test_a_constant_reward_has_no_unit():
    row = found(change_rows(case(np.ones(4), flicker=np.zeros(4))), "flicker")
    assert (row["value"], row["met"]) == (None, None)
    assert "do not vary" in row["note"]


@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_neither_the_scale_nor_the_zero_of_a_reward_counts(scale, zero):
    change, every, sample = np.array([-2.0, -1, 0, -1]), np.ones(4, bool), case().sample
    one = change_table(change, CLEAN, every, sample).sum(axis=0)[None]
    other = change_table(scale * change, scale * CLEAN + zero, every, sample).sum(axis=0)[None]
    assert in_deviations(one)[0] == pytest.approx(-1 / DEVIATION)
    assert in_deviations(other)[0] == pytest.approx(-1 / DEVIATION)


def test_every_probe_of_the_catalogue_knows_its_variants_and_its_name_is_its_own():
    assert {name for p in PROBES for name in (p.variant, p.minus)} <= {*VARIANTS, SWAPPED}
    assert len({p.name for p in PROBES}) == len(PROBES)


def test_the_first_frame_alone_orders_as_all_or_otherwise():
    clean, turned = [1.0, 2, 3, 1, 2, 3], [3.0, 2, 1, 3, 2, 1]
    same = found(first_frame_rows(case(clean, (3, 3))), "first_frame_only")
    assert (same["value"], same["met"]) == (pytest.approx(1), False)
    other = found(first_frame_rows(case(clean, (3, 3), first_frame=turned)), "first_frame_only")
    assert (other["value"], other["met"]) == (pytest.approx(-1), True)
    tied = found(first_frame_rows(case(clean, (3, 3), first_frame=[5.0] * 6)), "first_frame_only")
    assert (tied["value"], tied["n_prompts"]) == (None, 0)


def test_aspects_are_apart_where_each_answers_for_its_own():
    harmed = np.column_stack([CLEAN - 0.5, CLEAN - 3])
    harms = dict.fromkeys(("noise_strong", "blurred_strong", "low_bitrate_strong"), harmed)
    swapped = np.column_stack([CLEAN - 2, CLEAN + 0.5])
    rows = separation_rows(case(prompt_swap=swapped, **harms))
    harm = found(rows, "aspect_separation_harm", "all")
    assert harm["value"] == pytest.approx((3 - 0.5) / DEVIATION)
    prompt = found(rows, "aspect_separation_prompt", "all")
    assert prompt["value"] == pytest.approx((2 - 0.5) / DEVIATION)  # size, whatever the direction
    assert harm["met"] is prompt["met"] is True
    mixed = separation_rows(case(prompt_swap=CLEAN - 1, **harms))
    assert found(mixed, "aspect_separation_prompt", "all")["met"] is False


def test_aspects_cannot_be_apart_without_both():
    one = dataclasses.replace(case(), alignment=())
    assert [r["value"] for r in separation_rows(one)] == [None, None]


def test_the_rank_correlation_within_prompts_is_the_mean_of_the_prompts():
    draw = np.random.default_rng(0)
    x, y = draw.normal(size=(2, 12))
    prompts = np.repeat(np.arange(3), 4)
    mean = np.mean([spearmanr(x[prompts == p], y[prompts == p]).statistic for p in range(3)])
    assert plain(rank_table([x, y], prompts, 3).sum(axis=0)[None])[0] == pytest.approx(mean)
    # a constant per prompt added to either changes nothing: nothing is compared across prompts
    shifted = rank_table([x + 10 * prompts, y - 5 * prompts], prompts, 3)
    assert np.array_equal(shifted, rank_table([x, y], prompts, 3))


def test_holding_the_score_constant_is_correlating_what_it_leaves():
    draw = np.random.default_rng(1)
    prompts = np.repeat(np.arange(5), 4)
    z = draw.normal(size=20)
    x, y = z + draw.normal(size=20), z + draw.normal(size=20)
    centred = []
    for values in (x, y, z):
        ranks = np.concatenate([v.argsort().argsort() for v in np.split(values, 5)]).astype(float)
        centred.append(ranks - 1.5)
    rx, ry, rz = centred
    left_x, left_y = (r - rz * (r @ rz) / (rz @ rz) for r in (rx, ry))
    residual = left_x @ left_y / np.sqrt((left_x @ left_x) * (left_y @ left_y))
    value = partial(rank_table([x, y, z], prompts, 5).sum(axis=0)[None])[0]
    assert value == pytest.approx(residual)
    assert value < plain(rank_table([x, y], prompts, 5).sum(axis=0)[None])[0]
    # a reward that is the score: nothing is left to correlate
    assert np.isnan(partial(rank_table([z, y, z], prompts, 5).sum(axis=0)[None])[0])


def test_a_reward_that_is_motion_correlates_and_what_does_not_vary_has_no_number():
    moving = case(motion=[1, 2, 3, 4], scores=[1, 2, 2, 1])
    moving.looks["resolution"][:] = 1024.0
    rows = correlation_rows(moving)
    motion = found(rows, "correlation_motion")
    assert (motion["value"], motion["expected"], motion["met"]) == (1.0, "either", None)
    for name in ("resolution", "length"):
        row = found(rows, f"correlation_{name}")
        assert row["value"] is None
        assert name in row["note"]
    # ranks of the scores -.5 .5 and .5 -.5 against .5 up twice: rho 0, so nothing is explained away
    given = found(rows, "correlation_motion_given_score")
    assert given["value"] == pytest.approx(1.0)
    assert "annotator" in given["note"]


def test_raters_come_before_the_annotator_and_no_score_is_no_number():
    rated = case(scores=[1, 2, 2, 1])
    rated.sample.raters[:, 1] = [1, np.nan, 2, 1]
    row = found(correlation_rows(rated), "correlation_motion_given_score")
    assert row["n_clips"] == 3
    # of the first prompt one clip is left; motion is constant
    assert row["value"] is None
    alone = found(correlation_rows(case(motion=[1, 2, 3, 4])), "correlation_motion_given_score")
    assert (alone["value"], alone["n_clips"]) == (None, 0)


def known(values, generators, prompts) -> Known:
    values = np.asarray(values, float)
    return Known(
        by="annotator",
        n_prompts=max(prompts) + 1,
        n_generators=max(generators) + 1,
        prompt=np.array(prompts),
        generator=np.array(generators),
        reward=values,
        score=values,
    )


def share(clips: Known) -> float:
    return float(explained(share_table(clips, clips.reward).sum(axis=0)[None])[0])


def test_eta_squared_is_the_share_that_the_means_of_generators_explain():
    assert share(known([1, -1, 1, -1], [0, 1, 0, 1], [0, 0, 1, 1])) == 1.0
    assert share(known([1, -1, -1, 1], [0, 1, 0, 1], [0, 0, 1, 1])) == 0.0
    # means 2 and -2 of two clips each: 2 * 4 + 2 * 4 = 16 of 9 + 1 + 9 + 1 = 20
    assert share(known([3, -3, 1, -1], [0, 1, 0, 1], [0, 0, 1, 1])) == pytest.approx(0.8)


def test_eta_squared_is_the_fit_of_a_line_through_dummies():
    draw = np.random.default_rng(2)
    generators, prompts = draw.integers(0, 3, 24), np.repeat(np.arange(6), 4)
    values = draw.normal(size=24) + generators
    dummies = np.eye(3)[generators]
    fitted = dummies @ np.linalg.lstsq(dummies, values, rcond=None)[0]
    expected = (fitted**2).sum() / (values**2).sum()
    assert share(known(values, generators.tolist(), prompts.tolist())) == pytest.approx(expected)


def test_a_generator_is_guessed_from_other_prompts_alone():
    right = known([1, -1, 1.2, -1.2, 0.8, -0.8], [0, 1] * 3, [0, 0, 1, 1, 2, 2])
    assert guessed(right, right.reward).tolist() == [1] * 6
    turned = known([1, -1, -1, 1], [0, 1, 0, 1], [0, 0, 1, 1])  # the other prompt says the reverse
    assert guessed(turned, turned.reward).tolist() == [0] * 4
    alone = known([1, -1, 1, -1], [0, 1, 0, 2], [0, 0, 1, 1])  # 1 and 2 were never seen elsewhere
    assert guessed(alone, alone.reward).tolist() == [1, 0, 1, 0]


def test_a_reward_is_held_against_what_the_score_says_of_the_generator():
    named = case([1.0, -1, 1, -1], scores=[2, 1, 1, 2])
    sample = dataclasses.replace(named.sample, generators=("x", "y", "x", "y"))
    rows = generator_rows(dataclasses.replace(named, sample=sample), of_score=True)
    quality = [r for r in rows if r["dimension"] == "video_quality"]
    value = {(r["probe"], r["arm"]): r["value"] for r in quality}
    assert value == {
        ("generator_identity", "arm"): 1.0,
        ("generator_identity", "annotator"): 0.0,
        ("generator_identity_gap", "arm"): 1.0,
        ("generator_guess", "arm"): 1.0,
        ("generator_guess", "annotator"): 0.0,
    }
    assert all(r["met"] is None for r in rows)
    one = generator_rows(case(scores=[2, 1, 1, 2]), of_score=False)
    assert {r["value"] for r in one} == {None}
    assert {r["note"] for r in one} == {"fewer than two generators"}


def test_the_shift_is_held_against_the_same_pairs():
    # labels prefer the first clip; clean rewards never do, with the shift the second prompt does
    row = found(shift_rows(case(**{SHIFTED: [0.0, 2, 3, 1]})), SHIFTED)
    assert row["value"] == pytest.approx(0.5)
    assert (row["low"], row["high"]) == (0.0, 1.0)
    assert row["note"] == "0.000 off, 0.500 on, 2 pairs"
    tie = found(shift_rows(case(**{SHIFTED: [0.0, 1e-7, 3, 1]})), SHIFTED)
    assert tie["value"] == pytest.approx(0.75)
    assert shift_rows(case()) == []


def test_looks_of_flat_and_moving_frames():
    grey = np.full((3, 8, 8, 3), 100, np.uint8)
    assert looks_of(grey) == {
        "motion": 0.0,
        "brightness": pytest.approx(100),
        "saturation": 0.0,
        "sharpness": pytest.approx(0, abs=1e-6),
    }
    red = np.zeros((2, 8, 8, 3), np.uint8)
    red[..., 0] = 200
    red[1] = red[0] // 2
    looks = looks_of(red)
    assert looks["motion"] == pytest.approx(100 / 3)  # one channel of three goes from 200 to 100
    assert looks["brightness"] == pytest.approx(0.299 * 150)
    assert looks["saturation"] == 1.0
    assert looks_of(grey[:1, :2, :2])["motion"] == 0.0
    # one bright pixel amid black, away from the border: Laplacian -4 v once, v four times, else 0
    dot = np.zeros((1, 8, 8, 3), np.uint8)
    dot[0, 4, 4] = 10
    values = np.array([-40.0, 10, 10, 10, 10, *[0] * 31])  # 6 x 6
    assert looks_of(dot)["sharpness"] == pytest.approx(values.var(), rel=1e-4)


def rating(rater: str, dimension: str, score: float) -> HumanRating:
    return HumanRating(
        video_id="v",
        rater=rater,
        dimension=dimension,
        prompt_id="p",
        generator="g",
        score=score,
        source="test",
    )


def test_several_human_dimensions_are_averaged_by_rater_and_ratings_of_two_folders_count_once(
    tmp_path,
):
    rows = [
        rating("r0", "still", 2),
        rating("r0", "moving", 4),
        rating("r1", "still", 5),
        rating("r1", "moving", 5),
        rating("r2", "still", 1),  # said nothing of the motion: no score
    ]
    for folder in ("one", "two"):
        write(tmp_path / folder, "human_ratings", to_table(HumanRating, rows))
    folders = [tmp_path / "one", tmp_path / "two"]
    found = _rated(["v", "w"], ["video_quality"], folders, {"video_quality": ("still", "moving")})
    assert found[0].tolist() == [4.0]  # (3 + 5) / 2
    assert np.isnan(found[1]).all()
