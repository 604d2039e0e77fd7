"""A reply schema with what servers cannot be relied on to keep, and the grammar here can."""

import itertools
from typing import Any

SPELLED_OUT = 5  # letters whose orders are listed one by one: 120 of them


def tightened(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, but a ranking names every letter: each once for up to ``SPELLED_OUT`` of them, else
    as many as there are."""
    if "properties" in schema:
        fields = {name: tightened(field) for name, field in schema["properties"].items()}
        return {**schema, "properties": fields}
    letters = schema.get("items", {}).get("enum") if schema.get("type") == "array" else None
    if not letters:
        return schema
    if len(letters) <= SPELLED_OUT:
        return {"enum": [list(order) for order in itertools.permutations(letters)]}
    return {**schema, "minItems": len(letters), "maxItems": len(letters)}
