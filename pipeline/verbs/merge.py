"""The verbs merge, diff."""

from collections.abc import Sequence


def merge(argv: Sequence[str]) -> int:
    """Owned by a helper: to be written."""
    raise NotImplementedError


def diff(argv: Sequence[str]) -> int:
    """Owned by a helper: to be written."""
    raise NotImplementedError
