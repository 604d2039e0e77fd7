"""What the consensus learns from all clips: scales, weights from people, error rates."""

import math
import pickle
import random

import pytest

from pipeline.preference.checks import check_consensus
from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.fit import fit
from pipeline.preference.fitted import Fitted, fold_of, needed
from pipeline.preference.options import ConsensusOptions, PreferenceOptions
from schemas import CONSENSUS, OVERALL, HumanRating
from schemas.options import SetupError

QUALITY = "video_quality"
SCALES = {QUALITY: (1, 2, 3, 4, 5)}


def marks(scores, dimension=QUALITY):
    """{annotator: {clip "prompt-generator": score}} as marks with their prompt."""
    return [
        (clip.split("-")[0], Mark(clip, clip.split("-")[1], dimension, annotator, 0, float(score)))
        for annotator, clips in scores.items()
        for clip, score in clips.items()
    ]


def rating(clip, score, dimension=QUALITY, rater="r1"):
    prompt, generator = clip.split("-")
    return HumanRating(
        video_id=clip, rater=rater, dimension=dimension, prompt_id=prompt,
        generator=generator, score=float(score), source="people.csv",
    )  # fmt: skip


def consensus_of(given, options, fitted, prompt="p"):
    found = scores_of_prompt(
        prompt,
        [mark for own, mark in given if own == prompt],
        (QUALITY,),
        options,
        PreferenceOptions(),
        fitted,
    )
    return {s.video_id: s for s in found if (s.annotator_id, s.dimension) == (CONSENSUS, QUALITY)}


# a common scale

STANDARDISED = ConsensusOptions(scale="standardised")


def test_judges_on_different_scales_sit_in_one_jury():
    given = marks(
        {
            "stars": {"p-x": 1, "p-y": 2, "p-z": 3},  # mean 2, sample sd 1: -1, 0, 1
            "reward": {"p-x": 30, "p-y": 10, "p-z": 20},  # mean 20, sample sd 10: 1, -1, 0
        }
    )
    fitted = fit(given, STANDARDISED)
    assert fitted.scales["reward", QUALITY] == pytest.approx((20, 10))
    found = consensus_of(given, STANDARDISED, fitted)
    assert {clip: s.mean for clip, s in found.items()} == pytest.approx(
        {"p-x": 0.0, "p-y": -0.5, "p-z": 0.5}
    )
    assert found["p-x"].spread == pytest.approx(math.sqrt(2))  # of -1 and 1
    # on the rubric's scale the rewards alone would decide
    rubric = consensus_of(given, ConsensusOptions(), Fitted())
    assert max(rubric, key=lambda clip: rubric[clip].mean) == "p-x"


def test_the_scale_is_that_of_all_clips_of_the_run_not_of_the_prompt():
    given = marks({"a": {"p-x": 1, "p-y": 2, "q-x": 6}})
    # mean 3, sample sd sqrt((4 + 1 + 9) / 2)
    found = consensus_of(given, STANDARDISED, fit(given, STANDARDISED))
    assert found["p-x"].mean == pytest.approx(-2 / math.sqrt(7))


def test_draws_are_averaged_before_they_are_placed():
    given = [("p", Mark("p-x", "x", QUALITY, "a", d, s)) for d, s in enumerate((1.0, 3.0))]
    given += [("p", Mark("p-y", "y", QUALITY, "a", 0, 4.0))]
    # clip means 2 and 4: mean 3, sample sd sqrt(2)
    assert fit(given, STANDARDISED).scales["a", QUALITY] == pytest.approx((3, math.sqrt(2)))


