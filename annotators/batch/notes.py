"""Why a question has no reply: what a batch run leaves behind for the annotators that read after it."""

import dataclasses
import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from annotators.batch.state import sync
from schemas import Reason

FILE = "notes.jsonl"
EVERY_OTHER = "*"  # stands for the key of every question that has neither reply nor note
FINAL = frozenset({Reason.REJECTED, Reason.CONTENT_FILTER})  # the same request would fail again


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Why the request of a key has no reply, and what it may have cost (None: unknown)."""

    key: str
    reason: Reason
    message: str
    cost_usd: float | None = 0.0


class Notes:
    """Notes of one run and of the runs it goes on from. A run that came to its end is forgotten by
    the next one, which asks again for whatever has no reply."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        lines, _ = _read(self._path)
        self._notes = {line["key"]: _note(line) for line in lines if "key" in line}
        self._now: set[str] = set()  # noted by this process

    @classmethod
    def begin(cls, folder: Path) -> "Notes":
        """For a run that is about to ask."""
        lines, size = _read(folder / FILE)
        over = any("complete" in line for line in lines)
        if (folder / FILE).exists():
            with open(folder / FILE, "r+b") as file:  # a line cut by a kill must not join the next
                file.truncate(0 if over else size)
        notes = cls(folder)
        notes._notes.pop(EVERY_OTHER, None)
        return notes

    def of(self, key: str) -> Note | None:
        """The note of a key."""
        return self._notes.get(key) or self._notes.get(EVERY_OTHER)

    def is_final(self, key: str) -> bool:
        """Whether asking again would be of no use, in this run."""
        note = self._notes.get(key)
        return key in self._now or (note is not None and note.reason in FINAL)

    def add(self, notes: Sequence[Note]) -> None:
        """On disk when this returns."""
        self._notes.update({note.key: note for note in notes})
        self._now.update(note.key for note in notes)
        self._append(dataclasses.asdict(note) for note in notes)

    def complete(self) -> None:
        """The run came to its end."""
        self._append([{"complete": True}])

    def _append(self, lines: Iterable[dict[str, Any]]) -> None:
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if text:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                sync(file.fileno())


def _read(path: Path) -> tuple[list[dict[str, Any]], int]:
    """The whole lines, and how many bytes they are."""
    if not os.path.exists(path):
        return [], 0
    data = path.read_bytes()
    size = data.rfind(b"\n") + 1
    return [json.loads(line) for line in data[:size].splitlines()], size


def _note(line: dict[str, Any]) -> Note:
    return Note(**line | {"reason": Reason(line["reason"])})
