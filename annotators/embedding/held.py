"""One copy per process of what is big: engines open an annotator on several threads of a process."""

import dataclasses
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from annotators.loading import loading

T = TypeVar("T")


@dataclasses.dataclass(slots=True)
class _Held:
    thing: Any
    holders: int = 0


_held: dict[Hashable, _Held] = {}
_keepers = 0  # blocks of :func:`kept` that run
_holding = threading.RLock()  # also while it is made: a second copy may not fit beside the first


def hold(key: Hashable, make: Callable[[], T]) -> tuple[T, Callable[[], None]]:
    """What stands under ``key``, made where nothing does, and what lets go of it.

    The last to let go forgets it. Letting go twice is letting go once.
    """
    with _holding:
        if key not in _held:
            with loading():
                _held[key] = _Held(make())
        held = _held[key]
        held.holders += 1
    gone = threading.Event()

    def release() -> None:
        with _holding:
            if not gone.is_set():
                gone.set()
                held.holders -= 1
                _forget_unheld()

    return held.thing, release


@contextmanager
def kept() -> Iterator[None]:
    """While the block runs nothing is forgotten: a run opens its annotators anew for every wave."""
    global _keepers
    with _holding:
        _keepers += 1
    try:
        yield
    finally:
        with _holding:
            _keepers -= 1
            _forget_unheld()


def _forget_unheld() -> None:
    for key in [k for k, held in _held.items() if held.holders == 0 and not _keepers]:
        del _held[key]
