"""Shares of score pairs and Krippendorff's alpha: by hand, degenerate, published, and an oracle."""

import csv

import evalica
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.audit.statistics import agreement as ag
from pipeline.audit.statistics import alpha as al
from pipeline.audit.statistics.bootstrap import cluster_bootstrap
from pipeline.audit.statistics.icc import icc_table

NAN = np.nan
LEVELS = np.arange(1.0, 6.0)


def total(table):
    return table.sum(axis=0, keepdims=True)


def alpha(ratings, kind="ordinal", levels=None):
    ratings = np.asarray(ratings, dtype=float)
    levels = np.unique(ratings[~np.isnan(ratings)]) if levels is None else levels
    sums = total(al.coincidences(ag.value_counts(ratings, levels)))
    return float(al.krippendorff_alpha(sums, levels, kind)[0])


def interval(ratings):
    sums = total(al.interval_table(np.asarray(ratings, dtype=float)))
    return float(al.krippendorff_alpha_interval(sums)[0])


def centred(ratings):
    sums = total(icc_table(np.asarray(ratings, dtype=float)))
    return float(al.krippendorff_alpha_interval_centred(sums)[0])


def random_ratings(seed, n=60, raters=4, missing=0.2):
    generator = np.random.default_rng(seed)
    quality = generator.normal(3, 1, (n, 1))
    ratings = np.clip(np.round(quality + generator.normal(0, 0.8, (n, raters))), 1, 5)
    ratings[generator.random(ratings.shape) < missing] = NAN
    return ratings


def test_alpha_by_hand():
    # Two raters, items (1,1) (1,2) (2,2) (2,2). Coincidences: each item adds both orders, so
    # o11 = 2, o12 = o21 = 1, o22 = 4; n1 = 3, n2 = 5, n = 8. Nominal: observed 2, expected
    # 2 * 3 * 5 / 7 = 30/7, alpha = 1 - 2 * 7 / 30 = 8/15; with two levels all kinds are the same.
    ratings = [[1, 1], [1, 2], [2, 2], [2, 2]]
    for kind in al.LEVEL_KINDS:
        assert alpha(ratings, kind) == pytest.approx(8 / 15)


def test_ordinal_distance_by_hand():
    # Items (1,1) (1,3) (2,2): n1 = 3, n2 = 2, n3 = 1, n = 6; only 1-3 disagrees, o13 = o31 = 1.
    # d(1,2) = 3/2 + 2/2 = 5/2, d(2,3) = 2/2 + 1/2 = 3/2, d(1,3) = 3/2 + 2 + 1/2 = 4.
    # Observed 2 * 16 = 32; expected 2 (3*2*25/4 + 2*1*9/4 + 3*1*16) / 5 = 2 * 90 / 5 = 36.
    # alpha = 1 - 32/36 = 1/9. Interval: 1 - 2*4 * 5 / (2 (6 + 2 + 3*4)) = 1 - 40/40 = 0.
    ratings = [[1, 1], [1, 3], [2, 2]]
    assert alpha(ratings) == pytest.approx(1 / 9)
    assert alpha(ratings, "interval") == pytest.approx(0, abs=1e-12)
    assert interval(ratings) == pytest.approx(0, abs=1e-12)


def test_alpha_of_unequal_numbers_of_ratings_by_hand():
    # Items (1,1,2) and (2,2). Item 1, m = 3: o11 = 2*1/2 = 1, o12 = o21 = 2*1/2 = 1, o22 = 0. Item 2:
    # o22 = 2. n1 = 2, n2 = 3, n = 5. Observed 2, expected 2*2*3/4 = 3: alpha = 1/3.
    for kind in al.LEVEL_KINDS:
        assert alpha([[1, 1, 2], [2, NAN, 2]], kind) == pytest.approx(1 / 3)
    assert interval([[1, 1, 2], [2, NAN, 2]]) == pytest.approx(1 / 3)


def test_a_clip_with_one_rating_changes_nothing():
    ratings = [[1, 1, NAN], [1, 3, NAN], [2, 2, NAN]]
    assert alpha([*ratings, [NAN, 3, NAN]]) == pytest.approx(1 / 9)
    assert interval([*ratings, [NAN, 30, NAN]]) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "ratings",
    [
        [[3, 3], [3, 3]],  # all tied
        [[0.1, 0.1, 0.1, 0.1], [0.1, 0.1, 0.1, NAN]],
        [[1, NAN], [NAN, 5]],  # no clip with two ratings
        [[1], [2], [3]],  # one rater
        np.empty((0, 3)),  # no clip
    ],
)
def test_alpha_without_expected_disagreement_is_undefined(ratings):
    for kind in al.LEVEL_KINDS:
        assert np.isnan(alpha(ratings, kind, levels=np.array([0.1, 1.0, 2.0, 3.0, 5.0])))
    assert np.isnan(interval(ratings))
    assert np.isnan(centred(ratings))


