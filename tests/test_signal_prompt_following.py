"""Clips drawn with known content, against prompts that ask for it and for something else."""

from pathlib import Path

import numpy as np
import pytest
from signal_clips import BLUE, GREEN, GREY, RED, YELLOW, Draw, Pixels, ask, clip, score

from schemas import Annotation

RIGHT = "a red circle moving right on a navy background"


def test_everything_as_asked_is_the_best_score(tmp_path: Path) -> None:
    assert score(tmp_path, clip(), RIGHT) == 5


@pytest.mark.parametrize(
    ("draw", "why"),
    [
        (Draw(rgb=BLUE), "blue, not red"),
        (Draw(shape="square"), "square, not a circle"),
        (Draw(x=68, dx=-40), "moves left"),
        (Draw(x=48, y=28, dx=0, dy=40), "moves down"),
        (Draw(dx=0), "stays where it is"),
        (Draw(copies=2), "2 of 1 circle found"),
    ],
)
def test_one_thing_wrong_costs_a_point_or_two_and_is_named(
    tmp_path: Path, draw: Draw, why: str
) -> None:
    found = ask(tmp_path, clip(draw), RIGHT, "prompt_following")
    assert isinstance(found, Annotation)
    assert 2 <= found.score <= 4
    assert found.rationale is not None
    assert why in found.rationale


def test_another_background_costs_less_than_another_object(tmp_path: Path) -> None:
    background = score(tmp_path, clip(Draw(background=GREY)), RIGHT, scores="continuous")
    colour = score(tmp_path, clip(Draw(rgb=GREEN)), RIGHT, scores="continuous")
    assert colour < background < 5


def test_an_empty_picture_is_the_worst_score(tmp_path: Path) -> None:
    assert score(tmp_path, clip(Draw(radius=0, rgb=Draw().background)), RIGHT) == 1


def test_each_missing_object_costs_more(tmp_path: Path) -> None:
    prompt = "three red circles moving right"
    scores = [score(tmp_path, clip(Draw(copies=n)), prompt, scores="continuous") for n in (3, 2, 1)]
    assert scores[0] == 5
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


@pytest.mark.parametrize("shape", ["circle", "square", "triangle"])
@pytest.mark.parametrize(
    ("name", "rgb"), [("red", RED), ("green", GREEN), ("blue", BLUE), ("yellow", YELLOW)]
)
def test_colours_and_shapes_are_told_apart(
    tmp_path: Path, shape: str, name: str, rgb: tuple[int, int, int]
) -> None:
    pixels = clip(Draw(shape=shape, rgb=rgb))
    best = {
        (c, s)
        for c in ("red", "green", "blue", "yellow")
        for s in ("circle", "square", "triangle")
        if score(tmp_path, pixels, f"a {c} {s} moving right") == 5
    }
    assert best == {(name, shape)}


@pytest.mark.parametrize(
    ("asked", "draw"),
    [
        ("growing", Draw(dx=0, radius=7, growth=7)),
        ("shrinking", Draw(dx=0, radius=14, growth=-7)),
        ("staying still", Draw(dx=0)),
        ("moving up", Draw(dx=0, y=68, dy=-40)),
        ("moving up and to the right", Draw(y=68, dy=-40)),
    ],
)
def test_motions_are_told_apart(tmp_path: Path, asked: str, draw: Draw) -> None:
    pixels = clip(draw)
    assert score(tmp_path, pixels, f"a red circle {asked}") == 5
    others = {"growing", "shrinking", "staying still", "moving up", "moving left"} - {asked}
    if draw.dx:  # on the diagonal, up is not all wrong
        others -= {"moving up"}
    assert max(score(tmp_path, pixels, f"a red circle {other}") for other in others) < 4


def _back_again(pixels: Pixels) -> Pixels:
    """Right over four frames, then left over four."""
    return pixels[[0, 2, 4, 6, 6, 4, 2, 0]]


def test_the_order_of_events_counts(tmp_path: Path) -> None:
    pixels = clip(change=_back_again)
    assert score(tmp_path, pixels, "a red circle moving right and then moving left") == 5
    assert score(tmp_path, pixels, "a red circle first moving left, then moving right") <= 3


def _red_to_blue(_: Pixels) -> Pixels:
    share = np.clip((np.arange(8) - 2) / 3, 0, 1)
    colours = [
        tuple(np.rint(np.array(RED) + (np.array(BLUE) - RED) * s).astype(int)) for s in share
    ]
    return np.stack([clip(Draw(dx=0, rgb=rgb))[t] for t, rgb in enumerate(colours)])


def test_a_change_of_colour_has_a_direction(tmp_path: Path) -> None:
    pixels = _red_to_blue(clip())
    assert score(tmp_path, pixels, "a circle turning from red to blue") == 5
    assert score(tmp_path, pixels, "a circle changing from blue to red") <= 3
    assert score(tmp_path, pixels, "a circle turning from green to blue") <= 3


def test_small_and_large_are_told_apart_beside_each_other(tmp_path: Path) -> None:
    small, large = clip(Draw(radius=6)), clip(Draw(radius=13))
    assert score(tmp_path, small, "a small red circle") > score(
        tmp_path, small, "a large red circle"
    )
    assert score(tmp_path, large, "a large red circle") > score(
        tmp_path, large, "a small red circle"
    )


def test_two_kinds_of_things_are_matched_each_to_its_own(tmp_path: Path) -> None:
    left, right = clip(Draw(x=24, dx=0)), clip(Draw(shape="square", rgb=BLUE, x=72, dx=0))
    both = np.concatenate([left[:, :, :48], right[:, :, 48:]], axis=2)
    assert score(tmp_path, both, "a red circle and a blue square") == 5
    assert score(tmp_path, both, "a blue circle and a red square") <= 3
    assert score(tmp_path, left, "a red circle and a blue square") <= 3


def test_jumps_in_place_do_not_hide_the_direction(tmp_path: Path) -> None:
    # Frames 0-2 stand 40 px further right: one leap back to the left amid motion to the right.
    pixels = np.concatenate([clip(Draw(x=44))[:3], clip(Draw(x=14))[3:]])
    assert score(tmp_path, pixels, RIGHT) == 5
