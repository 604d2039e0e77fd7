"""Whether this process is to send nothing more: what is under way is awaited, nothing new is begun.

An interrupt concerns whatever the process is doing, in any thread, so there is one of these for each. What
has requests on the wire says here how it is stopped; where nobody does, there is nothing to await.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator

_lock = threading.Lock()
_listeners: dict[int, Callable[[str], None]] = {}
_why: str | None = None
_awaiting = 0


@contextlib.contextmanager
def on_stop(shut: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, ``shut`` is called with the reason when the process is to stop; at once where
    it is so already. It is called on another thread, must not wait, and may be called twice."""
    key = object()
    with _lock:
        _listeners[id(key)] = shut
        why = _why
    if why is not None:
        shut(why)
    try:
        yield
    finally:
        with _lock:
            del _listeners[id(key)]


@contextlib.contextmanager
def awaiting() -> Iterator[None]:
    """While the block runs, a stop lets it come to its own end: it waits for what is under way."""
    global _awaiting
    with _lock:
        _awaiting += 1
    try:
        yield
    finally:
        with _lock:
            _awaiting -= 1


def awaited() -> bool:
    """Whether anybody waits for something that ends well once the process is to stop."""
    return _awaiting > 0


def stop(why: str) -> None:
    """Have everything stop that can. Only the first reason counts."""
    global _why
    with _lock:
        _why = _why or why
        told = list(_listeners.values())
    for shut in told:
        shut(_why)


def stopped() -> str | None:
    """Why nothing new is to be begun; None while all is well."""
    return _why


def go_on() -> None:
    """Forget an earlier stop: a process may run several commands, one after the other."""
    global _why
    with _lock:
        _why = None
