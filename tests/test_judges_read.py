"""What judges said, from files: draws and temperatures, choices, a benchmark's results."""

import json
import random
import statistics
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from people_examples import DOG, EXAMPLES, KITE, as_json, rows_csv

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.judges import EVERY, JudgesRead, read_judges, spread_out
from pipeline.formats.readers import READERS, reader_of
from pipeline.formats.said import introduce
from schemas import ids
from schemas.options import SetupError

A = {"prompt_id": "p", "generator": "g", "annotator": "judge", "score": 4}


def read(path: Path, **finder: Any) -> JudgesRead:
    return read_judges(path, ClipFinder(**(finder or {"open": True})))


def table(folder: Path, *changes: dict[str, Any]) -> Path:
    return rows_csv(folder / "judges.csv", [{**A, **change} for change in changes])


def refused(path: Path, message: str, **finder: Any) -> None:
    with pytest.raises(SetupError, match=message) as said:
        read(path, **finder)
    assert str(said.value).startswith(str(path))


# scores


def test_draws_are_averaged(tmp_path: Path) -> None:
    """2, 3 and 7: mean 4, sample standard deviation sqrt((4 + 1 + 9) / 2) = sqrt(7)."""
    path = table(
        tmp_path,
        {"draw": 0, "score": 2, "temperature": 0.7, "rationale": ""},
        {"draw": 2, "score": 7, "temperature": 0.7, "rationale": "the kite is red"},
        {"draw": 1, "score": 3, "temperature": 0.7, "rationale": "a kite"},
        {"draw": 3, "score": "", "temperature": 0.7},
        {"generator": "h", "dimension": "quality", "score": 1},
    )
    found = read(path)
    video, other = ids.video_id("p", "g", ""), ids.video_id("p", "h", "")
    by_clip = {score.video_id: score for score in found.scores}
    mean = by_clip[video]
    assert (mean.annotator_id, mean.dimension, mean.prompt_id) == ("judge", EVERY, "p")
    assert (mean.mean, mean.spread, mean.n) == (4, pytest.approx(7**0.5), 3)
    alone = by_clip[other]
    assert (alone.dimension, alone.mean, alone.spread, alone.n) == ("quality", 1, None, 1)
    assert found.left_out == {"rows have no score": 1}
    assert found.rationales == {("judge", EVERY, video): "a kite"}
    assert found.temperatures == {("judge", EVERY, video): {0.7: 4}}
    assert found.asked == {video, other}
    assert found.notes == ()


def test_rows_that_differ_by_temperature_alone_are_both_kept(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        {"temperature": 0.0, "score": 5},
        {"temperature": 1.0, "score": 2},
        {"temperature": 1.0, "generator": "h"},
        {"temperature": 1.0, "generator": "h", "draw": 1, "score": 1},
        {"temperature": "", "generator": "i"},
        {"temperature": "", "generator": "j", "score": ""},
    )
    found = read(path)
    assert {score.generator: (score.mean, score.n) for score in found.scores} == {
        "g": (3.5, 2),
        "h": (2.5, 2),
        "i": (4, 1),
    }
    assert found.notes == ("1 scores of judge are means over several temperatures",)
    g, h, i, j = (ids.video_id("p", maker, "") for maker in "ghij")
    assert found.temperatures == {("judge", EVERY, g): {0: 5, 1: 2}, ("judge", EVERY, h): {1: 2.5}}
    assert found.asked == {g, h, i, j}  # of j, asked without a score


