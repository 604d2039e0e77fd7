"""Where every prompt, clip and pair of the explorer stands in its columns."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.report.tables import read_table
from schemas.ids import hash_fraction
from schemas.layout import Layout

Places = npt.NDArray[np.int64]
ABSENT = -1


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Order:
    """The prompts shown, their clips one prompt after the other, and the pairs of those.

    ``starts`` (prompts + 1,): clips of prompt n are ``clips[starts[n]:starts[n + 1]]``, by generator
    and id. Pairs of a prompt come in the order (0, 1), (0, 2), .. (1, 2), ..; ``total`` counts the
    prompts of the whole dataset.
    """

    prompts: Sequence[str]
    clips: Sequence[str]
    generators: Sequence[str]  # of each clip
    starts: Places
    total: int

    @functools.cached_property
    def first_pairs(self) -> Places:
        """(prompts + 1,): where the pairs of each prompt begin."""
        sizes = np.diff(self.starts)
        return np.concatenate([[0], np.cumsum(sizes * (sizes - 1) // 2)])

    @functools.cached_property
    def prompt_of(self) -> Places:
        """(clips,): the prompt of each clip."""
        return np.repeat(np.arange(len(self.prompts)), np.diff(self.starts))

    @functools.cached_property
    def _clip_set(self) -> pa.Array:
        return pa.array(self.clips, pa.string())

    def places(self, video_ids: pa.ChunkedArray) -> Places:
        """Where the named clips stand; -1 for those that are not shown."""
        found = pc.index_in(video_ids, value_set=self._clip_set)
        places: Places = pc.fill_null(found, ABSENT).to_numpy().astype(np.int64)
        return places

    def pair_places(self, a: Places, b: Places) -> tuple[Places, npt.NDArray[np.float64]]:
        """Where pairs of clips stand, and +1 where ``a`` is the first of them there, else -1.

        A place is -1 where one of the two is not shown, or they are not two clips of one prompt.
        """
        first, second = np.minimum(a, b), np.maximum(a, b)
        known = (first >= 0) & (first < second)
        owner = self.prompt_of[np.where(known, first, 0)] if len(self.clips) else first
        if len(self.clips):
            known &= owner == self.prompt_of[np.where(known, second, 0)]
        i, j = first - self.starts[owner], second - self.starts[owner]
        size = self.starts[owner + 1] - self.starts[owner]
        place = self.first_pairs[owner] + i * size - i * (i + 1) // 2 + j - i - 1
        return np.where(known, place, ABSENT), np.where(a <= b, 1.0, -1.0)

    @functools.cached_property
    def pairs(self) -> tuple[Places, Places]:
        """The first and the second clip of every pair."""
        none = np.empty(0, np.int64)
        first, second = [none], [none]
        for start, size in zip(self.starts[:-1], np.diff(self.starts), strict=True):
            i, j = np.triu_indices(size, 1)
            first.append(start + i)
            second.append(start + j)
        return np.concatenate(first), np.concatenate(second)


def choose_prompts(layout: Layout, shown: int) -> tuple[list[str], int]:
    """Ids of the prompts on the page, in the order of their hash, and how many there are in all.

    ``shown`` is the most there may be, 0: all. A prompt none of whose clips exists has nothing to
    show and comes last.
    """
    ids = read_table(layout, "prompts", columns=["prompt_id"]).column("prompt_id").to_pylist()
    column = read_table(layout, "videos", columns=["prompt_id"]).column("prompt_id")
    with_clips = set(column.to_pylist())
    order = sorted(ids, key=lambda i: (i not in with_clips, hash_fraction("report", i), i))
    return order[: shown or None], len(ids)


def order_of(layout: Layout, shown: int) -> Order:
    """The order of at most ``shown`` prompts of a run, 0: of all."""
    prompts, total = choose_prompts(layout, shown)
    at = {prompt: n for n, prompt in enumerate(prompts)}
    videos = read_table(
        layout, "videos", columns=["prompt_id", "generator", "video_id"]
    ).to_pylist()
    rows = sorted(
        (at[row["prompt_id"]], row["generator"], row["video_id"])
        for row in videos
        if row["prompt_id"] in at
    )
    sizes = np.bincount(np.array([row[0] for row in rows], np.int64), minlength=len(prompts))
    return Order(
        prompts=prompts,
        clips=[row[2] for row in rows],
        generators=[row[1] for row in rows],
        starts=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        total=total,
    )
