"""What of a run another package brought: for the run's record, and for what its rows follow from."""

from collections.abc import Iterator

from pipeline.config import Config
from schemas.options import Options
from schemas.plugins import ANNOTATORS, GENERATORS, RUBRICS, SOURCES, Plugin, find, plugin_of


def plugins_in(config: Config) -> list[Plugin]:
    """The plugins that a configuration names, each once, in the order of groups and names."""
    pool = config.generators.pool if config.generators else []
    doors = ((ANNOTATORS, config.annotators), (GENERATORS, pool), (SOURCES, config.sources))
    blocks = [plugin_of(group, block) for group, own in doors for block in own]
    found = {plugin for plugin in (*blocks, *_rubrics(config)) if plugin is not None}
    return sorted(found, key=lambda plugin: (plugin.group, plugin.name))


def _rubrics(config: Config) -> Iterator[Plugin | None]:
    for name in config.rubrics:
        if not name.endswith((".yaml", ".yml")):
            yield find(RUBRICS, name.partition("/")[0])


def version_in(group: str, block: Options) -> dict[str, str]:
    """What a plugin's block adds to the fingerprint of what it makes: a newer version may say otherwise.
    Nothing for this project's own kinds, which carry a number of their own where scores could change."""
    plugin = plugin_of(group, block)
    return {} if plugin is None else {"plugin": plugin.owner}
