"""What people are asked about: a random part that stands for the run, and a picked part that does not."""

import itertools
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rating.corpus import Heard, _Pair, pair_candidates
from pipeline.rating.items import Candidate, Item, chosen_because, items_csv
from pipeline.rating.sample import at_random, choose
from schemas.options import SetupError

MAKERS = ("g1", "g2", "g3", "g4")


def pairs(n_prompts: int, makers: tuple[str, ...] = MAKERS, **figures: float) -> list[Candidate]:
    return [
        Candidate(
            videos=(f"p{p}-{a}", f"p{p}-{b}"), generators=(a, b), prompt_id=f"p{p}", **figures
        )
        for p in range(n_prompts)
        for a, b in itertools.combinations(makers, 2)
    ]


def whys(items: list[Item]) -> Counter[str]:
    return Counter(item.why for item in items)


def test_half_is_random_and_the_rest_picked_in_equal_parts() -> None:
    found = choose(pairs(30, disagreement=0.5, spread=1.0, margin=0.2), 40)
    assert whys(found) == {"random": 20, "disagreement": 10, "uncertainty": 10}
    assert len({item.candidate.key for item in found}) == 40  # none twice
    assert [item.item for item in found] == [f"{n:04d}" for n in range(1, 41)]
    kinds = [item.why for item in found]
    assert kinds != sorted(kinds)  # the order does not tell why


def test_the_picked_are_those_that_rank_first() -> None:
    # one pair of generators and one pair of clips per prompt: nothing to spread, so the rank decides
    many = [
        Candidate(
            videos=(f"a{n}", f"b{n}"),
            generators=("x", "y"),
            prompt_id=f"p{n}",
            disagreement=1.0 if n < 2 else 0.0,
            margin=3.0 if n < 2 else n / 10,
        )
        for n in range(20)
    ]
    found = choose(many, 4, random_share=0)
    assert {item.candidate.prompt_id: item.why for item in found} == {
        "p0": "disagreement",
        "p1": "disagreement",
        "p2": "uncertainty",
        "p3": "uncertainty",
    }


def test_without_disagreement_all_picked_are_uncertain() -> None:
    assert whys(choose(pairs(10, margin=0.1), 20)) == {"random": 10, "uncertainty": 10}


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_the_rows() -> None:
    many = pairs(30, disagreement=0.5, margin=0.1)
    assert choose(many, 20) == choose(many[::-1], 20)
    assert choose(many, 20) != choose(many, 20, seed=1)


@given(st.integers(1, 40), st.integers(1, 60), st.integers(0, 5))
def test_a_random_sample_holds_n_different_candidates_evenly_over_prompts(
    n_prompts: int, n: int, seed: int
) -> None:
    many = pairs(n_prompts)
    found = at_random(many, n, seed)
    assert len({c.key for c in found}) == min(n, len(many))
    per_prompt = Counter(c.prompt_id for c in found)
    share = min(n, len(many)) / n_prompts
    # six pairs of a prompt stand together, so a prompt is met floor or ceiling of its share of times
    assert all(abs(per_prompt[f"p{p}"] - share) < 1 + 1e-9 for p in range(n_prompts))


def test_every_candidate_is_drawn_with_the_same_chance() -> None:
    # 18 candidates, 5 drawn, 3000 seeds: each is expected 3000 * 5 / 18 = 833.3 times, with a
    # standard deviation of at most sqrt(3000 * 5/18 * 13/18) = 24.5; 5 of them are 123
    many = pairs(3)
    times = Counter(c.key for seed in range(3000) for c in at_random(many, 5, seed))
    assert all(abs(times[c.key] - 3000 * 5 / 18) < 123 for c in many)


