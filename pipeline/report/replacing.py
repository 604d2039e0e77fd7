"""Where pages may be written: nothing but older pages of the same kind is ever replaced."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from schemas.options import SetupError

FOLDERS = frozenset({"assets", "data", "media", "frames", "previews"})  # of pages


def check_replaceable(target: Path, page: str, what: str) -> None:
    """Raise :class:`SetupError` where ``target`` is a file, or a folder that holds anything but such pages.

    All that stands there is replaced. Pages are told by ``page`` and the script that names all pages
    beside it: a folder that is called ``data`` says nothing.
    """
    if target.exists() and not target.is_dir():
        raise SetupError(f"--output {target}: is a file; name a folder")
    found = sorted(target.iterdir()) if target.is_dir() else []
    other = [path.name for path in found if path.name not in FOLDERS and path.suffix != ".html"]
    own = (target / page).is_file() and (target / "data" / "pages.js").is_file()
    if other or (found and not own):
        said = f"holds {other[0]}, which is no part of {what}" if other else f"is not {what}"
        raise SetupError(f"--output {target}: {said}; it would be replaced: name a new folder")


@contextlib.contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target`` that takes its place at the end.

    What was there before stays where the block fails or is interrupted.
    """
    fresh = being_made(target)
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        exchange(fresh, target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def being_made(target: Path) -> Path:
    """The folder in which the pages of ``target`` are made."""
    return target.with_name(f".{target.name}-new")


def exchange(fresh: Path, target: Path) -> None:
    """Put ``fresh`` where ``target`` is, which stands until then and is deleted afterwards."""
    former = target.with_name(f".{target.name}-old")
    shutil.rmtree(former, ignore_errors=True)
    if target.exists():
        target.rename(former)
    try:
        fresh.rename(target)
    except BaseException:
        if former.exists():
            former.rename(target)
        raise
    shutil.rmtree(former, ignore_errors=True)
