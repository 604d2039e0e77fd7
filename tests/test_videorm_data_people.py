"""Pairs that people labelled: worked examples of shares, margins, weights, splits and dimensions."""

import pytest
from videorm_folders import load, pairs, write_folder

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import split_of
from pipeline.videorm.options import DataOptions
from schemas import Prompt
from schemas.layout import Layout
from schemas.options import SetupError

HUMAN = DataOptions(labels="human")
BOTH = DataOptions(labels="both")
TWO = {"v1": {"prompt_following": 2}, "v2": {"prompt_following": 3}}
OURS = "prompt_following"


def rated(prompt: str, rows: str, dimension: str = OURS) -> list[tuple]:
    """ "v1 r1 4, v1 r2 3": one rating each."""
    parts = (row.split() for row in rows.split(","))
    return [(prompt, video, rater, dimension, float(score)) for video, rater, score in parts]


def test_ratings_of_two_clips_make_a_pair_of_means_and_shares(tmp_path):
    # r1 and r2 saw v1 and v2: 5 > 3 and 4 = 4, so 3/4 prefer v1; r3 saw v1 alone.
    # means: v1 (5 + 4 + 1) / 3 = 10/3, v2 (3 + 4) / 2 = 7/2, so v2 is preferred by 1/6.
    # v3 was seen by r1 alone, who saw v1 and v2 too: v1 5 > 2, v2 3 > 2.
    rows = "v1 r1 5, v1 r2 4, v1 r3 1, v2 r1 3, v2 r2 4, v3 r1 2"
    write_folder(tmp_path, {"train": {"p": TWO}}, ratings=rated("p", rows))
    corpus = load(tmp_path, options=HUMAN)
    # 2, 1 and 1 raters saw both; their mean is 4/3
    assert pairs(corpus, "train") == [
        ("p", OURS, "v1", "v2", -1, round(-1 / 6, 9), 0.75, 1.5),
        ("p", OURS, "v1", "v3", 1, round(4 / 3, 9), 1.0, 0.75),
        ("p", OURS, "v2", "v3", 1, 1.5, 1.0, 0.75),
    ]
    (group,) = corpus.groups["train"]
    assert group.by_people.all()
    assert group.scores[:, 0] == pytest.approx([10 / 3, 7 / 2, 2])


def test_equal_means_are_a_tie_whatever_the_order_of_the_sum(tmp_path):
    rows = "v1 r1 0.1, v1 r2 0.2, v1 r3 0.3, v2 r1 0.3, v2 r2 0.2, v2 r3 0.1"
    write_folder(tmp_path, {"train": {"p": TWO}}, ratings=rated("p", rows))
    assert pairs(load(tmp_path, options=HUMAN), "train") == [("p", OURS, "v1", "v2", 0, 0, 0.5, 1)]


def test_pairs_that_no_rater_saw_both_of_are_left_out_and_counted(tmp_path):
    rows = "v1 r1 5, v2 r2 3, v3 r1 4"
    write_folder(tmp_path, {"train": {"p": TWO}}, ratings=rated("p", rows))
    corpus = load(tmp_path, options=HUMAN)
    assert [p[2:5] for p in pairs(corpus, "train")] == [("v1", "v3", 1)]
    assert corpus.notes == ("2 pairs of rated clips that no rater saw both of left out",)


def test_votes_make_a_pair_of_shares(tmp_path):
    # v1 against v2: a, b shown the other way round (so v1 again), both_good = 2.5 of 3 for v1
    # v1 against v3: tie and both_bad = half; v2 against v3: b
    votes = [
        ("p", "v1", "v2", "r1", OURS, "a"),
        ("p", "v2", "v1", "r2", OURS, "b"),
        ("p", "v1", "v2", "r3", OURS, "both_good"),
        ("p", "v1", "v3", "r1", OURS, "tie"),
        ("p", "v3", "v1", "r2", OURS, "both_bad"),
        ("p", "v2", "v3", "r1", OURS, "b"),
    ]
    write_folder(tmp_path, {"train": {"p": TWO}}, votes=votes)
    corpus = load(tmp_path, options=HUMAN)
    # 3, 2 and 1 raters: their mean is 2
    assert pairs(corpus, "train") == [
        ("p", OURS, "v1", "v2", 1, None, round(2.5 / 3, 9), 1.5),
        ("p", OURS, "v1", "v3", 0, None, 0.5, 1.0),
        ("p", OURS, "v2", "v3", -1, None, 0.0, 0.5),
    ]


def test_both_are_the_union_and_ratings_stand_for_the_clips_scores(tmp_path):
    ratings = rated("p", "v1 r1 4, v2 r1 3")
    write_folder(
        tmp_path, {"train": {"p": TWO, "q": {"w1": {OURS: 1}, "w2": {OURS: 2}}}}, ratings=ratings
    )
    corpus = load(tmp_path, options=BOTH)
    assert pairs(corpus, "train") == [
        ("p", OURS, "v1", "v2", -1, -1.0, None, 1.0),
        ("p", OURS, "v1", "v2", 1, 1.0, 1.0, 1.0),
        ("q", OURS, "w1", "w2", -1, -1.0, None, 1.0),
    ]
    p, q = corpus.groups["train"]
    assert p.by_people.tolist() == [False, True]
    assert p.scores.tolist() == [[4], [3]]
    assert q.scores.tolist() == [[1], [2]]
    assert [g.by_people.any() for g in load(tmp_path).groups["train"]] == [False, False]


