"""The run's log: a line of JSON for everything that happened, beside what people read on the terminal.

All rooms log to one logger (`annotators.log`). The launcher writes ``log.jsonl`` in the run's folder; what
workers in other processes log comes to it through their engine, its fields at the end of its words, and
stands so in a remote engine's own log.
"""

import contextlib
import json
import logging
import logging.handlers
import re
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from annotators.log import NAME, say

LEVELS = ("debug", "info", "warning", "error")
MOST_BYTES = 10_000_000  # of the file, and of the one before it, ``log.jsonl.1``
NO_NEWS = (
    "apitools not found",
    "No semi_persistent_directory found",
    "If direct_num_workers is not equal to 1",  # said of a mode that was not asked for
)
MARK = " #videoprefer "  # between words and fields, where a line travels as text
_ESCAPED = re.compile(r'message: "((?:[^"\\]|\\.)*)"')
_now: dict[str, object] = {}  # of the launcher: stage and wave


@contextlib.contextmanager
def written(path: Path, run: str, level: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """While the block runs, lines of at least this level are appended to the file.

    ``run``: the run's id; ``secrets``: what is never written, wherever it comes from.
    """
    handler = logging.handlers.RotatingFileHandler(
        path, maxBytes=MOST_BYTES, backupCount=1, encoding="utf-8", delay=True
    )
    handler.setFormatter(_Lines(run, secrets))
    logger = logging.getLogger(NAME)
    before = logger.level, logger.propagate
    logger.setLevel(level.upper())
    logger.propagate = False  # people read what is said to them
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
        with contextlib.suppress(OSError):  # of a full disk, which the run itself speaks of
            handler.close()


@contextlib.contextmanager
def during(**fields: object) -> Iterator[None]:
    """Lines of the launcher that say nothing else are of this stage and wave."""
    before = dict(_now)
    _now.update(fields)
    try:
        yield
    finally:
        _now.clear()
        _now.update(before)


@contextlib.contextmanager
def timed(stage: str) -> Iterator[None]:
    """Lines of the launcher are of this stage, or of this wave of it (``annotate-00003``); its begin and
    its end are lines, the end with the seconds that it took."""
    name, _, wave = stage.rpartition("-")
    of_wave = {"stage": name, "wave": int(wave)} if wave.isdigit() else {"stage": stage}
    began = time.monotonic()
    with during(**of_wave):
        say(logging.INFO, "begin", f"{stage}: begins")
        try:
            yield
        except BaseException as error:
            seconds = round(time.monotonic() - began, 3)
            why = f"{stage}: not whole: {type(error).__name__}"
            say(logging.WARNING, "stopped", why, seconds=seconds)
            raise
        seconds = round(time.monotonic() - began, 3)
        say(logging.INFO, "end", f"{stage}: whole", seconds=seconds)


class _Lines(logging.Formatter):
    """One JSON object each: time, elapsed_s, run, level, event, then stage, wave, key, ..., message."""

    def __init__(self, run: str, secrets: Sequence[str]) -> None:
        super().__init__()
        self._run, self._secrets, self._began = run, [s for s in secrets if s], time.time()

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, "fields", {"event": "log"})
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "elapsed_s": round(record.created - self._began, 3),
            "run": self._run,
            "level": record.levelname.lower(),
            "event": fields.get("event"),
            **_now,
            **fields,
            "message": record.getMessage().partition(MARK)[0],
        }
        text = json.dumps(line, ensure_ascii=False, default=str)
        for secret in self._secrets:
            text = text.replace(json.dumps(secret)[1:-1], "***")
        return text


# workers


def with_fields() -> None:
    """Called in a worker: whatever its engine does with a line, the fields stand in its words."""
    logger = logging.getLogger(NAME)
    if _append not in logger.filters:
        logger.addFilter(_append)


def _append(record: logging.LogRecord) -> bool:
    fields = getattr(record, "fields", None)
    if fields is not None:
        text = record.getMessage() + MARK + json.dumps(fields, default=str)
        record.msg, record.args = text, None
    return True


def is_ours(record: logging.LogRecord) -> bool:
    """Whether a line that an engine hands on is a worker's line of ours; it is then in the log.

    FnApiRunner hands on entries as text, their message in quotes and escaped as C would.
    """
    text = record.getMessage()
    found = _ESCAPED.search(text) if MARK in text else None
    if found is None:
        return False
    said = found[1].encode("latin-1", "backslashreplace").decode("unicode_escape")
    words, _, fields = said.encode("latin-1", "replace").decode("utf-8", "replace").rpartition(MARK)
    with contextlib.suppress(ValueError):
        extra: dict[str, Any] = {"fields": json.loads(fields)}
        logging.getLogger(NAME).log(record.levelno, "%s", words, extra=extra)
    return True


def quiet_beam() -> None:
    """Beam's import warns about Google packages that a local run does not need, and an interrupt, which
    is told in a line, is a fault to its workers. What workers log for us goes where we log."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for handler in logging.getLogger().handlers:
        if _is_news not in handler.filters:
            handler.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    told = record.getMessage()
    if told.startswith("KeyboardInterrupt") or any(words in told for words in NO_NEWS):
        return False
    return not is_ours(record)
