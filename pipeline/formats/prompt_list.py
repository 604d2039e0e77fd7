"""Lists of prompts as suites publish them: text lines, tables, JSON lists; and maps of file names.

``*.txt`` holds a prompt a line. ``*.json`` holds a list of texts, or of objects with the text under
``prompt_en`` (as ``VBench_full_info.json`` of Vchitect/VBench has it, beside ``dimension``, a list) or
under the column asked for. Tables (CSV, TSV, JSON Lines, Parquet) have a column for it.
"""

import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.formats.cells import optional_text, text
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import Row, local_file, read_bytes, read_rows

VBENCH_TEXT = "prompt_en"
DIMENSION = "dimension"
KEYS = ("prompt_id", "file")  # columns that a table used as a map may have


class Pairs(list[tuple[str, Any]]):
    """A JSON object as it stands in the file, with names that come twice."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrompt:
    """One entry of a list. ``number`` is its line, row or place in the list, from 1."""

    number: int
    text: str
    prompt_id: str | None = None
    split: str | None = None
    licence: str | None = None
    source: str | None = None
    dimensions: tuple[str, ...] = ()


def read_prompt_list(path: str | Path, column: str = "prompt") -> Iterator[ListedPrompt]:
    """The entries of a list in their order, one at a time. Blank lines of a text file are skipped.

    Raises :class:`SetupError` naming file and entry for an absent or unreadable file, and for an
    entry without a text.
    """
    file = place_of(path)
    suffix = file.suffix.lower()
    if suffix == ".txt":
        lines = enumerate(numbered_lines(file), start=1)
        return (ListedPrompt(number=n, text=line) for n, line in lines if line)
    if suffix == ".json":
        return _entries(file, column)
    return (_listed(file, number, row, column) for number, row in read_rows(file, (column,)))


def read_prompt_map(path: str | Path) -> dict[str, str]:
    """Prompts by the name of their file, or by id: a JSON object, or a table.

    The object is ``{file name: prompt}``, which VBench takes for one's own clips; the table has a
    column ``prompt`` and one of :data:`KEYS`. Raises :class:`SetupError` naming file and entry for a
    blank prompt and for a name with two prompts.
    """
    file = place_of(path)
    pairs = _object(file) if file.suffix.lower() == ".json" else _table(file)
    found: dict[str, str] = {}
    for where, name, prompt in pairs:
        known = found.setdefault(name, prompt)
        if known.split() != prompt.split():
            raise SetupError(f"{file}: {where}: {name!r} has two prompts; keep one")
    if not found:
        raise SetupError(f"{file}: names no prompt")
    return found


def is_map(path: str | Path) -> bool:
    """Whether a file is a JSON object, which maps names to prompts, and not a list."""
    return Path(path).suffix.lower() == ".json" and isinstance(read_json(Path(path)), Pairs)


def numbered_lines(file: Path) -> list[str]:
    """The lines of a text file, ends trimmed. Raises :class:`SetupError` if it is no UTF-8 text."""
    return [line.strip() for line in _content(file).split("\n")]


def read_json(file: Path) -> Any:
    """What a JSON file holds, its objects as :class:`Pairs`. Raises :class:`SetupError`."""
    try:
        return json.loads(_content(file), object_pairs_hook=Pairs)
    except (ValueError, RecursionError) as error:
        raise SetupError(f"{file}: not JSON: {error}") from error


def prompt_text(file: Path, where: str, value: Any) -> str:
    """A prompt, ends trimmed. Raises :class:`SetupError` if it is no text, blank, or half a letter."""
    if not isinstance(value, str) or not value.strip():
        raise SetupError(f"{file}: {where}: expected a prompt, got {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise SetupError(
            f"{file}: {where}: holds half of a letter; write the file anew as UTF-8"
        ) from error
    return value.strip()


def _content(file: Path) -> str:
    local_file(file)
    try:
        return io.TextIOWrapper(io.BytesIO(read_bytes(file)), encoding="utf-8-sig").read()
    except UnicodeDecodeError as error:
        raise SetupError(f"{file}: not UTF-8 text ({error}); save it as UTF-8") from error


def _entries(file: Path, column: str) -> Iterator[ListedPrompt]:
    entries = read_json(file)
    if isinstance(entries, Pairs) or not isinstance(entries, list):
        raise SetupError(f"{file}: expected a JSON list of prompts")
    if not entries:
        raise SetupError(f"{file}: has no entries")
    for number, entry in enumerate(entries, start=1):
        if isinstance(entry, Pairs):
            row = dict(entry)
            name = column if column in row else VBENCH_TEXT
            if name not in row:
                raise SetupError(f"{file}: row {number} has neither {column!r} nor {VBENCH_TEXT!r}")
            yield _listed(file, number, row, name)
        else:
            yield ListedPrompt(number=number, text=prompt_text(file, f"row {number}", entry))


def _listed(file: Path, number: int, row: Row, column: str) -> ListedPrompt:
    others = ("prompt_id", "split", "licence", "source")
    return ListedPrompt(
        number=number,
        text=prompt_text(file, f"row {number}", row[column]),
        dimensions=_dimensions(file, number, row.get(DIMENSION)),
        **{name: optional_text(row, name) for name in others if name != column},
    )


def _dimensions(file: Path, number: int, value: Any) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else value or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise SetupError(
            f"{file}: row {number}, column {DIMENSION!r}: expected names, got {value!r}"
        )
    return tuple(names)


def _object(file: Path) -> Iterator[tuple[str, str, str]]:
    pairs = read_json(file)
    if not isinstance(pairs, Pairs):
        raise SetupError(f"{file}: expected a JSON object {{file name or prompt_id: prompt}}")
    for name, prompt in pairs:
        yield f"entry {name!r}", name, prompt_text(file, f"entry {name!r}", prompt)


def _table(file: Path) -> Iterator[tuple[str, str, str]]:
    for number, row in read_rows(file, ("prompt",)):
        keys = [key for key in KEYS if key in row]
        if len(keys) != 1:
            raise SetupError(
                f"{file}: needs a column {' or '.join(KEYS)} beside prompt, one of them"
            )
        where = f"row {number}"
        yield where, text(file, number, row, keys[0]), prompt_text(file, where, row["prompt"])
