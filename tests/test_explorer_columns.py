"""Scores and margins in columns: worked examples, and the same numbers by other routes."""

import dataclasses
import itertools
import random
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from explorer_rows import (
    annotation,
    comparison,
    preference,
    prompts_of,
    rating,
    score,
    vote,
    written,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.report.explorer.columns import columns_of
from pipeline.report.explorer.entries import prompt_entries
from pipeline.report.explorer.order import order_of
from pipeline.report.media import Media
from schemas.layout import Layout

NONE: dict[str, list[str]] = {}


def columns(
    root: Path, rows: Iterable[Any], answers: dict[str, list[str]] = NONE, shown: int = 0
) -> dict[str, dict[str, Any]]:
    """By dimension."""
    layout = written(root, rows)
    return {c["dimension"]: c for c in columns_of(layout, order_of(layout, shown), answers)}


def test_scores_spread_and_differences(tmp_path: Path) -> None:
    rows = [
        *prompts_of({"p": 3}),
        score("p.c", "d", "judge", 2, 0.0),
        score("p.a", "d", "judge", 4, 0.70710678),
        score("p.b", "d", "judge", 2),  # one of its draws was refused
        score("p.a", "d", "metric", 0.123456789),
        score("p.c", "d", "metric", -1.5),
        score("p.a", "d", "consensus", 3, 1.0),
    ]
    found = columns(tmp_path, rows)["d"]
    assert found["scores"] == {
        "consensus": [3, None, None],
        "judge": [4, 2, 2],
        "metric": [0.12346, None, -1.5],  # five digits
    }
    # that of the consensus is between annotators, not between draws; the metric has one draw
    assert found["spread"] == {"judge": [0.70711, None, 0]}
    # pairs (a, b), (a, c), (b, c): 4 - 2, 4 - 2, 2 - 2; 0.123456789 + 1.5 = 1.623456789
    assert found["margins"] == {"judge": [2, 2, 0], "metric": [None, 1.6235, None]}


def test_equal_scores_are_a_tie_whatever_the_last_bit(tmp_path: Path) -> None:
    # 0.1 + 0.2 - 0.3 is 5.6e-17 in floating point; 2e-9 apart are two scores
    rows = [*prompts_of({"p": 3}), score("p.a", "d", "judge", 0.1 + 0.2)]
    rows += [score("p.b", "d", "judge", 0.3), score("p.c", "d", "judge", 0.3 - 2e-9)]
    ab, ac, bc = columns(tmp_path, rows)["d"]["margins"]["judge"]
    assert (ab, ac, bc) == (0, pytest.approx(2e-9), pytest.approx(2e-9))


def test_labels_are_turned_to_the_order_of_the_page_and_know_ties(tmp_path: Path) -> None:
    rows = [
        *prompts_of({"p": 3}),
        preference("p.b", "p.a", "d", 1.5),  # b, the second on the page
        preference("p.a", "p.c", "d", 0.25, tie=True),  # inside the run's tie margin
        preference("p.c", "p.b", "d", -0.5),  # b again
        preference("p.a", "p.b", "d", 1.0, annotator="judge"),
        score("p.a", "d", "consensus", 3.25),
        score("p.c", "d", "consensus", 3.0),
    ]
    margins = columns(tmp_path, rows)["d"]["margins"]
    assert margins == {"labels": [-1.5, 0, 0.5], "labels of judge": [1, None, None]}


def test_votes_of_a_judge_count_where_it_saw_both_orders(tmp_path: Path) -> None:
    a, b, c = "p.a", "p.b", "p.c"
    rows = [
        *prompts_of({"p": 3}),
        # draw 0: a before b in both orders, +1; draw 1: whichever is shown first, 0; the mean is 1/2
        *(comparison((a, b), "d", "pairs", (1, 2), n) for n in (0, 1)),
        comparison((b, a), "d", "pairs", (2, 1)),
        comparison((b, a), "d", "pairs", (1, 2), 1),
        # a tie in one order is no agreement with a win in the other: 0
        comparison((a, c), "d", "pairs", (1, 1)),
        comparison((c, a), "d", "pairs", (1, 2)),
        # one order: the other reply was of no use
        comparison((b, c), "d", "pairs", (1, 2)),
        # three at once, c best, a and b alike; then the same clips backwards
        comparison((a, b, c), "d", "lists", (2, 2, 1)),
        comparison((c, b, a), "d", "lists", (1, 2, 2)),
    ]
    found = columns(tmp_path, rows)["d"]
    assert found["scores"] == {}
    assert found["margins"] == {"pairs": [0.5, 0, None], "lists": [0, -1, -1]}


def test_votes_are_turned_where_clips_do_not_stand_by_their_ids(tmp_path: Path) -> None:
    # p.a is of a generator that comes last: on the page p.b stands first
    name, first, second = prompts_of({"p": 2})
    rows = [
        name,
        dataclasses.replace(first, generator="z"),
        second,
        vote("p.a", "p.b", "e", "r", "a"),
    ]
    rows += [comparison(("p.a", "p.b"), "d", "pairs", (1, 2))]
    rows += [comparison(("p.b", "p.a"), "d", "pairs", (2, 1))]
    found = columns(tmp_path, rows)
    assert found["d"]["margins"] == {"pairs": [-1]}
    assert found["e"]["margins"] == {"raters": [-1]}


def test_whoever_compared_two_clips_said_more_of_them_than_two_scores_do(tmp_path: Path) -> None:
    a, b, c = "p.a", "p.b", "p.c"
    rows = [
        *prompts_of({"p": 3}),
        *(score(clip, "d", "judge", mean) for clip, mean in ((a, 5), (b, 3), (c, 1))),
        comparison((a, b), "d", "judge", (2, 1)),  # b before a, against its scores
        comparison((b, a), "d", "judge", (1, 2)),
        # people rate b and c, and vote on a and b only
        *(rating(clip, "d", "r", value) for clip, value in ((b, 2), (c, 4))),
        vote(b, a, "d", "r", "a"),
    ]
    margins = columns(tmp_path, rows)["d"]["margins"]
    # judge: the vote of -1, then 5 - 1 and 3 - 1; raters: the vote for b, nothing, 2 - 4
    assert margins == {"judge": [-1, 4, 2], "raters": [-1, None, -2]}


def test_votes_of_people_are_averaged_and_turned(tmp_path: Path) -> None:
    a, b = "p.a", "p.b"
    rows = [
        *prompts_of({"p": 2}),
        vote(a, b, "d", "r1", "a"),
        vote(b, a, "d", "r2", "a"),  # b
        vote(b, a, "d", "r3", "both_bad"),
        vote(a, b, "d", "r4", "tie"),
        vote(a, b, "d", "r5", "a"),
    ]
    # (1 - 1 + 0 + 0 + 1) / 5
    assert columns(tmp_path, rows)["d"]["margins"] == {"raters": [0.2]}


def test_several_human_dimensions_answer_for_one_of_ours(tmp_path: Path) -> None:
    a, b, c = "p.a", "p.b", "p.c"
    still = ((a, "r1", 1), (a, "r2", 2), (b, "r1", 4), (c, "r1", 5))
    moving = ((a, "r1", 3), (b, "r1", 3), (b, "r2", 4))
    rows = [
        *prompts_of({"p": 3}),
        score(a, "quality", "judge", 3),
        *(rating(clip, "still", who, value) for clip, who, value in still),
        *(rating(clip, "moving", who, value) for clip, who, value in moving),
        rating(a, "taste", "r1", 5),
        vote(a, c, "still", "r1", "a"),
        vote(a, c, "moving", "r1", "b"),
        vote(b, c, "still", "r1", "a"),
    ]
    found = columns(tmp_path, rows, {"quality": ["still", "moving"], "pace": ["tempo"]})
    # a human dimension that nothing claims stands for itself; one that answers does not
    assert list(found) == ["quality", "taste"]
    # still: 1.5, 4, 5; moving: 3, 3.5, not rated; a (1.5 + 3) / 2, b (4 + 3.5) / 2, c has but one
    assert found["quality"]["scores"] == {"judge": [3, None, None], "raters": [2.25, 3.75, None]}
    # a and b by ratings, 2.25 - 3.75; a and c by votes, (1 - 1) / 2; of b and c one is missing
    assert found["quality"]["margins"]["raters"] == [-1.5, 0, None]
    assert found["taste"]["scores"] == {"raters": [5, None, None]}
    assert columns(tmp_path / "one", rows, {"quality": ["still", "tempo"]})["quality"][
        "scores"
    ] == {
        "judge": [3, None, None]  # nobody was asked for tempo
    }


def test_prompts_without_clips_with_one_and_with_five(tmp_path: Path) -> None:
    sizes = {"none": 0, "one": 1, "five": 5, "two": 2}
    clips = [f"{name}.{'abcde'[k]}" for name, n in sizes.items() for k in range(n)]
    rows = [*prompts_of(sizes), *(score(clip, "d", "judge", ord(clip[-1])) for clip in clips)]
    layout = written(tmp_path, rows)
    order = order_of(layout, 0)
    assert order.prompts[-1] == "none"  # it has nothing to show
    (found,) = columns_of(layout, order, {})
    at = {name: n for n, name in enumerate(order.prompts)}

    def pairs(name: str) -> list[Any]:
        own = slice(*order.first_pairs[at[name] : at[name] + 2])
        return list(found["margins"]["judge"][own])

    assert (pairs("none"), pairs("one"), pairs("two")) == ([], [], [-1])
    # (0, 1) .. (0, 4), (1, 2) .. (1, 4), (2, 3), (2, 4), (3, 4): minus how far they are apart
    assert pairs("five") == [-1, -2, -3, -4, -1, -2, -3, -1, -2, -1]
    assert len(found["scores"]["judge"]) == 8
    assert len(found["margins"]["judge"]) == 11


def test_clips_of_prompts_that_are_not_shown_are_left_out(tmp_path: Path) -> None:
    sizes = {"p": 2, "q": 2, "r": 3}
    rows = [*prompts_of(sizes)]
    rows += [score(f"{name}.a", f"only {name}", "judge", 1) for name in sizes]
    for name, n in sizes.items():
        for k in range(n):
            rows.append(score(f"{name}.{'abc'[k]}", "d", "judge", n + k))
            rows.append(rating(f"{name}.{'abc'[k]}", "d", "r1", n))
        a, b = f"{name}.a", f"{name}.b"
        rows += [preference(b, a, "d", n), vote(a, b, "d", "r2", "a")]
        rows += [comparison((a, b), "d", "other", (1, 2)), comparison((b, a), "d", "other", (2, 1))]
    layout = written(tmp_path, rows)
    whole, *_ = columns_of(layout, order_of(layout, 0), {})
    order = order_of(layout, 1)
    found, only = columns_of(layout, order, {})
    assert only["dimension"] == f"only {order.prompts[0]}"  # the others have nothing to choose by
    assert (len(order.prompts), order.total) == (1, 3)
    n_clips = sizes[order.prompts[0]]
    n_pairs = n_clips * (n_clips - 1) // 2
    for part, n in (("scores", n_clips), ("margins", n_pairs)):
        assert found[part] == {name: whole[part][name][:n] for name in whole[part]}
        assert all(len(column) == n for column in found[part].values())


# ---- the same by other routes -----------------------------------------------------------------

DIMENSIONS = ("d", "e")
SCORES = st.one_of(st.none(), st.sampled_from([1.0, 1.5, 2.0, 3.25, 5.0]))


@st.composite
def runs(draw: st.DrawFn) -> list[Any]:
    """Rows of a run in which anything may be missing."""
    sizes = draw(st.dictionaries(st.sampled_from("pqrs"), st.integers(0, 4), min_size=1))
    rows = prompts_of(sizes)
    clips = [row.video_id for row in rows if hasattr(row, "video_id")]
    for clip, dimension in itertools.product(clips, DIMENSIONS):
        for who in ("judge", "consensus"):
            if (mean := draw(SCORES)) is not None:
                rows.append(score(clip, dimension, who, mean, draw(st.sampled_from([None, 0.5]))))
                rows.append(annotation(clip, dimension, who, mean))
        for rater in ("r1", "r2"):
            if (value := draw(SCORES)) is not None:
                rows.append(rating(clip, dimension, rater, value))
    for a, b in itertools.combinations(clips, 2):
        if a[0] != b[0]:
            continue
        a, b = draw(st.permutations((a, b)))
        margin = draw(st.sampled_from([None, -1.5, -0.25, 0.0, 0.25, 2.0]))
        if margin is not None:
            rows.append(preference(a, b, "d", margin, tie=abs(margin) < 1))
        if draw(st.booleans()):
            choice = draw(st.sampled_from(["a", "b", "tie", "both_good"]))
            rows.append(vote(a, b, "d", "r1", choice))
    return rows


@settings(max_examples=30)
@given(runs(), st.randoms(use_true_random=False), st.integers(0, 3))
def test_columns_and_entries_tell_the_same(
    rows: list[Any], chance: random.Random, shown: int
) -> None:
    """Entries are built from rows of their own, so what the two share is the data alone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        layout = written(root / "run", rows)
        order = order_of(layout, shown)
        found = list(columns_of(layout, order, {}))
        media = Media(layout=layout, folder=root / "run" / "report")
        entries = list(prompt_entries(layout, order.prompts, media))
        chance.shuffle(rows)
        assert list(columns_of(written(root / "mixed", rows), order, {})) == found
        assert _order_again(root / "mixed", shown) == (order.prompts, order.clips)
    assert [entry["id"] for entry in entries] == list(order.prompts)
    assert [clip["id"] for entry in entries for clip in entry["clips"]] == list(order.clips)
    for one in found:
        told = _told(entries, one["dimension"])
        for part in ("scores", "margins"):
            assert {name: [*column] for name, column in one[part].items()} == {
                name: [None if v is None else pytest.approx(v, abs=1e-4) for v in column]
                for name, column in told[part].items()
                if any(v is not None for v in column)
            }


def _order_again(root: Path, shown: int) -> tuple[Any, Any]:
    order = order_of(Layout(root), shown)
    return order.prompts, order.clips


def _told(entries: list[dict[str, Any]], dimension: str) -> dict[str, dict[str, list[Any]]]:
    """Scores by clip and margins by pair, taken from what a page shows of each prompt."""
    scores: dict[str, list[Any]] = {"judge": [], "consensus": [], "raters": []}
    margins: dict[str, list[Any]] = {"judge": [], "raters": [], "labels": []}
    for entry in entries:
        own: dict[str, list[Any]] = {name: [] for name in scores}
        for clip in entry["clips"]:
            means = {
                s["annotator"]: s["mean"] for s in clip["scores"] if s["dimension"] == dimension
            }
            rated = [r["mean"] for r in clip["ratings"] if r["dimension"] == dimension]
            means["raters"] = rated[0] if rated else None
            for name in own:
                own[name].append(means.get(name))
        for name in own:
            scores[name] += own[name]
        for a, b in itertools.combinations(range(len(entry["clips"])), 2):
            for name in ("judge", "raters"):
                x, y = own[name][a], own[name][b]
                margins[name].append(None if x is None or y is None else x - y)
            for one in entry["votes"]:  # there is one vote on a pair at most
                if (one["a"], one["b"], one["dimension"]) == (a, b, dimension):
                    (choice,) = one["choices"]
                    margins["raters"][-1] = {"a": 1, "b": -1}.get(choice, 0)
            label = [
                p for p in entry["pairs"] if (p["a"], p["b"], p["dimension"]) == (a, b, dimension)
            ]
            signed = [0 if p["label"] == "tie" else p["margin"] for p in label]
            assert all(
                (p["margin"] > 0) == (p["label"] == "a") for p in label if p["label"] != "tie"
            )
            margins["labels"] += signed or [None]
    return {"scores": scores, "margins": margins}
