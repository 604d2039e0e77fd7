"""Accuracy with ties: the threshold, where it is fitted, what needs no judge, and the ceiling."""

import dataclasses
import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.audit.measures.measure import Resampling
from pipeline.audit.measures.ties import (
    averaged_over_prompts,
    calibration_half,
    fit_tie_threshold,
    threshold_of,
    tie_baselines,
    tie_ceiling,
    tie_left_out,
    tie_measures,
    with_threshold,
)
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.panel import Panel
from pipeline.audit.statistics.pairs import agreement_with_ties, pair_table, signs

NAN = np.nan
HOW = Resampling(resamples=200)

PAIRS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-1, 1)), min_size=1, max_size=25)


def share_right(judge, target, threshold):
    table = pair_table(with_threshold(judge, threshold), target, np.zeros(len(judge), int), 1)
    return float(agreement_with_ties(table)[0])


def panel_of(human, judge, clips_per_prompt):
    """Pairs of (N, R) ratings and (N,) scores of an annotator."""
    human, judge = np.asarray(human, float), np.asarray(judge, float)
    n, n_raters = human.shape
    prompts = np.arange(n) // clips_per_prompt
    panel = Panel(
        videos=tuple(f"v{i}" for i in range(n)),
        prompts=prompts,
        generators=("g",) * n,
        human=human,
        raters=tuple(f"r{j}" for j in range(n_raters)),
        prompt_ids=tuple(f"p{p}" for p in range(prompts[-1] + 1)),
    )
    pairs = pairs_of_ratings(panel)
    return pairs.judged(judge[pairs.first] - judge[pairs.second])


def simulated(rng, n_prompts=200, clips=4, noise=0.8, n_raters=3):
    """Raters of whole points and a fine judge, all equally noisy."""
    truth = rng.normal(size=n_prompts * clips)
    human = np.round(truth[:, None] + noise * rng.normal(size=(len(truth), n_raters)))
    return panel_of(human, truth + noise * rng.normal(size=len(truth)), clips)


def by_name(measures):
    return {measure.statistic: measure for measure in measures}


# --- the threshold


def test_the_threshold_by_hand():
    # right at 0: the first and the fourth pair, 2/5; at 1 the second and third become right and the
    # fourth wrong, 3/5; at 2 the last stays wrong, 3/5 again; at 3 all are ties, 2/5
    fit = fit_tie_threshold([3, -1, 1, 1, 2], [1, 0, 0, 1, -1])
    assert (fit.threshold, fit.accuracy) == (1.0, 3 / 5)


def test_no_order_of_a_blocks_rows_changes_the_threshold():
    judge, target = np.array([1, -1, 1, 1, 2, 0]), np.array([1, 0, 0, 1, -1, 0])
    orders = [list(order) for order in itertools.permutations(range(6))]
    fits = {fit_tie_threshold(judge[order], target[order]) for order in orders}
    # at 0: pairs 1, 4, 6 of 6; at 1: pairs 2, 3, 6; at 2 the same
    assert [(fit.threshold, fit.accuracy) for fit in fits] == [(0.0, 3 / 6)]


@given(PAIRS)
def test_it_is_the_best_of_every_threshold_tried_one_by_one(rows):
    judge, target = np.array(rows, float).T
    tried = {t: share_right(judge, target, t) for t in [0.0, *np.unique(np.abs(judge)).tolist()]}
    best = max(tried.values())
    fit = fit_tie_threshold(judge, target)
    assert fit.accuracy == pytest.approx(best)
    assert fit.threshold == min(t for t, share in tried.items() if share == best)


@given(PAIRS, st.sampled_from([0.25, 0.1, 3.0, 1000.0]), st.randoms(use_true_random=False))
def test_rows_may_be_shuffled_and_scores_scaled(rows, factor, random):
    judge, target = np.array(rows, float).T
    fit = fit_tie_threshold(judge, target)
    random.shuffle(rows)
    judge, target = np.array(rows, float).T
    scaled = fit_tie_threshold(factor * judge, target)
    assert scaled.accuracy == fit.accuracy
    assert scaled.threshold == pytest.approx(factor * fit.threshold)


@given(PAIRS)
def test_the_ends_are_no_threshold_and_all_ties(rows):
    judge, target = np.array(rows, float).T
    none = share_right(judge, target, 0.0)
    everything = share_right(judge, target, np.abs(judge).max())
    assert none == np.mean(signs(judge) == signs(target))
    assert everything == np.mean(target == 0)
    assert fit_tie_threshold(judge, target).accuracy >= max(none, everything)


