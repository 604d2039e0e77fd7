"""The lines of a batch's output and error file, read without trust."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_DECODER = json.JSONDecoder()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the server says about one request. ``status`` None: it never got an answer."""

    custom_id: str
    status: int | None
    body: str | None  # of the response, character by character
    words: str  # of the error, if there is one


def read_lines(path: Path) -> Iterator[Line | None]:
    """The lines of a file; None for one that cannot be read."""
    with open(path, "rb") as file:
        for data in file:
            if data.strip():
                yield _line(data)


def _line(data: bytes) -> Line | None:
    try:
        text = data.decode(errors="replace").strip()  # a reply is paid, whatever its letters are
        content = json.loads(text)
        response, error = content.get("response"), content.get("error")
        if not isinstance(content["custom_id"], str):
            return None
        if response is None:
            return Line(custom_id=content["custom_id"], status=None, body=None, words=_words(error))
        return Line(
            custom_id=content["custom_id"],
            status=int(response["status_code"]),
            body=member(member(text, "response"), "body"),
            words=_words(error or _error_in(response.get("body"))),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None


def member(text: str, name: str) -> str:
    """The text of a member of a JSON object, as it stands there. Raises KeyError for none.

    Reading and writing it again would change numbers and escapes, and a reply is kept as sent.
    """
    found: str | None = None
    at = _blank(text, 1)
    while text[at] != "}":
        key, at = _DECODER.raw_decode(text, at)
        begin = _blank(text, _blank(text, at) + 1)  # past the colon
        _, at = _DECODER.raw_decode(text, begin)
        if key == name:
            found = text[begin:at]  # of several the last one counts, as everywhere
        at = _blank(text, at)
        if text[at] == ",":
            at = _blank(text, at + 1)
    if found is None:
        raise KeyError(name)
    return found


def _blank(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _error_in(body: Any) -> Any:
    return body.get("error", body) if isinstance(body, dict) else body


def _words(error: Any) -> str:
    if isinstance(error, dict):
        parts = (error.get("code"), error.get("type"), error.get("message"))
        return " ".join(str(part) for part in parts if part)
    return "" if error is None else str(error)
