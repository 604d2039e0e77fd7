"""Where a clip may lie: inside the folders and addresses that a source declares, and nowhere else."""

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.media.fetching.target import Target, is_address
from schemas.far import STORES

_SHOWN = ", ".join(f"{store}://" for store in STORES if store != "memory")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?!\s)")  # C: is a drive, "cat: 1.mp4" a file


class OutsideError(ValueError):
    """The place is not one that the source may read from; the message says why and what to do."""


class Places:
    """The folders and addresses a source may read clips from.

    Args:
        base: the source's own folder, or the address of a folder; relative names start there.
        roots: further ones, as written in the configuration; relative ones start at ``base``.
        urls: whether ``https://`` addresses are allowed, too.
    """

    def __init__(self, base: str | Path, roots: Sequence[str] = (), *, urls: bool = False) -> None:
        self._base, self._urls = str(base), urls
        self._roots = [self._whole(root) for root in (".", *roots)]

    def find(self, value: str) -> str:
        """The real path (links and ``..`` resolved) or the normal address of what ``value`` names.

        Raises :class:`OutsideError` for anything outside the declared places.
        """
        scheme = _SCHEME.match(value)
        if scheme and scheme[1].lower() == "https":
            return self._on_the_net(value)
        place = self._whole(value)
        if not any(_inside(place, root) for root in self._roots):
            allowed = ", ".join(self._roots)
            raise OutsideError(
                f"{place} lies outside {allowed}; move the clip or add its folder "
                "to the source's roots:"
            )
        return place

    def _on_the_net(self, value: str) -> str:
        if not self._urls:
            raise OutsideError(
                f"{value!r} is an address on the net; set urls: true on the source to have clips "
                "fetched over https, or fetch them and name local paths"
            )
        address = value[:5].lower() + value[5:]
        try:
            Target(address)
        except ValueError as error:
            raise OutsideError(f"{value!r} cannot be fetched: {error}") from error
        return address

    def _whole(self, value: str) -> str:
        scheme = _SCHEME.match(value)
        if scheme and scheme[1].lower() in STORES:
            return _normal(value)
        if scheme:
            value = _local(value)
        elif _SCHEME.match(self._base) and not os.path.isabs(value):
            return _normal(f"{self._base.rstrip('/')}/{value}")
        try:
            return os.path.realpath(Path(self._base) / value)
        except (OSError, ValueError) as error:  # a null byte, a name that is too long
            raise OutsideError(f"{value!r} is not a path: {error}") from error


def is_remote(place: str) -> bool:
    """Whether a place that :meth:`Places.find` gave is an address."""
    return is_address(place)


def _normal(address: str) -> str:
    """The address without ``.`` and ``..``, which a store would take for names of folders."""
    scheme, _, rest = address.partition("://")
    if not rest.strip("/") or re.search(r"[\x00-\x1f\x7f]", rest):
        raise OutsideError(f"{address!r} names no place in a store")
    if "::" in rest:
        raise OutsideError(f"{address!r} holds '::', which stores take for a chain of addresses")
    path = posixpath.normpath("/" + rest).lstrip("/")
    return f"{scheme.lower()}://{path}"


def _local(value: str) -> str:
    try:
        address = urlsplit(value)
        path = unquote(address.path, errors="strict")
    except ValueError as error:
        raise OutsideError(f"{value!r} is not a file:/// address: {error}") from error
    if address.scheme != "file" or address.netloc not in ("", "localhost"):
        raise OutsideError(
            f"{value!r} is not on this machine, nor in a store ({_SHOWN}); fetch the clips and name "
            "local paths (or file:/// addresses); where it is a file's name, write ./ before it"
        )
    if address.query or address.fragment or not address.path.startswith("/"):
        raise OutsideError(
            f"{value!r} is not a file:/// address; write %3F for '?' and %23 for '#', or the path "
            "itself"
        )
    return path


def _inside(place: str, root: str) -> bool:
    return place == root or place.startswith(root.rstrip("/") + "/")