def test_several_of_the_peoples_dimensions_answer_for_one_of_ours(tmp_path):
    ratings = [
        *rated("p", "v1 r1 4, v2 r1 3, v1 r2 1, v2 r2 2", "static"),
        *rated("p", "v1 r1 2, v2 r1 5, v1 r2 3", "temporal"),
        *rated("p", "v1 r1 1, v2 r1 5", "fun"),
    ]
    write_folder(tmp_path, {"train": {"p": TWO}}, ratings=ratings)
    answers = {"video_quality": ["static", "temporal"]}
    corpus = load(tmp_path, options=HUMAN, answers=answers)
    # r1: v1 (4 + 2) / 2 = 3, v2 4; r2 did not rate v2's temporal quality and has none for it, but
    # v1 (1 + 3) / 2 = 2, so v1 has the mean 2.5 and v2 4
    assert pairs(corpus, "train") == [("p", "video_quality", "v1", "v2", -1, -1.5, 0.0, 1.0)]
    assert corpus.dimensions == ("video_quality",)
    assert corpus.notes == (
        "people's dimensions that answer for none of ours: fun",
        "no pair by people on prompt_following",
    )
    with pytest.raises(
        SetupError, match=r"no labels on prompt_following .*fun, static, temporal of"
    ):
        load(tmp_path, options=HUMAN, answers=answers, dimensions=[OURS])


def test_people_alone_are_split_by_hash_and_need_no_preferences(tmp_path):
    prompts = [f"prompt {i}" for i in range(40)]
    ratings = [
        row for i, p in enumerate(prompts) for row in rated(p, f"a{i} r 2, b{i} r 1", "alignment")
    ]
    corpus = load(write_folder(tmp_path, {}, ratings=ratings), options=HUMAN)
    assert corpus.dimensions == ("alignment",)
    want = {
        p: split_of(Prompt(prompt_id=p.replace(" ", "-"), text=p, source=""), SplitOptions())
        for p in prompts
    }
    assert {g.prompt: s for s, gs in corpus.groups.items() for g in gs} == want
    assert set(want.values()) == {"train", "validation", "test"}
    with pytest.raises(SetupError, match=r"no preferences.*it has labels of people"):
        load(tmp_path)
    # the dimension that answers for ours, where the configuration says so
    ours = load(tmp_path, options=HUMAN, answers={OURS: ["alignment"]})
    assert ours.dimensions == (OURS,)


def test_rated_prompts_go_with_the_preferences_of_any_folder(tmp_path):
    machine = write_folder(tmp_path / "m", {"test": {"A cat": {"w1": {OURS: 1}, "w2": {OURS: 2}}}})
    people = write_folder(tmp_path / "p", {}, ratings=rated("a  cat", "v1 r 2, v2 r 1"))
    corpus = load(machine, people, options=BOTH)
    assert {s: [g.prompt for g in gs] for s, gs in corpus.groups.items()} == {
        "train": [],
        "validation": [],
        "test": ["A cat", "a  cat"],
    }


def test_ratings_that_stand_in_two_folders_count_once(tmp_path):
    rows = rated("p", "v1 r1 4, v2 r1 3, v1 r2 4, v2 r2 5")
    folders = [write_folder(tmp_path / n, {"train": {"p": TWO}}, ratings=rows) for n in "ab"]
    assert pairs(load(*folders, options=HUMAN), "train") == pairs(
        load(folders[0], options=HUMAN), "train"
    )


def test_labels_of_clips_without_frames_are_left_out_and_counted(tmp_path):
    write_folder(tmp_path, {"train": {"p": TWO}}, ratings=rated("p", "v1 r 2, v2 r 1, v3 r 3"))
    without = write_folder(tmp_path / "w", {"train": {"p": TWO}})
    next(Layout(without).table("frames").glob("*")).rename(
        next(Layout(tmp_path).table("frames").glob("*"))
    )
    corpus = load(tmp_path, options=HUMAN)
    assert [p[2:4] for p in pairs(corpus, "train")] == [("v1", "v2")]
    assert corpus.notes == ("1 ratings and votes on clips without frames left out",)


def test_folders_without_labels_of_people_are_refused(tmp_path):
    write_folder(tmp_path, {"train": {"p": TWO}})
    with pytest.raises(SetupError, match="no human_ratings and no human_votes"):
        load(tmp_path, options=HUMAN)
    empty = write_folder(tmp_path / "e", {})
    with pytest.raises(SetupError, match="no preferences, human_ratings or human_votes"):
        load(empty, options=BOTH)
