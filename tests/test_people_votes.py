"""Human votes in a plain table, between clips that are known and clips that rows name."""

import random
from pathlib import Path
from typing import Any

import pytest
from people_examples import rows_csv

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.votes import read_votes
from schemas import ids
from schemas.options import SetupError

CLIPS = [
    ClipFacts(video_id=v, prompt_id=p, generator=g)
    for v, p, g in (("v1", "p1", "one"), ("v2", "p1", "two"), ("v3", "p2", "one"))
]
VOTE = {
    "prompt_id": "p1",
    "video_a": "v1",
    "video_b": "v2",
    "rater": "r1",
    "dimension": "q",
    "choice": "a",
}


def table(folder: Path, *changes: dict[str, Any]) -> Path:
    return rows_csv(folder / "votes.csv", [{**VOTE, **change} for change in changes])


def test_votes_between_known_clips(tmp_path: Path) -> None:
    path = table(
        tmp_path,
        {},
        {"video_a": "v2", "video_b": "v1", "rater": "r2", "choice": "both_bad"},
        {"video_b": "v9", "choice": ""},
        {"rater": "r3", "choice": ""},
        {"rater": "r4", "choice": "tie", "simulated": "true"},
    )
    read = read_votes(path, ClipFinder(CLIPS))
    assert [(v.video_a, v.video_b, v.rater, v.choice, v.simulated) for v in read.votes] == [
        ("v1", "v2", "r1", "a", False),
        ("v1", "v2", "r4", "tie", True),
        ("v2", "v1", "r2", "both_bad", False),
    ]
    assert read.left_out == {
        "rows are about clips that are not here": 1,
        "rows have no choice": 1,
    }
    assert {(v.source, v.dimension, v.prompt_id) for v in read.votes} == {("votes.csv", "q", "p1")}


def test_votes_alone_name_their_clips(tmp_path: Path) -> None:
    """By all of it; by generator and prompt; by ids that another row tells of. Nobody made v5."""
    rows = [
        {"rater": "r", "dimension": "q", "choice": "a", "prompt_id": "p1",
         "video_a": "v4", "video_b": "v5", "generator_a": "one", "complexity": "hard"},
        {"rater": "s", "dimension": "q", "choice": "b", "prompt": "a cat",
         "generator_a": "one", "generator_b": "two"},
        {"rater": "s", "dimension": "q", "choice": "tie", "video_a": "v5", "video_b": "v4"},
    ]  # fmt: skip
    rng = random.Random(0)
    for _ in range(6):
        finder = ClipFinder(open=True)
        read = read_votes(rows_csv(tmp_path / "t.csv", rows), finder)
        cat = ids.prompt_id("a cat")
        assert {(v.prompt_id, v.video_a, v.video_b, v.choice) for v in read.votes} == {
            ("p1", "v4", "v5", "a"),
            ("p1", "v5", "v4", "tie"),
            (cat, ids.video_id(cat, "one", ""), ids.video_id(cat, "two", ""), "b"),
        }
        made = {c.video_id: (c.generator, c.complexity) for c in finder.clips.values()}
        assert (made["v4"], made["v5"]) == (("one", "hard"), ("unknown", "hard"))
        rng.shuffle(rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rater": "r2", "choice": "left"}, "row 3: HumanVote.choice: expected one of a, b, tie"),
        ({"video_b": "v1"}, "row 3: holds clip 'v1' against itself"),
        ({"video_b": "v3"}, "row 3: clip 'v1' is of prompt 'p1', clip 'v3' of 'p2'; a pair is two"),
        ({"rater": "r2", "prompt_id": "p2"}, "row 3: its clips are of prompt 'p1', not of 'p2'"),
        ({"video_a": "v2", "video_b": "v1"}, "rows 2 and 3 are votes of rater 'r1' on the same pair"),
        ({"rater": ""}, "row 3: column 'rater' is empty"),
        ({"dimension": ""}, "row 3: column 'dimension' is empty"),
        ({"video_a": ""}, "row 3: needs video_a, or generator_a with prompt_id or prompt"),
        ({"rater": "r2", "simulated": "maybe"}, "column 'simulated': expected true or false"),
    ],
)  # fmt: skip
def test_bad_votes_are_refused(tmp_path: Path, change: dict[str, str], message: str) -> None:
    path = table(tmp_path, {}, change)
    with pytest.raises(SetupError, match=message) as said:
        read_votes(path, ClipFinder(CLIPS))
    assert str(said.value).startswith(str(path))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = rows_csv(tmp_path / "t.csv", [{k: v for k, v in VOTE.items() if k != "dimension"}])
    with pytest.raises(SetupError, match=r"row 2 has no column 'dimension' \(or 'aspect'\)"):
        read_votes(path, ClipFinder(CLIPS))
