"""Kinds that other packages bring: found by their entry points, imported when one is named.

A distribution declares them in its metadata, one group per door:

====================== ========================================== ==================================
group                  its name is                                its value is
====================== ========================================== ==================================
videoprefer.annotators the ``kind`` of a block of ``annotators:``  a subclass of ``AnnotatorSpec``
videoprefer.generators the ``kind`` of a block of ``pool:``        a subclass of ``GeneratorSpec``
videoprefer.sources    the ``kind`` of a block of ``sources:``     a subclass of ``SourceSpec``
videoprefer.exports    what ``export --format`` takes              a ``Writer``
videoprefer.rubrics    the family, ``my-lab`` of ``my-lab/x@1``    a package that holds ``x.v1.yaml``
====================== ========================================== ==================================

Inside the project a kind is a plain import in its room's list of kinds. Nothing is imported, and no
metadata is read, before a configuration or a command line names something.
"""

import dataclasses
import functools
import importlib.metadata
import sys
from collections.abc import Collection, Sequence
from typing import Any, get_args

from pydantic import BaseModel

from schemas.options import SetupError

ANNOTATORS = "videoprefer.annotators"
GENERATORS = "videoprefer.generators"
SOURCES = "videoprefer.sources"
EXPORTS = "videoprefer.exports"
RUBRICS = "videoprefer.rubrics"
GROUPS = (ANNOTATORS, GENERATORS, SOURCES, EXPORTS, RUBRICS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One entry point of an installed distribution."""

    group: str
    name: str  # the kind, the format or the family
    value: str  # module:attribute
    distribution: str
    version: str

    @property
    def owner(self) -> str:
        """Distribution and version, as pip writes them."""
        return f"{self.distribution}=={self.version}"

    @property
    def told(self) -> str:
        """The entry point, so that whoever reads it finds it."""
        return f"entry point {self.name} = {self.value} ({self.group}) of {self.owner}"

    def load(self) -> Any:
        """What it names. Raises :class:`SetupError` where that cannot be imported."""
        entry = importlib.metadata.EntryPoint(self.name, self.value, self.group)
        try:
            return entry.load()
        except (Exception, SystemExit) as error:  # foreign code: whatever it raises is its fault
            raise self.refused(f"cannot be loaded: {type(error).__name__}: {error}") from error

    def refused(self, why: str) -> SetupError:
        """An error that names the entry point, what is wrong with it, and what to do."""
        return SetupError(
            f"{self.told} {why}; mend that package, or take it out: "
            f"pip uninstall {self.distribution}"
        )

    def as_dict(self) -> dict[str, str]:
        """For records: what was used, and whose it is."""
        return {
            "group": self.group,
            "name": self.name,
            "distribution": self.distribution,
            "version": self.version,
        }


def find(group: str, name: str) -> Plugin | None:
    """The plugin of that name; None where there is none. It is not imported.

    Raises :class:`SetupError` where two distributions bring the name.
    """
    named = [plugin for plugin in of(group) if plugin.name == name]
    if len(named) > 1:
        raise named[1].refused(f"has the name of the {named[0].told}")
    return named[0] if named else None


def of(group: str) -> Sequence[Plugin]:
    """Those of a group, in the order of their names. Nothing of them is imported."""
    return [plugin for plugin in installed() if plugin.group == group]


def installed() -> Sequence[Plugin]:
    """Every plugin there is, of all groups, in the order of groups and names."""
    return _installed(tuple(sys.path))


@functools.lru_cache(maxsize=4)
def _installed(path: tuple[str, ...]) -> tuple[Plugin, ...]:
    """Reading the metadata of a few hundred distributions takes milliseconds, once."""
    found = [
        Plugin(
            group=entry.group,
            name=entry.name,
            value=entry.value,
            distribution=_told(entry, "name"),
            version=_told(entry, "version"),
        )
        for group in GROUPS
        for entry in importlib.metadata.entry_points(group=group)
    ]
    return tuple(sorted(found, key=dataclasses.astuple))


def _told(entry: importlib.metadata.EntryPoint, field: str) -> str:
    """Of the distribution's metadata, which somebody may have deleted or damaged."""
    try:
        return str(getattr(entry.dist, field, None) or "unknown")
    except (AttributeError, KeyError, TypeError):
        return "unknown"


def find_other(group: str, name: str, own: Collection[str]) -> Plugin | None:
    """As :func:`find`; a plugin that brings a name which is this project's ``own`` is refused."""
    plugin = find(group, name)
    if plugin is not None and name in own:
        raise plugin.refused(f"brings {name!r}, which videoprefer has itself")
    return plugin


def kind_of(plugin: Plugin, base: type[BaseModel], does: str) -> type[Any]:
    """The class of a kind, whose method ``does`` is its own.

    Raises :class:`SetupError` for what is no kind of that door.
    """
    found = plugin.load()
    if not (isinstance(found, type) and issubclass(found, base) and found is not base):
        raise plugin.refused(
            f"is {_shown(found)}, not a subclass of {base.__module__}.{base.__name__}"
        )
    field = found.model_fields["kind"]
    if get_args(field.annotation) != (plugin.name,) or field.default != plugin.name:
        raise plugin.refused(
            f"is a class whose kind is not its name; write `kind: Literal[{plugin.name!r}] = "
            f"{plugin.name!r}` in {found.__name__}"
        )
    if getattr(found, does) is getattr(base, does):
        raise plugin.refused(
            f"is a class without a method {does!r} of its own; write {found.__name__}.{does}"
        )
    return found


def _shown(found: Any) -> str:
    return (
        f"the class {found.__qualname__}"
        if isinstance(found, type)
        else f"a {type(found).__name__}"
    )


def listed(group: str, own: Collection[str]) -> str:
    """Every name of a door, and where those come from that are not this project's own."""
    others = [f"{plugin.name} (of {plugin.owner})" for plugin in of(group)]
    return ", ".join([*own, *others])


def plugin_of(group: str, block: BaseModel) -> Plugin | None:
    """The plugin that brought the kind of a block; None for this project's own."""
    if type(block).__module__.partition(".")[0] in ("annotators", "pipeline"):
        return None
    return find(group, getattr(block, "kind", ""))
