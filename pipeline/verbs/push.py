"""The verbs push."""

from collections.abc import Sequence


def push(argv: Sequence[str]) -> int:
    """Owned by a helper: to be written."""
    raise NotImplementedError