def test_a_metric_is_an_annotator_and_known_clips_are_found(tmp_path: Path) -> None:
    rows = [
        {"metric": "CLIPScore", "video_id": "v", "score": 0.27},
        {"metric": "CLIPScore", "video_id": "w", "score": 0.5},
    ]
    path = rows_csv(tmp_path / "metrics.csv", rows)
    found = read(path, known=[ClipFacts(video_id="v", prompt_id="p", generator="g")])
    (score,) = found.scores
    assert (score.annotator_id, score.generator, score.mean) == ("CLIPScore", "g", 0.27)
    assert found.left_out == {"rows are about clips that are not here": 1}
    refused(path, r"row 2: nothing says the prompt and generator of clip 'v'", open=True)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (({}, {}), "rows 2 and 3 are both scores of 'judge' for clip"),
        (({"draw": 1}, {"draw": 1, "score": ""}), "rows 2 and 3 are both scores of 'judge'"),
        (({"temperature": 1}, {"temperature": "1.0"}), "rows 2 and 3 are both scores of 'judge'"),
        (({"score": "good"},), "row 2: column 'score': expected a number, got 'good'"),
        (({"draw": -1},), "row 2: column 'draw': expected a whole number from 0, got '-1'"),
        (({"draw": 0.5},), "row 2: column 'draw': expected a whole number from 0"),
        (({"temperature": "hot"},), "row 2: column 'temperature': expected a number"),
        (({"annotator": ""},), "row 2: column 'annotator' is empty"),
        (({"generator": ""},), "row 2: says too little of its clip"),
        (({"dimension": "a/b"},), "row 2: Score.dimension"),
    ],
)
def test_bad_scores_are_refused(
    tmp_path: Path, changes: tuple[dict[str, Any], ...], message: str
) -> None:
    refused(table(tmp_path, *changes), message)


def test_a_table_of_no_judge_is_refused(tmp_path: Path) -> None:
    refused(rows_csv(tmp_path / "t.csv", [{"video_id": "v"}]), r"no column 'annotator' \(or 'metr")
    refused(tmp_path / "absent.csv", "no such file")
    refused(as_json(tmp_path / "t.json", {"a": 1}), "expected a JSON list of objects")


cells = st.tuples(
    st.sampled_from("gh"),
    st.sampled_from(["x", "y"]),
    st.integers(0, 3),
    st.sampled_from([0.0, 1.0]),
)


@given(st.dictionaries(cells, st.integers(1, 5), min_size=1), st.randoms(use_true_random=False))
def test_means_are_those_of_the_rows_in_any_order(
    tmp_path_factory: pytest.TempPathFactory,
    marks: dict[tuple[str, str, int, float], int],
    rng: random.Random,
) -> None:
    folder = tmp_path_factory.mktemp("t")
    rows = [
        {"generator": g, "annotator": a, "draw": d, "temperature": t, "score": s}
        for (g, a, d, t), s in marks.items()
    ]
    found = read(table(folder, *rows))
    rng.shuffle(rows)
    assert read(table(folder, *rows)) == found
    for score in found.scores:
        values = [
            s
            for (g, a, _, _), s in marks.items()
            if (g, a) == (score.generator, score.annotator_id)
        ]
        assert score.n == len(values)
        assert score.mean == pytest.approx(statistics.mean(values))
    assert sum(score.n for score in found.scores) == len(marks)


def test_recorded_scores_find_clips_in_other_tables(tmp_path: Path) -> None:
    scores = rows_csv(tmp_path / "s.csv", [{"video_id": "v", "annotator": "j", "score": 3}])
    others = rows_csv(tmp_path / "r.csv", [{"video_id": "v", "prompt_id": "p", "generator": "g"}])
    finder = ClipFinder(open=True)
    introduce(others, finder)
    (score,) = read_judges(scores, finder).scores
    assert (score.video_id, score.prompt_id, score.generator) == ("v", "p", "g")
    assert [s.dimension for s in spread_out([score], ["a", "b"])] == ["a", "b"]


def test_published_metrics(test_data: Path) -> None:
    path = test_data / "fetv" / "metric_scores.csv"
    found = read(path)
    with path.open(encoding="utf-8") as file:
        n_rows = sum(1 for _ in file) - 1
    assert len(found.scores) == n_rows
    assert len({score.annotator_id for score in found.scores}) == 5


# choices

C = {"prompt_id": "p", "video_a": "v", "video_b": "w", "annotator": "judge", "choice": "a"}


