"""Which clip a row is about: among known clips, and where rows make clips known."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from schemas import ids
from schemas.options import SetupError

FILE = Path("t.csv")
KITE = "a red kite over a lake"
K = ids.prompt_id(KITE)


def known(video_id: str, prompt_id: str = "p", generator: str = "g", **facts: Any) -> ClipFacts:
    return ClipFacts(video_id=video_id, prompt_id=prompt_id, generator=generator, **facts)


def ids_of(finder: ClipFinder, *rows: dict[str, Any]) -> list[str | None]:
    found = [finder.find(FILE, n, **row) for n, row in enumerate(rows, start=2)]
    return [clip.video_id if clip else None for clip in found]


def test_known_clips_are_found_by_what_a_row_says_first() -> None:
    finder = ClipFinder([known("v1", video="a/x.mp4", prompt=KITE), known("v2", generator="h")])
    rows = [
        {"video_id": "v1"},
        {"video": "a/x.mp4"},
        {"prompt_id": "p", "generator": "g"},
        {"prompt": KITE, "generator": "g"},  # the clip's prompt has this text, whatever its id
        {"prompt": KITE, "generator": "g", "video": "elsewhere/x.mp4"},  # the same file's name
    ]
    assert ids_of(finder, *rows) == ["v1"] * 5
    assert (
        ids_of(
            finder,
            {"video_id": "v9"},
            {"video": "b.mp4"},
            {"prompt_id": "p", "generator": "i"},
            {"prompt": KITE, "generator": "g", "video": "elsewhere/y.mp4"},
        )
        == [None] * 4
    )
    assert set(finder.clips) == {"v1", "v2"}


def test_a_listed_path_is_found_by_the_id_that_a_source_gives_it() -> None:
    """Sources make ids of prompt, generator and path; a list that names no generator still finds it."""
    video_id = ids.video_id(K, "some model", "clips/x.mp4")
    finder = ClipFinder([known(video_id, K, "some model")])
    for generator in ("some model", "unknown", None):
        row = {"prompt": KITE, "generator": generator, "video": "clips/x.mp4"}
        assert ids_of(finder, row) == [video_id]
    assert ids_of(finder, {"prompt": KITE, "generator": "other", "video": "clips/x.mp4"}) == [None]


def test_an_open_finder_takes_clips_and_what_is_said_of_them() -> None:
    finder = ClipFinder(open=True)
    clip = finder.find(FILE, 2, prompt=KITE, generator="g", complexity="simple")
    assert clip == known(ids.video_id(K, "g", ""), K, "g", prompt=KITE, complexity="simple")
    again = finder.find(FILE, 3, prompt_id=K, generator="g", duration_s=2.0, complexity="hard")
    assert again is not None
    assert (again.video_id, again.duration_s, again.complexity) == (clip.video_id, 2.0, "simple")
    assert finder.clips[clip.video_id] == again
    assert finder.knows_prompt(K)
    assert not finder.knows_prompt("p")
    assert ids_of(finder, {"video_id": "nobody said more"}) == [None]


def test_an_unknown_generator_is_learnt() -> None:
    finder = ClipFinder(open=True)
    finder.find(FILE, 2, video_id="v", prompt_id="p", generator="unknown")
    finder.find(FILE, 3, video_id="v", prompt_id="p", generator="g")
    finder.find(FILE, 4, video_id="v", prompt_id="p", generator="unknown")
    assert finder.clips["v"].generator == "g"
    assert ids_of(finder, {"prompt_id": "p", "generator": "g"}) == ["v"]


ORIGIN = {"prompt_id": "p", "generator": "g"}


@pytest.mark.parametrize(
    "rows", list(itertools.permutations([ORIGIN, {**ORIGIN, "video_id": "v"}] * 2))
)
def test_one_clip_whether_its_id_comes_first_or_last(rows: tuple[dict[str, Any], ...]) -> None:
    finder = ClipFinder(open=True)
    assert len(set(ids_of(finder, *rows))) == 1
    assert len(finder.clips) == 1


@pytest.mark.parametrize(
    "rows",
    list(
        itertools.permutations([ORIGIN, {**ORIGIN, "video_id": "v"}, {**ORIGIN, "video_id": "w"}])
    ),
)
def test_a_row_that_may_mean_two_clips_is_refused_in_any_order(
    rows: tuple[dict[str, Any], ...],
) -> None:
    with pytest.raises(SetupError, match="prompt_id 'p' and generator 'g' match 2 clips; add a"):
        ids_of(ClipFinder(open=True), *rows)


def test_paths_tell_clips_of_one_prompt_and_generator_apart() -> None:
    finder = ClipFinder(open=True)
    a, b = ({**ORIGIN, "video": name} for name in ("a/x.mp4", "b/x.mp4"))
    found = ids_of(finder, a, b, a, {"video": "b/x.mp4"})
    assert found == [ids.video_id("p", "g", f"{f}/x.mp4") for f in "abab"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"generator": "g"}], "row 2: says too little of its clip; give video_id, or prompt_id"),
        ([{"prompt": KITE}], "row 2: says too little"),
        (
            [{**ORIGIN, "video_id": "v"}, {"prompt_id": "q", "generator": "g", "video_id": "v"}],
            "row 3: clip 'v' has prompt_id 'q' here and 'p' in an earlier row",
        ),
        (
            [{**ORIGIN, "video_id": "v"}, {"prompt_id": "p", "generator": "h", "video_id": "v"}],
            "row 3: clip 'v' has generator 'h' here and 'g' in an earlier row",
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_refused(rows: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(SetupError, match=message) as said:
        ids_of(ClipFinder(open=True), *rows)
    assert str(said.value).startswith("t.csv")


def test_a_run_knows_best_who_made_a_clip() -> None:
    finder = ClipFinder([known("v")])
    assert ids_of(finder, {"video_id": "v", "prompt_id": "other", "generator": "other"}) == ["v"]
