"""Numbers and other people's text as a person reads them, on the page and on a terminal."""

import textwrap
import unicodedata
from collections import Counter
from collections.abc import Sequence

from pipeline.estimate.figures import plural, usd

__all__ = [
    "asked", "count", "fold", "kinds", "number", "plain", "plural", "scale", "seconds", "share",
    "size", "times", "usd",
]  # fmt: skip

NONE, HARD_BLANK = "–", "\u00a0"
NOT_SENT = f"not{HARD_BLANK}sent"
WATCHED = "What sentinels ask comes on top; the estimate below has it."
# turn the direction of what follows, outside their own text too
_BIDI = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Text that does nothing but show: no control characters but line breaks, nothing that UTF-8
    cannot hold. A terminal would act on an escape sequence in a prompt."""
    return "".join(map(_shown, text)).encode("utf-8", "replace").decode("utf-8")


def _shown(character: str) -> str:
    if character == "\n" or not _acts(character):
        return character
    return " " if character.isspace() else "\ufffd"


def _acts(character: str) -> bool:
    return unicodedata.category(character) == "Cc" or character in _BIDI


def fold(text: str, width: int, lines: int) -> str:
    """The text in at most so many lines of so many characters, and how many lines more it has."""
    found = [
        part
        for line in plain(text).split("\n")
        for part in textwrap.wrap(line, width, break_on_hyphens=False) or [""]
    ]
    if len(found) <= lines:
        return "\n".join(found)
    return "\n".join(
        [*found[: lines - 1], f"[... {len(found) - lines + 1} more lines on the page]"]
    )


def count(value: float | None) -> str:
    """A whole number with separators."""
    return NONE if value is None else f"{round(value):,}"


def number(value: float) -> str:
    """A score: as short as it is exact to three decimals."""
    return f"{value:.3f}".rstrip("0").rstrip(".")


def scale(low: float | None, high: float | None) -> str:
    """``scale 1 to 5``; empty where there are no bounds."""
    return "" if low is None or high is None else f"scale {number(low)} to {number(high)}"


def seconds(value: float | None) -> str:
    """A time in a clip."""
    return "time unknown" if value is None else f"{value:.2f} s"


def times(ratio: float | None) -> str:
    """A ratio, such as × 0.93."""
    return NONE if ratio is None else f"×{HARD_BLANK}{ratio:.2f}"


def size(n_bytes: int) -> str:
    """Bytes of a picture."""
    return f"{n_bytes / 1000:.1f} kB"


def share(value: float | None) -> str:
    """Of a clip's comparisons; None: one of them lacks a vote."""
    return NONE if value is None else f"{value:.0%}"


def asked(what: str) -> str:
    """What is done with the clips of a pair or of a list."""
    return {"pair": "a pair in both orders", "list": "a list and its reverse"}[what]


def kinds(items: Sequence[str]) -> str:
    """How many items there are of each kind: ``3 clips and 2 pairs in both orders``."""
    times = Counter(items)
    behind = {"clip": "", "pair": " in both orders", "list": " in an order and its reverse"}
    return " and ".join(plural(times[what], what) + behind[what] for what in times)
