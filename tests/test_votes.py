"""Comparisons become votes, shares and preferences; and the books know beforehand which there will be."""

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.account import Account, draw_up
from pipeline.dataset.parquet import write_rows
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.rules import Rules
from pipeline.preference.shards import shards_of
from pipeline.preference.votes import Draw, Opinion, Ranking, marks_of, opinions, votes_of
from pipeline.protocol import ProtocolOptions
from schemas import (
    CONSENSUS,
    OVERALL,
    Annotation,
    Comparison,
    Preference,
    Prompt,
    Score,
)

DIMENSIONS = ("following", "quality")
PROMPT = Prompt(prompt_id="p", text="a red circle", source="test", split="train")


def said(
    video_ids: str,
    ranking: Sequence[int],
    *,
    judge: str = "j",
    dimension: str = "quality",
    draw: int = 0,
) -> Ranking:
    """Clips of one letter each, in the order shown."""
    return Ranking(
        tuple(video_ids), tuple(f"g{v}" for v in video_ids), dimension, judge, draw, tuple(ranking)
    )


def rules(kind: str = "pairwise", **changes: object) -> Rules:
    given: dict[str, object] = {
        "dimensions": DIMENSIONS,
        "consensus": ConsensusOptions(),
        "preferences": PreferenceOptions(),
        "splits": SplitOptions(),
        "protocol": ProtocolOptions(kind=kind, band=1.0 if kind == "tie_band" else 0.0),
    }
    return Rules(**given | changes)  # type: ignore[arg-type]


# worked examples


def test_only_what_is_said_in_both_orders_counts() -> None:
    """ab: a both times. ac: whatever came first. bc: a tie, then c. One order of bd: nothing."""
    rankings = [
        said("ab", [1, 2]), said("ba", [2, 1]),
        said("ac", [1, 2]), said("ca", [1, 2]),
        said("bc", [1, 1]), said("cb", [1, 2]),
        said("bd", [1, 2]),
    ]  # fmt: skip
    votes = votes_of(rankings)
    assert votes == {Draw("j", "quality", 0): {("a", "b"): 1, ("a", "c"): 0, ("b", "c"): 0}}


def test_a_list_and_its_reverse_say_something_of_every_pair() -> None:
    """abc: a > b = c. cba: c > a > b. Both agree on a > b; a and c change; b = c becomes c > b."""
    votes = votes_of([said("abc", [1, 2, 2]), said("cba", [1, 3, 2])])
    assert votes[Draw("j", "quality", 0)] == {("a", "b"): 1, ("a", "c"): 0, ("b", "c"): 0}
    # a wins against b and half against c; b loses one, half of the other; c: two halves
    assert {m.video_id: m.score for m in marks_of([said("abc", [1, 2, 2]), said("cba", [1, 3, 2])])} == {
        "a": 0.75, "b": 0.25, "c": 0.5,
    }  # fmt: skip


def test_an_opinion_needs_every_judge_that_voted_on_the_prompt() -> None:
    """x voted on ab alone, y on ab and ac: ac has no opinion. Draws first, then judges: x says +1 and
    0, so 0.5; y says -1; together -0.25, from 2 + 2 + 2 comparisons."""
    votes = votes_of(
        [
            said("ab", [1, 2], judge="x"), said("ba", [2, 1], judge="x"),
            said("ab", [1, 2], judge="x", draw=1), said("ba", [1, 2], judge="x", draw=1),
            said("ab", [2, 1], judge="y"), said("ba", [1, 2], judge="y"),
            said("ac", [2, 1], judge="y"), said("ca", [1, 2], judge="y"),
        ]
    )  # fmt: skip
    together = opinions(votes, ConsensusOptions())
    assert together == {("quality", ("a", "b")): Opinion(vote=-0.25, n=6)}
    alone = opinions(votes, ConsensusOptions(annotators=["y"]))
    assert alone == {
        ("quality", ("a", "b")): Opinion(vote=-1.0, n=2),
        ("quality", ("a", "c")): Opinion(vote=-1.0, n=2),
    }


def test_a_dimension_without_weight_is_not_waited_for() -> None:
    only = rules(preferences=PreferenceOptions(weights={"quality": 2.0, "following": 0.0}))
    _, preferences = judge_prompt(PROMPT, [], only, [said("ab", [1, 2]), said("ba", [2, 1])])
    assert {p.dimension: (p.score_a - p.score_b, p.n_a) for p in preferences} == {
        "quality": (preferences[0].margin, 2),
        OVERALL: (preferences[0].margin, 2),
    }
    _, both = judge_prompt(PROMPT, [], rules(), [said("ab", [1, 2]), said("ba", [2, 1])])
    assert {p.dimension for p in both} == {"quality"}