def test_choices(tmp_path: Path) -> None:
    rows = [
        C,
        {**C, "video_a": "w", "video_b": "v", "choice": "tie", "rationale": "both fly"},
        {**C, "draw": 1, "choice": "invalid", "dimension": "quality"},
        {**C, "draw": 2, "choice": "", "generator_a": "g"},
    ]
    finder = ClipFinder(open=True)
    path = rows_csv(tmp_path / "c.csv", rows)
    found = read_judges(path, finder)
    assert [(c.video_a, c.video_b, c.dimension, c.draw, c.choice) for c in found.choices] == [
        ("v", "w", EVERY, 0, "a"),
        ("v", "w", EVERY, 2, None),
        ("w", "v", EVERY, 0, "tie"),
        ("v", "w", "quality", 1, None),
    ]
    assert found.choices[2].rationale == "both fly"
    assert {c.video_id: c.generator for c in finder.clips.values()} == {"v": "g", "w": "unknown"}
    assert found.notes == ("2 of 4 replies of judge hold no usable verdict",)
    assert (found.scores, found.asked) == ((), {"v", "w"})
    assert [c.dimension for c in spread_out(found.choices[:1], ["x", "y"])] == ["x", "y"]
    rows.reverse()
    assert read(rows_csv(path, rows)) == found
    here = read(path, known=[ClipFacts(video_id="v", prompt_id="p", generator="g")])
    assert here.choices == ()
    assert here.left_out == {"rows are about clips that are not here": 4}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "rows 2 and 3 are both choices of 'judge' between the same clips in the same order"),
        ({"choice": "left"}, "row 3, column 'choice': 'left' is not one of a, b, tie"),
        ({"video_b": "v"}, "row 3: holds clip 'v' against itself"),
        ({"annotator": ""}, "row 3: column 'annotator' is empty"),
        ({"video_a": "x", "prompt_id": ""}, "row 3: nothing says the prompt and generator of clip"),
        (
            {"video_a": "x", "video_b": "y", "prompt_id": "q", "generator_a": "g", "draw": 1.5},
            "draw",
        ),
    ],
)
def test_bad_choices_are_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    refused(rows_csv(tmp_path / "c.csv", [C, {**C, **change}]), message)


# GenAI-Bench


def test_results_are_about_the_pairs_that_people_voted_on(tmp_path: Path) -> None:
    """The judge's name is the folder's; [[A=B]] is a tie, no verdict is None."""
    path = EXAMPLES["genai_bench/results"](tmp_path)
    finder = ClipFinder(open=True)
    found = read_judges(path, finder)
    votes = READERS["genai_bench"].read(EXAMPLES["genai_bench/wide"](tmp_path), finder, None).votes
    assert {(v.video_a, v.video_b) for v in votes} == {
        (c.video_a, c.video_b) for c in found.choices
    }
    assert len(finder.clips) == 6
    by_pair = {(c.prompt_id, c.choice): c for c in found.choices}
    assert set(by_pair) == {
        (ids.prompt_id(KITE), "a"),
        (ids.prompt_id(KITE), "tie"),
        (ids.prompt_id(DOG), None),
    }
    assert {(c.annotator_id, c.dimension) for c in found.choices} == {("gpt", "overall")}
    assert by_pair[ids.prompt_id(DOG), None].rationale == "1."
    named = read(EXAMPLES["genai_bench/lines"](tmp_path))
    assert [c.annotator_id for c in named.choices] == ["gpt"] * 3


