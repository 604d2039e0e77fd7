"""Names in braces, filled in word by word. What is filled in is never read again: no shell, no braces."""

import json
import re
from collections.abc import Mapping

from pipeline.generators.base import SettingValue

_BRACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_]\w*)\}|[{}]")


class Unfilled(ValueError):
    """A word of the command whose braces cannot be read."""


def names_in(word: str) -> frozenset[str]:
    """The names in braces. Raises :class:`Unfilled` for a single brace."""
    names = set()
    for found in _BRACES.finditer(word):
        if found[0] in "{}":
            raise Unfilled(f"{word!r} has a single brace; write {{{{ or }}}} for one that is meant")
        if found[1]:
            names.add(found[1])
    return frozenset(names)


def fill(word: str, values: Mapping[str, SettingValue]) -> str:
    """The word with its values: numbers and truth values as JSON writes them."""

    def value_of(found: re.Match[str]) -> str:
        return written(values[found[1]]) if found[1] else found[0][0]

    return _BRACES.sub(value_of, word)


def written(value: SettingValue) -> str:
    """A value as an argument."""
    return value if isinstance(value, str) else json.dumps(value)
