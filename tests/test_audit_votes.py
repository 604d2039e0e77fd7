"""An audit against votes between clips: a tiny set by hand, and the arena of GenAI-Bench."""

import dataclasses

import pytest

from pipeline.audit.audit import audit
from pipeline.audit.options import AuditOptions
from pipeline.formats.choice import Choice
from pipeline.formats.facts import ClipFacts
from schemas import HumanRating, HumanVote, Score
from schemas.options import SetupError

# Prompts p1 to p4, two clips each, x shown left. What people and the judge say of the left clip:
#   p1  r1 a     r2 a      judge a      right
#   p2  r1 b     r2 b      judge a      wrong
#   p3  r1 a     r2 tie    judge tie    the mean is for a, and the judge ties
#   p4  r1 good  r2 bad    judge bad    tied by all
SAID = {
    "p1": ("a", "a", "a"),
    "p2": ("b", "b", "a"),
    "p3": ("a", "tie", "tie"),
    "p4": ("both_good", "both_bad", "both_bad"),
}
CLIPS = [
    ClipFacts(video_id=f"{p}-{g}", prompt_id=p, generator=g, prompt=f"prompt {p}")
    for p in SAID
    for g in ("x", "y")
]


def vote(prompt, choice, rater):
    return HumanVote(
        prompt_id=prompt, video_a=f"{prompt}-x", video_b=f"{prompt}-y", rater=rater,
        dimension="overall", choice=choice, source="votes.csv",
    )  # fmt: skip


def chosen(prompt, choice, annotator="judge", **more):
    return Choice(
        prompt_id=prompt, video_a=f"{prompt}-x", video_b=f"{prompt}-y", dimension="overall",
        annotator_id=annotator, choice=choice, **more,
    )  # fmt: skip


VOTES = [vote(p, said[i], f"r{i + 1}") for p, said in SAID.items() for i in (0, 1)]
CHOICES = [chosen(p, said[2], rationale=f"because of {p}") for p, said in SAID.items()]


def run(scores=(), ratings=(), **more):
    options = AuditOptions(resamples=100, **more.pop("options", {}))
    given = {"votes": VOTES, "choices": CHOICES, "clips": CLIPS, **more}
    return audit(list(scores), list(ratings), options, **given)


def values(result, annotator="judge", where="all", dimension="overall"):
    return {
        row.statistic: row
        for row in result.rows
        if (row.annotator, row.slice, row.dimension) == (annotator, where, dimension)
    }


def test_pairs_by_hand():
    rows = values(run())
    # p4 is tied in the target; of the other three one right, one wrong, one judge tie
    assert (rows["pair_accuracy_ties_half"].value, rows["pair_accuracy_ties_half"].n_items) == (
        pytest.approx(1.5 / 3),
        3,
    )
    assert rows["pair_accuracy_ties_half"].n_raters == 2
    assert rows["pair_agreement_with_ties"].value == pytest.approx(2 / 4)
    assert rows["judge_tie_share"].value == pytest.approx(2 / 4)
    # labels, each choice with each vote: p1 2 of 2, p2 0, p3 tie = tie 1, p4 bad = bad 1: 4 of 8
    assert rows["label_accuracy"].value == pytest.approx(4 / 8)
    assert rows["first_position_rate"].value == 1  # both decided choices name the left clip
    assert rows["answered_share"].value == 1
    assert not {"spearman", "exact_agreement", "position_consistency"} & set(rows)


def test_one_left_out_by_hand():
    rows, ceiling = values(run()), values(run(), "human_ceiling")
    # Judge against r2 (r1 left out): p1 right, p2 wrong; p3, p4 tied in r2: 1/2.
    # Against r1: p1 right, p2 wrong, p3 tie 1/2; p4 tied: 1.5 / 3. Mean 1/2.
    assert rows["pair_accuracy_ties_half_loo"].value == pytest.approx(1 / 2)
    # r1 against r2: p1, p2 right: 1. r2 against r1: p1, p2 right, p3 a tie: 2.5 / 3.
    assert rows["pair_accuracy_ties_half_ceiling"].value == pytest.approx((1 + 2.5 / 3) / 2)
    assert ceiling["pair_accuracy_ties_half_loo"].value == pytest.approx((1 + 2.5 / 3) / 2)
    assert rows["pair_accuracy_ties_half_loo"].n_items == 2 + 3


