"""Prompts without clips: a suite, for generators to make clips of."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from pipeline.formats.prompt_list import DIMENSION, ListedPrompt, read_prompt_list
from pipeline.sources.base import ClipSource, Found, SourceSpec
from pipeline.sources.listing import Listing, Where
from pipeline.sources.places import Places
from schemas import ids
from schemas.options import SetupError
from schemas.rows import local_file


class PromptsSource(SourceSpec):
    """A source ``{kind: prompts}``: text lines, a table, or a JSON list such as VBench's suite."""

    kind: Literal["prompts"] = "prompts"
    path: str  # *.txt, *.csv, *.tsv, *.jsonl, *.ndjson, *.parquet or *.json
    column: str = "prompt"  # of a table, or the key in a JSON list of objects
    dimensions: list[str] | None = Field(default=None, min_length=1)  # of the suite; None: all
    licence: str | None = None  # of prompts whose row names none

    def read(self) -> Found:
        """The prompts in the order of the file, the same words once, under their first id.

        Raises :class:`SetupError` naming file and row for what :func:`read_prompt_list` refuses, one
        ``prompt_id`` with two texts, one text in two splits, and a dimension that no prompt has.
        """
        file = local_file(self.path)
        # no clips: what a listing is told about them never matters
        listing = Listing(file.name, Places(file.parent), ClipSource(kind=self.kind))
        first: dict[str, str] = {}
        again = 0
        for row in self._asked(read_prompt_list(file, self.column), listing.notes):
            own = row.prompt_id or ids.prompt_id(row.text)
            words = " ".join(row.text.split())
            again += words in first
            listing.prompt(
                Where(file, row.number),
                row.text,
                prompt_id=first.setdefault(words, own),
                split=row.split,
                licence=row.licence or self.licence,
                source=row.source,
            )
        if again:
            listing.notes.append(f"{file}: {again} rows have the words of an earlier one: left out")
        return _some(file, listing.found())

    def _asked(self, rows: Iterable[ListedPrompt], notes: list[str]) -> Iterator[ListedPrompt]:
        wanted, known, out = set(self.dimensions or ()), set[str](), 0
        for row in rows:
            known.update(row.dimensions)
            if wanted and not wanted.intersection(row.dimensions):
                out += 1
            else:
                yield row
        absent = sorted(wanted - known)
        if absent:
            raise SetupError(
                f"{self.path}: dimensions: no prompt has {DIMENSION} {absent[0]!r}; it has "
                + (", ".join(sorted(known)) or "none")
            )
        if out:
            notes.append(f"{self.path}: {out} rows are of other dimensions: left out")


def _some(file: Path, found: Found) -> Found:
    if not found.prompts:
        raise SetupError(f"{file}: names no prompt")
    return found