def test_an_annotator_without_spread_is_left_out_and_holds_nothing_up():
    given = marks({"flat": {"p-x": 4, "p-y": 4}, "a": {"p-x": 1, "p-y": 3, "p-z": 2}})
    fitted = fit(given, STANDARDISED)
    assert fitted.notes == (
        "flat gave every clip the same score on video_quality, so it is left out of the consensus "
        "there",
    )
    found = consensus_of(given, STANDARDISED, fitted)
    assert {clip: (s.mean, s.n, s.spread) for clip, s in found.items()} == {
        "p-x": (-1.0, 1, None),
        "p-y": (1.0, 1, None),
        "p-z": (0.0, 1, None),
    }
    only = marks({"flat": {"p-x": 4, "p-y": 4}})
    assert consensus_of(only, STANDARDISED, fit(only, STANDARDISED)) == {}


# weights from people

WEIGHED = ConsensusOptions(method="human_weights", folds=2)


def prompts_of(fold, n, folds=2):
    names = (f"prompt{i}" for i in range(10_000))
    return [name for name, _ in zip((p for p in names if fold_of(p, folds) == fold), range(n))]


ZERO, ONE = prompts_of(0, 4), prompts_of(1, 4)


def judged(rights):
    """{annotator: {prompt: whether it prefers y, as people do; None: a tie}} as marks."""
    return marks(
        {
            annotator: {
                f"{p}-{g}": 3 if g == "x" or right is None else 5 if right else 1
                for p, right in of_prompt.items()
                for g in "xy"
            }
            for annotator, of_prompt in rights.items()
        }
    )


def people(prompts):
    return [rating(f"{p}-{g}", score) for p in prompts for g, score in (("x", 2), ("y", 4))]


def test_weights_by_hand_come_from_the_other_folds():
    given = judged(
        {
            "a": dict(zip([*ZERO, *ONE], [1, 1, 1, 0, 1, 1, 1, 1])),
            "b": dict(zip([*ZERO, *ONE], [1, 1, 1, 1, 1, 1, None, 0])),
            "c": dict(zip([*ZERO, *ONE], [0, 0, 1, 0, 1, 1, 0, 0])),
        }
    )
    fitted = fit(given, WEIGHED, people([*ZERO, *ONE]))
    # Fold 1 is weighed by fold 0: a right 3 of 4: log(4/2); b 4 of 4: log(5/1); c 1 of 4: below
    # chance. log 2 and log 5 sum to log 10.
    assert fitted.weights[1, QUALITY] == pytest.approx({"a": math.log10(2), "b": math.log10(5)})
    # Fold 0 by fold 1: a 4 of 4: log 5; b 2 and a tie of 4: log(3.5/2.5) = log 1.4; c 2 of 4: log 1
    total = math.log(7)
    assert fitted.weights[0, QUALITY] == pytest.approx(
        {"a": math.log(5) / total, "b": math.log(1.4) / total}
    )
    # the first prompt of fold 1: a and b both give y 5; the last: a gives 5 and b 1
    found = consensus_of(given, WEIGHED, fitted, ONE[3])
    mean = 5 * math.log10(2) + 1 * math.log10(5)
    assert found[f"{ONE[3]}-y"].mean == pytest.approx(mean)
    assert found[f"{ONE[3]}-y"].n == 2  # c does not count
    assert found[f"{ONE[3]}-y"].spread == pytest.approx(math.sqrt(8))  # of 5 and 1, not weighted


def test_no_prompt_is_judged_with_weights_that_saw_its_ratings():
    random_scores = random.Random(3)
    prompts = [f"p{i}" for i in range(40)]
    given = marks(
        {
            a: {f"{p}-{g}": random_scores.randint(1, 5) for p in prompts for g in "xyz"}
            for a in ("a", "b")
        }
    )
    rated = [rating(f"{p}-{g}", random_scores.randint(1, 5)) for p in prompts for g in "xyz"]
    options = ConsensusOptions(method="human_weights", folds=4)
    before = fit(given, options, rated).weights
    moved = 0
    for prompt in prompts[:10]:
        changed = [rating(r.video_id, 6 - r.score) if r.prompt_id == prompt else r for r in rated]
        after, own = fit(given, options, changed).weights, fold_of(prompt, 4)
        assert after.get((own, QUALITY)) == before.get((own, QUALITY))
        moved += after != before
    assert moved > 0  # the other folds did see them


