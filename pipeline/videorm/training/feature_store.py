"""What frozen towers made of clips and prompts, on disk: shards of safetensors, found by content.

Each shard carries the keys of its rows, so there is no index that could fall behind: what was killed goes
on from its last shard, and two processes may fill one folder, at worst both with the same rows.
"""

import dataclasses
import json
import logging
import os
import time
import uuid
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

SHARD_BYTES = 64 * 2**20
SHARD_SECONDS = 30.0  # of work that a kill may cost, where encoding is slow
CHECKED_BYTES = 2 * 2**30  # so much of a folder is read through when opened, to find damage inside

_log = logging.getLogger(__name__)
Place = tuple[Path, int]  # shard, row


def places(folder: Path) -> dict[str, Place]:
    """Where each key's row lies. A damaged shard is told, deleted and left out: it is made anew."""
    shards = sorted(folder.glob("*.safetensors"))
    found: dict[str, Place] = {}
    seen = 0  # bytes
    for path in shards:
        try:
            seen += path.stat().st_size
            keys = _keys(path, check=seen <= CHECKED_BYTES)
        except FileNotFoundError:  # another process found it damaged and deleted it
            continue
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("%s is damaged (%s): deleted, and encoded again when needed", path, error)
            path.unlink(missing_ok=True)
            continue
        found |= {key: (path, row) for row, key in enumerate(keys)}
    return found


def _keys(path: Path, check: bool) -> list[str]:
    """The keys of a shard's rows. ValueError where they do not fit what it holds."""
    with safe_open(path, framework="pt") as shard:
        told = shard.metadata()
        keys: list[str] = json.loads(told["keys"])
        rows = {int(shard.get_slice(name).get_shape()[0]) for name in ("values", "valid")}
        if rows != {len(keys)}:
            raise ValueError(f"{len(keys)} keys for {rows} rows")
        if check and int(told["crc32"]) != _crc32(shard.get_tensor("values")):
            raise ValueError("its checksum is another")
    return keys


def _crc32(values: Tensor) -> int:
    return zlib.crc32(values.contiguous().view(-1).view(torch.uint8).numpy())


class ShardWriter:
    """Gathers rows and writes a shard when there are enough of them, and what is left at the end.

    A context: what was gathered is written also when an error ends the work.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self._since = folder, time.monotonic()
        self._keys: list[str] = []
        self._values: list[Tensor] = []
        self._valid: list[Tensor] = []
        text = json.dumps(about, indent=1, sort_keys=True)  # for people: it is never read
        self._place("about.json", lambda part: part.write_text(text))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.flush()

    def add(self, keys: Sequence[str], values: Tensor, valid: Tensor) -> None:
        """Rows ``values`` (n, ...) on the CPU with ``valid`` (n, T) bool, T = 0 for what has none."""
        self._keys += keys
        self._values.append(values)
        self._valid.append(valid)
        size = sum(part.numel() * part.element_size() for part in self._values)
        if size >= SHARD_BYTES or time.monotonic() - self._since >= SHARD_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what was gathered, under a name of its own; it appears whole or not at all."""
        if self._keys:
            values, valid = torch.cat(self._values), torch.cat(self._valid)
            told = {"keys": json.dumps(self._keys), "crc32": str(_crc32(values))}
            tensors = {"values": values, "valid": valid}
            name = f"{uuid.uuid4().hex}.safetensors"
            self._place(name, lambda part: save_file(tensors, part, metadata=told))
        self._keys, self._values, self._valid = [], [], []
        self._since = time.monotonic()

    def _place(self, name: str, write: Callable[[Path], object]) -> None:
        part = self.folder / f"{uuid.uuid4().hex}.part"
        try:
            write(part)
            os.replace(part, self.folder / name)
        finally:
            part.unlink(missing_ok=True)


class Shelf:
    """A folder of shards to read from. They are memory-mapped: only what is asked for is read, and
    processes share it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._places = places(folder)
        self._open: dict[Path, tuple[Tensor, Tensor]] = {}

    def read(self, keys: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Rows (n, ...) as they were stored, and (n, T) bool. KeyError for what is not there."""
        rows = [self._row(key) for key in keys]
        return torch.stack([values for values, _ in rows]), torch.stack(
            [valid for _, valid in rows]
        )

    def _row(self, key: str) -> tuple[Tensor, Tensor]:
        path, row = self._places[key]
        if path not in self._open:
            with safe_open(path, framework="pt") as shard:
                self._open[path] = shard.get_tensor("values"), shard.get_tensor("valid")
        values, valid = self._open[path]
        return values[row], valid[row]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncodedClips:
    """Clips that have come to ``depth`` of a trunk, read from the shards of a folder.

    It carries paths, not arrays, so it travels to other processes cheaply; each opens the shards
    for itself when it first reads.
    """

    video_ids: tuple[str, ...]
    keys: tuple[str, ...]
    depth: int
    folder: Path

    def read(self, rows: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Tokens (B, T, L, W) or embeddings (B, T, D) in the type they were stored in, which the
        model widens to its own, and which frames are there (B, T) bool.

        KeyError names a clip that was not encoded, or whose shard has been damaged since.
        """
        keys = [self.keys[row] for row in rows]
        try:
            return self._shelf().read(keys)
        except KeyError as error:
            row = keys.index(error.args[0])
            raise KeyError(
                f"no features of clip {self.video_ids[rows[row]]} in {self.folder}: encode it first "
                "(training anew does)"
            ) from None

    def _shelf(self) -> Shelf:
        if "_opened" not in self.__dict__:
            self.__dict__["_opened"] = Shelf(self.folder)
        opened: Shelf = self.__dict__["_opened"]
        return opened

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_opened"}
