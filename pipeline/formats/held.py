"""Holding written files to the rules of a format's loader, and counting what held.

Files are read here by code that shares nothing with what wrote them.
"""

import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from io import BytesIO
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import Any

from PIL import Image

from pipeline.formats.writing import ExportError, Row
from schemas.options import SetupError
from schemas.rows import read_rows

UTF8 = "text files are UTF-8 without a byte order mark, with plain line ends"
PICTURES = "pictures are there and decode"
PLACES = "paths are relative, without a leading slash and without .."
KEYS = "rows have the same keys"
CELLS = "cells are text, lists of text or turns of talk, as the format has them"
_THREADS = min(8, os.cpu_count() or 1)  # of decoding, for which Python's lock is let go
_WAITING = 256  # pictures that may be on their way at once
_SMALL = (64, 64)  # px; a JPEG decoded at an eighth of its size is read to its end all the same


Cell = Callable[[Any], bool]  # whether a value is what a column holds


def is_text(value: Any) -> bool:
    """Text that is not blank."""
    return isinstance(value, str) and bool(value.strip())


def are_texts(value: Any) -> bool:
    """A list of texts, at least one."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def are_turns(value: Any) -> bool:
    """A list of objects whose values are text."""
    return isinstance(value, list) and all(
        isinstance(turn, dict) and all(map(is_text, turn.values())) for turn in value
    )


class Held:
    """What was found right below a folder, by rule. The first thing wrong is an error.

    Pictures are decoded by some threads; one that is damaged may be told some rows later.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self._counts: Counter[str] = Counter()
        self._pool: ThreadPoolExecutor | None = None
        self._waiting: deque[tuple[Future[bool], str, str, str]] = deque()

    @property
    def counts(self) -> Counter[str]:
        """How many things each rule held for, once all pictures are decoded."""
        self._wait(0)
        return self._counts

    def that(self, good: bool, rule: str, at: str, field: str, got: object) -> None:
        """Count a rule that holds. Raises :class:`ExportError` naming file, row and field if not."""
        if not good:
            raise ExportError(f"{at}, {field}: {str(got)[:200]!r} breaks the rule that {rule}")
        self._counts[rule] += 1

    def rows(
        self,
        path: str,
        keys: Sequence[str] | None = None,
        cells: Mapping[str, Cell] = MappingProxyType({}),
    ) -> Iterator[tuple[str, Row]]:
        """The rows of a table with the place of each; ``keys`` are those that each must have.

        ``cells`` tell what some of them hold, so that what looks into them need not ask. Raises
        :class:`ExportError` for a table that cannot be read, a row of other keys, and another cell.
        """
        if not path.endswith(".parquet"):
            self._plain(path)
        for number, row in _rows(self._folder / path):
            at = f"{path}: row {number}"
            if keys is not None:
                self.that(sorted(row) == sorted(keys), KEYS, at, "keys", ", ".join(row))
            for name, good in cells.items():
                self.that(good(row[name]), CELLS, at, name, row[name])
            yield at, row

    def picture(self, at: str, field: str, path: Any) -> None:
        """A picture that a row names: it is there and decodes. Each is looked at once."""
        self.file(at, field, path)
        if path in self._seen:
            return
        self._seen.add(path)
        self._pool = self._pool or ThreadPoolExecutor(_THREADS)
        opened = self._pool.submit(_file_opens, self._folder / path)
        self._waiting.append((opened, at, field, path))
        self._wait(_WAITING)

    def _wait(self, most: int) -> None:
        """Until no more than ``most`` pictures are on their way."""
        try:
            while len(self._waiting) > most:
                opened, at, field, path = self._waiting.popleft()
                self.that(opened.result(), PICTURES, at, field, path)
        except ExportError:
            self._waiting.clear()
            raise

    def file(self, at: str, field: str, path: Any) -> None:
        """A file that a row names: a relative path, and something is there."""
        self.that(isinstance(path, str) and _is_below(path), PLACES, at, field, path)
        file = self._folder / path
        there = file.is_file() and file.stat().st_size > 0
        self.that(there, "files that rows name are there and not empty", at, field, path)

    def _plain(self, path: str) -> None:
        data = (self._folder / path).read_bytes() if (self._folder / path).is_file() else b""
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ExportError(f"{path}: is no UTF-8 text: {error}") from error
        plain = not data.startswith(b"\xef\xbb\xbf") and b"\r" not in data
        self.that(bool(data) and plain, UTF8, path, "text", data[:20])


def _rows(file: Path) -> Iterator[tuple[int, Row]]:
    try:
        yield from read_rows(file)
    except SetupError as error:
        raise ExportError(str(error)) from error


def _is_below(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(path) and not pure.is_absolute() and ".." not in pure.parts and "\\" not in path


def _file_opens(file: Path) -> bool:
    return opens(file.read_bytes())


def opens(data: bytes) -> bool:
    """Whether bytes decode as a picture, to their end."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.draft("RGB", _SMALL)
            image.load()
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for damaged files
        return False
    return True


def whole(value: Any) -> bool:
    """Whether a value of JSON is a whole number; true and false are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def rows_back(folder: Path, path: str) -> list[Row]:
    """Every row of a table as it stands in its file, in plain values."""
    return [row for _, row in _rows(folder / path)]


def write_json_list(file: Path, rows: Sequence[Row]) -> None:
    """A JSON list with one row a line, UTF-8."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


def write_json_lines(file: Path, rows: Sequence[Row]) -> None:
    """JSON Lines, UTF-8."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8", newline="\n") as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n")