def test_where_nobody_beats_chance_there_is_no_consensus():
    contrary = judged({"a": dict.fromkeys(ZERO, 0) | dict.fromkeys(ONE, 1)})
    fitted = fit(contrary, WEIGHED, people([*ZERO, *ONE]))
    assert consensus_of(contrary, WEIGHED, fitted, ONE[0]) == {}  # weighed by fold 0
    assert len(consensus_of(contrary, WEIGHED, fitted, ZERO[0])) == 2
    assert fitted.notes == (
        "human_weights on video_quality: a weighs 1.000 to 1.000 over 1 folds (8 pairs that people "
        "do not tie)",
        "human_weights on video_quality: no annotator beats chance on the pairs outside of fold 1 of "
        "2, so the prompts of it have no consensus",
    )
    # nor where nobody rated anything outside of a fold
    one_fold = fit(contrary, WEIGHED, people(ONE))
    assert (1, QUALITY) not in one_fold.weights
    assert (0, QUALITY) in one_fold.weights


def test_a_clip_without_one_of_the_weighed_has_no_consensus():
    given = judged({"a": dict.fromkeys([*ZERO, *ONE], 1), "b": dict.fromkeys([*ZERO, *ONE], 1)})
    given = [(p, m) for p, m in given if (m.annotator_id, m.video_id) != ("b", f"{ONE[0]}-x")]
    fitted = fit(given, WEIGHED, people([*ZERO, *ONE]))
    assert set(consensus_of(given, WEIGHED, fitted, ONE[0])) == {f"{ONE[0]}-y"}


def test_several_human_dimensions_answer_averaged():
    given = judged({"a": dict.fromkeys([*ZERO, *ONE], 1)})
    rated = [
        rating(f"{p}-{g}", score, dimension)
        for p in [*ZERO, *ONE]
        for g, dimension, score in (
            ("x", "sharp", 4), ("x", "smooth", 1), ("y", "sharp", 3), ("y", "smooth", 5),
        )
    ]  # fmt: skip
    # means 2.5 and 4: y, though x is sharper
    fitted = fit(given, WEIGHED, rated, {QUALITY: ["sharp", "smooth"]})
    assert fitted.weights[0, QUALITY] == {"a": 1.0}
    assert fit(given, WEIGHED, rated, {QUALITY: ["sharp"]}).weights == {}
    with pytest.raises(SetupError, match="nobody rated video_quality, which answers for"):
        fit(given, WEIGHED, rated)


def test_weights_on_a_common_scale():
    options = ConsensusOptions(method="human_weights", scale="standardised", folds=2)
    given = judged({"a": dict.fromkeys([*ZERO, *ONE], 1)})
    given += [
        (p, m._replace(annotator_id="b", score=m.score * 100)) for p, m in given
    ]  # the same judge on another scale
    fitted = fit(given, options, people([*ZERO, *ONE]))
    found = consensus_of(given, options, fitted, ONE[0])
    # x 3, y 5, eight of each: mean 4, sample sd sqrt(16/15); both at the same place
    assert found[f"{ONE[0]}-y"].mean == pytest.approx(math.sqrt(15 / 16))
    assert found[f"{ONE[0]}-y"].spread == pytest.approx(0)


# error rates

DAWID_SKENE = ConsensusOptions(method="dawid_skene")


def votes(seed=0, n=300):
    """Three annotators: two good ones, one that always says 3."""
    draw = random.Random(seed)
    truth = {f"p{i}-x": draw.randint(1, 5) for i in range(n)}
    return truth, {
        "good": {c: t if draw.random() < 0.8 else draw.randint(1, 5) for c, t in truth.items()},
        "fair": {c: t if draw.random() < 0.8 else draw.randint(1, 5) for c, t in truth.items()},
        "also": {c: t if draw.random() < 0.8 else draw.randint(1, 5) for c, t in truth.items()},
        "dull": dict.fromkeys(truth, 3),
    }


