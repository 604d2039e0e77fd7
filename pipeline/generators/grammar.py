"""The prompts of the simulated world: a small grammar of plain English, and what each prompt means.

A prompt names a count, a size, a colour, a shape, what happens, and a background::

    two small red circles moving to the left on a teal background

========== =====================================================================================
count      ``a``, ``two``, ``three`` (the noun takes an -s)
size       ``small``, ``large``
colour     ``red``, ``yellow``, ``green``, ``cyan``, ``blue``, ``magenta``
shape      ``circle``, ``square``, ``triangle``
background ``black``, ``grey``, ``brown``, ``navy``, ``teal`` (never the name of an object's colour)
one event  ``moving left`` (right, up, down), ``staying still``, ``growing``, ``shrinking``
two events ``moving left and then moving right`` (right-left, up-down, down-up)
colour     ``turning from red to blue``; then no colour stands before the shape
========== =====================================================================================

Each event has two wordings and each sentence four, so that prompts read naturally. Whoever judges
these clips reads prompts with eyes of their own: this parser is for the generators only.
"""

import dataclasses
import re

import numpy as np

from schemas.ids import sha256_hex
from schemas.options import SetupError

RGB = tuple[int, int, int]

COUNTS = {1: "a", 2: "two", 3: "three"}
SIZES = ("small", "large")
# Far apart in hue, so that neither exposure nor video compression turns one into another.
COLOURS: dict[str, RGB] = {
    "red": (214, 40, 40),
    "yellow": (230, 210, 40),
    "green": (45, 185, 60),
    "cyan": (45, 205, 220),
    "blue": (50, 85, 235),
    "magenta": (215, 60, 200),
}
SHAPES = ("circle", "square", "triangle")
# Darker or duller than every object colour, so that an object always stands out.
BACKGROUNDS: dict[str, RGB] = {
    "black": (18, 18, 20),
    "grey": (105, 105, 105),
    "brown": (95, 62, 35),
    "navy": (28, 36, 92),
    "teal": (25, 85, 90),
}
MOVES = {
    "left": ("moving left", "moving to the left"),
    "right": ("moving right", "moving to the right"),
    "up": ("moving up", "moving upwards"),
    "down": ("moving down", "moving downwards"),
}
SINGLE = MOVES | {
    "still": ("staying still", "standing still"),
    "growing": ("growing", "getting bigger"),
    "shrinking": ("shrinking", "getting smaller"),
}
TURNING = "turning"


def _in_order(first: str, second: str) -> tuple[str, str]:
    one, two = MOVES[first][0], MOVES[second][0]
    return f"{one} and then {two}", f"first {one}, then {two}"