def test_every_judge_of_a_wide_table_is_an_annotator(tmp_path: Path) -> None:
    path = EXAMPLES["genai_bench/wide"](tmp_path)
    found = read(path)
    said = {(c.annotator_id, c.prompt_id): [] for c in found.choices}  # type: dict[Any, list[Any]]
    for c in found.choices:
        said[c.annotator_id, c.prompt_id].append(c.choice)
    kite, dog = ids.prompt_id(KITE), ids.prompt_id(DOG)
    assert Counter(said["one", kite]) == Counter(["b", None])
    assert Counter(said["two-1.5", kite]) == Counter(["a", "both_bad"])
    assert (said["one", dog], said["two-1.5", dog]) == (["both_good"], ["b"])
    left = read(path, known=())
    assert left.left_out == {"rows are about clips that are not here": 3}
    path.write_text(path.read_text().replace("invalid", "A>B"))
    refused(path, "row 3, column 'judge_one': 'A>B' is not one of A, B, tie_good, tie_bad")


def test_published_accuracy_of_ten_judges(test_data: Path) -> None:
    """GenAI-Bench's genaibench_results.txt, video generation, per cent of 1,069 pairs.

    The two whose reply files are here are counted from those, the others from the wide table, where
    idefics2 (16.46 there) and minicpm-V-2.5 (6.55) have two and one replies fewer that count.
    """
    folder = test_data / "genai_bench"
    wide = folder / "genai_bench_video_votes.csv"
    expected = {
        "gpt4o": 48.46,
        "gemini-1.5-pro": 46.21,
        "llava": 30.4,
        "llavanext": 21.7,
        "blip2": 16.93,
        "cogvlm": 24.6,
        "qwenVL": 2.15,
        "random": 25.16,
    }
    finder = ClipFinder(open=True)
    votes = READERS["genai_bench"].read(wide, finder, None).votes
    vote = {(v.video_a, v.video_b): v.choice for v in votes}
    right: Counter[str] = Counter()
    replies = [folder / f"{judge}.pairwise.json.gz" for judge in ("gpt4o", "gemini-1.5-pro")]
    choices = [c for path in replies for c in read_judges(path, finder).choices]
    told = {c.annotator_id for c in choices}
    choices += [c for c in read_judges(wide, finder).choices if c.annotator_id not in told]
    for c in choices:
        human = vote[c.video_a, c.video_b]
        right[c.annotator_id] += c.choice == human or (c.choice == "tie" and "both" in human)
    assert told == {"gpt4o", "gemini-1.5-pro"}
    found = {judge: round(100 * right[judge] / 1_069, 2) for judge in expected}
    assert found == expected
    assert len(finder.clips) == 2 * 1_069


def test_results_are_of_the_pairs_at_their_positions_of_the_list_that_people_voted_on(
    tmp_path: Path,
) -> None:
    listed = [
        {"prompt": "a kite", "video_left": "l0.mp4", "video_right": "r0.mp4", "vote_type": "leftvote"},
        {"prompt": "a dog", "video_left": "l1.mp4", "video_right": "r1.mp4", "vote_type": "tievote"},
    ]  # fmt: skip
    (tmp_path / "pairs.json").write_text(json.dumps(listed))
    results = [
        {"idx": 1, "prompt": "a dog", "model_vote": "[[B>A]]", "human_vote": "tievote"},
        {"idx": 0, "prompt": "a kite", "model_vote": "[[A>B]]", "human_vote": "leftvote"},
    ]
    (tmp_path / "gpt.pairwise.json").write_text(json.dumps(results))
    finder = ClipFinder(open=True)
    people = reader_of(tmp_path / "pairs.json").read(tmp_path / "pairs.json", finder, None)
    found = read_judges(tmp_path / "gpt.pairwise.json", finder)
    voted = {(v.video_a, v.video_b) for v in people.votes}
    assert {(c.video_a, c.video_b) for c in found.choices} == voted
    dog = ids.prompt_id("a dog")
    assert {c.choice for c in found.choices if c.prompt_id == dog} == {"b"}
    # a list of another split: the prompt at that position is another one
    results[0]["prompt"] = "a cat"
    (tmp_path / "gpt.pairwise.json").write_text(json.dumps(results))
    with pytest.raises(SetupError, match="row 1: 0 pairs of this prompt stand at position 1"):
        read_judges(tmp_path / "gpt.pairwise.json", finder)
