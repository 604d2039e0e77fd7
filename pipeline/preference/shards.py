"""Shards: slices of the prompts of a run, small enough to be judged and written in one go.

Prompts are sorted by id and waves are slices of them, so what was said of a shard's clips lies in few
files. A file tells by its own statistics which prompts it may hold, so a prompt whose clips are in two
waves is found in both, and no list of places has to be kept.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.dataset.afar import place_of
from pipeline.dataset.ranges import Range, bounds_of

# read and written for the prompts of a shard: some 100 MB while they are Python objects
ROWS = 200_000
PROMPT = "prompt_id"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """The prompts of a range of ids, and the files that may hold anything of them."""

    number: int
    wanted: Range
    prompts: tuple[str, ...]
    annotations: tuple[str, ...]
    comparisons: tuple[str, ...]

    @property
    def name(self) -> str:
        """As its failure is known."""
        return f"{self.number:05d}"

    def part(self, out: Path | str, table: str) -> Path | str:
        """Where its rows of a table lie: below a folder, or an address."""
        return place_of(out, f"{table}/part-{self.number:05d}.parquet")

    def at(self, where: Callable[[Path], str]) -> "Shard":
        """The same, its files as whoever works on it opens them."""

        def moved(files: Iterable[str]) -> tuple[str, ...]:
            return tuple(where(Path(file)) for file in files)

        return dataclasses.replace(
            self,
            prompts=moved(self.prompts),
            annotations=moved(self.annotations),
            comparisons=moved(self.comparisons),
        )


def cut(
    clips: Iterable[tuple[str, int]], *, marks: int, annotators: int, dimensions: int
) -> Iterator[tuple[str, str]]:
    """The first and the last prompt_id of every shard, for at most ``ROWS`` rows in each.

    ``clips``: every prompt_id with the number of its clips, sorted; ``marks``: how often one clip is
    judged on one dimension, all annotators and draws together. A prompt with more rows than that is a
    shard of its own. The cut never follows from an engine or the number of its workers.
    """
    first, last, total = "", "", 0
    for prompt, n in clips:
        pairs = n * (n - 1) // 2
        rows = n * marks * dimensions + (n * (annotators + 1) + pairs) * (dimensions + 1)
        if first and total + rows > ROWS:
            yield first, last
            first, total = "", 0
        first, last, total = first or prompt, prompt, total + rows
    if first:
        yield first, last


def shards_of(
    ranges: Iterable[tuple[str, str]],
    prompts: Sequence[Path],
    annotations: Sequence[Path],
    comparisons: Sequence[Path],
) -> list[Shard]:
    """The shards of :func:`cut`, each with the files it needs."""
    tables = [
        [(str(f), bounds_of(f, PROMPT)) for f in files]
        for files in (prompts, annotations, comparisons)
    ]
    shards = []
    for number, (first, last) in enumerate(ranges):
        wanted = Range(PROMPT, first, last)
        files = [tuple(f for f, held in table if held and held.meets(wanted)) for table in tables]
        shards.append(
            Shard(
                number=number,
                wanted=wanted,
                prompts=files[0],
                annotations=files[1],
                comparisons=files[2],
            )
        )
    return shards
