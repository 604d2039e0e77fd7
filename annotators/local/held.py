"""A reply that is held to its schema, and closed before its room ends.

Without the second a judge that likes to talk is cut in the middle of a word, and the reply is no JSON.
So every free text gets an equal share of the tokens left once what must still follow is set aside, at
one token a byte, the most it can take; when the share is spent only the closing quotation mark is
allowed. A text that ends early leaves its rest to those after it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotators.local.skeleton import Text

SLACK = 6  # tokens that a text may go on for once its share is spent: an escape, \u00e4, to its end
_QUOTE, _BACKSLASH = ord('"'), ord("\\")


class HeldReply:
    """One reply on its way: which tokens may come next."""

    def __init__(self, matcher: Any, texts: Sequence[Text], cap: int) -> None:
        self._matcher, self._texts, self._cap = matcher, texts, cap
        self._used = 0  # tokens of the reply so far
        self._text = -1  # number of the string that was opened last
        self._inside = self._escaped = False
        self._share = self._spent = 0  # tokens of this string: allowed, used

    @property
    def whole(self) -> bool:
        """Whether nothing can follow."""
        return bool(self._matcher.is_stopped())

    @property
    def in_free_text(self) -> bool:
        """Whether the judge is at words of its own."""
        return self._inside and self._free

    @property
    def fault(self) -> str:
        """What went wrong inside; empty: nothing."""
        return str(self._matcher.get_error())

    def allowed(self, quotes: NDArray[np.uint32]) -> NDArray[np.uint32]:
        """The tokens that may come next, a bit each. ``quotes``: those that close a string."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), np.uint32)[: len(quotes)]
        if self.in_free_text and self._spent >= self._share:
            closing = bits & quotes
            return closing if closing.any() else bits  # in the middle of a letter or an escape
        return bits

    def take(self, token: int, raw: bytes) -> None:
        """Go on with a token, which was allowed."""
        self._matcher.consume_token(token)
        self._used += 1
        self._spent += self._inside
        for byte in raw:
            self._read(byte)

    def _read(self, byte: int) -> None:
        if not self._inside:
            if byte == _QUOTE:
                self._open()
        elif self._escaped:
            self._escaped = False
        elif byte == _BACKSLASH:
            self._escaped = True
        elif byte == _QUOTE:
            self._inside = False

    def _open(self) -> None:
        self._inside, self._spent = True, 0
        self._text += 1
        if self._free:
            text = self._texts[self._text]
            room = self._cap - self._used - text.after - SLACK * text.free_left
            self._share = max(0, room // text.free_left)

    @property
    def _free(self) -> bool:
        return self._text < len(self._texts) and self._texts[self._text].free
