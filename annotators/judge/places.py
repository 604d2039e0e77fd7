"""Where in a reply's text the score of each dimension stands: the characters of its number.

The reply is JSON as the reply schema asks for it, perhaps fenced, wrapped, or with words around it. Names
and wrappers are those of ``annotators.verdict``, so that both find the same fields.
"""

import re
from collections.abc import Iterator, Sequence

from annotators.verdict.mentions import SCORE_FIELDS, Names, bare, normal
from annotators.verdict.objects import WRAPPERS
from annotators.verdict.plain import without_thoughts
from schemas import Dimension, Rubric

Span = tuple[int, int]  # of characters: the first, and the one after the last

_LEXEME = re.compile(
    r'"(?P<text>(?:\\.|[^"\\])*)"'
    r"|(?P<number>-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<sign>[{}\[\],])"
    r"|\S",
    re.DOTALL,
)
_DEEPEST = 20
_WHOLE = re.compile(r"\s*(-?[0-9]+)\s*\Z")


def score_places(text: str, rubric: Rubric) -> dict[str, list[Span]]:
    """Per dimension, every place outside thoughts that gives a whole number as its score."""
    names = Names(rubric)
    places: dict[str, list[Span]] = {dimension.name: [] for dimension in rubric.dimensions}
    for path, span in _numbers(text, _begin(text)):
        dimension = _dimension_at(path, names)
        if dimension is not None:
            places[dimension.name].append(span)
    return places


def _begin(text: str) -> int:
    """Where the answer begins: behind the thoughts, where there are some."""
    outside, _ = without_thoughts(text)
    return max(0, text.rfind(outside.strip()))


def _numbers(text: str, at: int) -> Iterator[tuple[list[str], Span]]:
    """Every field with a whole number, quoted or not: its name and those of the fields around it."""
    opened: list[str] = []  # signs of what is open
    keys: list[str | None] = []  # the field of each that is being read; None: its name is to come
    while (at := at if opened else text.find("{", at)) >= 0 and (found := _LEXEME.search(text, at)):
        at = found.end()
        sign = found["sign"] or ""
        if found[0] == '"' or len(opened) > _DEEPEST:  # open to the end; nobody's verdict
            return
        if sign in ("{", "["):
            opened.append(sign)
            keys.append(None)
        elif sign in ("}", "]"):
            opened.pop()
            keys.pop()
        elif opened[-1] == "[":
            continue
        elif sign == ",":
            keys[-1] = None
        elif keys[-1] is None:
            keys[-1] = found["text"]
        else:
            group = "number" if found["number"] else "text"
            if whole := _WHOLE.match(found[group] or ""):
                first = found.start(group)
                path = [key for key in keys if key is not None]
                yield path, (first + whole.start(1), first + whole.end(1))


def _dimension_at(path: Sequence[str], names: Names) -> Dimension | None:
    """Whose score a field is; None where it is something else."""
    *around, last = path
    dimension = names.dimension(last)
    if dimension is None and bare(last) in SCORE_FIELDS:
        dimension = names.dimension(around[-1]) if around else None
        around = around[:-1] if dimension else around
        dimension = dimension or names.only
    return dimension if all(normal(name) in WRAPPERS for name in around) else None