def test_one_clip_that_raters_differ_on():
    # o12 = o21 = 1, n = 2: expected 2 * 1 * 1 / 1 = 2, observed 2. No better than chance.
    assert alpha([[1, 2]]) == interval([[1, 2]]) == 0


def test_a_constant_rater_leaves_alpha_defined():
    # Items (1,2) (2,2) (3,2): o12 = o21 = o22/2 = o23 = o32 = 1, n1 = n3 = 1, n2 = 4, n = 6. Interval:
    # observed 4, expected 2 (1*4*1 + 4*1*1 + 1*1*4) / 5 = 24/5: alpha = 1 - 20/24.
    assert interval([[1, 2], [2, 2], [3, 2]]) == pytest.approx(1 / 6)


@pytest.mark.parametrize("kind", al.LEVEL_KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_alpha_is_that_of_evalica(kind, seed):
    ratings = random_ratings(seed)
    theirs = evalica.alpha(pd.DataFrame(ratings.T), distance=kind).alpha
    assert alpha(ratings, kind) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_interval_alpha_needs_no_levels(seed):
    ratings = random_ratings(seed) + 1e6
    assert interval(ratings) == pytest.approx(alpha(random_ratings(seed), "interval"), abs=1e-9)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_table_of_many_levels_is_the_same_packed(seed):
    ratings = random_ratings(seed) * 10 + np.random.default_rng(seed).integers(4, size=(60, 4))
    levels = np.arange(10.0, 54.0)
    ratings[0, 0] = 99  # off the levels: as if missing
    prompts = np.repeat(np.arange(12), 5)
    table = al.coincidence_table(ratings, levels, prompts, 12)
    full = al.coincidences(ag.value_counts(ratings, levels))
    assert isinstance(table.toarray(), np.ndarray)
    assert table.toarray() == pytest.approx(ag.sum_by_prompt(full, prompts, 12), abs=1e-12)
    found = [
        cluster_bootstrap(t, lambda sums: al.krippendorff_alpha(sums, levels), resamples=200)
        for t in (table, table.toarray())
    ]
    assert (found[0].value, found[0].low) == pytest.approx((found[1].value, found[1].low))


def test_levels_that_nobody_used_do_not_change_alpha():
    ratings = random_ratings(3)
    ratings[ratings == 1] = 2
    assert alpha(ratings) == pytest.approx(alpha(ratings, levels=np.arange(-2.0, 9.0)), abs=1e-12)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="nominal, ordinal, interval, got 'ratio'"):
        alpha([[1, 2]], "ratio")


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_order_of_clips_and_raters_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    ratings = random_ratings(seed, n=12)
    mixed = ratings[generator.permutation(12)][:, generator.permutation(4)]
    for kind in al.LEVEL_KINDS:
        assert alpha(ratings, kind) == pytest.approx(alpha(mixed, kind), nan_ok=True, abs=1e-12)
    for form in (interval, centred):
        assert form(ratings) == pytest.approx(form(mixed), nan_ok=True, abs=1e-12)


def test_nominal_alpha_of_two_raters_is_nearly_scotts_pi():
    # alpha = 1 - (n - 1)/n (1 - pi) for n values: for n = 4,000 they differ by (1 - pi)/n < 3e-4.
    ratings = random_ratings(4, n=2000, raters=2, missing=0)
    observed = (ratings[:, 0] == ratings[:, 1]).mean()
    share = np.array([(ratings == level).mean() for level in LEVELS])
    pi = (observed - (share**2).sum()) / (1 - (share**2).sum())
    assert alpha(ratings, "nominal") == pytest.approx(1 - (1 - pi) * 3999 / 4000, abs=1e-12)


