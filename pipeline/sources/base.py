"""What a source is: a block of the configuration that names prompts, and clips where it has any.

One kind, one file. A kind subclasses :class:`SourceSpec` (or :class:`ClipSource`) and joins
``pipeline.sources.kinds``. Reading looks at names and tables, never into a clip.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field

from schemas import Clip, Prompt
from schemas.ids import hash_fraction
from schemas.options import Options


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a source names, in its order, and sentences on what it left out.

    ``settled``: by prompt_id, where a dataset that is published put the prompt (None: it left it out); it
    stays there, whatever a list states.
    """

    prompts: Sequence[Prompt]
    clips: Sequence[Clip] = ()
    notes: Sequence[str] = ()
    settled: Mapping[str, str | None] = dataclasses.field(default_factory=dict)


class Expects(Options):
    """What a source is said to hold, by whoever wrote the recipe."""

    prompts: int | None = Field(default=None, ge=1)  # None: as many as `limit`
    clips: int = Field(default=0, ge=0)


class SourceSpec(Options):
    """Common part of every block of ``sources:``."""

    kind: str
    limit: int | None = Field(default=None, ge=1)  # this many of its prompts, chosen by hash
    expects: Expects | None = None  # counted by an estimate while the file is not there

    def read(self) -> Found:
        """Everything the source names. Raises :class:`SetupError` naming file, row and fault."""
        raise TypeError(f"source kind {self.kind!r} does not say how it is read")


class ClipSource(SourceSpec):
    """Common part of the kinds that name clips."""

    # folders and addresses (gs://, s3://, hf://) that may hold clips, beside the source's own folder
    roots: list[str] = Field(default_factory=list)
    urls: bool = False  # whether clips may be fetched from https:// addresses
    keep: Literal["copy", "reference"] = "copy"  # copy the clips into the run, or leave them
    missing: Literal["refuse", "leave_out"] = "refuse"  # named clips that are not there
    licence: str | None = None  # of clips whose row names none
    terms: str | None = None  # of their generators, where the row names none


def limited(found: Found, limit: int | None) -> Found:
    """The prompts that ``limit`` lets through, in the source's order, with their clips."""
    if limit is None or len(found.prompts) <= limit:
        return found
    ranked = sorted(found.prompts, key=lambda p: hash_fraction("limit", p.prompt_id))
    kept = {prompt.prompt_id for prompt in ranked[:limit]}
    return dataclasses.replace(
        found,
        prompts=[prompt for prompt in found.prompts if prompt.prompt_id in kept],
        clips=[clip for clip in found.clips if clip.prompt_id in kept],
        settled={p: split for p, split in found.settled.items() if p in kept},
    )
