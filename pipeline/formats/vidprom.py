"""VidProM's table of prompts: ``VidProM_unique.csv`` and ``VidProM_semantic_unique.csv``.

1.67 million rows with an id, the prompt, its time, and six probabilities of what might offend
(WangWenhao0716/VidProM). Clips of four generators come beside them in tar files.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.formats.cells import number_or_none, optional_text, text
from schemas.address import place_of
from schemas.options import SetupError
from schemas.rows import read_rows

PROBABILITIES = ("toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
COLUMNS = ("uuid", "prompt", "time", *PROBABILITIES)
LICENCE = "CC-BY-NC-4.0"  # of the prompts
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)

# Options that people typed behind their prompt, as Pika's bot and Midjourney's take them.
_PIKA = ("motion", "gs", "guidance", "ar", "aspect", "fps", "seed", "hd")
_MIDJOURNEY = ("v", "version", "s", "stylize", "q", "quality", "c", "chaos", "style", "niji", "iw")
_ONE_WORD = frozenset((*_PIKA, *_MIDJOURNEY))
_FREE_TEXT = frozenset(["neg", "negative", "no", "camera"])
_BEGINS = re.compile(r"(?:^|\s)(?=[-–—]{1,2}[A-Za-z]+(?:[\s:=]|$))")
_OPTION = re.compile(r"[-–—]{1,2}([A-Za-z]+)(?:[\s:=]+(.*))?", re.DOTALL)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class VidProMRow:
    """One row. ``text`` is None where the cell is blank, a probability None where it is missing."""

    number: int
    uuid: str
    text: str | None
    probabilities: Mapping[str, float | None]


def read_vidprom(path: str | Path, probabilities: tuple[str, ...] = ()) -> Iterator[VidProMRow]:
    """The rows in their order, one at a time, with those of the probabilities that are asked for.

    Raises :class:`SetupError` naming file and row for a missing column, an id that is no UUID, and a
    probability that is not a number in [0, 1].
    """
    file = place_of(path)
    for number, row in read_rows(file, ("uuid", "prompt", *probabilities)):
        uuid = text(file, number, row, "uuid").lower()
        if not UUID.fullmatch(uuid):
            raise SetupError(f"{file}: row {number}, column 'uuid': {uuid!r} is not a UUID")
        values = {name: number_or_none(file, number, row, name) for name in probabilities}
        for name, value in values.items():
            if value is not None and not 0 <= value <= 1:
                raise SetupError(
                    f"{file}: row {number}, column {name!r}: {value!r} is not a probability"
                )
        yield VidProMRow(
            number=number, uuid=uuid, text=optional_text(row, "prompt"), probabilities=values
        )


def without_options(prompt: str) -> str:
    """The prompt without the generator options at its end, such as ``-motion 2`` or ``--ar 16:9``.

    Only options known here go, and only from the end: one that takes a single word is kept if more
    follow, since then it is part of a sentence.
    """
    starts = [match.start() for match in _BEGINS.finditer(prompt)]
    while starts and _is_option(prompt[starts[-1] :].strip()):
        prompt = prompt[: starts.pop()]
    return prompt.rstrip()


def _is_option(piece: str) -> bool:
    match = _OPTION.fullmatch(piece)
    if match is None:
        return False
    name, value = match[1].lower(), (match[2] or "").split()
    return name in _FREE_TEXT or (name in _ONE_WORD and len(value) <= 1)


def uuid_in(name: str) -> str | None:
    """The UUID in a file's name, in lower case; None if it holds none."""
    match = UUID.search(name)
    return match[0].lower() if match else None
