"""The keys that a configuration names the variables of: what must be written nowhere."""

import os
from collections.abc import Iterator
from typing import Any


def keys_of(block: Any) -> list[str]:
    """The values of all variables that a plain configuration names in ``..._env`` fields, where they
    are set."""
    values = (os.environ.get(name, "").strip() for name in _names(block))
    return sorted({value for value in values if value})


def _names(block: Any) -> Iterator[str]:
    if isinstance(block, dict):
        for name, value in block.items():
            if name.endswith("_env") and isinstance(value, str):
                yield value
            else:
                yield from _names(value)
    elif isinstance(block, list):
        for value in block:
            yield from _names(value)