def test_people_among_themselves():
    rows = values(run(), "raters")
    # decided votes: a a, b b, a: 3 of 5 name the left clip
    assert rows["first_position_rate"].value == pytest.approx(3 / 5)
    # r1 and r2 say the same of p1, p2 and p4 (a tie is a tie), not of p3
    assert rows["rater_pair_agreement"].value == pytest.approx(3 / 4)
    assert rows["rater_pair_agreement_strict"].value == 1
    assert rows["rater_pair_coverage"].value == pytest.approx(2 / 4)


def test_two_files_of_one_rater_are_not_one_opinion():
    """Whichever clip stands first: two people who gave one name would be averaged unseen."""
    again = dataclasses.replace(
        VOTES[0], video_a="p1-y", video_b="p1-x", choice="tie", source="b.csv"
    )
    message = r"2 votes have the same key p1-x/p1-y/r1/overall \(prompt p1; in b.csv and votes.csv"
    with pytest.raises(SetupError, match=message):
        run(votes=[*VOTES, again])


def test_the_worst_disagreement_is_told_with_its_words():
    (worst,) = run().disagreements
    # the raters prefer y of p2, the judge x
    assert (worst.prompt, worst.a.video_id, worst.b.video_id) == ("prompt p2", "p2-y", "p2-x")
    assert worst.rationale == "because of p2"


def test_scores_are_held_against_votes_too():
    scores = [
        Score(
            video_id=clip.video_id, dimension="overall", annotator_id="metric", generator=clip.generator,
            prompt_id=clip.prompt_id, mean=float(clip.generator == "x"), spread=None, n=1,
        )
        for clip in CLIPS
    ]  # fmt: skip
    result = run(scores)
    # always x: p1 and p3 right, p2 wrong
    assert values(result, "metric")["pair_accuracy_ties_half"].value == pytest.approx(2 / 3)
    assert values(result, "judge & metric")["error_correlation"].n_items == 3


def test_a_dimension_that_was_rated_and_voted_on_has_rows_of_both():
    ratings = [
        HumanRating(
            video_id=clip.video_id, rater="r9", dimension="overall", prompt_id=clip.prompt_id,
            generator=clip.generator, score=1.0 + (clip.generator == "x"), source="ratings.csv",
        )
        for clip in CLIPS
    ]  # fmt: skip
    result = run(ratings=ratings)
    by_rating = values(result)["pair_accuracy_ties_half"]
    by_vote = values(result, dimension="overall (votes)")["pair_accuracy_ties_half"]
    # r9 always prefers x: the judge is right on p1 and p2, ties p3 and p4
    assert (by_rating.value, by_rating.n_items, by_rating.n_raters) == (pytest.approx(3 / 4), 4, 1)
    assert (by_vote.value, by_vote.n_items, by_vote.n_raters) == (pytest.approx(1 / 2), 3, 2)


def test_why_people_were_given_a_pair_makes_a_slice():
    chosen = {
        ("p1-x", "p1-y"): "random",
        ("p2-x", "p2-y"): "random",
        ("p3-x", "p3-y"): "disagreement",
    }
    result = run(chosen=chosen)
    at_random = values(result, where="chosen=random")["pair_accuracy_ties_half"]
    assert (at_random.value, at_random.n_items) == (1 / 2, 2)
    assert values(result, where="chosen=disagreement")["pair_accuracy_ties_half"].n_items == 1
    assert "slice_gap" in values(result, where="chosen=random")


def test_an_unusable_choice_is_a_wrong_label_and_no_pair():
    choices = [*CHOICES[1:], chosen("p1", None)]
    rows = values(run(choices=choices))
    assert rows["label_accuracy"].value == pytest.approx(2 / 8)
    assert rows["answered_share"].value == pytest.approx(3 / 4)
    assert rows["pair_accuracy_ties_half"].n_items == 2


def test_votes_are_enough_where_nothing_else_is_known_of_the_clips():
    rows = values(run(clips=()))
    assert rows["pair_accuracy_ties_half"].value == pytest.approx(1.5 / 3)
    assert not {row.slice for row in run(clips=()).rows} & {"generator=unknown", "generator=x"}


def test_order_of_everything_changes_nothing():
    backwards = run(votes=VOTES[::-1], choices=CHOICES[::-1], clips=CLIPS[::-1])
    assert backwards == run()


def test_clips_can_be_left_out_by_generator():
    with pytest.raises(SetupError, match="no rating is about a clip"):
        run(options={"leave_out_generators": ["x"]})