# properties


@st.composite
def whole(draw: st.DrawFn) -> list[Ranking]:
    """What one to three judges with one to three draws say of up to five clips, any pieces missing."""
    clips = "abcde"[: draw(st.integers(2, 5))]
    listwise = draw(st.booleans())
    lineups = (
        [tuple(order) for order in (clips, clips[::-1])]
        if listwise
        else list(itertools.permutations(clips, 2))
    )
    judges = {name: draw(st.integers(1, 3)) for name in "xyz"[: draw(st.integers(1, 3))]}
    rng = draw(st.randoms(use_true_random=False))
    present = draw(st.sampled_from([0.5, 0.8, 0.95, 1.0]))
    return [
        Ranking(
            shown,
            tuple(f"g{v}" for v in shown),
            dimension,
            judge,
            k,
            tuple(rng.randint(1, len(shown)) for _ in shown),
        )
        for judge, draws in judges.items()
        for k in range(draws)
        for dimension in DIMENSIONS
        for shown in lineups
        if rng.random() < present
    ]


@given(whole(), st.permutations("abcde"))
@settings(max_examples=150, deadline=None)
def test_other_names_give_mirrored_votes_and_nothing_else(
    rankings: list[Ranking], order: list[str]
) -> None:
    """Which id sorts first must not matter: the vote on a pair is the same, seen from its clips."""
    name = dict(zip("abcde", order, strict=True))
    renamed = [r._replace(video_ids=tuple(name[v] for v in r.video_ids)) for r in rankings]

    def towards(
        given: Sequence[Ranking], back: dict[str, str]
    ) -> dict[tuple[str, str, str], Opinion]:
        found = {}
        for (dimension, (one, other)), opinion in opinions(
            votes_of(given), ConsensusOptions()
        ).items():
            found[dimension, back[one], back[other]] = opinion
            found[dimension, back[other], back[one]] = opinion._replace(vote=-opinion.vote)
        return found

    assert towards(renamed, {new: old for old, new in name.items()}) == towards(
        rankings, {v: v for v in "abcde"}
    )


@given(whole())
@settings(max_examples=100, deadline=None)
def test_the_order_of_rows_does_not_matter(rankings: list[Ranking]) -> None:
    mixed = random.Random(0).sample(rankings, len(rankings))
    assert judge_prompt(PROMPT, [], rules(), mixed) == judge_prompt(PROMPT, [], rules(), rankings)


@given(st.integers(2, 6), st.booleans())
def test_a_judge_that_takes_the_first_only_ties(n: int, listwise: bool) -> None:
    clips = "abcdef"[:n]
    lineups = (
        [tuple(clips), tuple(clips[::-1])] if listwise else list(itertools.permutations(clips, 2))
    )
    rankings = [said("".join(shown), range(1, len(shown) + 1)) for shown in lineups]
    scores, preferences = judge_prompt(PROMPT, [], rules(), rankings)
    assert {p.label for p in preferences} == {"tie"}
    assert {s.mean for s in scores} == {0.5}


@given(st.permutations("abcdef"), st.booleans())
def test_a_consistent_judge_gives_a_total_order(taste: list[str], listwise: bool) -> None:
    """Of n clips the k-th best wins n - k of its n - 1 comparisons, and every pair goes that way."""
    place = {video: taste.index(video) for video in taste}
    lineups = (
        [tuple("abcdef"), tuple("fedcba")] if listwise else itertools.permutations("abcdef", 2)
    )
    rankings = [
        said("".join(shown), [1 + sorted(place[v] for v in shown).index(place[v]) for v in shown])
        for shown in lineups
    ]
    scores, preferences = judge_prompt(PROMPT, [], rules(), rankings)
    assert {s.video_id: s.mean for s in scores if s.annotator_id == CONSENSUS} == {
        video: pytest.approx((5 - k) / 5) for video, k in place.items()
    }
    assert len(preferences) == 15
    for p in preferences:
        assert p.label == ("a" if place[p.video_a] < place[p.video_b] else "b")
        assert abs(p.margin) == 1.0


def comparison(prompt_id: str, r: Ranking) -> Comparison:
    return Comparison(
        prompt_id=prompt_id,
        video_ids=tuple(prompt_id + v for v in r.video_ids),
        generators=r.generators,
        dimension=r.dimension,
        annotator_id=r.annotator_id,
        draw=r.draw,
        ranking=r.ranking,
        n_frames=2,
    )


