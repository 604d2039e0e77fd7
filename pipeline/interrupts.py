"""Ctrl-C and SIGTERM: the first one ends the run in good order, the second one at once.

What waits for replies that are paid (`annotators.stopping`) is left to come to its end, within a limit;
anything else is free to do again and is left where it is, by a KeyboardInterrupt. Whatever ends the
process, what it bought is in the journal, so that a second signal costs what is on the wire and no more.
"""

import contextlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from annotators import stopping

STOPPED = 3  # the exit code of what can be resumed
LIMIT_S = (
    120.0  # that replies on the wire are waited for: as long as one attempt may take by default
)
IDLE_S = 10.0  # with nothing on the wire, after which an engine that does not end is not waited for
SAME_S = 0.5  # signals this close are one: a terminal's, handed on by a program in between
NUMBERS = (signal.SIGINT, signal.SIGTERM)
WHY = "interrupted"


class Interrupts:
    """In force from its making to :meth:`close`, in the main thread.

    A thread of its own hears of signals as they come: the main thread may be deep in native code, and an
    engine may wrap an exception in one of its own, so whether there was one is kept in ``seen``.
    """

    def __init__(self, say: Callable[[str], None], limit_s: float = LIMIT_S) -> None:
        self.seen = False
        self.on_the_wire: Callable[[], int] = lambda: 0  # requests that are paid and not answered
        self.resume = "run the same command again"  # the command that goes on
        self._say, self._limit_s = say, limit_s
        self._pid = os.getpid()
        stopping.go_on()
        self._before = {number: signal.signal(number, self._interrupt) for number in NUMBERS}
        self._heard, self._bell = os.pipe()
        os.set_blocking(self._bell, False)
        self._bell_before = signal.set_wakeup_fd(self._bell, warn_on_full_buffer=False)
        self._thread = threading.Thread(target=self._listen, daemon=True, name="signals")
        self._thread.start()

    def close(self) -> None:
        """Signals are what they were before."""
        signal.set_wakeup_fd(self._bell_before)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        os.close(self._bell)
        self._thread.join()
        os.close(self._heard)
        stopping.go_on()

    def settle(self) -> None:
        """Wait until nothing is on the wire any more, where an engine did not."""
        until = time.monotonic() + self._limit_s
        while self.on_the_wire() and time.monotonic() < until:
            time.sleep(0.1)

    def _interrupt(self, number: int, frame: Any) -> None:
        """In the main thread, as soon as it gets there; the other thread stops what is awaited."""
        if self.seen and os.getpid() == self._pid:
            return  # the second is the other thread's
        self.seen = True
        if not stopping.awaited():
            raise KeyboardInterrupt

    def _listen(self) -> None:
        if not os.read(self._heard, 1):
            return  # closed
        first = time.monotonic()
        awaited = stopping.awaited()
        stopping.stop(WHY)
        self._say(self._told() if awaited else f"{WHY}: stopping. Once more stops at once")
        last_busy = first
        while True:
            ready, _, _ = select.select([self._heard], [], [], 0.25)
            now = time.monotonic()
            if ready:
                if not os.read(self._heard, 1):
                    return
                if now - first > SAME_S:
                    self._leave("stopped at once")
            elif stopping.awaited():
                last_busy = now if self.on_the_wire() else last_busy
                if now - first > self._limit_s:
                    self._leave(
                        f"{self.on_the_wire()} requests got no reply in {self._limit_s:g} s"
                    )
                if now - last_busy > IDLE_S:
                    self._leave(
                        f"nothing is on the wire, and the engine has not ended in {IDLE_S:g} s"
                    )

    def _told(self) -> str:
        n = self.on_the_wire()
        paid = f"{n} requests on the wire, which are paid," if n else "what is under way"
        return (
            f"{WHY}: nothing new is begun; waiting at most {self._limit_s:g} s for {paid} and keeping "
            "it. Once more stops at once"
        )

    def _leave(self, why: str) -> None:
        """As a kill would: nothing that was kept is lost, and workers end with their launcher."""
        cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # that live bars had hidden
        text = f"{cursor}\nstopped: {why}. Every reply so far is kept. To resume: {self.resume}\n"
        with contextlib.suppress(OSError):
            os.write(2, text.encode())
        os._exit(STOPPED)
