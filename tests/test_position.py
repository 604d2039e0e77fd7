"""What the order of two clips does to an annotator, and labels with two kinds of tie."""

import csv

import pytest

from pipeline.audit.measures.measure import Resampling
from pipeline.audit.measures.position import position_measures, vote_position_measures
from pipeline.formats.choice import Choice
from schemas import HumanVote
from schemas.ids import prompt_id

HOW = Resampling(resamples=500)


def choice(prompt, a, b, said, draw=0):
    return Choice(
        prompt_id=prompt,
        video_a=a,
        video_b=b,
        dimension="overall",
        annotator_id="judge",
        choice=said,
        draw=draw,
    )


def vote(prompt, a, b, said, rater="r0"):
    return HumanVote(
        prompt_id=prompt,
        video_a=a,
        video_b=b,
        rater=rater,
        dimension="overall",
        choice=said,
        source="test",
    )


def measured(choices, votes=()):
    return {measure.statistic: measure for measure in position_measures(choices, votes, HOW)}


# --- order


def test_an_annotator_that_always_takes_the_first_clip():
    choices = [choice(f"p{i}", *shown, "a") for i in range(9) for shown in ("xy", "yx")]
    found = measured(choices)
    assert found["first_position_rate"].interval.value == 1
    assert found["position_consistency"].interval.value == 0
    assert found["position_consistency"].n_items == 9
    assert found["answered_share"].interval.value == 1


def test_an_annotator_that_looks_at_the_clips():
    choices = [
        choice(f"p{i}", *shown) for i in range(9) for shown in (("x", "y", "a"), ("y", "x", "b"))
    ]
    found = measured(choices)
    assert found["first_position_rate"].interval.value == 1 / 2
    assert found["position_consistency"].interval.value == 1


def test_shares_by_hand():
    choices = [
        choice("p0", "x", "y", "a"),
        choice("p0", "y", "x", "b"),  # x again: consistent
        choice("p1", "x", "y", "both_good"),
        choice("p1", "y", "x", "tie"),  # a tie again, of whatever kind: consistent
        choice("p2", "x", "y", "b"),
        choice("p2", "y", "x", "both_bad"),  # not consistent
        choice("p3", "x", "y", "a"),
        choice("p3", "y", "x", None),  # no usable verdict: not seen in both orders
        choice("p4", "x", "y", "a"),
    ]
    found = measured(choices)
    assert found["answered_share"].interval.value == 8 / 9
    assert found["answered_share"].n_items == 9
    # decided: p0 twice, p2, p3, p4; the first clip in p0, p3 and p4
    assert found["first_position_rate"].interval.value == 3 / 5
    assert found["first_position_rate"].n_items == 5
    assert found["position_consistency"].interval.value == 2 / 3
    assert found["position_consistency"].n_items == 3


def test_every_draw_of_one_order_is_held_against_every_draw_of_the_other():
    # x is preferred in both draws of one order, in one of the two of the other: two of four agree,
    # however the draws are numbered
    for numbers in ((0, 1, 0, 1), (0, 1, 2, 3)):
        said = [("x", "y", "a"), ("x", "y", "a"), ("y", "x", "b"), ("y", "x", "a")]
        choices = [choice("p0", *each, draw) for each, draw in zip(said, numbers)]
        consistency = measured(choices)["position_consistency"]
        assert (consistency.interval.value, consistency.n_items) == (1 / 2, 1)


def test_votes_have_a_first_position_too():
    votes = [
        vote("p0", "x", "y", "a"),
        vote("p1", "x", "y", "b", "r1"),
        vote("p2", "x", "y", "tie"),
    ]
    (measure,) = vote_position_measures(votes, HOW)
    assert measure.statistic == "first_position_rate"
    assert (measure.interval.value, measure.n_items, measure.n_raters) == (1 / 2, 2, 2)


def test_intervals_are_over_prompts():
    # a hundred choices on each of two prompts are two things seen, not two hundred
    choices = [choice(f"p{i % 2}", "x", "y", "ab"[i % 2]) for i in range(200)]
    interval = measured(choices)["first_position_rate"].interval
    assert (interval.low, interval.value, interval.high) == (0, 1 / 2, 1)


def test_nothing_is_undefined():
    for choices, votes in (([], []), ([], [vote("p0", "x", "y", "a")])):
        for measure in position_measures(choices, votes, HOW):
            assert (measure.interval.value, measure.n_items) == (None, 0)
    (measure,) = vote_position_measures([], HOW)
    assert measure.interval.value is None
    # an annotator that never answers has answered none, and its order cannot be told
    found = measured([choice("p0", "x", "y", None), choice("p1", "x", "y", None)])
    assert found["answered_share"].interval.value == 0
    assert found["first_position_rate"].interval.value is None


