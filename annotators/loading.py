"""Loading a model and computing with one take turns: torch's default dtype belongs to the whole process.

While ``transformers`` makes a model it sets torch's default dtype to the model's own and puts the old
one back (``local_torch_dtype``). A model that is made meanwhile on another thread has parts of that
dtype, what computes gets new tensors of it, and of two that load at once the one that ends last may
leave it behind for good. So whoever loads is alone; those who compute are many at a time.
"""

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """One who loads, or any number who compute. Whoever waits to load goes before who comes to compute."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._loading = False
        self._wanting, self._computing = 0, 0

    @contextlib.contextmanager
    def loading(self) -> Iterator[None]:
        """Alone while the block runs. Not to be entered from a block of :meth:`computing`."""
        with self._changed:
            self._wanting += 1
            try:
                self._changed.wait_for(lambda: not self._loading and not self._computing)
                self._loading = True
            finally:
                self._wanting -= 1
                self._changed.notify_all()  # where the wait was interrupted, others may go on
        try:
            yield
        finally:
            with self._changed:
                self._loading = False
                self._changed.notify_all()

    @contextlib.contextmanager
    def computing(self) -> Iterator[None]:
        """Not while anybody loads. Keep the block to the model's own work."""
        with self._changed:
            self._changed.wait_for(lambda: not self._loading and not self._wanting)
            self._computing += 1
        try:
            yield
        finally:
            with self._changed:
                self._computing -= 1
                self._changed.notify_all()


_of_this_process = Turns()
loading, computing = _of_this_process.loading, _of_this_process.computing
