"""Every format that can be written. A further one is a module of this room and a line here."""

from pipeline.formats.writing import Writer

_ALL: tuple[Writer, ...] = ()

WRITERS: dict[str, Writer] = {writer.name: writer for writer in _ALL}
