"""Whether prompts that a model is tested on are prompts that it learned from."""

import os
from collections.abc import Iterable
from pathlib import Path

from schemas.ids import prompt_id

FILE = "training_prompts.txt"  # beside the model: an id a line, of the text and of nothing else


def write_training_prompts(folder: Path, prompts: Iterable[str]) -> None:
    """Remember by their ids what prompts a model was trained and chosen on. Whole or not at all."""
    part = folder / f".{FILE}.part"
    part.write_text("".join(f"{one}\n" for one in sorted({prompt_id(p) for p in prompts})))
    os.replace(part, folder / FILE)


def trained_on(folder: Path, prompts: Iterable[str]) -> list[str] | None:
    """Those of the prompts that the model was trained on, white space aside; None: not known."""
    path = folder / FILE
    if not path.is_file():
        return None
    known = set(path.read_text().split())
    return sorted({p for p in prompts if prompt_id(p) in known})


def told(folder: Path, prompts: Iterable[str]) -> str:
    """A sentence on it."""
    asked = set(prompts)
    found = trained_on(folder, asked)
    if found is None:
        return f"prompts: {folder} has no {FILE}, so whether it was trained on some is not known"
    if not found:
        return f"prompts: the model was trained on none of the {len(asked)}"
    return (
        f"prompts: the model was TRAINED on {len(found)} of the {len(asked)}, such as {found[0]!r}; "
        "numbers on them say nothing about new prompts"
    )
