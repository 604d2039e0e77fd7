"""What people are asked about: clips or pairs of a run, and the list of them that the analyst keeps."""

import csv
import dataclasses
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.formats.cells import text
from schemas.options import SetupError
from schemas.rows import read_rows

RANDOM, DISAGREEMENT, UNCERTAINTY = REASONS = ("random", "disagreement", "uncertainty")
COLUMNS = (
    "item", "mode", "why", "asked", "prompt_id", "prompt", "video_a", "generator_a", "video_b",
    "generator_b", "disagreement", "spread", "margin",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A clip, or two clips of one prompt, that people could be asked about.

    ``disagreement`` and ``spread`` say how far the judges are apart, ``margin`` how far the clip or
    pair is from a tie (:mod:`pipeline.rating.corpus`); None where the run cannot tell.
    """

    videos: tuple[str, ...]  # one video id or two, in the order of the dataset
    generators: tuple[str, ...]
    prompt_id: str
    disagreement: float | None = None
    spread: float | None = None
    margin: float | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The clips, whichever stands first."""
        return tuple(sorted(self.videos))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A candidate that was chosen. ``why``: ``random``, ``disagreement`` or ``uncertainty``.

    ``asked`` is false for one that the random draw met and people have rated already: it belongs to
    the random part, or that part would no longer stand for the run, but nobody is asked again.
    """

    item: str
    why: str
    asked: bool
    candidate: Candidate


def items_csv(items: Iterable[Item], mode: str, prompts: dict[str, str]) -> str:
    """The analyst's list as CSV: every item, its clips and generators, and why it was chosen."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for item in items:
        one = item.candidate
        writer.writerow(
            {
                "item": item.item,
                "mode": mode,
                "why": item.why,
                "asked": "yes" if item.asked else "no",
                "prompt_id": one.prompt_id,
                "prompt": prompts[one.prompt_id],
                **_sides(one.videos, "video"),
                **_sides(one.generators, "generator"),
                **{n: _figure(getattr(one, n)) for n in ("disagreement", "spread", "margin")},
            }
        )
    return out.getvalue()


def _sides(values: Sequence[str], name: str) -> dict[str, str]:
    return dict(zip((f"{name}_a", f"{name}_b"), values))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def chosen_because(path: str | Path) -> dict[tuple[str, ...], str]:
    """Why each clip or pair of an ``items.csv`` was chosen, by its sorted video ids.

    Only those chosen by ``random`` stand for the run: an agreement over the others is one over cases
    that were picked for being hard. Raises :class:`SetupError` naming file and row.
    """
    found: dict[tuple[str, ...], str] = {}
    for number, row in read_rows(path, ("why", "video_a")):
        why = text(Path(path), number, row, "why")
        if why not in REASONS:
            raise SetupError(f"{path}: row {number}: column 'why': {why!r} is no reason of ours")
        clips = (text(Path(path), number, row, "video_a"), row.get("video_b"))
        found[tuple(sorted(str(clip) for clip in clips if clip))] = why
    return found