@pytest.mark.parametrize(
    ("aspect", "published"),
    [("static_quality", 0.6467), ("temporal_quality", 0.6335), ("alignment", 0.6142)],
)
def test_ordinal_alpha_of_fetv_is_the_published_one(test_data, aspect, published):
    """FETV (arXiv:2311.01813): three raters, four generators, 2,476 clips, without real footage."""
    scores: dict[tuple[str, str], dict[str, float]] = {}
    with (test_data / "fetv" / "human_ratings.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["aspect"] == aspect and row["generator"] != "real":
                clip = scores.setdefault((row["prompt_id"], row["generator"]), {})
                clip[row["rater"]] = float(row["score"])
    raters = sorted({rater for clip in scores.values() for rater in clip})
    ratings = np.array([[clip.get(r, NAN) for r in raters] for clip in scores.values()])
    assert ratings.shape == (2476, 3)
    assert alpha(ratings) == pytest.approx(published, abs=1e-4)


@pytest.mark.parametrize("seed", [0, 1])
def test_centring_takes_each_rater_s_mean_of_the_common_clips(seed):
    ratings = random_ratings(seed, n=40)
    common = ratings[~np.isnan(ratings).any(axis=1)]
    assert 5 < len(common) < 40
    left = common - common.mean(axis=0)
    assert centred(ratings) == pytest.approx(interval(left), abs=1e-12)
    theirs = evalica.alpha(pd.DataFrame(left.T), distance="interval").alpha
    assert centred(ratings) == pytest.approx(theirs, abs=1e-9)


def test_severity_lowers_alpha_until_it_is_centred():
    # The second rater is the first less one: (3,2) (4,3) (5,4). Centred they are the same.
    assert interval([[3, 2], [4, 3], [5, 4]]) < 0.6
    assert centred([[3, 2], [4, 3], [5, 4]]) == pytest.approx(1)
    # Constant raters of different severity: nothing is left to agree on.
    assert np.isnan(centred([[3, 2], [3, 2], [3, 2]]))


@given(st.integers(0, 1000), st.lists(st.integers(-3, 3), min_size=4, max_size=4))
@settings(max_examples=20, deadline=None)
def test_offsets_do_not_change_the_centred_alpha(seed, offsets):
    ratings = random_ratings(seed, n=30)
    assert centred(ratings) == pytest.approx(centred(ratings + offsets), nan_ok=True, abs=1e-9)


def test_prompts_cover_the_true_alpha_and_clips_taken_singly_do_not():
    """Simulated truth: score = prompt + clip + noise, variances 1, 1 and 1.

    Interval alpha is then 1 - 2 * 1 / (2 * 3) = 2/3 for many clips. Of 8 clips of a prompt the prompt
    is common, so that clips taken singly count each prompt's part eight times over.
    """
    generator = np.random.default_rng(5)
    runs, prompts, clips, hits = 200, 50, 8, np.zeros(2)
    number = np.repeat(np.arange(prompts), clips)
    for run in range(runs):
        quality = generator.normal(0, 1, prompts)[number] + generator.normal(0, 1, len(number))
        rows = al.interval_table(quality[:, None] + generator.normal(0, 1, (len(number), 3)))
        for i, table in enumerate((ag.sum_by_prompt(rows, number, prompts), rows)):
            found = cluster_bootstrap(table, al.krippendorff_alpha_interval, 400, run)
            hits[i] += found.low <= 2 / 3 <= found.high
    # standard error of a share near 0.95 in 200 runs: 0.0154; the percentile interval of a ratio of
    # variances from 50 prompts is a little short itself
    assert hits[0] / runs > 0.95 - 4 * 0.0154
    assert hits[1] / runs < hits[0] / runs - 0.1


def test_agreement_of_raters_by_hand():
    # Clip 1: ratings 1, 1, 2: pairs (1,1) (1,2) (1,2): 1 equal, 3 within one. Clip 2: 1, 5 and a
    # missing one: 1 pair, neither. Clip 3: one rating: no pair.
    ratings = np.array([[1, 1, 2], [1, 5, NAN], [NAN, 4, NAN]])
    table = ag.agreeing_pairs(ag.value_counts(ratings, LEVELS), LEVELS)
    assert table.tolist() == [[1, 3, 3], [0, 0, 1], [0, 0, 0]]
    assert ag.ratio(0, 2)(total(table))[0] == pytest.approx(1 / 4)
    assert ag.ratio(1, 2)(total(table))[0] == pytest.approx(3 / 4)


def test_agreement_with_a_judge_by_hand():
    ratings = np.array([[1, 1, 2], [1, 5, NAN]])
    table = ag.agreeing_with_judge(np.array([2.0, 5.0]), ratings)
    assert table.tolist() == [[1, 3, 3], [1, 1, 2]]


def test_confusion_by_hand():
    # The judge says 2 where people say 1, 1, 2, and 1 where they say 1 and nothing: of four pairs, two
    # are people 1 and judge 2, one is 2 and 2, one is 1 and 1.
    table = ag.confusion(np.array([2.0, 1.0]), np.array([[1, 1, 2], [1, NAN, NAN]]), LEVELS[:2])
    assert ag.shares(total(table)).tolist() == [[0.25, 0.5, 0, 0.25]]
    assert np.isnan(ag.shares(np.zeros((1, 5)))).all()


def test_sums_by_prompt():
    table = np.array([[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]])
    sums = ag.sum_by_prompt(table, np.array([0, 2, 0]), 3)
    assert sums.tolist() == [[4, 40], [0, 0], [2, 20]]
