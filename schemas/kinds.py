"""Blocks of the configuration that are told apart by their ``kind``: the project's own, and plugins'."""

import functools
import operator
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BaseModel, Field, GetCoreSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from schemas.plugins import find_other, kind_of, listed


class Kinds:
    """The kinds of one door, as an annotation: ``Annotated[SourceSpec, Kinds(SOURCES, ...)]``.

    ``does`` is the method that a kind must have of its own, ``own`` are classes with a ``kind: Literal[...]``
    each. A block of another kind is one of the plugin that has its name; that alone is imported. A kind that
    nobody has is refused with those there are.
    """

    def __init__(self, group: str, base: type[BaseModel], does: str, *own: type[BaseModel]) -> None:
        self.group, self.base, self.does = group, base, does
        self.own = {str(one.model_fields["kind"].default): one for one in own}

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(
            self._validated,
            handler.generate_schema(_one_of(self.own.values())),
            serialization=core_schema.simple_ser_schema("any"),  # a plugin's fields, too
        )

    def class_of(self, kind: str) -> type[Any]:
        """The class of a kind, imported if it is a plugin's. Raises :class:`SetupError` where that is none
        of this door, ``KeyError`` where nobody has the kind."""
        plugin = find_other(self.group, kind, self.own)
        if kind in self.own:
            return self.own[kind]
        if plugin is None:
            raise KeyError(kind)
        return kind_of(plugin, self.base, self.does)

    def _validated(self, value: Any, own: core_schema.ValidatorFunctionWrapHandler) -> Any:
        kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
        if not isinstance(kind, str):
            return own(value)  # says what is missing
        try:
            found = self.class_of(kind)
        except KeyError:
            known = listed(self.group, self.own)
            raise PydanticCustomError(
                "unknown_kind",
                "unknown kind '{kind}'; there are {known}",
                {"kind": kind, "known": known},
            ) from None
        if kind in self.own:
            return own(value)
        # with the project's own beside it, so that faults are told as theirs are
        return TypeAdapter(_one_of([found, *self.own.values()])).validate_python(value)


def _one_of(kinds: Iterable[type[BaseModel]]) -> Any:
    return Annotated[functools.reduce(operator.or_, kinds), Field(discriminator="kind")]