def test_the_picked_are_spread_over_prompts_and_generators() -> None:
    # one prompt holds all the largest disagreements, but not all of the picked come from it
    loud = [Candidate(videos=(f"l{a}", f"l{b}"), generators=(a, b), prompt_id="loud", disagreement=1.0)
            for a, b in itertools.combinations(MAKERS, 2)]  # fmt: skip
    many = [*loud, *pairs(12, disagreement=0.5)]
    found = [i.candidate for i in choose(many, 12, random_share=0) if i.why == "disagreement"]
    assert len(found) == 6
    assert max(Counter(c.prompt_id for c in found).values()) == 1
    made = Counter(g for c in found for g in c.generators)
    assert max(made.values()) - min(made.values()) <= 1
    assert set(made) == set(MAKERS)


def test_rated_pairs_are_not_asked_again_but_stay_in_the_random_part() -> None:
    many = pairs(20, disagreement=0.5, margin=0.1)  # 120 pairs
    rated = {c.key for c in many[::3]}  # 40 of them
    found = choose(many, 30, rated=rated)
    assert sum(item.asked for item in found) == 30
    assert not [i for i in found if i.asked and i.candidate.key in rated]
    known = [item for item in found if not item.asked]
    assert known  # 15 to ask of 80 unrated ones: round(15 * 120 / 80) = 23 are drawn of all
    assert {item.why for item in known} == {"random"}
    assert whys(found)["random"] == 23


def test_only_what_is_left_can_be_asked() -> None:
    assert len(choose(pairs(1), 50)) == 6
    assert len(choose(pairs(1, margin=1.0), 50, random_share=1)) == 6
    with pytest.raises(SetupError, match="people have rated every item"):
        choose(pairs(1), 5, rated={c.key for c in pairs(1)})
    with pytest.raises(SetupError, match="the run has no items"):
        choose([], 5)


def heard(**more: object) -> Heard:
    pair = _Pair(videos=("b", "a"), generators=("g", "h"), prompt_id="p")
    return Heard(
        pairs={("a", "b"): pair}, margins={("a", "b"): 0.25}, dimensions=("look", "follow"), **more
    )  # type: ignore[arg-type]


def test_conflict_is_twice_the_share_of_the_losing_side_on_the_worst_dimension() -> None:
    scores = {
        ("look", "a"): {"j1": [4.0], "j2": [2.0], "j3": [3.0]},
        ("look", "b"): {"j1": [3.0], "j2": [3.0], "j3": [3.0]},  # +1, -1, 0: 2 * 1 / 3
        ("follow", "a"): {"j1": [5.0], "j2": [5.0], "j3": [4.0]},
        ("follow", "b"): {"j1": [1.0], "j2": [2.0], "j3": [1.0]},  # all agree: 0
    }
    (one,) = pair_candidates(heard(scores=scores))
    assert one.disagreement == pytest.approx(2 / 3)
    assert (one.videos, one.generators, one.prompt_id, one.margin) == (
        ("b", "a"), ("g", "h"), "p", 0.25)  # fmt: skip
    # in units of each judge's root mean square of one pair, differences are +1, -1, 0 (sd 1) and 1, 1, 1
    assert one.spread == pytest.approx(1.0)


def test_comparisons_are_opinions_and_one_opinion_is_no_disagreement() -> None:
    verdicts = {("look", ("a", "b")): [1.0, -1.0]}  # the judge changes its mind with the order
    (one,) = pair_candidates(heard(verdicts=verdicts))
    assert one.disagreement == 1.0
    (one,) = pair_candidates(
        heard(scores={("look", "a"): {"j": [4.0]}, ("look", "b"): {"j": [1.0]}})
    )
    assert one.disagreement is None
    assert one.spread is None


def test_the_analysts_list_is_read_back(tmp_path: Path) -> None:
    items = choose(pairs(3, disagreement=0.5, margin=0.0), 6)
    path = tmp_path / "items.csv"
    path.write_text(items_csv(items, "pairs", {f"p{n}": f"a, b\n{n}" for n in range(3)}))
    assert chosen_because(path) == {item.candidate.key: item.why for item in items}
    path.write_text("why,video_a\nwhim,a\n")
    with pytest.raises(SetupError, match="row 2: column 'why': 'whim'"):
        chosen_because(path)
