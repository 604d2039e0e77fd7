"""One dimension as arrays: clips, raters' scores, and an annotator's where there is one."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.bootstrap import Array
from schemas import HumanRating
from schemas.options import SetupError

MOST_CELLS = 100_000_000  # of items by raters: 0.8 GB, of which an audit holds a few


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """N clips in P prompts with the scores of R raters; every clip has one rating at least.

    ``prompts`` (N,) are numbers in [0, P), each of them used; ``human`` is (N, R), NaN where
    missing; ``judge`` (N,), or None where the raters stand alone.
    """

    videos: tuple[str, ...]
    prompts: npt.NDArray[np.intp]
    generators: tuple[str, ...]
    human: Array
    raters: tuple[str, ...] = ()  # (R,) names
    prompt_ids: tuple[str, ...] = ()  # (P,)
    judge: Array | None = None

    @property
    def n_prompts(self) -> int:
        return int(self.prompts.max(initial=-1)) + 1

    @property
    def n_raters(self) -> int:
        return int((~np.isnan(self.human)).any(axis=0).sum())

    @property
    def target(self) -> Array:
        """Mean of all raters of each clip, (N,)."""
        return np.asarray(np.nanmean(self.human, axis=1))

    def take(self, kept: npt.NDArray[np.bool_]) -> Self:
        """The clips where ``kept`` (N,) is true; prompts are numbered anew."""
        index = np.flatnonzero(kept)
        used, prompts = np.unique(self.prompts[index], return_inverse=True)
        return dataclasses.replace(
            self,
            videos=tuple(self.videos[i] for i in index),
            prompts=prompts.astype(np.intp),
            prompt_ids=tuple(self.prompt_ids[p] for p in used),
            generators=tuple(self.generators[i] for i in index),
            human=self.human[index],
            judge=None if self.judge is None else self.judge[index],
        )

    def judged_by(self, scores: Mapping[str, float]) -> Self:
        """The clips that an annotator scored too; ``scores`` by video id."""
        judge = np.asarray([scores.get(video, np.nan) for video in self.videos], dtype=np.float64)
        return dataclasses.replace(self, judge=judge).take(~np.isnan(judge))


def human_panel(ratings: Sequence[HumanRating], dimensions: Sequence[str]) -> Panel:
    """The raters on the mean of the named dimensions.

    A rater who left out one of them for a clip has no score for that clip: a mean over other
    dimensions is not comparable. Clips, raters and prompts are sorted, so that the order of rows
    changes nothing.
    """
    ratings = [r for r in ratings if r.dimension in dimensions]
    clips = {r.video_id: (r.prompt_id, r.generator) for r in ratings}
    videos = {video: i for i, video in enumerate(sorted(clips))}
    raters = {rater: i for i, rater in enumerate(sorted({r.rater for r in ratings}))}
    layers = {name: i for i, name in enumerate(dict.fromkeys(dimensions))}
    check_size(len(videos), len(raters), "clips")
    cube = np.full((len(layers), len(videos), len(raters)), np.nan)
    for r in ratings:
        cube[layers[r.dimension], videos[r.video_id], raters[r.rater]] = r.score
    human = np.asarray(cube.mean(axis=0))
    prompt_ids, prompts = np.unique([clips[v][0] for v in videos], return_inverse=True)
    panel = Panel(
        videos=tuple(videos),
        prompts=prompts.astype(np.intp),
        generators=tuple(clips[v][1] for v in videos),
        human=human,
        raters=tuple(raters),
        prompt_ids=tuple(map(str, prompt_ids)),
    )
    return panel.take(~np.isnan(human).all(axis=1))


def check_size(n_items: int, n_raters: int, what: str) -> None:
    """Raise :class:`SetupError` where a table of items by raters would not fit into memory."""
    if n_items * n_raters > MOST_CELLS:
        raise SetupError(
            f"audit: {n_items:,} {what} by {n_raters:,} raters are more than this version holds "
            f"({MOST_CELLS:,} cells); audit a part of the clips, or give raters who judged few clips each "
            "one name for several of them, such as that of their group"
        )
