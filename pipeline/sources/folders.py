"""What lies below a folder or an address, in one order on every machine."""

import os
from collections.abc import Iterator

from pipeline.sources.base import ClipSource
from pipeline.sources.listing import Listing
from pipeline.sources.places import OutsideError, Places
from schemas.far import STORES
from schemas.options import SetupError
from schemas.store import Store

VIDEO_SUFFIXES = frozenset(
    (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ogv", ".gif")
)
SHOWN = 5  # names in a message
_STORES = ", ".join(f"{store}://" for store in STORES if store != "memory")


def is_video(name: str) -> bool:
    """Whether a file's name ends as those of clips do."""
    return os.path.splitext(name)[1].lower() in VIDEO_SUFFIXES


def names_below(root: str, depth: int | None = None) -> list[str]:
    """Every file below a folder or address, as names relative to it, sorted.

    Hidden folders (a leading dot) and what macOS puts beside a file (``._``) are left out; a file may
    begin with a dot, as a prompt may. Linked folders are followed, but not back to where they lie.
    ``depth`` is how many names deep to look on a local disk; None: all the way.

    Raises :class:`SetupError` for a folder that is not there or cannot be read, a name that is not
    UTF-8, and an address of no store.
    """
    if "://" in root:
        _check_store(root)
        return sorted(_names_in_store(root))
    if not os.path.isdir(root):
        raise SetupError(f"{root}: no such folder")
    try:
        names = sorted(_names(root, "", depth, frozenset()))
    except OSError as error:
        raise SetupError(f"{error.filename}: cannot be read: {error.strerror}") from error
    for name in names:
        _check_text(root, name)
    return names


def joined(root: str, name: str) -> str:
    """The path or address of a name below a root."""
    return f"{root.rstrip('/')}/{name}"


def open_listing(source: str, base: str, options: ClipSource) -> Listing:
    """A listing of clips below ``base``. Raises :class:`SetupError` for one that names no place."""
    try:
        return Listing(source, Places(base, options.roots, urls=options.urls), options)
    except OutsideError as error:
        raise SetupError(f"path or roots: {error}") from error


def left_out(what: str, names: list[str], of: int) -> str:
    """A sentence on clips that a source does not take: how many, and the first of them."""
    more = f"; and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} of {of} clips {what}: {'; '.join(names[:SHOWN])}{more}"


def _names(folder: str, prefix: str, depth: int | None, above: frozenset[str]) -> Iterator[str]:
    above |= {os.path.realpath(folder)}
    with os.scandir(folder) as entries:
        for entry in entries:
            if _is_hidden(entry.name, entry.is_dir()):
                continue
            if not entry.is_dir():
                yield prefix + entry.name
            elif depth is None or depth > 1:
                if entry.is_symlink() and os.path.realpath(entry.path) in above:
                    continue  # a link to a folder that this one lies in
                deeper = None if depth is None else depth - 1
                yield from _names(entry.path, f"{prefix}{entry.name}/", deeper, above)


def _names_in_store(root: str) -> Iterator[str]:
    try:
        for name in Store(root).names():
            *folders, file = name.split("/")
            if not any(_is_hidden(folder, True) for folder in folders) and not _is_hidden(file):
                yield name
    except OSError as error:
        raise SetupError(str(error)) from error


def _check_store(root: str) -> None:
    # fsspec would take :: for a chain of addresses, of which the last could be anywhere
    if root.partition("://")[0] not in STORES or "::" in root:
        raise SetupError(
            f"{root}: files are listed on this machine (a plain path) or in a store ({_STORES}); fetch "
            "the clips and name their folder"
        )


def _is_hidden(name: str, is_folder: bool = False) -> bool:
    return name.startswith("." if is_folder else "._")


def _check_text(root: str, name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise SetupError(
            f"{root}: the name {name!a} is not UTF-8; rename the file or folder"
        ) from error
