"""Prompts that a release knows by their number in a suite, under the ids that our sources give them."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from pipeline.formats.finder import ClipFinder
from schemas import ids


def prompt_id_for(finder: ClipFinder, numbered: str, text: str | None) -> str:
    """The id that known clips use for a prompt: its number's, else that of its text.

    Where neither is known it is the number's. Two numbers of a suite may share a text, which then
    names neither: leave such a text out (see :func:`told_apart`).
    """
    if text is not None and not finder.knows_prompt(numbered):
        of_text = ids.prompt_id(text)
        if finder.knows_prompt(of_text):
            return of_text
    return numbered


def told_apart(texts: Iterable[tuple[int, str | None]]) -> dict[int, str]:
    """The texts of numbers that share theirs with no other number: only those name a prompt."""
    by_number = {number: text for number, text in texts if text is not None}
    n = Counter(" ".join(text.split()) for text in by_number.values())
    return {i: text for i, text in by_number.items() if n[" ".join(text.split())] == 1}


def beside(path: Path, name: str) -> Path | None:
    """The file of this name in a folder, or in the folder of a file; None where there is none."""
    found = (path if path.is_dir() else path.parent) / name
    return found if found.is_file() else None
