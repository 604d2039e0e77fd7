"""Where a clip may lie: inside the folders and addresses that a source declares, and nowhere else."""

import os
import posixpath
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

STORES = ("gs", "gcs", "s3", "hf", "memory")  # addresses that the store opens
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")  # two letters at least: C: is a drive


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
        # (as compared, as shown)
        self._roots = [self._whole(root) for root in (".", *roots)]

    def find(self, value: str) -> str:
        """The real path (links and ``..`` resolved) or the normal address of what ``value`` names.

        Raises :class:`OutsideError` for anything outside the declared places.
        """
        scheme = _SCHEME.match(value)
        if scheme and scheme[1].lower() == "https":
            if not self._urls:
                raise OutsideError(
                    f"{value!r} is an address on the net; set urls: true on the source to have clips "
                    "fetched over https, or fetch them and name local paths"
                )
            return value
        place = self._whole(value)
        if not any(_inside(place, root) for root in self._roots):
            allowed = ", ".join(self._roots)
            raise OutsideError(
                f"{place} lies outside {allowed}; move the clip or add its folder "
                "to the source's roots:"
            )
        return place

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
    return "://" in place


def _normal(address: str) -> str:
    """The address without ``.`` and ``..``, which a store would take for names of folders."""
    scheme, _, rest = address.partition("://")
    if not rest.strip("/") or "\0" in rest:
        raise OutsideError(f"{address!r} names no place in a store")
    path = posixpath.normpath("/" + rest).lstrip("/")
    return f"{scheme.lower()}://{path}"


def _local(value: str) -> str:
    address = urlsplit(value)
    if address.scheme != "file" or address.netloc not in ("", "localhost"):
        raise OutsideError(
            f"{value!r} is not on this machine, nor in a store ({', '.join(s + '://' for s in STORES[:4])}); "
            "fetch the clips and name local paths (or file:/// addresses)"
        )
    return unquote(address.path)


def _inside(place: str, root: str) -> bool:
    return place == root or place.startswith(root.rstrip("/") + "/")
