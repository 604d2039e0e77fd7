"""From panels to measures: what is yielded, what it counts, and that nothing falls over."""

import itertools

import numpy as np
import pytest
from panels import panel

from pipeline.audit.measures import left_out, measure, of_raters, of_scores
from pipeline.audit.names import STATISTICS
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.statistics.pairs import within_prompt_pairs

NAN = np.nan
HOW = measure.Resampling(resamples=100)
LEVELS = measure.whole_levels((1, 5))


def simulated(seed=0, n_prompts=30):
    generator = np.random.default_rng(seed)
    prompts = np.repeat(np.arange(n_prompts), 4)
    quality = generator.normal(3, 1, (len(prompts), 1))
    scores = np.clip(np.round(quality + generator.normal(0, 0.9, (len(prompts), 4))), 1, 5)
    return panel(scores[:, :3], prompts, scores[:, 3])


def everything(part, levels=LEVELS):
    """Every measure of a panel with a judge, with whom or what it is about."""
    alone = panel(part.human, part.prompts)
    pairs = pairs_of_ratings(alone)
    several = part.take(np.bincount(part.prompts, minlength=1)[part.prompts] > 1)
    found = [
        *(("raters", m) for m in of_raters.rater_measures(alone, levels, HOW)),
        *of_raters.one_rater_measures(alone, HOW),
        *(("raters", m) for m in of_raters.rater_pair_measures(pairs, HOW)),
        *of_raters.one_rater_pair_measures(pairs, HOW),
        *(("judge", m) for m in of_scores.score_measures(part, levels, HOW)),
        *of_scores.confusion_measures(part, levels, HOW),
        *(("judge", m) for m in of_scores.pooled_measures(part, HOW)),
        *(
            ("judge", m)
            for m in of_scores.within_measures(several, within_prompt_pairs(several.prompts), HOW)
        ),
        *(("judge", m) for m in left_out.left_out_correlations(part, HOW)),
        *(("ceiling", m) for m in left_out.ceiling_correlations(alone, HOW)),
    ]
    return {(who, m.statistic): m for who, m in found}


def test_every_number_has_an_interval_and_a_name_that_programs_know():
    found = everything(simulated())
    assert {name for _, name in found} <= set(STATISTICS)
    assert len(found) == 13 + 9 + 3 + 3 + 7 + 25 + 4 + 2 + 18 + 6
    for key, one in found.items():
        interval = one.interval
        assert interval.low is not None, key
        assert interval.low <= interval.value <= interval.high, key
        assert (one.n_items, one.n_raters) != (0, 0), key


