"""What a batch run must not forget: a folder per shard, on disk before the next step is taken.

A shard goes prepared -> uploaded -> created -> finished -> settling -> ingested. A process killed
anywhere finds in its folder what it had done, and takes the next step again: each can be repeated.
"""

import dataclasses
import json
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from annotators.base import unkept
from annotators.ledger import Amount
from schemas.ids import sha256_hex
from schemas.options import SetupError

INPUT, TICKETS, OUTPUT, ERRORS = "input.jsonl", "tickets.jsonl", "output.jsonl", "errors.jsonl"
_RECORD, _ABOUT = "shard.json", "about.json"


class Step(StrEnum):
    """How far a shard is; each step is on disk before the next one begins."""

    PREPARED = "prepared"  # its file is written, its worst case reserved
    UPLOADED = "uploaded"  # file_id is known
    CREATED = "created"  # batch_id is known: from here on it costs money
    FINISHED = "finished"  # status and result files are known
    SETTLING = "settling"  # every reply is in the journal; `used` is about to be booked
    INGESTED = "ingested"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One complaint of the server about a file; ``line`` counts from 1."""

    line: int | None
    code: str
    message: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """One file of requests and the batch that answers it."""

    number: int
    name: str  # SHA-256 by which file and batch are found on the server
    worst: Amount  # of all its requests together
    step: Step = Step.PREPARED
    file_id: str | None = None
    batch_id: str | None = None
    refused: tuple[str, ...] = ()  # batches of this file that were turned away unread
    status: str | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    completed: int | None = None  # replies that the server says there are
    faults: tuple[Fault, ...] = ()
    used: Amount | None = None

    def to(self, step: Step, **changes: Any) -> "Shard":
        """The shard one step further."""
        return dataclasses.replace(self, step=step, **changes)


class Shelf:
    """The shards of one annotator below a folder.

    Raises :class:`SetupError` for shards that lie with another server than ``url``.
    """

    def __init__(self, root: Path, url: str, keep: Callable[[], None] = unkept) -> None:
        self.root, self._keep = root, keep
        root.mkdir(parents=True, exist_ok=True)
        about = _read(root / _ABOUT) or {"url": url, "nonce": uuid.uuid4().hex}
        if about["url"] != url and self.outstanding():
            raise SetupError(
                f"{root}: batches that are paid for lie with {about['url']}, and base_url is now "
                f"{url}; set it back until they are read, or delete the folder to give them up"
            )
        write_json(root / _ABOUT, about | {"url": url})
        self._nonce = about["nonce"]

    def outstanding(self) -> list[Shard]:
        """Shards that are not ingested, oldest first. What was not written whole is removed."""
        found = []
        for folder in self._folders():
            record = _read(folder / _RECORD)
            if record is None:
                shutil.rmtree(folder)
            elif record["step"] != Step.INGESTED:
                found.append(_shard(record))
        return found

    def new(self) -> Path:
        """An empty folder for the next shard; nothing counts in it before :meth:`save`."""
        numbers = [int(folder.name) for folder in self._folders()]
        folder = self.root / f"{max(numbers, default=0) + 1:06d}"
        folder.mkdir()
        return folder

    def name(self, number: int, keys: Sequence[str]) -> str:
        """The name of a shard; no two are alike, those of other folders included."""
        return sha256_hex("\n".join([self._nonce, str(number), *keys]).encode())

    def folder(self, shard: Shard) -> Path:
        """Where the files of a shard lie."""
        return self.root / f"{shard.number:06d}"

    def save(self, shard: Shard) -> Shard:
        """Kept when this returns. Files that later steps do not need are removed after that."""
        folder = self.folder(shard)
        write_json(folder / _RECORD, dataclasses.asdict(shard))
        if shard.step is Step.INGESTED:
            for name in (INPUT, TICKETS, OUTPUT, ERRORS):
                (folder / name).unlink(missing_ok=True)
        elif shard.step is Step.CREATED:
            (folder / INPUT).unlink(missing_ok=True)  # the server has it, and it is large
        self._keep()
        return shard

    def drop(self, shard: Shard) -> None:
        """Forget a shard that was not sent."""
        shutil.rmtree(self.folder(shard))
        self._keep()

    def _folders(self) -> list[Path]:
        return sorted(path for path in self.root.iterdir() if path.name.isdigit())


def folder_of(work: Path, annotator_id: str) -> Path:
    """Where an annotator's batches and notes lie. Its id may hold anything, so it is hashed."""
    return work / "batch" / sha256_hex(annotator_id.encode())[:16]


def write_json(path: Path, content: Any) -> None:
    """A file that holds either its old content or all of the new one, whatever is killed when."""
    temporary = path.with_name(f".tmp-{path.name}")
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file)
        sync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync(descriptor: int) -> None:
    """Everything written so far survives a crash of the machine."""
    os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Names in a folder survive a crash of the machine."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync(descriptor)
    finally:
        os.close(descriptor)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise SetupError(
            f"{path}: not the record of a batch ({error}); restore it, or delete its folder to give "
            "up what was paid for there"
        ) from error


def _shard(record: dict[str, Any]) -> Shard:
    used = record["used"]
    return Shard(
        **record
        | {
            "step": Step(record["step"]),
            "worst": Amount(**record["worst"]),
            "used": None if used is None else Amount(**used),
            "refused": tuple(record["refused"]),
            "faults": tuple(Fault(**fault) for fault in record["faults"]),
        }
    )
