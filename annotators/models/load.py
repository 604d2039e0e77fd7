"""Reads the table of models that comes along, and a user's own over it."""

import datetime
from collections.abc import Hashable, Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pydantic
import yaml

from annotators.models.table import ModelFacts, ModelTable, entry_name
from schemas.options import Options, SetupError


class _File(Options):
    date: datetime.date | None = None
    source: str | None = None
    models: dict[str, dict[str, Any] | None] = pydantic.Field({})


def load_models(path: Path | None = None) -> ModelTable:
    """The shipped table; with ``path``, a user's file of the same form over it.

    An entry of that file is laid field by field over what the shipped table knows of the model, by
    whichever of its names: a new price keeps the rule for images. ``null`` makes a field unknown.
    Raises :class:`SetupError` naming file, model and field.
    """
    file = resources.files(__package__) / "models.yaml"
    shipped = _read(file)
    table = ModelTable(
        date=shipped.date or _missing(file, "date"),
        source=shipped.source or _missing(file, "source"),
        models=_models(file, shipped.models),
    )
    if path is None:
        return table
    own = _read(path)
    laid = {name: _over(shipped.models, name, entry) for name, entry in own.models.items()}
    dated = f" of {own.date}" if own.date else ""
    return table.model_copy(
        update={
            "source": f"{table.source}; over it {path.name}{dated}",
            "models": {**table.models, **_models(path, laid)},
        }
    )


def _over(shipped: Mapping[str, Any], model: str, entry: Mapping[str, Any] | None) -> Any:
    name = entry_name(shipped, model)
    return _merged(shipped[name] if name else None, entry or {})


def _merged(below: Any, above: Any) -> Any:
    """Mappings field by field, anything else replaced; another rule for images is another mapping."""
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    if above.get("rule", below.get("rule")) != below.get("rule"):
        return above
    return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}


def _models(file: Path | Traversable, entries: Mapping[str, Any]) -> dict[str, ModelFacts]:
    return {name: _facts(file, name, entry) for name, entry in entries.items()}


def _facts(file: Path | Traversable, model: str, entry: Any) -> ModelFacts:
    # what is unknown is as good as not written; only a default that is no None must come back
    given = {key: value for key, value in (entry or {}).items() if value is not None}
    try:
        return ModelFacts.model_validate(given)
    except pydantic.ValidationError as error:
        raise SetupError(f"{file}: models.{model}{_first(error)}") from error


def _read(file: Path | Traversable) -> _File:
    try:
        return _File.model_validate(yaml.load(file.read_text(encoding="utf-8"), _Loader))
    except OSError as error:
        raise SetupError(f"{file}: cannot be read ({error.strerror}); correct `models:`") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SetupError(f"{file}: not a YAML file: {error}") from error
    except pydantic.ValidationError as error:
        raise SetupError(f"{file}: {_first(error).lstrip('.')}") from error


def _first(error: pydantic.ValidationError) -> str:
    """The first complaint, after the field it is about."""
    found = error.errors(include_url=False, include_input=False)[0]
    field = "".join(f".{part}" for part in found["loc"])
    return f"{field}: {found['msg']}; see annotators/models/models.yaml for the form"


def _missing(file: Path | Traversable, field: str) -> Any:
    raise SetupError(f"{file}: {field}: missing; a table of models says of when and whence it is")


class _Loader(yaml.SafeLoader):  # type: ignore[misc]  # yaml carries no types
    """Refuses a key that stands twice: the later price would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key.value!r} stands twice", key.start_mark
                )
            seen.add(str(key.value))
        return super().construct_mapping(node, deep=deep)
