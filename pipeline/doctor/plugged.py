"""Kinds that other packages bring: whether each can be loaded, before a configuration names it."""

from collections.abc import Iterator

from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding, ok, warn
from pipeline.formats.writers import writer_of
from pipeline.generators.kinds import GENERATOR_KINDS
from pipeline.kinds import ANNOTATOR_KINDS
from pipeline.sources.kinds import SOURCE_KINDS
from prompts.load import brought_names, load_rubric
from schemas.options import SetupError
from schemas.plugins import EXPORTS, RUBRICS, Plugin, installed

KINDS = {kinds.group: kinds for kinds in (ANNOTATOR_KINDS, GENERATOR_KINDS, SOURCE_KINDS)}


def plugins(_: Asked) -> Iterator[Finding]:
    """Those of all doors, loaded in a process of their own."""
    if installed():
        yield from in_child(
            "plugins", __name__, "loaded", todo="uninstall the package that was added last"
        )


def loaded() -> Iterator[Finding]:
    """In a child: a line for each."""
    for plugin in installed():
        try:
            _load(plugin)
            yield ok(
                "plugins", f"{plugin.group.partition('.')[2]} {plugin.name}, of {plugin.owner}"
            )
        except SetupError as error:
            why, _, todo = str(error).rpartition("; ")
            yield warn("plugins", why, todo)


def _load(plugin: Plugin) -> None:
    if plugin.group == EXPORTS:
        writer_of(plugin.name)
    elif plugin.group == RUBRICS:
        for name in brought_names(plugin.name):
            load_rubric(name)
    else:
        KINDS[plugin.group].class_of(plugin.name)
