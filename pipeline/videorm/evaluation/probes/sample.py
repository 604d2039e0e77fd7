"""Which held-out clips are probed, and what annotator and raters thought of them."""

import dataclasses
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.statistics.bootstrap import Array
from pipeline.videorm.data.corpus import read_ratings
from pipeline.videorm.data.groups import Corpus, Group
from schemas.ids import sha256_hex
from schemas.options import SetupError

Answers = Mapping[str, Sequence[str]]  # our dimension -> the raters' dimensions that answer for it


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """N clips of P prompts, those of a prompt side by side."""

    dimensions: tuple[str, ...]
    groups: tuple[Group, ...]  # (P,)
    video_ids: tuple[str, ...]  # (N,)
    prompt: NDArray[np.intp]  # (N,) number of the prompt
    generators: tuple[str, ...]  # (N,)
    annotator: Array  # (N, dimensions) NaN where there is none
    raters: Array  # (N, dimensions) mean of the raters, NaN where there is none

    @property
    def n_prompts(self) -> int:
        """P."""
        return len(self.groups)

    @property
    def prompts(self) -> list[str]:
        """The text of each clip's prompt, (N,)."""
        return [self.groups[p].prompt for p in self.prompt]

    @property
    def others(self) -> list[str]:
        """For each clip the text of another prompt: the next one's."""
        return [self.groups[(p + 1) % self.n_prompts].prompt for p in self.prompt]

    def score(self, dimension: int) -> tuple[str, Array]:
        """What a reward is held against: the raters' means where they rated this, else the annotator's."""
        if np.isfinite(self.raters[:, dimension]).any():
            return "raters", self.raters[:, dimension]
        return "annotator", self.annotator[:, dimension]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One arm on the sample: what every probe is worked out from."""

    arm: str
    temporal: bool  # whether any part of it sees frames together
    sample: Sample
    rewards: Mapping[str, Array]  # variant -> (N, dimensions)
    looks: Mapping[str, Array]  # (N,) each, NaN where unknown
    alignment: Collection[str]  # dimensions that answer for the prompt
    seed: int  # of the resamples

    @property
    def n_clips(self) -> int:
        """N."""
        return len(self.sample.video_ids)

    def is_alignment(self, dimension: int) -> bool:
        """Whether that dimension answers for the prompt."""
        return self.sample.dimensions[dimension] in self.alignment


def sample(
    corpus: Corpus,
    folders: Sequence[Path],
    answers: Answers,
    *,
    seed: int,
    most_prompts: int,
    split: str = "test",
) -> Sample:
    """The clips of at most ``most_prompts`` prompts of the split, drawn by hash.

    Raises SetupError where the split has none.
    """
    drawn = sorted(
        corpus.groups.get(split, ()),
        key=lambda g: sha256_hex(f"probes\n{seed}\n{g.prompt_id}".encode()),
    )[:most_prompts]
    if not drawn:
        raise SetupError(
            f"probes: no prompt in the {split} split; change `splits:` or take more prompts"
        )
    videos = [corpus.clips.video_ids[row] for g in drawn for row in g.rows]
    return Sample(
        dimensions=corpus.dimensions,
        groups=tuple(drawn),
        video_ids=tuple(videos),
        prompt=np.repeat(np.arange(len(drawn)), [len(g.rows) for g in drawn]),
        generators=tuple(name for g in drawn for name in g.generators),
        annotator=np.concatenate([g.scores for g in drawn]),
        raters=_rated(videos, corpus.dimensions, folders, answers),
    )


def _rated(
    videos: Sequence[str], dimensions: Sequence[str], folders: Sequence[Path], answers: Answers
) -> Array:
    """Means over raters (N, dimensions), NaN where nobody rated.

    Where several human dimensions answer for ours a rater's own are averaged; one who left out one of
    them has no score for that clip, as in the audit. A rating that stands in two folders is one.
    """
    given: dict[str, dict[str, dict[str, float]]] = {v: defaultdict(dict) for v in videos}
    for folder in folders:
        for r in read_ratings(folder):
            if r.video_id in given:
                given[r.video_id][r.rater][r.dimension] = r.score
    columns = [
        [_mean_of(given[v], answers.get(name, (name,))) for v in videos] for name in dimensions
    ]
    return np.array(columns, np.float64).T


def _mean_of(by_rater: Mapping[str, Mapping[str, float]], names: Sequence[str]) -> float:
    own = [
        sum(scores[name] for name in names) / len(names)
        for scores in by_rater.values()
        if all(name in scores for name in names)
    ]
    return sum(own) / len(own) if own else float("nan")