# --- labels


@pytest.mark.parametrize(
    ("said", "voted", "right"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("b", "both_bad", False),
        ("both_good", "both_good", True),
        ("both_good", "both_bad", False),
        ("tie", "both_good", True),
        ("tie", "both_bad", True),
        ("tie", "tie", True),
        ("tie", "a", False),
        ("both_bad", "tie", True),
        ("b", "tie", False),
        (None, "a", False),
        (None, "tie", False),
        (None, "both_good", False),
    ],
)
def test_a_label_is_right(said, voted, right):
    found = measured([choice("p0", "x", "y", said)], [vote("p0", "x", "y", voted)])
    assert found["label_accuracy"].interval.value == right
    # the same with the clips of the vote the other way round
    turned = {"a": "b", "b": "a"}.get(voted, voted)
    found = measured([choice("p0", "x", "y", said)], [vote("p0", "y", "x", turned)])
    assert found["label_accuracy"].interval.value == right


def test_every_choice_meets_every_vote_on_its_pair_and_no_other():
    choices = [
        choice("p0", "x", "y", "a"),
        choice("p0", "y", "x", "a"),
        choice("p1", "x", "y", "a"),
        choice("p2", "x", "y", "a"),
    ]
    votes = [
        vote("p0", "x", "y", "a"),
        vote("p0", "x", "y", "a", "r1"),
        vote("p0", "x", "z", "b", "r2"),
        vote("p1", "x", "y", "both_good"),
    ]
    accuracy = measured(choices, votes)["label_accuracy"]
    # two of p0's four, none of p1's one; nobody voted on p2, and nobody was asked of x and z
    assert (accuracy.interval.value, accuracy.n_items, accuracy.n_raters) == (2 / 5, 5, 2)


# --- a published benchmark

LABELS = {"A": "a", "B": "b", "tie_good": "both_good", "tie_bad": "both_bad", "invalid": None}


@pytest.fixture(scope="module")
def bench(test_data):
    """Rows of GenAI-Bench's video votes, with the verdicts of its judges."""
    path = test_data / "genai_bench" / "genai_bench_video_votes.csv"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def of_bench(rows, column):
    said = [
        (prompt_id(row["prompt"]), f"{row['idx']}-a", f"{row['idx']}-b", LABELS[row[column]])
        for row in rows
    ]
    if column == "human_vote":
        return [vote(*each) for each in said]
    return [choice(*each) for each in said]


@pytest.mark.parametrize(
    ("judge", "accuracy", "second"),
    [("judge_gpt4o", 48.46, 0.6144), ("judge_gemini-1.5-pro", 46.21, 0.6966)],
)
def test_the_figures_of_genai_bench(bench, judge, accuracy, second):
    # accuracy in per cent as the benchmark prints it; the share of decided verdicts for the second clip
    found = measured(of_bench(bench, judge), of_bench(bench, "human_vote"))
    assert found["label_accuracy"].n_items == 1069
    assert round(100 * found["label_accuracy"].interval.value, 2) == accuracy
    assert round(1 - found["first_position_rate"].interval.value, 4) == second
    assert found["position_consistency"].interval.value is None  # each pair was shown once
    (people,) = vote_position_measures(of_bench(bench, "human_vote"), HOW)
    assert round(1 - people.interval.value, 4) == 0.5357
    # both take the second clip more often than people do, by more than the prompts drawn explain
    assert found["first_position_rate"].interval.high < people.interval.value


def test_few_prompts_stand_behind_the_pairs_of_genai_bench(bench):
    # 1,069 pairs of 214 prompts: resampled as if each pair were a prompt, the interval is too narrow
    clustered = of_bench(bench, "judge_gpt4o")
    votes = of_bench(bench, "human_vote")
    assert len({each.prompt_id for each in clustered}) == 214
    widths = []
    for alone in (False, True):
        rows = [dict(row, prompt=row["prompt"] + row["idx"] * alone) for row in bench]
        interval = measured(of_bench(rows, "judge_gpt4o"), of_bench(rows, "human_vote"))
        widths.append(interval["label_accuracy"].interval)
    assert widths[0].high - widths[0].low > widths[1].high - widths[1].low
    assert len(votes) == 1069
