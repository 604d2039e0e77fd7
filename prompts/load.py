"""Rubric files: find one by name or path, check it, and hash what shapes a request."""

import functools
import itertools
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml

from prompts.packaged import template_file
from prompts.render import render, render_several
from schemas import Dimension, RecordError, Rubric, ScalePoint
from schemas.ids import sha256_hex
from schemas.options import Options, SetupError
from schemas.plugins import RUBRICS, find_other, of


class _Level(Options):
    score: int
    label: str
    anchor: str


class _Dimension(Options):
    name: str
    question: str
    scale: tuple[_Level, ...]

    @pydantic.field_validator("scale")
    @classmethod
    def _rises(cls, scale: tuple[_Level, ...]) -> tuple[_Level, ...]:
        scores = [level.score for level in scale]
        if len(scores) < 2 or any(b <= a for a, b in itertools.pairwise(scores)):
            said = ", ".join(map(str, scores)) or "none"
            raise ValueError(f"expected at least two levels, their scores rising; got {said}")
        return scale


class _RubricFile(Options):
    name: str
    version: int
    protocol: Literal["pointwise", "pairwise", "listwise"]
    template: str  # name of a packaged template, or a .j2 file beside the rubric
    role: str
    task: str
    checklist: tuple[str, ...]
    dimensions: tuple[_Dimension, ...]

    @pydantic.field_validator("dimensions")
    @classmethod
    def _named_apart(cls, dimensions: tuple[_Dimension, ...]) -> tuple[_Dimension, ...]:
        names = [dimension.name for dimension in dimensions]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two are named {twice[0]!r}; a reply could not tell them apart")
        return dimensions


def load_rubric(name: str) -> Rubric:
    """A rubric by name (``videoprefer/video_quality``: its newest version; ``...@1``: that one), or
    by the path of a ``.yaml`` file of one's own. A name whose family (``my-lab/...``) is not packaged
    is looked for in the plugin of that family.

    Raises :class:`SetupError` for an unknown name, listing what exists, and for a file that is not
    a rubric, naming file and field.
    """
    if name.endswith((".yaml", ".yml")):
        return _load(Path(name))
    if (full := _full(name, _packaged())) is not None:
        return _load(_packaged()[full])
    brought = _brought(name.partition("/")[0])
    if (full := _full(name, brought)) is None:
        raise SetupError(_unknown(name, brought))
    rubric = _load(brought[full])
    if f"{rubric.name}@{rubric.version}" != full:
        raise SetupError(
            f"{brought[full]}: says that it is {rubric.name}@{rubric.version}, and its plugin and its "
            f"file's name that it is {full}; make them agree"
        )
    return rubric


def rubric_text(name: str) -> str | None:
    """The words of a rubric that does not come with this package; None of one that does."""
    if name.endswith((".yaml", ".yml")):
        return Path(name).read_text("utf-8")
    brought = _brought(name.partition("/")[0])
    full = _full(name, brought)
    return brought[full].read_text("utf-8") if full is not None else None


def rubric_names() -> list[str]:
    """Every packaged rubric as ``name@version``, in order."""
    return list(_packaged())


def brought_names(family: str) -> list[str]:
    """Every rubric of the plugin with this family's name, as ``family/name@version``. Raises
    :class:`SetupError` where it holds none."""
    return list(_brought(family))


def _unknown(name: str, brought: Iterable[str]) -> str:
    """That there is no such rubric, and which there are; of a plugin that is not named, its family."""
    family = name.partition("/")[0]
    others = [f"{p.name}/... (of {p.owner})" for p in of(RUBRICS) if p.name != family]
    there = ", ".join([*rubric_names(), *brought, *others])
    return f"rubric {name!r} does not exist; there are {there}, or give the path of a .yaml file"


def _full(name: str, known: Mapping[str, Traversable]) -> str | None:
    """``name@version`` among the known: as it is given, or of the newest version."""
    found = name if name in known else _newest(name, known)
    return found if found in known else None


