"""Templates of paths, such as ``{generator}/{prompt}-{index}.mp4``, read backwards."""

import re

from schemas.options import SetupError

NUMBERS = ("index", "seed")  # fields that hold digits only
_FIELD = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z_][a-z0-9_]*|")


class Template:
    """Takes the fields out of a path. ``{}`` stands for anything that is not wanted.

    A field holds at least one character and no slash; between two fields stands some text. Of
    several readings the one counts in which the earlier field is longest: ``{prompt}-{index}`` takes
    ``a-2-0`` for prompt ``a-2``, index 0. Raises :class:`SetupError` for anything else.
    """

    def __init__(self, text: str, key: str) -> None:
        self._text, self._key = text, key
        parts = _FIELD.split(text)  # text, field, text, field, ..., text
        self.fields = frozenset(parts[1::2]) - {""}
        named = [name for name in parts[1::2] if name]
        if not all(_NAME.fullmatch(name) for name in named):
            raise self._refuse("a field is a word in braces, such as {generator}")
        if len(set(named)) < len(named):
            raise self._refuse("names a field more than once; use {} for what is not wanted")
        if "" in parts[2:-1:2]:
            raise self._refuse("two fields need some text between them")
        if any("{" in part or "}" in part for part in parts[::2]):
            raise self._refuse("has a brace that does not close")
        pattern = "".join(_field(p) if i % 2 else re.escape(p) for i, p in enumerate(parts))
        self._pattern = re.compile(pattern, re.DOTALL)
        self._at_end = re.compile(rf"(?:.*/)?{pattern}", re.DOTALL)

    def whole(self, path: str) -> dict[str, str] | None:
        """The fields of a path, None where it does not fit."""
        match = self._pattern.fullmatch(path)
        return match.groupdict() if match else None

    def at_end(self, path: str) -> dict[str, str] | None:
        """The fields of a path's last folders and name, None where they do not fit."""
        match = self._at_end.fullmatch(path)
        return match.groupdict() if match else None

    def _refuse(self, what: str) -> SetupError:
        return SetupError(f"{self._key}: {self._text!r} {what}")


def _field(name: str) -> str:
    if not name:
        return "[^/]+"
    return f"(?P<{name}>{'[0-9]+' if name in NUMBERS else '[^/]+'})"
