"""Ids and hashes: every choice that must be the same on every machine comes from here."""

import hashlib
import json
from typing import Any


def sha256_hex(data: bytes) -> str:
    """SHA-256 of bytes, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def _short(*fields: str) -> str:
    return sha256_hex("\n".join(fields).encode())[:16]


def prompt_id(text: str) -> str:
    """First 16 hex digits of the SHA-256 of the prompt, white space made single blanks."""
    return _short(" ".join(text.split()))


def video_id(prompt_id: str, generator: str, what: str) -> str:
    """Id of a clip. ``what`` is the manifest's video field as written, or settings and seed."""
    return _short(prompt_id, generator, what)


def pair_id(video_1: str, video_2: str, dimension: str) -> str:
    """Id of an unordered pair of clips under one dimension."""
    return _short(*sorted((video_1, video_2)), dimension)


def hash_fraction(*fields: str) -> float:
    """A number in [0, 1) that depends on nothing but the fields: for splits, sides, samples."""
    return int(sha256_hex("\n".join(fields).encode())[:13], 16) / 16**13


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no blanks: equal values give equal text. NaN is refused."""
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )
