"""Every format that can be written. A further one is a module of this room and a line here, or
another package's."""

from pipeline.formats import (
    genai_bench_write,
    hpdv2,
    hpdv3,
    imagereward,
    pickapic,
    t2vqa_write,
    trl,
    ultrafeedback,
    unifiedreward,
    vbench_write,
    videoalign_write,
    videodpo,
    videofeedback_write,
    videoscore,
)
from pipeline.formats.writing import Writer
from schemas.options import SetupError
from schemas.plugins import EXPORTS, Plugin, find_other, listed, of

_ALL: tuple[Writer, ...] = (
    videoalign_write.VIDEOALIGN,
    videoalign_write.REWARDBENCH,
    videodpo.WRITER,
    unifiedreward.WRITER,
    vbench_write.WRITER,
    t2vqa_write.WRITER,
    genai_bench_write.WRITER,
    videofeedback_write.WRITER,
    videoscore.WRITER,
    hpdv2.WRITER,
    hpdv3.WRITER,
    imagereward.WRITER,
    pickapic.WRITER,
    trl.WRITER_PREFERENCE,
    trl.WRITER_UNPAIRED,
    ultrafeedback.WRITER,
)

WRITERS: dict[str, Writer] = {writer.name: writer for writer in _ALL}


def writer_of(name: str) -> Writer:
    """The writer of a format. Raises :class:`SetupError` for a name that nobody writes."""
    plugin = find_other(EXPORTS, name, WRITERS)
    if name in WRITERS:
        return WRITERS[name]
    if plugin is None:
        raise SetupError(f"--format {name}: no such format; there are: {listed(EXPORTS, WRITERS)}")
    return _brought(plugin)


def brought() -> dict[Plugin, Writer | SetupError]:
    """Every plugin that has a format, with its writer, or with what is wrong with it."""
    return {plugin: _or_why_not(plugin) for plugin in of(EXPORTS)}


def _or_why_not(plugin: Plugin) -> Writer | SetupError:
    try:
        return writer_of(plugin.name)
    except SetupError as error:
        return error


def _brought(plugin: Plugin) -> Writer:
    found = plugin.load()
    if not isinstance(found, Writer):
        raise plugin.refused(f"is a {type(found).__name__}, not a pipeline.formats.writing.Writer")
    if found.name != plugin.name:
        raise plugin.refused(f"is the writer of {found.name!r}; give both the same name")
    return found
