"""The grammar of the simulated world: prompts read naturally, and are read back exactly."""

import colorsys
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.generators import grammar
from pipeline.generators.grammar import Scene, parse, simulated_prompts
from pipeline.sources.simulated import SimulatedPrompts
from schemas.ids import prompt_id
from schemas.options import SetupError

TWO_RED = Scene(
    count=2, size="small", colour="red", shape="circle", background="navy", motion="left", wording=1
)
TURN = Scene(
    count=1,
    size="large",
    colour="red",
    shape="square",
    background="grey",
    motion="turning",
    turns_to="blue",
    wording=0,
)


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Any scene that a prompt can ask for."""
    motion = draw(st.sampled_from(grammar.MOTIONS))
    colour = draw(st.sampled_from([*grammar.COLOURS]))
    others = [c for c in grammar.COLOURS if c != colour]
    return Scene(
        count=draw(st.integers(1, 3)),
        size=draw(st.sampled_from(grammar.SIZES)),
        colour=colour,
        shape=draw(st.sampled_from(grammar.SHAPES)),
        background=draw(st.sampled_from([*grammar.BACKGROUNDS])),
        motion=motion,
        turns_to=draw(st.sampled_from(others)) if motion == "turning" else None,
        wording=draw(st.integers(0, grammar.WORDINGS - 1)),
    )


def test_prompts_read_naturally() -> None:
    assert TWO_RED.text == "two small red circles moving to the left on a navy background"
    assert TURN.text == "a large square turning from red to blue on a grey background"
    ordered = Scene(
        count=3,
        size="large",
        colour="cyan",
        shape="triangle",
        background="black",
        motion="up-down",
        wording=7,
    )
    assert ordered.text == (
        "on a black background, three large cyan triangles first moving up, then moving down"
    )


@given(scenes())
def test_every_prompt_is_read_back_as_the_scene_it_came_from(scene: Scene) -> None:
    assert parse(scene.text) == scene


def test_white_space_does_not_matter() -> None:
    text = " two small red  circles moving to the left\non a navy background "
    assert parse(text) == TWO_RED


@pytest.mark.parametrize(
    "text",
    [
        "a dog running on the beach",
        "two small red circle moving left on a navy background",  # singular
        "a small red circles moving left on a navy background",  # plural
        "a small circle moving left on a navy background",  # no colour
        "a small red circle turning from red to blue on a navy background",  # a colour too many
        "a small circle turning from red to red on a navy background",
        "a small red circle moving left on a red background",  # not a background
        "a small red circle moving left and then moving up on a navy background",
        "a small red circle moving left on a navy background.",
        "",
    ],
)
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a prompt of the simulated world's grammar"):
        parse(text)


@pytest.mark.parametrize(
    "change",
    [
        {"colour": "navy"},
        {"count": 4},
        {"motion": "turning"},
        {"turns_to": "blue"},
        {"wording": 8},
    ],
)
def test_scenes_outside_the_grammar_are_refused(change: dict[str, object]) -> None:
    fields = {
        "count": 1,
        "size": "small",
        "colour": "red",
        "shape": "circle",
        "background": "navy",
        "motion": "left",
    }
    with pytest.raises(ValueError, match=r"is not one of|does not go with"):
        Scene(**(fields | change))  # type: ignore[arg-type]


def test_colours_are_far_apart() -> None:
    hues = [
        colorsys.rgb_to_hsv(*(v / 255 for v in rgb))[0] * 360 for rgb in grammar.COLOURS.values()
    ]
    gaps = [min(abs(a - b), 360 - abs(a - b)) for a, b in itertools.combinations(hues, 2)]
    assert min(gaps) > 40  # degrees; a sixth of the circle would be 60
    assert not set(grammar.COLOURS) & set(grammar.BACKGROUNDS)
    for colour, ground in itertools.product(grammar.COLOURS.values(), grammar.BACKGROUNDS.values()):
        assert max(abs(a - b) for a, b in zip(colour, ground)) >= 80


def test_prompts_are_distinct_and_a_smaller_set_comes_first() -> None:
    many = simulated_prompts(500, 7)
    assert len({scene.text for scene in many}) == 500
    assert simulated_prompts(20, 7) == many[:20]
    assert simulated_prompts(20, 8) != many[:20]
    # Every word is used, and motions are balanced: 500 / 12 is 42, sd 6.2; bounds are 4 sd away.
    counts = [sum(s.motion == m for s in many) for m in grammar.MOTIONS]
    assert min(counts) > 17
    assert max(counts) < 67
    assert {s.wording for s in many} == set(range(grammar.WORDINGS))


@pytest.mark.parametrize("n", [0, -1, grammar.MOST_PROMPTS + 1])
def test_an_impossible_number_of_prompts_is_refused(n: int) -> None:
    with pytest.raises(SetupError, match="prompts"):
        simulated_prompts(n, 0)


def test_the_source_says_that_it_is_simulated() -> None:
    prompts = SimulatedPrompts(prompts=5, seed=3).read().prompts
    assert [p.text for p in prompts] == [s.text for s in simulated_prompts(5, 3)]
    assert all(p.simulated and p.source == "simulated" and p.licence == "CC0-1.0" for p in prompts)
    assert all(p.prompt_id == prompt_id(p.text) for p in prompts)