def test_error_rates_leave_whoever_always_says_the_same_without_a_say():
    truth, said = votes()
    given = marks(said)
    fitted = fit(given, DAWID_SKENE, scales=SCALES)
    errors, dull_errors = [], []
    for prompt in {clip.split("-")[0] for clip in truth}:
        (found,) = consensus_of(given, DAWID_SKENE, fitted, prompt).values()
        assert 1 <= found.mean <= 5
        assert found.n == 4
        errors.append(abs(found.mean - truth[found.video_id]))
        mean = sum(own[found.video_id] for own in said.values()) / 4
        dull_errors.append(abs(mean - truth[found.video_id]))
    assert sum(errors) < 0.5 * sum(dull_errors)
    (note,) = fitted.notes
    assert note.startswith("dawid_skene on video_quality: 300 clips, 4 annotators, ")
    assert "over-confident" in note


def test_fewer_than_three_annotators_cannot_tell_who_errs():
    _, said = votes(n=20)
    given = marks({"good": said["good"], "fair": said["fair"]})
    fitted = fit(given, DAWID_SKENE, scales=SCALES)
    assert "2 annotators scored it, 3 are needed, so it has no consensus" in fitted.notes[0]
    assert consensus_of(given, DAWID_SKENE, fitted, "p0") == {}


def test_error_rates_need_scale_points():
    _, said = votes(n=5)
    with pytest.raises(SetupError, match="needs the scale points of video_quality"):
        fit(marks(said), DAWID_SKENE)


# all of them


@pytest.mark.parametrize(
    "options",
    [STANDARDISED, DAWID_SKENE, ConsensusOptions(method="human_weights", scale="standardised")],
)
def test_the_order_of_marks_changes_nothing_and_what_is_learned_travels(options):
    _, said = votes(n=60)
    given, rated = marks(said), [rating(f"p{i}-{g}", i % 5) for i in range(60) for g in "xy"]
    fitted = fit(given, options, rated, {}, SCALES)
    random.Random(1).shuffle(given)
    random.Random(2).shuffle(rated)
    assert fit(given, options, rated, {}, SCALES) == fitted
    assert pickle.loads(pickle.dumps(fitted)) == fitted


def test_only_those_that_count_are_learned_from():
    _, said = votes(n=60)
    options = ConsensusOptions(method="dawid_skene", annotators=["good", "fair", "also"])
    fitted = fit(marks(said), options, scales=SCALES)
    assert set(fitted.error_rates[QUALITY].confusion) == {"good", "fair", "also"}
    assert needed("p0", QUALITY, {"good", "dull", "fair"}, options, fitted) == {"good", "fair"}


def test_a_mean_on_the_rubrics_scale_learns_nothing_and_reads_nothing():
    def unread():
        raise AssertionError("read")
        yield

    for method in ("mean", "median"):
        fitted = fit(unread(), ConsensusOptions(method=method))
        assert (fitted.scales, fitted.weights, fitted.error_rates, fitted.notes) == ({}, {}, {}, ())


def test_a_consensus_that_was_not_fitted_is_refused():
    given = marks({"a": {"p-x": 1, "p-y": 2}})
    for fitted in (Fitted(), fit(given, STANDARDISED)):
        with pytest.raises(ValueError, match="is not fitted"):
            consensus_of(given, WEIGHED, fitted)


def test_overall_is_missing_where_a_dimension_has_no_consensus():
    given = marks({"flat": {"p-x": 4, "p-y": 4}}) + marks(
        {"flat": {"p-x": 1, "p-y": 2}}, "prompt_following"
    )
    found = scores_of_prompt(
        "p",
        [mark for _, mark in given],
        ("prompt_following", QUALITY),
        STANDARDISED,
        PreferenceOptions(),
        fit(given, STANDARDISED),
    )
    together = {s.dimension for s in found if s.annotator_id == CONSENSUS}
    assert together == {"prompt_following"}
    assert OVERALL in {s.dimension for s in found if s.annotator_id == "flat"}


