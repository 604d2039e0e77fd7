"""The dotted keys of the ``videorm`` block, and what is wrong with one that was given."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from pipeline.videorm.options import VideoRMOptions

SAID = 200  # characters of a value in a message, at most


def dotted_keys(block: type[BaseModel] = VideoRMOptions, at: str = "") -> Iterator[str]:
    """Every key that can be set, such as ``training.epochs``."""
    for name, field in block.model_fields.items():
        if below := _block(field.annotation):
            yield from dotted_keys(below, f"{at}{name}.")
        else:
            yield f"{at}{name}"


def known_at(place: Sequence[str]) -> list[str]:
    """The keys of a block: of the whole for (), of the training for ("training",). Empty for what is
    no block."""
    block: type[BaseModel] | None = VideoRMOptions
    for name in place:
        field = block.model_fields.get(name) if block else None
        block = _block(field.annotation) if field else None
    return list(block.model_fields) if block else []


def unknown(place: Sequence[str]) -> str:
    """What to say of a key that is none: what it was probably meant to be, else what is known there."""
    *parents, last = place
    every = list(dotted_keys())
    same = [key for key in every if key.rpartition(".")[2] == last]
    at = "".join(f"{name}." for name in parents)
    here = difflib.get_close_matches(last, known_at(parents), n=1, cutoff=0.75)
    near = same or [at + name for name in here]
    if near:
        return f"no such option; did you mean {' or '.join(near)}?"
    where = f" in {'.'.join(parents)}" if parents else ""
    return f"no such option; known{where} are {', '.join(known_at(parents) or known_at(()))}"


def told(fault: Mapping[str, Any], prefix: str) -> str:
    """One of pydantic's errors about this block, in words; ``prefix`` says where the block stands."""
    place = [str(part) for part in fault["loc"]]
    where = prefix + ".".join(place)
    if fault["type"] == "extra_forbidden":
        return f"{where}: {unknown(place)}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not place:  # of several keys together: the message names them
        return f"{prefix}{message}"
    return f"{where}: {message}, got {str(fault.get('input'))[:SAID]!r}"


def _block(annotation: Any) -> type[BaseModel] | None:
    return (
        annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None
    )