def inside_blocks(judge, target):
    """The mistake: a threshold is tried after every pair, though pairs of one distance go together."""
    order = np.argsort(np.abs(judge), kind="stable")
    right = (np.sign(judge) == np.sign(target)).astype(int)
    gain = (target == 0).astype(int) - right
    return (right.sum() + max(0, np.cumsum(gain[order]).max())) / len(judge)


def test_a_search_inside_a_block_depends_on_the_order_of_rows_and_ours_does_not():
    # whole scores drawn at random, so most distances are shared by hundreds of pairs
    rng = np.random.default_rng(0)
    judge = (rng.integers(1, 6, 1000) - rng.integers(1, 6, 1000)).astype(float)
    target = rng.choice([-1.0, 0.0, 1.0], size=1000, p=[0.35, 0.3, 0.35])
    ties_first = np.argsort(target != 0, kind="stable")
    ties_last = ties_first[::-1]
    flattered, honest = (inside_blocks(judge[o], target[o]) for o in (ties_first, ties_last))
    assert flattered > honest + 0.05
    fits = {fit_tie_threshold(judge[o], target[o]) for o in (ties_first, ties_last)}
    assert len(fits) == 1
    assert fits.pop().accuracy == pytest.approx(honest)


def test_without_pairs_there_is_no_threshold():
    for rows in ([], [NAN]):
        fit = fit_tie_threshold(rows, rows)
        assert np.isnan([fit.threshold, fit.accuracy]).all()


def test_all_human_ties_are_all_right_at_the_largest_distance():
    fit = fit_tie_threshold([0.3, -2.5, 1.0], [0, 0, 0])
    assert (fit.threshold, fit.accuracy) == (2.5, 1.0)


def test_all_equal_scores_need_no_threshold():
    fit = fit_tie_threshold([0, 0, 0, 0], [0, 1, -1, 1])
    assert (fit.threshold, fit.accuracy) == (0.0, 1 / 4)


def test_a_pair_of_which_something_is_missing_is_left_out():
    fit = fit_tie_threshold([1, NAN, 2, 3], [1, 0, NAN, -1])
    assert (fit.threshold, fit.accuracy) == (0.0, 1 / 2)


def test_distances_that_differ_by_rounding_are_one():
    # 0.1 + 0.2 - 0.3 is not quite zero, nor 0.7 - 0.4 quite 0.3
    fit = fit_tie_threshold([0.1 + 0.2 - 0.3, 0.7 - 0.4, 0.3, 9.0], [0, 0, 0, 1])
    assert (fit.threshold, fit.accuracy) == (0.3, 1.0)
    assert with_threshold([0.7 - 0.4, -0.3, 0.31], 0.3).tolist() == [0.0, 0.0, 0.31]


@pytest.mark.parametrize("threshold", [-0.1, NAN])
def test_no_threshold_is_no_number(threshold):
    with pytest.raises(ValueError, match="at least 0"):
        with_threshold([1.0], threshold)


def test_prompts_may_count_alike():
    # two prompts of one human tie each, one prompt of three pairs that the judge has right
    prompts, judge, target = list("abccc"), np.ones(5), [0, 0, 1, 1, 1]
    weights = averaged_over_prompts(prompts)
    assert weights == pytest.approx([1 / 3, 1 / 3, 1 / 9, 1 / 9, 1 / 9])
    pooled, averaged = (fit_tie_threshold(judge, target, w) for w in (None, weights))
    assert (pooled.threshold, pooled.accuracy) == (0.0, 3 / 5)
    assert (averaged.threshold, averaged.accuracy) == (1.0, pytest.approx(2 / 3))
    assert len(averaged_over_prompts([])) == 0


@given(
    st.lists(
        st.tuples(st.integers(-4, 4), st.integers(-1, 1), st.integers(0, 6)),
        min_size=1,
        max_size=40,
    )
)
@example([(2, 0, 1), (-4, -1, 0), (4, 0, 3), (4, 1, 0)])
def test_of_thresholds_that_differ_by_rounding_the_smallest_is_taken(rows):
    # the same in fractions, which do not round: weights such as 1 / 3 and 1 / 7 do
    judge, target, prompts = np.array(rows, float).T
    size = {p: int((prompts == p).sum()) for p in prompts}

    def exact(threshold):
        said = [0 if abs(d) <= threshold else np.sign(d) for d in judge]
        right = (Fraction(1, size[p]) for s, t, p in zip(said, target, prompts) if s == t)
        return sum(right, Fraction(0))

    tried = {t: exact(t) for t in [0.0, *np.unique(np.abs(judge)).tolist()]}
    fit = fit_tie_threshold(judge, target, averaged_over_prompts(prompts))
    assert fit.threshold == min(t for t, share in tried.items() if share == max(tried.values()))
    assert fit.accuracy == pytest.approx(float(max(tried.values()) / len(size)))


