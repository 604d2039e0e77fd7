"""Rubric files: find one by name or path, check it, and hash what shapes a request."""

import functools
import itertools
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
    by the path of a ``.yaml`` file of one's own.

    Raises :class:`SetupError` for an unknown name, listing what exists, and for a file that is not
    a rubric, naming file and field.
    """
    if name.endswith((".yaml", ".yml")):
        return _load(Path(name))
    known = _packaged()
    wanted = known.get(name) or known.get(_newest(name, known))
    if wanted is None:
        raise SetupError(
            f"rubric {name!r} does not exist; there are {', '.join(known)}, or give "
            "the path of a .yaml file"
        )
    return _load(wanted)


def rubric_names() -> list[str]:
    """Every packaged rubric as ``name@version``, in order."""
    return list(_packaged())


def _newest(name: str, known: dict[str, Traversable]) -> str:
    versions = [int(full.rpartition("@")[2]) for full in known if full.rpartition("@")[0] == name]
    return f"{name}@{max(versions, default=0)}"


@functools.cache
def _packaged() -> dict[str, Traversable]:
    folder = resources.files("prompts").joinpath("rubrics")
    found = {}
    for family in folder.iterdir():
        for file in family.iterdir() if family.is_dir() else ():
            stem, _, version = file.name.removesuffix(".yaml").rpartition(".v")
            found[f"{family.name}/{stem}@{version}"] = file
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
