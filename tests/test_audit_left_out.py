"""Correlations with one rater left out: an annotator and people against the same targets."""

import numpy as np
import pytest
from panels import panel
from scipy import stats

from pipeline.audit.measures.left_out import ceiling_correlations, left_out_correlations
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.statistics.ceiling import mean_of_left_out, of_ceiling, others_mean
from pipeline.audit.statistics.correlation import POOLED

NAN = np.nan
HOW = Resampling(resamples=200)


def simulated(seed, n_prompts=40, per_prompt=4, raters=3, missing=0.0):
    generator = np.random.default_rng(seed)
    prompts = np.repeat(np.arange(n_prompts), per_prompt)
    quality = generator.normal(3, 1, (len(prompts), 1))
    scores = np.clip(np.round(quality + generator.normal(0, 0.9, (len(prompts), raters + 1))), 1, 5)
    human = scores[:, :raters]
    human[generator.random(human.shape) < missing] = NAN
    human[np.isnan(human).all(axis=1), 0] = 3
    return panel(human, prompts, scores[:, raters])


def within(statistic):
    def mean_over_prompts(x, y, prompts):
        values = []
        for p in np.unique(prompts):
            own = prompts == p
            if np.ptp(x[own]) > 0 and np.ptp(y[own]) > 0:
                values.append(statistic(x[own], y[own])[0])
        return np.mean(values)

    return mean_over_prompts


ORACLES = {
    "pearson": lambda x, y, _: stats.pearsonr(x, y)[0],
    "spearman": lambda x, y, _: stats.spearmanr(x, y)[0],
    "kendall_tau_b": lambda x, y, _: stats.kendalltau(x, y, variant="b")[0],
    "kendall_tau_c": lambda x, y, _: stats.kendalltau(x, y, variant="c")[0],
    "spearman_within_prompt": within(stats.spearmanr),
    "kendall_tau_b_within_prompt": within(stats.kendalltau),
}


def by_hand(panel, oracle):
    """The annotator's and the raters' mean over raters left out, one by one with scipy."""
    own, theirs = [], []
    for j in range(panel.human.shape[1]):
        others = np.delete(panel.human, j, axis=1)
        kept = ~np.isnan(panel.human[:, j]) & ~np.isnan(others).all(axis=1)
        target = np.round(np.nanmean(others[kept], axis=1), 9)
        own.append(oracle(panel.judge[kept], target, panel.prompts[kept]))
        theirs.append(oracle(panel.human[kept, j], target, panel.prompts[kept]))
    return np.mean(own), np.mean(theirs)


@pytest.mark.parametrize("missing", [0.0, 0.25])
def test_every_correlation_is_the_mean_over_raters_left_out(missing):
    part = simulated(0, missing=missing)
    found = {m.statistic: m.interval for m in left_out_correlations(part, HOW)}
    assert set(found) == {f"{n}_{v}" for n in ORACLES for v in ("loo", "ceiling", "of_ceiling")}
    for name, oracle in ORACLES.items():
        own, theirs = by_hand(part, oracle)
        assert found[f"{name}_loo"].value == pytest.approx(own, abs=1e-9)
        assert found[f"{name}_ceiling"].value == pytest.approx(theirs, abs=1e-9)
        assert found[f"{name}_of_ceiling"].value == pytest.approx(own / theirs, abs=1e-9)
    assert all(i.low < i.value < i.high for i in found.values())


def test_the_ceiling_alone_is_the_ceiling_beside_an_annotator_who_scored_every_clip():
    part = simulated(1)
    beside = {m.statistic: m.interval for m in left_out_correlations(part, HOW)}
    alone = list(ceiling_correlations(part, HOW))
    assert len(alone) == len(ORACLES)
    for measure in alone:
        assert measure.interval == beside[measure.statistic.replace("_loo", "_ceiling")]


def test_an_annotator_that_copies_one_of_two_raters():
    # Against rater 1 it is as good as rater 0, against rater 0 perfect: (r + 1) / 2 beside r.
    part = simulated(2, raters=2)
    part = panel(part.human, part.prompts, part.human[:, 0])
    found = {m.statistic: m.interval.value for m in left_out_correlations(part, HOW)}
    for name in ("pearson", "spearman", "kendall_tau_b"):
        assert found[f"{name}_loo"] == pytest.approx((found[f"{name}_ceiling"] + 1) / 2)


