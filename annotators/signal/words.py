"""Words for what can be measured, and ordinary synonyms of them."""

import re

_COLOUR_WORDS = {
    "red": "red crimson scarlet ruby",
    "orange": "orange amber",
    "yellow": "yellow golden gold lemon",
    "green": "green lime emerald",
    "cyan": "cyan turquoise aqua",
    "teal": "teal petrol",
    "blue": "blue azure cobalt",
    "navy": "navy",
    "purple": "purple violet lilac",
    "magenta": "magenta fuchsia",
    "pink": "pink rose",
    "brown": "brown chocolate tan",
    "beige": "beige cream",
    "black": "black",
    "grey": "grey gray silver",
    "white": "white",
}
_SHAPE_WORDS = {
    "circle": "circle",
    "square": "square",
    "triangle": "triangle",
    "rectangle": "rectangle oblong",
    "ellipse": "ellipse oval",
    "diamond": "rhombus",
    "pentagon": "pentagon",
    "hexagon": "hexagon",
}
# Everyday words: shapes only where a colour stands right before them ("a red ball").
_EVERYDAY_WORDS = {
    "circle": "ball disc disk dot sphere",
    "square": "box block cube",
    "rectangle": "bar brick",
    "ellipse": "egg",
    "diamond": "diamond",
    "star": "star",
    "cross": "cross plus",
    "ring": "ring donut",
}
_ANY_WORDS = "object shape figure blob"
_SIZE_WORDS = {"small": "small little tiny", "large": "large big huge giant"}
_COUNT_WORDS = {1: "a an one single 1 the", 2: "two 2 both", 3: "three 3", 4: "four 4", 5: "five 5"}
FILLERS = "solid filled plain flat uniform simple bright vivid identical moving glowing"
# Words after a shape that leave it a noun, beside those that end in -ing, -s, -ed or -ly.
MAY_FOLLOW = (
    "and then first is are that which while as it they on in over against from at to with by "
    "before behind above below near up down left right rise fall grow shrink move stay turn change"
)


def _lookup(words: dict[str, str], *, plural: bool = False) -> dict[str, str]:
    found = {word: name for name, listed in words.items() for word in listed.split()}
    if plural:
        found |= {word + ("es" if word[-1] in "sx" else "s"): name for word, name in found.items()}
    return found


COLOUR = _lookup(_COLOUR_WORDS) | {
    "dark blue": "navy",
    "navy blue": "navy",
    "light blue": "cyan",
    "sky blue": "cyan",
    "dark green": "green",
    "light green": "green",
    "dark grey": "grey",
    "light grey": "grey",
    "dark red": "red",
    "hot pink": "magenta",
    "dark brown": "brown",
    "light brown": "brown",
}
SHAPE = _lookup(_SHAPE_WORDS, plural=True)
EVERYDAY = _lookup(_EVERYDAY_WORDS, plural=True)
ANY = _lookup({"": _ANY_WORDS}, plural=True)
SIZE = _lookup(_SIZE_WORDS)
COUNT = {word: n for n, listed in _COUNT_WORDS.items() for word in listed.split()}


def either(words: "dict[str, str] | dict[str, int] | str") -> str:
    """A regular expression for any of some words, the longest first."""
    listed = words.split() if isinstance(words, str) else words
    return "|".join(re.escape(word) for word in sorted(listed, key=len, reverse=True))