def _newest(name: str, known: Iterable[str]) -> str:
    versions = [int(full.rpartition("@")[2]) for full in known if full.rpartition("@")[0] == name]
    return f"{name}@{max(versions, default=0)}"


@functools.cache
def _packaged() -> dict[str, Traversable]:
    folder = resources.files("prompts").joinpath("rubrics")
    families = [family for family in folder.iterdir() if family.is_dir()]
    found = {name: file for family in families for name, file in _in(family.name, family).items()}
    return dict(sorted(found.items()))


def _brought(family: str) -> dict[str, Traversable]:
    """The rubrics of the plugin that has this family's name; none where no plugin has it."""
    packaged = {name.partition("/")[0] for name in _packaged()}
    plugin = find_other(RUBRICS, family, packaged)
    if plugin is None:
        return {}
    module = plugin.load()
    if not hasattr(module, "__path__"):
        raise plugin.refused(f"is no package that holds rubrics ({module!r})")
    found = _in(family, resources.files(module))
    if not found:
        raise plugin.refused("holds no file called NAME.vVERSION.yaml (are they package data?)")
    return found


def _in(family: str, folder: Traversable) -> dict[str, Traversable]:
    """``FAMILY/NAME@VERSION`` of every file ``NAME.vVERSION.yaml`` of a folder, in order."""
    found = {}
    for file in folder.iterdir():
        stem, _, version = file.name.removesuffix(".yaml").rpartition(".v")
        if file.name.endswith(".yaml") and stem and version.isdecimal():
            found[f"{family}/{stem}@{version}"] = file
    return dict(sorted(found.items()))


def _load(file: Traversable) -> Rubric:
    """The rubric of a file; ``sha256`` covers the file's bytes, then its template's."""
    data = _read(file, f"rubric {file}")
    checked = _check(file, data)
    where = f"{file}: template {checked.template!r}"
    template = _read(_template(file, checked.template), where)
    try:
        rubric = Rubric(
            name=checked.name,
            version=checked.version,
            protocol=checked.protocol,
            role=checked.role,
            task=checked.task,
            checklist=checked.checklist,
            template=_text(template, where),
            dimensions=tuple(_dimension(d) for d in checked.dimensions),
            sha256=sha256_hex(data + b"\0" + template),
        )
    except RecordError as error:
        raise SetupError(f"{file}: {error}") from error
    _try(rubric, where)
    return rubric


def _try(rubric: Rubric, where: str) -> None:
    """Render the template once for nothing: a fault of it is known before any work, with its file."""
    try:
        for clip in ((1, ()), (2, (0.0, 0.5))):
            if rubric.protocol == "pointwise":
                render(rubric, prompt="?", n_frames=clip[0], times_s=clip[1])
            else:
                render_several(rubric, prompt="?", clips=[clip, clip])
    except (SetupError, TypeError) as error:
        raise SetupError(f"{where}: {error}") from error


def _check(file: Traversable, data: bytes) -> _RubricFile:
    try:
        return _RubricFile.model_validate(yaml.safe_load(data))
    except yaml.YAMLError as error:
        raise SetupError(f"{file}: not YAML: {error}") from error
    except pydantic.ValidationError as error:
        raise SetupError(f"{file}: {_first(error.errors()[0])}") from error


def _first(error: Any) -> str:
    field = ".".join(str(part) for part in error["loc"]) or "the file"
    return f"{field}: {error['msg'].removeprefix('Value error, ')}"


def _dimension(given: _Dimension) -> Dimension:
    return Dimension(
        name=given.name,
        question=given.question,
        scale=tuple(
            ScalePoint(score=level.score, label=level.label, anchor=level.anchor)
            for level in given.scale
        ),
    )


def _template(rubric_file: Traversable, name: str) -> Traversable:
    if name.endswith(".j2") and isinstance(rubric_file, Path):
        return rubric_file.parent / name
    return template_file(name)


def _text(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise SetupError(f"{where}: not UTF-8: {error}") from error


def _read(file: Traversable, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SetupError(f"{what} cannot be read: {error}") from error
