"""Every kind of human data that can be read, and which of them a file is."""

from pathlib import Path

from pipeline.formats.people import Reader

READERS: dict[str, Reader] = {}


def reader_of(path: str | Path, kind: str | None = None) -> Reader:
    """The reader of a file: that of its kind, or the only one that its content fits."""
    raise NotImplementedError
