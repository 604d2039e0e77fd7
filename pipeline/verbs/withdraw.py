"""The verbs withdraw."""

from collections.abc import Sequence


def withdraw(argv: Sequence[str]) -> int:
    """Owned by a helper: to be written."""
    raise NotImplementedError
