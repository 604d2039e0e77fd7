"""The books: what each stage owed, and where every key of it ended.

Some Beam engines lose elements without an error, so a run believes no engine: the keys that a stage owes
are derived from its input, and each must be found exactly once among the written rows or the failures, or
be owed to a failure upstream, or be filtered by a stated rule.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

SHOWN = 5  # keys named in a message


class BooksError(RuntimeError):
    """A stage whose books do not balance; the message names the stage and the keys."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One stage's account. It balances when nothing is missing, unexpected or written twice."""

    stage: str
    owed: int
    written: int
    failed: int
    filtered: int = 0
    upstream: int = 0
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()

    @property
    def balanced(self) -> bool:
        """Whether every owed key was found exactly once."""
        return not self.missing and not self.unexpected

    def as_dict(self) -> dict[str, Any]:
        """Counts for status.json and run.json."""
        return {
            "owed": self.owed,
            "written": self.written,
            "failed": self.failed,
            "filtered": self.filtered,
            "upstream": self.upstream,
            "missing": len(self.missing),
            "missing_keys": list(self.missing[:SHOWN]),
            "unexpected": len(self.unexpected),
            "unexpected_keys": list(self.unexpected[:SHOWN]),
        }


def balance(
    stage: str,
    owed: Iterable[str],
    *,
    written: Iterable[str],
    failed: Iterable[str] = (),
    filtered: Iterable[str] = (),
    upstream: Iterable[str] = (),
) -> Book:
    """Draw up one stage's book from keys. ``owed`` excludes nothing: upstream keys are part of it."""
    owed = set(owed)
    parts = [list(written), list(failed), list(filtered), list(upstream)]
    found = Counter(key for part in parts for key in part)
    twice = [key for key, times in found.items() if times > 1]
    return Book(
        stage=stage,
        owed=len(owed),
        written=len(parts[0]),
        failed=len(parts[1]),
        filtered=len(parts[2]),
        upstream=len(parts[3]),
        missing=tuple(sorted(owed - found.keys())),
        unexpected=tuple(sorted({*twice, *(found.keys() - owed)})),
    )


def merge(books: Iterable[Book]) -> Book:
    """The account of several waves of one stage."""
    books = list(books)
    return Book(
        stage=books[0].stage,
        **{
            name: sum(getattr(b, name) for b in books)
            for name in ("owed", "written", "failed", "filtered", "upstream")
        },
        missing=tuple(key for b in books for key in b.missing),
        unexpected=tuple(key for b in books for key in b.unexpected),
    )


def require(book: Book) -> None:
    """Raise :class:`BooksError` unless the book balances."""
    if book.balanced:
        return
    said = []
    if book.missing:
        said.append(
            f"{len(book.missing)} of {book.owed} owed rows are neither written nor failed: "
            + _some(book.missing)
        )
    if book.unexpected:
        said.append(
            f"{len(book.unexpected)} rows are there twice or were never owed: "
            + _some(book.unexpected)
        )
    raise BooksError(
        f"the books of stage {book.stage} do not balance: {'; '.join(said)}. "
        "The run is not complete; run the same command again, and report the engine if "
        "it happens again."
    )


def _some(keys: tuple[str, ...]) -> str:
    more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
    return ", ".join(keys[:SHOWN]) + more


def book_of(noted: dict[str, Any]) -> Book:
    """The book that a stage noted when it was done."""
    return Book(
        stage=noted["stage"],
        **{k: noted[k] for k in ("owed", "written", "failed", "filtered", "upstream")},
    )


def funnel(books: Mapping[str, Book], failures: Mapping[str, Mapping[str, int]]) -> str:
    """What went in and came out of every stage, a line each."""
    lines = []
    for book in books.values():
        reasons = failures.get(book.stage, {})
        said = [
            f"{book.stage}: {book.written} of {book.owed}",
            *(f"{times} {reason}" for reason, times in reasons.items()),
        ]
        if book.filtered:
            rules = "the checks or the splits" if book.stage == "preferences" else "the checks"
            said.append(f"{book.filtered} left out by {rules}")
        if book.upstream:
            said.append(f"{book.upstream} owed to a failure upstream")
        lines.append(", ".join(said))
    return "\n".join(lines)
