"""Where pages may be written: nothing but older pages of the same kind is ever replaced."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from schemas.options import SetupError


def default_output(old: Path, new: Path) -> Path:
    """``./compare-OLD-NEW``, of the names of the two folders."""
    names = [re.sub(r"[^\w.-]+", "-", path.resolve().name) or "run" for path in (old, new)]
    return Path(f"compare-{'-'.join(names)}")


def check_replaceable(target: Path, page: str, what: str) -> None:
    """Raise :class:`SetupError` where ``target`` holds anything but such pages.

    Pages are told by ``page`` and the script that names all pages beside it: a folder that is called
    ``data`` says nothing.
    """
    if target.is_file():
        raise SetupError(f"--output {target}: is a file; name a folder")
    if not target.is_dir() or not any(target.iterdir()):
        return
    if not ((target / page).is_file() and (target / "data" / "pages.js").is_file()):
        raise SetupError(
            f"--output {target}: holds files that are not {what}, and would be replaced; name a folder "
            "that is not there"
        )


@contextlib.contextmanager
def replaced(target: Path) -> Iterator[Path]:
    """An empty folder beside ``target`` that takes its place at the end.

    What was there before stays where the block fails or is interrupted.
    """
    fresh, former = (target.with_name(f".{target.name}-{word}") for word in ("new", "old"))
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        yield fresh
        _exchange(fresh, target, former)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _exchange(fresh: Path, target: Path, former: Path) -> None:
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
