"""The verbs export."""

from collections.abc import Sequence


def export(argv: Sequence[str]) -> int:
    """Owned by a helper: to be written."""
    raise NotImplementedError
