"""The pairs that are worth looking at, worked by hand."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.audit.disagreements import Known, worst_disagreements
from pipeline.audit.pair_panel import PairPanel, pairs_of_ratings
from pipeline.audit.panel import human_panel
from schemas import HumanRating

# prompt -> clip -> (two raters, judge)
WORLD = {
    "p1": {"a1": (5, 5, 0.1), "b1": (1, 1, 0.9), "c1": (3, 3, 0.5)},
    "p2": {"a2": (4, 3, 0.2), "b2": (3, 3, 0.3)},
    "p3": {"a3": (5, 4, 0.9), "b3": (1, 2, 0.1)},  # agree
    "p4": {"a4": (4, 2, 0.9), "b4": (2, 4, 0.1)},  # people tie
    "p5": {"a5": (1, 1, 0.4), "b5": (2, 2, 0.4)},  # the judge ties
    "p6": {"a6": (2, 3, 0.3), "b6": (3, 3, 0.2)},  # as p2, the other clip first
}


def panel() -> PairPanel:
    ratings = [
        HumanRating(
            video_id=video,
            rater=f"r{n}",
            dimension="d",
            prompt_id=prompt,
            generator=video[0],
            score=said[n],
            source="made up",
        )
        for prompt, clips in WORLD.items()
        for video, said in clips.items()
        for n in (0, 1)
    ]
    scores = {video: said[2] for clips in WORLD.values() for video, said in clips.items()}
    pairs = pairs_of_ratings(human_panel(ratings, ["d"]))
    return pairs.judged(pairs.differences(scores))


def test_surest_first_one_pair_of_a_prompt_and_the_clip_that_people_prefer_is_a() -> None:
    found = worst_disagreements(panel(), "judge", "d", 10)
    assert [(d.a.video_id, d.b.video_id) for d in found] == [
        ("a1", "b1"),
        ("a2", "b2"),  # equals: the lower prompt id first
        ("b6", "a6"),
    ]
    worst = found[0]
    assert (worst.human_margin, worst.judge_margin) == (4.0, pytest.approx(-0.8))
    assert worst.said == {"r0": 4.0, "r1": 4.0}
    # Differences of people: 4 2 2 (p1), .5 (p2), 3 (p3), 0, 1, .5: mean square 34.5/8
    # of the judge: .8 .4 .4, .1, .8, .8, 0, .1: mean square 2.26/8
    assert worst.human_sureness == pytest.approx(
        4 / np.sqrt((16 + 4 + 4 + 0.25 + 9 + 1 + 0.25) / 8)
    )
    assert worst.judge_sureness == pytest.approx(0.8 / np.sqrt(2.26 / 8))


def test_most_is_the_most() -> None:
    assert len(worst_disagreements(panel(), "judge", "d", 1)) == 1
    assert worst_disagreements(panel(), "judge", "d", 0) == []


def test_what_is_known_of_the_clips_comes_along_and_goes_into_json() -> None:
    known = Known(
        prompts={"p1": "a kite"},
        scores={"a1": 0.1, "b1": 0.9},
        rationales={"b1": "bright"},
        ratings={"a1": {"r1": 5, "r0": 5}},
        choice_rationales={("a1", "b1"): ("the first is sharper", "b1")},
    )
    (first,) = worst_disagreements(panel(), "judge", "d", 1, known)
    assert json.loads(json.dumps(dataclasses.asdict(first))) == {
        "annotator": "judge",
        "dimension": "d",
        "prompt_id": "p1",
        "prompt": "a kite",
        "a": {"video_id": "a1", "generator": "a", "score": 0.1, "rationale": None,
              "ratings": {"r0": 5, "r1": 5}},
        "b": {"video_id": "b1", "generator": "b", "score": 0.9, "rationale": "bright",
              "ratings": {}},
        "judge_margin": pytest.approx(-0.8),
        "human_margin": 4.0,
        "judge_sureness": pytest.approx(1.505, abs=1e-3),
        "human_sureness": pytest.approx(1.926, abs=1e-3),
        "said": {"r0": 4.0, "r1": 4.0},
        "rationale": "the first is sharper",
        "shown_first": "b",
    }  # fmt: skip


def test_no_pair_and_no_disagreement_are_no_error() -> None:
    whole = panel()
    assert worst_disagreements(whole.take(np.zeros(whole.n_pairs, bool)), "judge", "d", 3) == []
    assert whole.judge is not None
    flat = dataclasses.replace(whole, judge=np.zeros_like(whole.judge))
    assert worst_disagreements(flat, "judge", "d", 3) == []
    with pytest.raises(ValueError, match="judged by an annotator"):
        worst_disagreements(dataclasses.replace(whole, judge=None), "judge", "d", 3)


@given(st.data())
def test_neither_the_order_of_pairs_nor_which_clip_stands_first_matters(
    data: st.DataObject,
) -> None:
    whole = panel()
    assert whole.judge is not None
    order = np.asarray(data.draw(st.permutations(range(whole.n_pairs))))
    flip = np.asarray(
        data.draw(st.lists(st.booleans(), min_size=whole.n_pairs, max_size=whole.n_pairs))
    )
    sign = np.where(flip, -1.0, 1.0)
    turned = dataclasses.replace(
        whole,
        first=np.where(flip, whole.second, whole.first)[order],
        second=np.where(flip, whole.first, whole.second)[order],
        prompts=whole.prompts[order],
        human=(whole.human * sign[:, None])[order],
        target=(whole.target * sign)[order],
        others=(whole.others * sign[:, None])[order],
        judge=(whole.judge * sign)[order],
    )

    def key(p: PairPanel) -> list[tuple[str, str]]:
        return [(d.a.video_id, d.b.video_id) for d in worst_disagreements(p, "judge", "d", 9)]

    assert key(turned) == key(whole)