@given(st.lists(st.tuples(st.integers(-4, 4), st.integers(-1, 1), st.integers(0, 3)), max_size=20))
def test_a_prompt_drawn_twice_counts_as_two(rows):
    judge, target, prompts = np.array(rows, float).reshape(-1, 3).T
    prompts = prompts.astype(int)
    counts = np.array([[1, 1, 1, 1], [2, 0, 1, 3], [0, 0, 0, 1]])
    refitted = threshold_of(judge, target, prompts)(counts.astype(float))
    for row, threshold in zip(counts, refitted):
        again = np.repeat(np.arange(len(rows)), row[prompts])
        expected = fit_tie_threshold(judge[again], target[again]).threshold
        assert threshold == pytest.approx(expected, nan_ok=True)


# --- the halves


def test_further_prompts_move_none_between_the_halves():
    ids = [f"prompt {i}" for i in range(1000)]
    half = calibration_half(ids, 0)
    assert calibration_half(ids[100:50:-1], 0).tolist() == half[100:50:-1].tolist()
    assert 450 < half.sum() < 550  # binomial: 500, standard deviation 16
    assert 400 < (half != calibration_half(ids, 1)).sum() < 600


def test_the_threshold_is_fitted_on_one_half_and_reported_on_the_other():
    panel = simulated(np.random.default_rng(1))
    fitted_on = calibration_half(panel.prompt_ids, 5)[panel.prompts]
    fit = fit_tie_threshold(panel.judge[fitted_on], panel.target[fitted_on])
    shown = share_right(panel.judge[~fitted_on], panel.target[~fitted_on], fit.threshold)

    found = by_name(tie_measures(panel, HOW, seed=5))
    assert found["tie_threshold"].interval.value == fit.threshold > 0
    assert found["tie_threshold"].n_items == fitted_on.sum()
    low, high = found["tie_threshold"].interval.low, found["tie_threshold"].interval.high
    assert low <= fit.threshold <= high
    assert low < high
    accuracy = found["pair_accuracy_with_ties"]
    assert accuracy.interval.value == pytest.approx(shown)
    assert accuracy.interval.low < shown < accuracy.interval.high
    assert accuracy.n_items == (~fitted_on).sum()
    optimistic = found["pair_accuracy_with_ties_optimistic"].interval.value
    assert optimistic == pytest.approx(fit_tie_threshold(panel.judge, panel.target).accuracy)
    assert optimistic >= share_right(panel.judge, panel.target, fit.threshold)


def test_the_reporting_half_has_no_say_in_the_threshold():
    panel = simulated(np.random.default_rng(2))
    shown = ~calibration_half(panel.prompt_ids, 0)[panel.prompts]
    turned = dataclasses.replace(panel, target=np.where(shown, 0.0, panel.target))
    before, after = (by_name(tie_measures(p, HOW)) for p in (panel, turned))
    assert before["tie_threshold"] == after["tie_threshold"]
    name = "pair_accuracy_with_ties"
    assert before[name].interval.value != after[name].interval.value


def test_a_half_without_pairs_leaves_the_accuracy_undefined():
    panel = simulated(np.random.default_rng(0), n_prompts=4)
    fitted_on = calibration_half(panel.prompt_ids, 0)[panel.prompts]
    for kept in (fitted_on, ~fitted_on, np.zeros_like(fitted_on)):
        found = by_name(tie_measures(panel.take(kept), HOW))
        assert found["pair_accuracy_with_ties"].interval.value is None
        found = {
            who: m for who, m in tie_baselines(panel.take(kept), HOW) if "optim" not in m.statistic
        }
        assert found["chance"].interval.value is None  # it cannot tell what would be better either
    assert by_name(tie_measures(panel, HOW))["pair_accuracy_with_ties"].interval.value is not None


# --- what needs no judge


