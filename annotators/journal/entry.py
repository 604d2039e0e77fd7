"""One paid reply: the request that shaped it, its key, and how it is written down and read again."""

import dataclasses
import json
from typing import Any

from schemas import Settings
from schemas.ids import canonical_json, sha256_hex
from schemas.store import blob_name

# Of loose entries, packs and marks together; each file states it. One that states none is of format 1:
# packs and marks did not at first. Whoever changes what a file holds raises it, so that an older program
# refuses the file by name instead of buying the replies again, or reading them wrongly.
FORMAT = 1


class JournalError(ValueError):
    """An entry cannot be trusted or kept; the message names its file and what to do."""


def check_format(found: object, path: str) -> None:
    """Raises :class:`JournalError` for a file of a format that is not known here.

    ``found``: the number that the file states, or its digits; None where it states none.
    """
    stated = 1 if found is None else found
    text = stated.decode("ascii", "replace") if isinstance(stated, bytes) else str(stated)
    if not text.isdecimal() or int(text) < 1:
        raise JournalError(
            f"{path}: its format is {text!r}, not a number from 1 on; restore the file"
        )
    if int(text) > FORMAT:
        raise JournalError(
            f"{path}: was written by a newer videoprefer (journal format {text}; this one reads up to "
            f"{FORMAT}); update videoprefer, or name another journal"
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Everything that shapes a reply, and nothing else: no credentials, host, time or retries."""

    kind: str  # of the annotator: which interface was spoken
    model: str
    rubric: str
    rubric_version: int
    system: str
    user: str
    reply_format: str
    reply_schema: dict[str, Any]
    frames: tuple[str, ...]  # SHA-256 of each JPEG as sent, in order
    settings: Settings  # as sent
    draw: int  # so that three draws are the first three of five
    attempt: int = 0  # asked again after a paid reply of no use
    # words before each clip's frames and how many frames, where several clips are shown
    captions: tuple[tuple[str, int], ...] = ()
    engine: dict[str, Any] = dataclasses.field(default_factory=dict)  # of a local model: dtype, ...
    occasion: str = ""  # of sentinels, which are asked again on purpose
    # what follows is derived, once: both are needed several times for every question
    canonical: str = dataclasses.field(init=False, repr=False, compare=False)
    key: str = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """``canonical``: canonical JSON of the description. ``key``: its SHA-256."""
        object.__setattr__(self, "canonical", canonical_json(self.description()))
        object.__setattr__(self, "key", sha256_hex(self.canonical.encode()))

    def description(self) -> dict[str, Any]:
        """The request in plain values. Settings that were not sent are left out, and so are the first
        attempt's number and other fields that are empty mostly: what is invented later does not change
        the keys of requests without it."""
        fields = {name: getattr(self, name) for name in _FIELDS}
        for name in _LEFT_OUT_IF_EMPTY:
            if not fields[name]:
                del fields[name]
        settings = ((name, getattr(self.settings, name)) for name in _SETTINGS)
        return fields | {
            "frames": list(self.frames),
            "settings": {name: value for name, value in settings if value is not None},
        }


_FIELDS = tuple(f.name for f in dataclasses.fields(Request) if f.init)
_LEFT_OUT_IF_EMPTY = ("attempt", "captions", "engine", "occasion")
_SETTINGS = tuple(f.name for f in dataclasses.fields(Settings))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A paid reply: the body of the response, character by character, and the price that held."""

    key: str
    request: dict[str, Any]
    body: str
    price: dict[str, float] | None = None  # of the day it was bought; not part of the key


def entry_name(key: str) -> str:
    """Where the loose entry of a key lies in the store."""
    return blob_name(key, ".json")


def encode(entry: Entry, canonical: str) -> bytes:
    """The file of a loose entry: JSON, one field a line. ``canonical``: of its request."""
    fields = {
        "format": str(FORMAT),
        "key": _text(entry.key),
        "request": canonical,
        "body": _text(entry.body),
        "price": _text(entry.price),
        "body_sha256": _text(sha256_hex(entry.body.encode())),
    }
    lines = ",\n".join(f'"{name}": {value}' for name, value in fields.items())
    return f"{{\n{lines}\n}}\n".encode()


def decode(key: str, data: bytes, path: str) -> Entry:
    """The entry in a file. Raises :class:`JournalError` unless key and body match their hashes."""
    try:
        content = json.loads(data)
        check_format(content.get("format"), path)
        body, request, price = content["body"], content["request"], content["price"]
        whole = content["key"] == key == sha256_hex(canonical_json(request).encode()) and (
            sha256_hex(body.encode()) == content["body_sha256"]
        )
    except JournalError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise JournalError(
            f"{path}: not a whole journal entry ({error}); restore the file, or "
            "delete it to buy this reply again"
        ) from error
    if not whole:
        raise JournalError(
            f"{path}: its content does not match its own hashes; restore the file, "
            "or delete it to buy this reply again"
        )
    return Entry(key=key, request=request, body=body, price=price)


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
