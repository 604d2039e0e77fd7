"""What a Parquet file is like where it lies, told by a small file beside it.

A working copy holds the frames table without the bytes of its pictures. What the card, the checksums and
the Croissant description say of a file is true of the one that others get.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

BESIDE = ".whole.json"  # added to the name of the file


def sha256_of(file: Path) -> str:
    """SHA-256 of the bytes."""
    if said := _said(file):
        return str(said["sha256"])
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def n_bytes_of(file: Path) -> int:
    """How many there are."""
    return int(said["n_bytes"]) if (said := _said(file)) else file.stat().st_size


def encoded_bytes_of(file: Path) -> int:
    """Of all columns, before compression."""
    if said := _said(file):
        return int(said["encoded_bytes"])
    footer = pq.read_metadata(file)
    return sum(footer.row_group(n).total_byte_size for n in range(footer.num_row_groups))


def told(file: Path) -> bytes:
    """What goes beside the file where only a part of it will lie."""
    said = {"sha256": sha256_of(file), "n_bytes": n_bytes_of(file)}
    return json.dumps({**said, "encoded_bytes": encoded_bytes_of(file)}).encode()


def _said(file: Path) -> dict[str, Any] | None:
    beside = file.with_name(file.name + BESIDE)
    return json.loads(beside.read_text()) if beside.is_file() else None
