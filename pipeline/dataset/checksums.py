"""``checksums.sha256`` of a finished folder: ``sha256sum -c checksums.sha256`` checks a copy of it.

Listed are the tables, the clips that ``videos`` names in the folder, and the files that describe them. The
card is not: who receives the data may edit it. Neither is what only the run itself needs (work, journal,
status, the store of frames, which the table ``frames`` carries), nor ``run.json``, which is written when
everything else stands, nor report and model, which are no part of the dataset.
"""

import hashlib
import os
import re
import uuid
from pathlib import Path

from pipeline.dataset import elsewhere
from pipeline.report.tables import NAMES, read_table, table_files
from schemas.layout import Layout
from schemas.options import SetupError

CHECKSUMS = "checksums.sha256"
FILES = (
    "audit.json",
    "audit_details.json",
    "croissant.json",
    "judges.json",
    "media/metadata.parquet",
    "withdrawn.json",
)
_BLOB = re.compile(
    r"media/[0-9a-f]{2}/([0-9a-f]{64})\.\w+\Z"
)  # a stored clip is named by its content
_LINE = re.compile(r"(\\?)([0-9a-f]{64}) [ *](.+)\Z")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}


def write_checksums(root: Path) -> Path:
    """Write ``root/checksums.sha256``, sorted by path; its path.

    A clip of the store is listed with the digest in its name, which was taken of its bytes when it was
    put there: two hundred gigabytes are not read again. :func:`verify` does read them.
    """
    path, temporary = root / CHECKSUMS, root / f".tmp-{uuid.uuid4().hex}"
    try:
        with open(temporary, "w", encoding="utf-8", newline="\n") as file:
            for name in published_files(root):
                file.write(_line(_digest(root, name), name))
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def published_files(root: Path) -> list[str]:
    """Paths below ``root`` of every file that is listed, sorted; a clip also where its file is gone."""
    layout = Layout(root)
    tables = {
        file.relative_to(root).as_posix() for name in NAMES for file in table_files(layout, name)
    }
    uris = read_table(layout, "videos", columns=["uri"]).column("uri").unique().to_pylist()
    clips = {uri for uri in uris if uri.startswith("media/")}
    return sorted([*(name for name in FILES if (root / name).is_file()), *tables, *clips])


def verify(root: Path) -> list[str]:
    """What differs from the checksums, one sentence per file: gone, changed, or not listed.

    Every listed file is read. Raises :class:`SetupError` where there is no readable list.
    """
    listed = _listed(root)
    wrong = []
    for name, digest in listed.items():
        path = root / name
        if not path.is_file():
            wrong.append(f"{name}: gone")
        elif sha256_of(path) != digest:
            wrong.append(f"{name}: changed")
    unknown = [name for name in published_files(root) if name not in listed]
    return sorted([*wrong, *(f"{name}: not listed in {CHECKSUMS}" for name in unknown)])


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, read in parts."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest(root: Path, name: str) -> str:
    if found := _BLOB.fullmatch(name):
        return found[1]
    return (
        elsewhere.sha256_of(root / name) if name.startswith("tables/") else sha256_of(root / name)
    )


def _line(digest: str, name: str) -> str:
    """A line as GNU coreutils write it: a name with a line break is escaped, and marked so."""
    escaped = "".join(_ESCAPES.get(character, character) for character in name)
    return f"{'' if escaped == name else chr(92)}{digest}  {escaped}\n"


def _listed(root: Path) -> dict[str, str]:
    path = root / CHECKSUMS
    if not path.is_file():
        raise SetupError(f"{path}: not there, so nothing can be verified; finish the run first")
    found = {}
    for number, line in enumerate(path.read_text("utf-8").split("\n")[:-1], 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise SetupError(f"{path}: line {number}: not a line of sha256sum")
        found[_plain(match[3]) if match[1] else match[3]] = match[2]
    return found


def _plain(escaped: str) -> str:
    return re.sub(
        r"\\(.)", lambda m: {"n": "\n", "r": "\r"}.get(m[1], m[1]), escaped, flags=re.DOTALL
    )