# before any work

BOTH = {"a": None, "b": None, "c": None}


@pytest.mark.parametrize(
    ("options", "own", "more", "message"),
    [
        ({"annotators": ["z"]}, BOTH, {}, "no annotator 'z'; there are: a, b, c"),
        ({}, {"consensus": None}, {}, "'consensus' is the name of all annotators together"),
        ({}, {"raters": None}, {}, "'raters' is the name of people; give it another"),
        ({}, {"a": None, "labels": None}, {}, "'labels' is the name of the published preferences"),
        ({}, {"labels of a": None}, {}, "'labels of a' is the name of .* of one annotator"),
        ({}, {"a": None, "b": (0.0, 1.0)}, {}, "different scales do not average: a .the rubric."),
        ({}, {"a": "unbounded", "b": "unbounded"}, {}, "say scale: standardised"),
        ({"method": "dawid_skene"}, {"a": None, "b": None}, {}, "needs 3 annotators at least"),
        ({"method": "dawid_skene", "annotators": ["a", "b"]}, BOTH, {}, "2 count: a, b"),
        (
            {"method": "dawid_skene"},
            {**BOTH, "clip": "unbounded"},
            {},
            "these have another: clip .unbounded.",
        ),
        ({"method": "human_weights"}, BOTH, {}, "there are none; name a table in audit.ratings"),
        (
            {"method": "human_weights"},
            BOTH,
            {"rated": {"sharp"}},
            "nobody rated video_quality, .*people rated sharp",
        ),
        (
            {"method": "human_weights"},
            BOTH,
            {"rated": {QUALITY}, "answers": {QUALITY: ["sharp"]}},
            "nobody rated sharp",
        ),
        (
            {"scale": "standardised"},
            BOTH,
            {"scored": False, "compared": True},
            "this protocol only compares clips",
        ),
        # in a tie band clips are scored and compared
        (
            {"method": "human_weights"},
            BOTH,
            {"rated": {QUALITY}, "compared": True},
            "human_weights is for scores, and this protocol compares",
        ),
        ({"method": "dawid_skene"}, BOTH, {"compared": True}, "dawid_skene is for scores"),
    ],
)
def test_a_consensus_that_cannot_be_is_refused_before_any_work(options, own, more, message):
    with pytest.raises(SetupError, match=message):
        check_consensus(ConsensusOptions(**options), own, SCALES, **more)


@pytest.mark.parametrize(
    ("options", "own", "more"),
    [
        ({}, BOTH, {}),
        ({}, {"a": "unbounded"}, {}),  # alone, it averages with nobody
        ({"annotators": ["a"]}, {"a": None, "b": "unbounded"}, {}),
        ({"scale": "standardised"}, {"a": None, "b": "unbounded", "c": (0.0, 1.0)}, {}),
        ({"method": "dawid_skene"}, {**BOTH, "table": (1.0, 5.0)}, {}),  # the rubric's own ends
        ({"method": "human_weights"}, BOTH, {"rated": {QUALITY, "other"}}),
        ({"method": "median"}, BOTH, {"scored": False, "compared": True}),
        ({}, {"a": None, "b": "unbounded"}, {"scored": False, "compared": True}),
        ({"scale": "standardised"}, BOTH, {"compared": True}),  # the band is in sd then
    ],
)
def test_a_consensus_that_can_be_passes(options, own, more):
    check_consensus(ConsensusOptions(**options), own, SCALES, **more)


def test_options_that_contradict_each_other():
    with pytest.raises(ValueError, match="standardised does not go with it"):
        ConsensusOptions(method="dawid_skene", scale="standardised")
    with pytest.raises(ValueError, match="folds"):
        ConsensusOptions(method="human_weights", folds=1)