def test_one_more_person_reaches_the_ceiling_but_not_the_mean_of_all():
    """The target must be the same: against the mean of all, a person would be part of the target."""
    part = simulated(3, n_prompts=1000)
    found = {m.statistic: m.interval.value for m in left_out_correlations(part, HOW)}
    assert found["pearson_of_ceiling"] == pytest.approx(1, abs=0.03)
    included = np.mean([np.corrcoef(rater, part.target)[0, 1] for rater in part.human.T])
    assert found["pearson_loo"] < included - 0.1


@pytest.mark.parametrize(
    "human", [[[1], [2], [3], [4]], [[1, NAN], [2, NAN], [NAN, 3], [NAN, 4]], np.empty((0, 3))]
)
def test_without_two_raters_on_a_clip_there_is_no_ceiling(human):
    alone = panel(human, np.arange(len(human)) // 2, np.arange(float(len(human))))
    assert list(left_out_correlations(alone, HOW)) == []
    assert list(ceiling_correlations(alone, HOW)) == []


def test_degenerate_panels_have_no_value_rather_than_a_wrong_one():
    constant = panel([[1, 2], [2, 1], [3, 3], [4, 5]], [0, 0, 1, 1], [3, 3, 3, 3])
    found = {m.statistic: m for m in left_out_correlations(constant, HOW)}
    for name in ORACLES:
        assert found[f"{name}_loo"].interval.value is None
        assert found[f"{name}_of_ceiling"].interval.value is None
        assert found[f"{name}_ceiling"].interval.value is not None
    assert found["spearman_within_prompt_loo"].undefined_prompts == 2
    # prompt 0: raters contradict each other, rho -1; prompt 1: rater 0 has 3 and 4, rater 1 3 and 5
    assert found["spearman_within_prompt_ceiling"].interval.value == pytest.approx(0)
    assert found["spearman_within_prompt_ceiling"].undefined_prompts == 0
    tied = panel([[3, 3], [3, 3], [3, 3]], [0, 0, 1], [1, 2, 3])
    assert all(m.interval.value is None for m in left_out_correlations(tied, HOW))
    single = panel([[1, 2]], [0], [3])
    assert {m.statistic for m in left_out_correlations(single, HOW)} == {
        f"{n}_{v}" for n in list(ORACLES)[:4] for v in ("loo", "ceiling", "of_ceiling")
    }  # no prompt has two clips


def test_a_resample_is_the_clips_copied_whoever_saw_them():
    """Raters saw different prompts: each is resampled by the draws of those that he saw."""
    part = simulated(4, n_prompts=12)
    human = part.human.copy()
    human[part.prompts < 4, 0] = NAN
    human[part.prompts > 8, 1] = NAN
    counts = np.random.default_rng(0).multinomial(12, [1 / 12] * 12, size=5).astype(float)
    statistic = mean_of_left_out(human, human, part.prompts, POOLED[("spearman",)])
    for drawn, value in zip(counts.astype(int), statistic(counts)[:, 0]):
        copies = np.repeat(np.arange(len(human)), drawn[part.prompts])
        copied = panel(human[copies], part.prompts[copies], part.judge[copies])
        assert value == pytest.approx(by_hand(copied, ORACLES["spearman"])[1], abs=1e-9)


def test_no_share_is_taken_of_a_ceiling_that_is_none():
    found = of_ceiling(np.array([0.5, 0.5, 0.5, NAN]), np.array([0.8, 0.0, -0.2, 0.8]))
    assert found.tolist() == pytest.approx([0.625, NAN, NAN, NAN], nan_ok=True)


def test_targets_leave_out_the_rater_himself():
    means = others_mean(np.array([[1, 2, 6], [1, 3, NAN], [4, NAN, NAN]]))
    expected = [[4, 3.5, 1.5], [3, 1, NAN], [NAN, NAN, NAN]]
    assert means == pytest.approx(np.array(expected), nan_ok=True)
