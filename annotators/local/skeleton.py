"""What a reply to a schema must hold at least: how much room its free texts may take."""

import dataclasses
import json
from typing import Any

_FREE = "\x01"  # stands for a free text; JSON escapes such a character, so no schema holds it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string of the shortest reply, keys among them."""

    free: bool  # the judge's own words
    after: int  # bytes from its closing quotation mark to the end of the shortest reply
    free_left: int  # free texts from this one on


def strings_of(schema: dict[str, Any]) -> tuple[Text, ...]:
    """The strings of the shortest reply that fits, in order. Knows what reply schemas are made of:
    objects whose fields are all required, enumerations, arrays, integers, strings."""
    reply = _shortest(schema)
    ends = _ends(reply)
    frees = [reply[start:end] == _FREE for start, end in ends]
    return tuple(
        Text(
            free=free,
            after=len(reply[end:].encode()) - sum(frees[i + 1 :]),
            free_left=sum(frees[i:]),
        )
        for i, ((_, end), free) in enumerate(zip(ends, frees))
    )


def _shortest(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return max((json.dumps(value) for value in schema["enum"]), key=len)
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {}).items()
            inner = (f"{json.dumps(name)}: {_shortest(field)}" for name, field in fields)
            return "{" + ", ".join(inner) + "}"
        case "array":
            if "prefixItems" in schema:
                return "[" + ", ".join(map(_shortest, schema["prefixItems"])) + "]"
            items = [_shortest(schema.get("items", {}))] * schema.get("minItems", 0)
            return "[" + ", ".join(items) + "]"
        case "string":
            return f'"{_FREE}"'
        case _:
            return "0"


def _ends(reply: str) -> list[tuple[int, int]]:
    """Start and end of each string's content."""
    found, start, escaped = [], None, False
    for i, sign in enumerate(reply):
        if start is None:
            start = i + 1 if sign == '"' else None
        elif escaped:
            escaped = False
        elif sign == "\\":
            escaped = True
        elif sign == '"':
            found.append((start, i))
            start = None
    return found