@pytest.mark.parametrize(("ties", "measured"), [(0.30, 0.35), (0.45, 0.46), (0.60, 0.60)])
def test_a_random_scorer_reaches_the_chance_that_is_stated(ties, measured):
    # 60 simulations of 100 prompts with six pairs, the share of ties exact: max(t, (1 - t) / 2) is
    # 0.35, 0.45 and 0.60. ``measured`` is what one random scorer fitted on its own pairs reached.
    rng = np.random.default_rng(int(100 * ties))
    found = {"frozen": [], "optimistic": [], "stated": []}
    tied = round(600 * ties)
    target = np.repeat([0.0, 1.0, -1.0], [tied, (600 - tied) // 2, (600 - tied) // 2])
    for _ in range(60):
        panel = panel_of(np.zeros((400, 1)), rng.normal(size=400), 4)
        panel = dataclasses.replace(panel, target=rng.permutation(target))
        how = Resampling(resamples=1)
        judge = by_name(tie_measures(panel, how))
        chance = by_name(m for who, m in tie_baselines(panel, how) if who == "chance")
        found["frozen"].append(judge["pair_accuracy_with_ties"].interval.value)
        found["optimistic"].append(judge["pair_accuracy_with_ties_optimistic"].interval.value)
        found["stated"].append(chance["pair_accuracy_with_ties"].interval.value)
    mean = {name: np.mean(values) for name, values in found.items()}
    assert mean["stated"] == pytest.approx(max(ties, (1 - ties) / 2), abs=0.006)
    assert mean["stated"] == pytest.approx(measured, abs=0.015)
    assert mean["optimistic"] == pytest.approx(measured, abs=0.015)
    # frozen on other prompts, the luck of the fit is gone, and it may have chosen the worse end
    assert mean["stated"] - 0.02 < mean["frozen"] < mean["stated"] + 0.002
    assert mean["frozen"] < mean["optimistic"]


def test_all_ties_are_right_on_the_human_ties_of_the_reporting_half():
    panel = simulated(np.random.default_rng(3))
    shown = ~calibration_half(panel.prompt_ids, 0)[panel.prompts]
    found = {(who, m.statistic): m for who, m in tie_baselines(panel, HOW)}
    measure = found["all_tie", "pair_accuracy_with_ties"]
    tied = signs(panel.target) == 0
    assert measure.interval.value == pytest.approx(tied[shown].mean())
    assert measure.n_items == shown.sum()
    both = found["all_tie", "pair_accuracy_with_ties_optimistic"]
    assert both.interval.value == pytest.approx(tied.mean())
    chance = found["chance", "pair_accuracy_with_ties"].interval.value
    assert tied.mean() < 1 / 3  # so that a random scorer had better tie nothing
    assert chance == pytest.approx((1 - tied[shown].mean()) / 2)


# --- one rater left out


def test_two_raters_by_hand():
    # the annotator says what rater 0 says, on a scale of its own: against rater 1 it is as right as
    # rater 0 is, and against rater 0 always right
    rng = np.random.default_rng(4)
    human = rng.integers(1, 4, size=(240, 2)).astype(float)
    panel = panel_of(human, 10 * human[:, 0] - 7, 4)
    fitted_on = calibration_half(panel.prompt_ids, 0)[panel.prompts]

    def right(own, theirs):
        threshold = fit_tie_threshold(own[fitted_on], theirs[fitted_on]).threshold
        return share_right(own[~fitted_on], theirs[~fitted_on], threshold)

    one, other = panel.human.T
    found = by_name(tie_left_out(panel, HOW))
    own = found["pair_accuracy_with_ties_loo"].interval.value
    theirs = found["pair_accuracy_with_ties_ceiling"].interval.value
    assert own == pytest.approx((right(one, other) + 1) / 2)
    assert theirs == pytest.approx((right(one, other) + right(other, one)) / 2)
    of_ceiling = found["pair_accuracy_with_ties_of_ceiling"].interval.value
    assert of_ceiling == pytest.approx(own / theirs)
    (alone,) = tie_ceiling(panel, HOW)
    assert alone.statistic == "pair_accuracy_with_ties_loo"
    assert alone.interval == found["pair_accuracy_with_ties_ceiling"].interval
    assert alone.n_items == 2 * (~fitted_on).sum()


def test_an_annotator_as_good_as_a_rater_reaches_the_ceiling():
    # a fourth rater of the same noise and the same whole points, on a scale of its own
    ratios = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        truth = rng.normal(size=800)
        everybody = np.round(truth[:, None] + 0.8 * rng.normal(size=(800, 4)))
        panel = panel_of(everybody[:, :3], 0.2 * everybody[:, 3], 4)
        found = by_name(tie_left_out(panel, Resampling(resamples=1)))
        ratios.append(found["pair_accuracy_with_ties_of_ceiling"].interval.value)
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)


def test_a_single_rater_has_no_ceiling():
    panel = simulated(np.random.default_rng(0), n_prompts=20, n_raters=1)
    measures = [*tie_left_out(panel, HOW), *tie_ceiling(panel, HOW)]
    assert len(measures) == 4
    assert all(measure.interval.value is None for measure in measures)
    assert all(measure.n_items == 0 for measure in measures)
