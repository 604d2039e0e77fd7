"""What the signal annotator reads in a prompt, and what it leaves alone."""

import pytest

from annotators.signal.request import Event, Request, Thing, parse

LEFT, RIGHT = Event(kind="move", dx=-1), Event(kind="move", dx=1)
UP, DOWN = Event(kind="move", dy=-1), Event(kind="move", dy=1)
GROW, SHRINK, STILL = Event(kind="grow"), Event(kind="shrink"), Event(kind="still")


def test_count_size_colour_shape_motion_and_background() -> None:
    assert parse("Two small red circles moving to the left on a teal background.") == Request(
        things=(Thing(count=2, size="small", colour="red", shape="circle", events=(LEFT,)),),
        background="teal",
    )


@pytest.mark.parametrize(
    ("words", "events"),
    [
        ("moving left", (LEFT,)),
        ("moving to the right", (RIGHT,)),
        ("moving upwards", (UP,)),
        ("rises", (UP,)),
        ("falling", (DOWN,)),
        ("moves from the left side to the right side", (RIGHT,)),
        ("moves from top to bottom", (DOWN,)),
        ("moves up and to the right", (Event(kind="move", dx=1, dy=-1),)),
        ("growing", (GROW,)),
        ("getting bigger", (GROW,)),
        ("growing smaller", (SHRINK,)),
        ("shrinks", (SHRINK,)),
        ("staying still", (STILL,)),
        ("standing still", (STILL,)),
        ("is stationary", (STILL,)),
        ("first moving up, then moving down", (UP, DOWN)),
        ("moving left and then moving right", (LEFT, RIGHT)),
        ("turning from red to blue", (Event(kind="turn", before="red", after="blue"),)),
        ("changes its color to green", (Event(kind="turn", after="green"),)),
        ("on the left", ()),
        ("while the camera pans left", ()),
    ],
)
def test_events(words: str, events: tuple[Event, ...]) -> None:
    (thing,) = parse(f"a large circle {words}").things
    assert thing.events == events


@pytest.mark.parametrize(
    ("phrase", "thing"),
    [
        ("a pair of big green disks", Thing(count=2, size="large", colour="green", shape="circle")),
        (
            "three tiny fuchsia squares",
            Thing(count=3, size="small", colour="magenta", shape="square"),
        ),
        ("the dark blue triangle", Thing(count=1, colour="navy", shape="triangle")),
        ("a yellow star", Thing(count=1, colour="yellow", shape="star")),
        ("a purple object", Thing(count=1, colour="purple", shape="")),
    ],
)
def test_synonyms(phrase: str, thing: Thing) -> None:
    (found,) = parse(f"a video of {phrase}").things
    assert found == thing or (thing.shape == "" and found.shape is None)


@pytest.mark.parametrize(
    "prompt",
    [
        "man in red shirt does a wheely on his motorcycle",  # the colour of a shirt
        "a white car driving on a track",
        "a boy throws a red ball to the left",  # the subject is a boy
        "people doing a square dance in two small circles",
        "a ball rolls away",  # an everyday thing without a colour
        "moving stars and the milky way in night sky",
        "Man ties up a red tie. green screen. close up",
        "camera pans left over a city",
        "urban city blurred background",
    ],
)
def test_a_prompt_about_anything_else_is_left_alone(prompt: str) -> None:
    assert not parse(prompt)


def test_the_colour_of_the_background_is_read_in_any_prompt() -> None:
    prompt = "Red hibiscus flower blooming in time-lapse  on a blue background."
    assert parse(prompt) == Request(things=(), background="blue")
    assert parse("a small red circle. the background is light grey").background == "grey"


def test_several_things_share_the_motion_named_last() -> None:
    things = parse("a red circle and a blue square moving left").things
    assert [(t.colour, t.shape, t.events) for t in things] == [
        ("red", "circle", (LEFT,)),
        ("blue", "square", (LEFT,)),
    ]
    things = parse("a red circle moving left and a blue square moving right").things
    assert [t.events for t in things] == [(LEFT,), (RIGHT,)]


def test_two_colours_are_not_one() -> None:
    (thing,) = parse("two red and blue circles").things
    assert (thing.count, thing.colour) == (2, None)