def annotation(prompt_id: str, video: str, dimension: str, judge: str, score: float) -> Annotation:
    return Annotation(
        video_id=prompt_id + video,
        dimension=dimension,
        annotator_id=judge,
        draw=0,
        prompt_id=prompt_id,
        generator=f"g{video}",
        score=score,
        scale_low=1,
        scale_high=5,
        n_frames=2,
    )


@given(
    prompts=st.lists(whole(), min_size=1, max_size=2),
    kind=st.sampled_from(["pairwise", "tie_band"]),
    method=st.sampled_from(["mean", "median"]),
    named=st.sampled_from([None, ["x"], ["y", "z"]]),
    weights=st.sampled_from([None, {"quality": 1.0}, {"quality": 2.0, "following": 0.0}]),
    tie_margin=st.sampled_from([0.0, 0.3]),
    rng=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_the_books_know_what_will_be_written(
    tmp_path_factory: pytest.TempPathFactory,
    prompts: list[list[Ranking]],
    kind: str,
    method: str,
    named: list[str] | None,
    weights: dict[str, float] | None,
    tie_margin: float,
    rng: random.Random,
) -> None:
    """Whatever is missing, assembly writes exactly the rows that the books say can be written."""
    folder = tmp_path_factory.mktemp("books")
    asked = rules(
        kind,
        consensus=ConsensusOptions.model_validate({"method": method, "annotators": named}),
        preferences=PreferenceOptions(weights=weights, tie_margin=tie_margin),
    )
    comparisons = [comparison(f"p{i}", r) for i, given in enumerate(prompts) for r in given]
    annotations = [
        annotation(f"p{i}", video, dimension, judge, rng.randint(1, 5))
        for i in range(len(prompts))
        for video, dimension, judge in itertools.product("abcde", DIMENSIONS, "xyz")
        if kind == "tie_band" and rng.random() < 0.9
    ]
    scores: list[Score] = []
    preferences: list[Preference] = []
    listed = [
        Prompt(prompt_id=f"p{i}", text="words", source="test", split=split)
        for i, split in zip(range(len(prompts)), ("train", "test"))
    ]
    for prompt in listed:
        made = judge_prompt(
            prompt,
            [_mark(a) for a in annotations if a.prompt_id == prompt.prompt_id],
            asked,
            [_ranking(c) for c in comparisons if c.prompt_id == prompt.prompt_id],
        )
        scores += made[0]
        preferences += made[1]
    (shard,) = shards_of(
        [("p0", "p9")],
        [],
        _file(Annotation, annotations, folder / "annotations.parquet"),
        _file(Comparison, comparisons, folder / "comparisons.parquet"),
    )
    out = folder / "out"
    write_rows(Score, scores, shard.part(out, "scores"))
    for split in ("train", "test"):
        own = [p for p in preferences if p.split == split]
        write_rows(Preference, own, shard.part(out, f"{split}/preferences"))
    account = Account(
        shard=shard,
        prompts={prompt.prompt_id: prompt for prompt in listed},
        clips={f"{p.prompt_id}{v}": (p.prompt_id, f"g{v}") for p in listed for v in "abcde"},
        annotators=list("xyz"),
        rules=asked,
    )
    drawn = draw_up(account, out)
    for book in (drawn.scores, drawn.preferences):
        assert book.balanced, (book.stage, book.missing, book.unexpected)
        assert book.owed == book.written + book.upstream
    assert drawn.rows == len(annotations) + len(comparisons)
    if kind == "tie_band" and named is None:
        _check_band(preferences, scores)


def _check_band(preferences: Sequence[Preference], scores: Sequence[Score]) -> None:
    """Nothing but a pair inside the band may rest on comparisons."""
    mean = {(s.video_id, s.dimension): s.mean for s in scores if s.annotator_id == CONSENSUS}
    for p in preferences:
        apart = abs(mean[p.video_a, p.dimension] - mean[p.video_b, p.dimension])
        assert p.basis == "scores" or round(apart, 9) <= 1.0


def _file(record: type, rows: Sequence[object], path: Path) -> list[Path]:
    return [write_rows(record, rows, path)]


def _mark(a: Annotation) -> object:
    from pipeline.preference.consensus import Mark

    return Mark(*(getattr(a, name) for name in Mark._fields))


def _ranking(c: Comparison) -> Ranking:
    return Ranking(*(getattr(c, name) for name in Ranking._fields))