IN_ORDER = {
    f"{first}-{second}": _in_order(first, second)
    for first, second in (("left", "right"), ("right", "left"), ("up", "down"), ("down", "up"))
}
MOTIONS = (*SINGLE, *IN_ORDER, TURNING)
TURNS = ("turning from {first} to {second}", "changing from {first} to {second}")
SENTENCES = (
    "{noun} {motion} on a {background} background",
    "{noun} {motion} in front of a {background} background",
    "a video of {noun} {motion} on a {background} background",
    "on a {background} background, {noun} {motion}",
)
WORDINGS = len(SENTENCES) * len(TURNS)  # every event has as many wordings as TURNS
MOST_PROMPTS = 20_000  # of about 69,000: more would make drawing distinct ones slow


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What a prompt asks for. ``turns_to`` is the second colour where ``motion`` is ``turning``.

    ``wording`` numbers the sentence and the wording of the event; it changes the text only. A
    ``count`` of 0 is a scene whose only object is missing: it can be drawn, but no prompt asks for
    it.
    """

    count: int
    size: str
    colour: str
    shape: str
    background: str
    motion: str
    turns_to: str | None = None
    wording: int = 0

    def __post_init__(self) -> None:
        """Raise ``ValueError`` for a scene outside the grammar."""
        if (self.motion == TURNING) != (self.turns_to is not None) or self.turns_to == self.colour:
            raise ValueError(f"turns_to={self.turns_to!r} does not go with {self.motion!r}")
        checks = (
            (self.count, (0, *COUNTS)),
            (self.size, SIZES),
            (self.colour, COLOURS),
            (self.shape, SHAPES),
            (self.background, BACKGROUNDS),
            (self.motion, MOTIONS),
            (self.turns_to, (None, *COLOURS)),
            (self.wording, range(WORDINGS)),
        )
        for value, allowed in checks:
            if value not in allowed:
                raise ValueError(f"{value!r} is not one of {list(allowed)}")

    @property
    def text(self) -> str:
        """The prompt. Raises ``KeyError`` for a scene without objects."""
        sentence, wording = divmod(self.wording, len(TURNS))
        words = [COUNTS[self.count], self.size, self.colour, self.shape]
        if self.motion == TURNING:
            words.remove(self.colour)
            motion = TURNS[wording].format(first=self.colour, second=self.turns_to)
        else:
            motion = (SINGLE | IN_ORDER)[self.motion][wording]
        noun = " ".join(words) + ("s" if self.count > 1 else "")
        return SENTENCES[sentence].format(noun=noun, motion=motion, background=self.background)


def _one_of(words: object) -> str:
    return "|".join(map(re.escape, words))  # type: ignore[call-overload]


_COLOUR = _one_of(COLOURS)
_EVENTS = {
    text: (motion, i)
    for motion, texts in (SINGLE | IN_ORDER).items()
    for i, text in enumerate(texts)
}
_NOUN = (
    rf"(?P<count>{_one_of(COUNTS.values())}) (?P<size>{_one_of(SIZES)}) "
    rf"(?:(?P<colour>{_COLOUR}) )?(?P<shape>{_one_of(SHAPES)})s?"
)
_MOTION = (
    rf"(?:(?P<event>{_one_of(_EVENTS)})|(?P<verb>turning|changing) "
    rf"from (?P<first>{_COLOUR}) to (?P<second>{_COLOUR}))"
)
_PATTERNS = [
    re.compile(
        s.format(noun=_NOUN, motion=_MOTION, background=rf"(?P<background>{_one_of(BACKGROUNDS)})")
    )
    for s in SENTENCES
]


def parse(text: str) -> Scene:
    """The scene of a prompt of this grammar: the inverse of ``Scene.text``.

    White space at the ends and runs of it do not matter. Raises ``ValueError`` for any other text.
    """
    text = " ".join(text.split())
    for sentence, pattern in enumerate(_PATTERNS):
        match = pattern.fullmatch(text)
        scene = _scene(match, sentence) if match else None
        if scene is not None and scene.text == text:  # refuses "two circle", "red circle turning"
            return scene
    raise ValueError(f"not a prompt of the simulated world's grammar: {text!r}")


def _scene(match: "re.Match[str]", sentence: int) -> Scene | None:
    found = match.groupdict()
    if found["event"]:
        motion, wording = _EVENTS[found["event"]]
        colour, turns_to = found["colour"], None
    else:
        motion, wording = TURNING, ("turning", "changing").index(found["verb"])
        colour, turns_to = found["first"], found["second"]
    if colour is None or colour == turns_to:
        return None
    count = next(n for n, word in COUNTS.items() if word == found["count"])
    return Scene(
        count=count,
        size=found["size"],
        colour=colour,
        shape=found["shape"],
        background=found["background"],
        motion=motion,
        turns_to=turns_to,
        wording=sentence * len(TURNS) + wording,
    )


def random_from(*fields: str) -> np.random.Generator:
    """A random generator that depends on nothing but the fields."""
    return np.random.default_rng(int(sha256_hex("\n".join(fields).encode())[:32], 16))


def _pick(rng: np.random.Generator, words: object) -> str:
    choices = list(words)  # type: ignore[call-overload]
    return str(choices[rng.integers(len(choices))])


def simulated_prompts(n: int, seed: int) -> list[Scene]:
    """``n`` scenes with distinct texts; those of a smaller ``n`` are the first of a larger one.

    Every motion is equally likely, and so is every word. Raises ``SetupError`` for an ``n`` out of
    1 .. ``MOST_PROMPTS``.
    """
    if not 1 <= n <= MOST_PROMPTS:
        raise SetupError(f"prompts: the grammar gives 1 to {MOST_PROMPTS} prompts, not {n}")
    rng = random_from("simulated prompts", str(seed))
    scenes: dict[str, Scene] = {}
    while len(scenes) < n:
        motion, colour = _pick(rng, MOTIONS), _pick(rng, COLOURS)
        other = _pick(rng, [c for c in COLOURS if c != colour])
        scene = Scene(
            count=int(rng.integers(1, len(COUNTS) + 1)),
            size=_pick(rng, SIZES),
            colour=colour,
            shape=_pick(rng, SHAPES),
            background=_pick(rng, BACKGROUNDS),
            motion=motion,
            turns_to=other if motion == TURNING else None,
            wording=int(rng.integers(WORDINGS)),
        )
        scenes.setdefault(scene.text, scene)
    return list(scenes.values())
