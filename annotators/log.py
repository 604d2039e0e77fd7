"""Lines of a log with fields, few enough to be read: the first of each kind, then how many there were.

One logger, ``videoprefer``, for all rooms: whoever runs the process decides where its lines go. The fields
of a line (event, stage, key, ...) travel beside its words, in ``record.fields``.
"""

import logging
import threading
from collections import Counter

NAME = "videoprefer"
FIRST = 5  # lines of one kind that are written one by one


def say(level: int, event: str, text: str, **fields: object) -> None:
    """One line. ``fields``: ids and numbers; never a key, a prompt or what a judge said."""
    logging.getLogger(NAME).log(level, "%s", text, extra={"fields": {"event": event, **fields}})


class FirstFew:
    """Writes the first lines of a kind, then one for every tenfold number of them. For any thread."""

    def __init__(self, level: int, event: str, **fields: object) -> None:
        self._level, self._event, self._fields = level, event, fields
        self._seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def say(self, kind: str, text: str, **fields: object) -> None:
        """One more of this kind, such as a reason."""
        with self._lock:
            self._seen[kind] += 1
            n = self._seen[kind]
        if n <= FIRST:
            say(self._level, self._event, text, **self._fields, reason=kind, **fields)
        elif str(n).strip("0") == "1":
            more = f"{kind}: {n} so far, the last of them: {text}"
            say(self._level, self._event, more, **self._fields, reason=kind, n=n, **fields)