DEGENERATE = {
    "one rater": ([[1], [2], [3], [4]], [0, 0, 1, 1], [1, 2, 3, 5]),
    "one clip": ([[1, 2, 3]], [0], [2]),
    "one prompt": ([[1, 2], [3, 3], [2, 4]], [0, 0, 0], [1, 2, 3]),
    "all tied": ([[3, 3], [3, 3], [3, 3], [3, 3]], [0, 0, 1, 1], [3, 3, 3, 3]),
    "a constant rater": ([[3, 1], [3, 2], [3, 4], [3, 5]], [0, 0, 1, 1], [1, 2, 4, 4]),
    "never two on a clip": ([[1, NAN], [NAN, 2], [3, NAN], [NAN, 4]], [0, 0, 1, 1], [1, 2, 3, 5]),
    "a rater without a clip": ([[1, 2, NAN], [3, 2, NAN], [2, 5, NAN]], [0, 0, 1], [1, 2, 3]),
    "nothing": (np.empty((0, 3)), [], []),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_panels_give_numbers_or_none(name):
    part = panel(*DEGENERATE[name])
    for levels, (key, one) in itertools.chain(
        (("whole", item) for item in everything(part).items()),
        (("none", item) for item in everything(part, None).items()),
    ):
        bounds = (one.interval.value, one.interval.low, one.interval.high)
        assert all(b is None or np.isfinite(b) for b in bounds), (levels, key)
        if one.interval.value is None:
            assert one.interval.low is None


def test_what_is_undefined_without_two_ratings_of_a_clip():
    found = everything(panel(*DEGENERATE["never two on a clip"]))
    raters = {name: m for (who, name), m in found.items() if who == "raters"}
    assert raters["mean_score"].interval.value == 2.5
    del raters["mean_score"]
    assert {m.interval.value for m in raters.values()} == {None}
    assert {m.n_items for m in raters.values()} == {0}
    assert found["r0", "rater_mean"].interval.value == 2
    assert found["r0", "rater_offset"].interval.value is None
    assert found["r0", "rater_offset"].n_items == 0


def test_raters_who_all_say_the_same():
    found = everything(panel(*DEGENERATE["all tied"]))
    assert found["raters", "exact_agreement"].interval.value == 1
    for name in ("fleiss_kappa", "icc_2_1", "cohen_kappa", "krippendorff_alpha_ordinal"):
        assert found["raters", name].interval.value is None
    assert found["raters", "rater_pair_agreement"].interval.value == 1
    assert found["raters", "rater_pair_agreement_strict"].interval.value is None
    assert found["raters", "rater_pair_coverage"].interval.value == 0
    assert found["r0", "rater_tie_share"].interval.value == 1
    assert found["r0", "rater_sd"].interval.value == 0


def test_a_rater_without_a_clip_is_not_told_of():
    found = everything(panel(*DEGENERATE["a rater without a clip"]))
    assert {who for who, name in found if name.startswith("rater_")} == {"raters", "r0", "r1"}
    # nor does he keep the others from having clips that all of them rated
    alone = everything(panel([[1, 2], [3, 2], [2, 5]], [0, 0, 1], [1, 2, 3]))
    for name in ("icc_2_1", "krippendorff_alpha_interval_centred", "cohen_kappa"):
        assert found["raters", name] == alone["raters", name]
        assert found["raters", name].n_items == 3


def test_confusion_shares_by_hand():
    # Three score pairs: people 1 and 2 where the judge says 2, people 1 where it says 1.
    part = panel([[1, 2], [1, NAN]], [0, 1], [2, 1])
    found = dict(of_scores.confusion_measures(part, np.array([1.0, 2.0]), HOW))
    values = {where: m.interval.value for where, m in found.items()}
    third = pytest.approx(1 / 3)
    assert values == {
        "human=1,judge=1": third,
        "human=1,judge=2": third,
        "human=2,judge=1": 0,
        "human=2,judge=2": third,
    }


def test_scores_off_the_levels_have_a_mean_alone():
    part = panel([[1, 2], [3, 4]], [0, 1], [0.3, 0.9])
    names = [m.statistic for m in of_scores.score_measures(part, LEVELS, HOW)]
    assert names == ["mean_score"]
    assert list(of_scores.confusion_measures(part, LEVELS, HOW)) == []


def test_the_mean_score_is_over_ratings_not_over_clips():
    part = panel([[1, 3], [5, NAN]], [0, 1], [2, 5])
    raters = {m.statistic: m.interval for m in of_raters.rater_measures(part, LEVELS, HOW)}
    judge = {m.statistic: m.interval for m in of_scores.score_measures(part, LEVELS, HOW)}
    assert (raters["mean_score"].value, raters["mean_score"].high) == (3, 5)
    assert judge["mean_score"].value == 3.5


def test_ratings_of_a_fine_scale_have_interval_alpha_and_no_levels():
    human = np.random.default_rng(0).normal(50, 10, (80, 2))
    found = {
        m.statistic: m.interval.value
        for m in of_raters.rater_measures(panel(human, np.repeat(np.arange(20), 4)), None, HOW)
    }
    assert set(found) == {
        "mean_score",
        "krippendorff_alpha_interval",
        "krippendorff_alpha_interval_centred",
        "icc_2_1",
        "icc_2_k",
    }
    assert None not in found.values()


def test_many_prompts_keep_their_tau_interval(monkeypatch):
    monkeypatch.setattr("pipeline.audit.statistics.kendall.MAX_PROMPTS", 10)
    found = {m.statistic: m.interval for m in of_scores.pooled_measures(simulated(), HOW)}
    assert found["kendall_tau_b"].low < found["kendall_tau_b"].value < found["kendall_tau_b"].high
    assert found["kendall_tau_c"].low < found["kendall_tau_c"].value < found["kendall_tau_c"].high
