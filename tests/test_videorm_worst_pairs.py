"""The pairs that a reward model gets most wrong, on boards small enough to rank by hand."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from pipeline.videorm.evaluation.accuracy import make_board
from pipeline.videorm.evaluation.targets import Said, panels
from pipeline.videorm.evaluation.worst_pairs import MOST, annotator_margins, worst_rows
from schemas import HumanRating, Preference
from schemas.ids import pair_id

D = "video_quality"


def preference(a: str, b: str, margin: float, label: str | None = None) -> Preference:
    """Clips are named PROMPT + a digit, which stands for their generator."""
    return Preference(
        pair_id=pair_id(a, b, D),
        prompt_id=a[:-1],
        prompt=a[:-1],
        dimension=D,
        video_a=a,
        video_b=b,
        generator_a=f"g{a[-1]}",
        generator_b=f"g{b[-1]}",
        score_a=3.0 + margin,
        score_b=3.0,
        margin=margin,
        label=label or ("tie" if margin == 0 else "a" if margin > 0 else "b"),
        weight=1.0,
        split="test",
        annotator_id="consensus",
        n_a=1,
        n_b=1,
    )


def rows_of(said: Said, rewards, *, temperatures=None, against="annotator", control=None):
    """The rows of ``videorm``, whose clips have these rewards."""
    scores = {D: {"videorm": rewards} | ({"per_frame": control} if control else {})}
    prompts = sorted({v[:-1] for v in rewards})
    board = make_board(against, "test", prompts, panels(said, (D,), {})[against], scores)
    margins = {D: annotator_margins(said.preferences, D)}
    return worst_rows(board, "videorm", scores, margins, temperatures or {})


# margins +2, +1, -1, 0 (a tie by label), +1; differences of rewards -1, -3, +1, +5, +2
PREFERENCES = (
    preference("u1", "u2", 2),
    preference("v1", "v2", 1),
    preference("w1", "w2", -1),
    preference("x1", "x2", 0.2, label="tie"),
    preference("y1", "y2", 1),
)
REWARDS = {"u1": 0.0, "u2": 1.0, "v1": 0.0, "v2": 3.0, "w1": 1.0, "w2": 0.0,
           "x1": 5.0, "x2": 0.0, "y1": 2.0, "y2": 0.0}  # fmt: skip


def test_the_surest_of_the_contrary_come_first():
    (row,) = rows_of(Said(preferences=PREFERENCES), REWARDS)
    # wrong on u, v and w, right on y; x is decided by nobody. By size: v 1 x 3, u 2 x 1, w 1 x 1
    assert [p["prompt_id"] for p in row["pairs"]] == ["v", "u", "w"]
    counts = {name: row[name] for name in ("n_pairs", "n_prompts", "n_wrong", "n_tied")}
    assert counts == {"n_pairs": 4, "n_prompts": 4, "n_wrong": 3, "n_tied": 0}
    first, _, last = row["pairs"]
    assert first["a"] == {"video_id": "v1", "generator": "g1", "reward": 0.0}
    assert first["b"] == {"video_id": "v2", "generator": "g2", "reward": 3.0}
    # of w the label prefers the second clip, which so is a
    assert (last["a"]["video_id"], last["margin"], last["difference"]) == ("w2", 1.0, -1.0)
    # about zero: margins' mean square (4 + 1 + 1 + 0 + 1) / 5, differences' (1 + 9 + 1 + 25 + 4) / 5
    assert first["target_sureness"] == pytest.approx(1 / np.sqrt(7 / 5))
    assert first["model_sureness"] == pytest.approx(3 / np.sqrt(40 / 5))
    assert (first["n_raters"], first["said"]) == (None, {})  # one opinion, not raters
    assert (first["control"], first["control_difference"]) == (None, None)


def test_probabilities_are_after_the_temperature_where_there_is_one():
    said = Said(preferences=PREFERENCES)
    (plain,) = rows_of(said, REWARDS)
    (warm,) = rows_of(said, REWARDS, temperatures={("annotator", D): 2.0})
    assert plain["temperature"] is None
    assert plain["pairs"][0]["probability"] == pytest.approx(expit(-3))
    assert (warm["temperature"], warm["pairs"][0]["probability"]) == (
        2.0,
        pytest.approx(expit(-3 / 2)),
    )
    assert [p["prompt_id"] for p in plain["pairs"]] == [p["prompt_id"] for p in warm["pairs"]]


def test_what_the_control_says_of_the_pair_stands_beside():
    # right on v by 2, a tie on u, wrong on w by 3, of which the second clip is the preferred one
    control = REWARDS | {"v1": 2.0, "v2": 0.0, "u2": 0.0, "w1": 3.0}
    (row,) = rows_of(Said(preferences=PREFERENCES), REWARDS, control=control)
    told = {p["prompt_id"]: (p["control"], p["control_difference"]) for p in row["pairs"]}
    assert told == {"v": ("right", 2.0), "u": ("tie", 0.0), "w": ("wrong", -3.0)}


def test_against_raters_the_margin_is_of_their_means_and_each_is_told():
    ratings = [
        HumanRating(video_id=v, rater=f"r{n}", dimension=D, prompt_id="u", generator=f"g{v[1]}",
                    score=score, source="test")
        for v, scores in (("u1", (4, 3, 5)), ("u2", (1, 3, 2)))
        for n, score in enumerate(scores)
    ]  # fmt: skip
    said = Said(preferences=[preference("u1", "u2", 1)], ratings=ratings)
    (row,) = rows_of(said, {"u1": 0.0, "u2": 0.5}, against="raters")
    (pair,) = row["pairs"]
    # means 4 and 2; by rater +3, 0, +3
    assert (row["against"], pair["margin"], pair["n_raters"]) == ("raters", 2.0, 3)
    assert pair["said"] == {"r0": 3.0, "r1": 0.0, "r2": 3.0}


def test_a_prompt_gives_its_surest_pair_and_equals_go_by_id():
    # u: both pairs wrong, by 1 x 2 and 2 x 2; v and w alike, v is the lower id
    preferences = [preference("u1", "u2", 1), preference("u1", "u3", 2),
                   preference("w1", "w2", 1), preference("v1", "v2", 1)]  # fmt: skip
    rewards = {"u1": 0.0, "u2": 2.0, "u3": 2.0, "v1": 0.0, "v2": 1.0, "w1": 0.0, "w2": 1.0}
    (row,) = rows_of(Said(preferences=preferences), rewards)
    assert [(p["a"]["video_id"], p["b"]["video_id"]) for p in row["pairs"]] == [
        ("u1", "u3"), ("v1", "v2"), ("w1", "w2")]  # fmt: skip
    assert (row["n_wrong"], row["n_prompts"]) == (4, 3)


def test_a_model_that_is_never_wrong_has_no_such_pair():
    rewards = {"y1": 1.0, "y2": 0.0, "v1": 1.0, "v2": 1.0 + 5e-7}  # v: a tie within 1e-6
    preferences = [preference("y1", "y2", 1), preference("v1", "v2", 1)]
    (row,) = rows_of(Said(preferences=preferences), rewards)
    assert (row["pairs"], row["n_wrong"], row["n_tied"], row["n_pairs"]) == ([], 0, 1, 2)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_is_listed_is_wrong_sorted_and_one_of_a_prompt(data):
    n = data.draw(st.integers(1, 20))
    number = st.integers(-3, 3)
    preferences, rewards = [], {}
    for p in range(n):
        name = f"p{p:02}-"
        rewards |= {f"{name}{c}": float(data.draw(number)) for c in range(3)}
        for i, j in ((0, 1), (0, 2), (1, 2)):
            preferences.append(preference(f"{name}{i}", f"{name}{j}", data.draw(number)))
    (row,) = rows_of(Said(preferences=preferences), rewards)
    (again,) = rows_of(Said(preferences=preferences[::-1]), dict(sorted(rewards.items())[::-1]))
    assert row == again  # the order of rows changes nothing
    margin = {(r.video_a, r.video_b): r.margin for r in preferences}
    margin |= {pair[::-1]: -m for pair, m in margin.items()}
    products = []
    for pair in row["pairs"]:
        a, b = pair["a"], pair["b"]
        assert margin[a["video_id"], b["video_id"]] == pair["margin"] > 0
        assert rewards[a["video_id"]] < rewards[b["video_id"]]
        assert pair["difference"] == rewards[a["video_id"]] - rewards[b["video_id"]]
        assert pair["probability"] < 0.5
        products.append(pair["model_sureness"] * pair["target_sureness"])
    # of sizes rounded to 1e-10
    assert all(one >= other - 1e-8 for one, other in itertools.pairwise(products))
    assert len({p["prompt_id"] for p in row["pairs"]}) == len(row["pairs"]) <= MOST
    wrong = {
        r.prompt_id for r in preferences if r.margin * (rewards[r.video_a] - rewards[r.video_b]) < 0
    }
    assert len(row["pairs"]) == min(len(wrong), MOST)
