"""Which folder is a run's: a local one, or the working copy of an address."""

import os
import shutil
from pathlib import Path

from pipeline.state import home_of
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.options import SetupError

ENOUGH_BYTES = 100 << 20  # free on the disk, to begin at all
HOMES = ("gs", "gcs", "s3", "memory")  # stores in which a write is whole or not there at all


def layout_of(output: Path | str, working_copy: Path | None = None) -> Layout:
    """The folder of a run; ``working_copy``: where that of an address lies, None: in the user's cache.

    Raises :class:`SetupError` where it cannot be one.
    """
    if "://" in str(output):
        home = _address(str(output))
        root = _local(working_copy or _cached(home), "--working-copy")
        _refuse_another(root, home)
        return Layout(root, home)
    if ":/" in str(output):  # a Path has lost a slash
        raise SetupError(f"--output {output}: this command writes to local folders only")
    if working_copy is not None:
        raise SetupError("--working-copy is for an --output in an object store; leave it out")
    root = _local(Path(output), "--output")
    if (of := home_of(root)) is not None:
        raise SetupError(
            f"--output {output}: it is the working copy of {of}; give that address as --output to go on "
            "with its run"
        )
    return Layout(root)


def _address(output: str) -> str:
    scheme, _, rest = output.partition("://")
    if scheme not in HOMES or not rest.strip("/"):
        raise SetupError(
            f"--output {output}: neither a local folder nor gs://BUCKET/FOLDER or s3://BUCKET/FOLDER"
        )
    return output.rstrip("/")


def _cached(home: str) -> Path:
    """A folder of this user's for an address: the same for every command on it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return (
        cache
        / "videoprefer"
        / "runs"
        / f"{home.rsplit('/', 1)[-1]}-{sha256_hex(home.encode())[:8]}"
    )


def _local(output: Path, option: str) -> Path:
    root = output.expanduser().resolve()
    existing = next(p for p in (root, *root.parents) if p.exists())
    if not existing.is_dir():
        raise SetupError(f"{option} {output}: {existing} is a file")
    if shutil.disk_usage(existing).free < ENOUGH_BYTES:
        raise SetupError(f"{option} {output}: less than 100 MiB are free on that disk")
    return root


def _refuse_another(root: Path, home: str) -> None:
    held = home_of(root)
    if held not in (None, home) or (held is None and root.is_dir() and any(root.iterdir())):
        what = f"the working copy of {held}" if held else "not empty, and no working copy of a run"
        raise SetupError(f"{root} is {what}; choose another --working-copy")
