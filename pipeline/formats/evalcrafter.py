"""EvalCrafter's numbering: ``<model>/0007.mp4`` is a clip of the eighth prompt.

The prompts stand in ``prompt700.txt`` (line n + 1 for number n, no line break after the last), the
same in ``prompts/0000.txt`` ..., and in ``metadata.json`` as ``{"0000": {"prompt": ..., "attributes":
...}}`` (evalcrafter/EvalCrafter). 700 lines hold 696 different texts: the number is the key.
"""

import re
from pathlib import Path

from pipeline.formats.prompt_list import Pairs, numbered_lines, prompt_text, read_json
from schemas.options import SetupError

_NUMBER = re.compile(r"[0-9]{1,18}")


def number_of(stem: str) -> int | None:
    """The number that a file is named by; None where its name is not a number."""
    return int(stem) if _NUMBER.fullmatch(stem) else None


def prompt_id_of(number: int) -> str:
    """``evalcrafter-0007``: a prompt's id, made of its number and not of its words."""
    return f"evalcrafter-{number:04d}"


def read_numbered(path: str | Path) -> dict[int, str]:
    """Prompts by number, from any of the three layouts. A blank line is a number without prompt.

    Raises :class:`SetupError` naming the file (and line or number) for what is not there or not in
    one of the layouts.
    """
    place = Path(path)
    if place.is_dir():
        found = _folder(place)
    elif place.suffix.lower() == ".json":
        found = _metadata(place)
    else:
        found = {n: line for n, line in enumerate(numbered_lines(place)) if line}
    if not found:
        raise SetupError(f"{place}: names no prompt")
    return found


def _folder(folder: Path) -> dict[int, str]:
    files = [file for file in sorted(folder.glob("*.txt")) if number_of(file.stem) is not None]
    return {int(file.stem): " ".join(numbered_lines(file)).strip() for file in files}


def _metadata(file: Path) -> dict[int, str]:
    entries = read_json(file)
    if not isinstance(entries, Pairs):
        raise SetupError(f'{file}: expected an object {{"0000": {{"prompt": ...}}, ...}}')
    found: dict[int, str] = {}
    for name, entry in entries:
        number = number_of(name)
        if number is None or number in found:
            what = "is not a number such as 0000" if number is None else "stands there twice"
            raise SetupError(f"{file}: {name!r} {what}")
        prompt = dict(entry).get("prompt") if isinstance(entry, Pairs) else None
        found[number] = prompt_text(file, repr(name), prompt)
    return found
