"""One prompt with its clips, each encoded once, and all of its labelled pairs."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from pipeline.videorm.data.clips import Clips

LABELS = {"a": 1, "b": -1, "tie": 0}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A prompt, its V clips and its P labelled pairs, over all dimensions.

    A dimension that was not scored for a clip has no pair, so it is masked out.
    """

    prompt_id: str
    prompt: str
    rows: NDArray[np.int64]  # (V,) of the clips in :class:`Clips`
    generators: tuple[str, ...]  # (V,)
    scores: NDArray[np.float64]  # (V, dimensions) mean score of each clip, NaN where there is none
    dimension: NDArray[np.int64]  # (P,) position in the corpus' dimensions
    a: NDArray[np.int64]  # (P,) position in ``rows``
    b: NDArray[np.int64]  # (P,)
    label: NDArray[np.int64]  # (P,) +1 where a is preferred, -1 where b is, 0 for a tie
    margin: NDArray[
        np.float64
    ]  # (P,) score of a minus score of b; NaN where only a choice is known
    share: NDArray[np.float64]  # (P,) of those asked that prefer a, a tie half; NaN: not asked so
    weight: NDArray[np.float64]  # (P,)
    # (P,) whether people labelled the pair, not a machine; left out: none was
    by_people: NDArray[np.bool_] = dataclasses.field(default_factory=lambda: np.zeros(0, np.bool_))

    def __post_init__(self) -> None:
        if len(self.by_people) == 0:
            object.__setattr__(self, "by_people", np.zeros(len(self.label), np.bool_))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything training and evaluation read."""

    dimensions: tuple[str, ...]
    clips: Clips
    groups: Mapping[str, tuple[Group, ...]]  # by split
    most_frames: int  # that any clip has, at most as many as were asked for
    generators: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by video_id
    notes: tuple[str, ...] = ()  # what was left out, and why
