"""Do annotators err on the same pairs? Four errors apiece, small enough to count on fingers."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.audit import audit
from pipeline.audit.measures import jury
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.options import AuditOptions
from pipeline.audit.pair_panel import pairs_of_ratings
from pipeline.audit.panel import human_panel
from schemas import CONSENSUS, HumanRating, Score
from schemas.options import SetupError

QUICK = Resampling(resamples=100)

# One pair of clips per prompt; people always prefer y. An error of 0 is a judge that prefers y too,
# 0.5 one that ties, 1 one that prefers x.
HALF_WRONG = [0, 0, 1, 1]  # on prompts 0, 1, 2, 3
CROSSED = [0, 1, 0, 1]  # of each value of the other, wrong on one half
OPPOSITE = [1, 1, 0, 0]


def clips(errors):
    """{clip: score} of a judge with these errors on prompts 0, 1, 2, ..."""
    scores = {}
    for i, error in enumerate(errors):
        scores |= {f"p{i}-x": 3.0, f"p{i}-y": 4.0 - 2 * error}
    return scores


def ratings(n, tied=()):
    return [
        HumanRating(
            video_id=f"p{i}-{g}", rater=rater, dimension="quality", prompt_id=f"p{i}",
            generator=g, score=3.0 if i in tied else value, source="people.csv",
        )
        for i in range(n)
        for g, value in (("x", 2.0), ("y", 4.0))
        for rater in ("r1", "r2")
    ]  # fmt: skip


def measured(members, n=4, tied=(), how=QUICK):
    return judged(ratings(n, tied), {name: clips(e) for name, e in members.items()}, how)


def judged(rated, scores, how=QUICK):
    panel = pairs_of_ratings(human_panel(rated, ["quality"]))
    gaps = {name: panel.differences(own) for name, own in scores.items()}
    return {(who, m.statistic): m for who, m in jury.jury_measures(panel, gaps, how)}


def value(found, who, statistic):
    return found[who, statistic].interval.value


@pytest.mark.parametrize(
    ("other", "correlation", "effective", "all_wrong"),
    [
        (HALF_WRONG, 1.0, 1.0, 0.5),  # the same judge twice is one judge; both wrong on 2 of 4
        (CROSSED, 0.0, 2.0, 0.25),  # independent: two judges; both wrong on the last
        (OPPOSITE, -1.0, 2.0, 0.0),  # 2 / (1 - 1) would be infinite: no more than there are
    ],
)
def test_two_judges_by_hand(other, correlation, effective, all_wrong):
    found = measured({"a": HALF_WRONG, "b": other})
    assert value(found, "a & b", "error_correlation") == pytest.approx(correlation)
    assert value(found, "jury", "mean_error_correlation") == pytest.approx(correlation)
    assert value(found, "jury", "effective_judges") == pytest.approx(effective)
    assert value(found, "jury", "all_wrong") == pytest.approx(all_wrong)
    assert {(m.n_items, m.n_raters) for m in found.values()} == {(4, 2)}


def test_three_judges_by_hand():
    found = measured({"a": HALF_WRONG, "b": CROSSED, "c": HALF_WRONG})
    couples = [value(found, w, "error_correlation") for w in ("a & b", "a & c", "b & c")]
    assert couples == pytest.approx([0, 1, 0])
    # mean 1 / 3, so 3 / (1 + 2 / 3); all three wrong on the last pair
    assert value(found, "jury", "mean_error_correlation") == pytest.approx(1 / 3)
    assert value(found, "jury", "effective_judges") == pytest.approx(1.8)
    assert value(found, "jury", "all_wrong") == pytest.approx(1 / 4)


def test_a_tie_is_half_an_error():
    found = measured({"a": [0, 0.5, 1], "b": [0, 1, 0.5]}, n=3)
    # both means 1/2; deviations (-1/2, 0, 1/2) and (-1/2, 1/2, 0): 1/4 over 1/2
    assert value(found, "a & b", "error_correlation") == pytest.approx(0.5)
    # the best of the two errs by 0, 1/2, 1/2
    assert value(found, "jury", "all_wrong") == pytest.approx(1 / 3)


def test_pairs_that_people_tie_say_nothing():
    found = measured({"a": [*HALF_WRONG, 1], "b": [*CROSSED, 1]}, n=5, tied={4})
    assert value(found, "a & b", "error_correlation") == pytest.approx(0)
    assert found["jury", "all_wrong"].n_items == 4


def test_a_judge_whose_errors_are_all_alike_correlates_with_nobody():
    found = measured({"a": HALF_WRONG, "b": [0, 0, 0, 0], "c": CROSSED})
    assert value(found, "a & b", "error_correlation") is None
    assert value(found, "a & c", "error_correlation") == pytest.approx(0)
    assert value(found, "jury", "mean_error_correlation") is None
    assert value(found, "jury", "effective_judges") is None
    assert value(found, "jury", "all_wrong") == 0


def test_a_couple_uses_its_own_clips_and_the_jury_those_of_all():
    members = {"a": clips(HALF_WRONG), "b": clips(HALF_WRONG), "c": clips(CROSSED)}
    del members["c"]["p3-y"]
    found = judged(ratings(4), members)
    assert found["a & b", "error_correlation"].n_items == 4
    assert found["a & c", "error_correlation"].n_items == 3
    assert found["jury", "all_wrong"].n_items == 3
    # a 0 0 1, c 0 1 0: covariance 0 - 1/9, variances 2/9
    assert value(found, "a & c", "error_correlation") == pytest.approx(-0.5)


def test_members_that_share_no_clip_have_rows_without_values():
    first = {v: s for v, s in clips(HALF_WRONG).items() if v < "p2"}
    last = {v: s for v, s in clips(HALF_WRONG).items() if v >= "p2"}
    found = judged(ratings(4), {"a": first, "b": last}).values()
    assert [(m.interval.value, m.n_items) for m in found] == [(None, 0)] * 4


def test_one_annotator_is_no_jury():
    assert measured({"a": HALF_WRONG}) == {}


def test_errors_drawn_with_a_known_correlation_are_found_within_the_interval():
    # Each judge errs as a common error does with probability 0.7, else on its own, both at a rate of
    # 0.3: the correlation is 0.7 * 0.7 = 0.49 and 3 judges are worth 3 / (1 + 2 * 0.49) = 1.515.
    random = np.random.default_rng(5)
    common = random.random(2000) < 0.3
    errors = {
        name: np.where(random.random(2000) < 0.7, common, random.random(2000) < 0.3).astype(float)
        for name in ("a", "b", "c")
    }
    found = measured(errors, n=2000, how=Resampling(resamples=300))
    for who, statistic, truth in (
        ("a & b", "error_correlation", 0.49),
        ("jury", "mean_error_correlation", 0.49),
        ("jury", "effective_judges", 3 / 1.98),
    ):
        interval = found[who, statistic].interval
        assert interval.low < truth < interval.high
        # standard error of a correlation is about (1 - 0.24) / sqrt(2000) = 0.017
        assert interval.value == pytest.approx(truth, abs=0.06)


@given(
    st.integers(2, 4).flatmap(
        lambda j: st.lists(
            st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=j, max_size=j),
            min_size=3,
            max_size=12,
        )
    ),
    st.integers(1, 3),
)
def test_sums_over_prompts_give_the_correlation_of_all_pairs(rows, n_prompts):
    errors = np.asarray(rows)
    n_judges = errors.shape[1]
    prompts = np.arange(len(errors)) % n_prompts
    sums = jury.error_table(errors, prompts).sum(axis=0)[None]
    found = jury.mean_correlation(sums, n_judges)[0]
    if (errors.std(axis=0) == 0).any():
        assert np.isnan(found)
        return
    matrix = np.corrcoef(errors.T)  # numpy's own
    couples = [matrix[i, k] for i, k in itertools.combinations(range(n_judges), 2)]
    assert found == pytest.approx(np.mean(couples), abs=1e-9)
    assert found >= -1 / (n_judges - 1) - 1e-9
    assert 1 - 1e-9 <= jury.effective_judges(sums, n_judges)[0] <= n_judges
    assert jury.all_wrong(sums, n_judges)[0] == pytest.approx(errors.min(axis=1).mean())


# in an audit


def scores(annotator, errors):
    return [
        Score(
            video_id=video, dimension="quality", annotator_id=annotator, prompt_id=video[:2],
            generator=video[3:], mean=mean, spread=None, n=1,
        )
        for video, mean in clips(errors).items()
    ]  # fmt: skip


def jury_rows(*given_scores):
    result = audit(list(itertools.chain(*given_scores)), ratings(4), AuditOptions(resamples=100))
    return {
        (r.annotator, r.statistic): r
        for r in result.rows
        if r.annotator == "jury" or r.statistic == "error_correlation"
    }


def test_the_audit_has_rows_of_the_jury_without_the_consensus():
    one, other = scores("one", HALF_WRONG), scores("other", CROSSED)
    rows = jury_rows(other, one, scores(CONSENSUS, HALF_WRONG))
    assert set(rows) == {
        ("one & other", "error_correlation"),
        ("jury", "mean_error_correlation"),
        ("jury", "effective_judges"),
        ("jury", "all_wrong"),
    }
    assert rows["jury", "effective_judges"].value == pytest.approx(2)
    assert {r.slice for r in rows.values()} == {"all"}
    # a consensus of one annotator leaves nobody to compare it with
    assert jury_rows(one, scores(CONSENSUS, HALF_WRONG)) == {}


def test_no_annotator_may_be_called_jury():
    with pytest.raises(SetupError, match="may not be called 'jury'"):
        jury_rows(scores("jury", HALF_WRONG), scores("other", CROSSED))
