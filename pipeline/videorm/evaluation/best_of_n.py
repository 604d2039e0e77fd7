"""Best-of-n: how good is the clip that a reward picks out of n?

Of M clips of a prompt every subset of n is as likely as any other, so the expectation is exact and
nothing is drawn. Rank the clips by reward: the one with i others below it is the best of C(i, n-1) of
the C(M, n) subsets. Clips of equal reward share: a block with s clips below it and e up to its top
holds the best of C(e, n) - C(s, n) subsets, and each clip of the block is picked equally often, so

    E = sum over blocks of (C(e, n) - C(s, n)) / C(M, n) * mean quality of the block.

With n = 1 that is the mean (a random pick), with n = M the quality of the highest reward.

Sources: the unbiased estimator over subsets is that of pass@k (Chen et al. 2021, arXiv:2107.03374,
section 2.1) for real values instead of right and wrong; KL(best-of-n || base) = log n - (n - 1) / n
(Stiennon et al. 2020, arXiv:2009.01325, appendix G.3), in nats, an upper bound where clips tie
(Beirami et al. 2024, arXiv:2401.01879).
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from pipeline.audit.statistics.agreement import ratio
from pipeline.audit.statistics.bootstrap import cluster_bootstrap
from pipeline.videorm.evaluation.accuracy import RESAMPLES
from pipeline.videorm.model.config import MODEL_TIE

RANDOM, ORACLE = "random", "oracle"

Quality = Mapping[str, float]  # by video_id
Prompts = Mapping[str, Sequence[str]]  # prompt_id -> its clips' video_ids


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Gold:
    """What counts as the true quality of clips, of one dimension or overall."""

    name: str  # raters, annotator
    dimension: str
    quality: Quality
    split: str = "test"


def kl(n: int) -> float:
    """How far best-of-n moves from the base, in nats: log n - (n - 1) / n."""
    return math.log(n) - (n - 1) / n


def expected_quality(reward: npt.ArrayLike, quality: npt.ArrayLike, n: int) -> float:
    """Expected quality of the clip of highest reward among n of the M clips (M,), exactly.

    Rewards no more than ``MODEL_TIE`` above the next lower are equal to it. Raises ``ValueError`` for
    n beyond M.
    """
    reward, quality = np.asarray(reward, np.float64), np.asarray(quality, np.float64)
    if not 1 <= n <= len(reward):
        raise ValueError(f"n: expected 1 to {len(reward)}, got {n}")
    order = np.argsort(reward, kind="stable")
    edges = np.flatnonzero(np.diff(reward[order]) > MODEL_TIE) + 1
    total, start = 0.0, 0
    for block in np.split(quality[order], edges):
        end = start + len(block)
        total += (math.comb(end, n) - math.comb(start, n)) * float(block.mean())
        start = end
    return total / math.comb(len(reward), n)


def sizes(prompts: Prompts) -> list[int]:
    """1, 2, 4, ... up to what at least half of the prompts have."""
    most = int(np.median([len(clips) for clips in prompts.values()])) if prompts else 0
    return [2**k for k in range(most.bit_length()) if 2**k <= most]


def best_of_n_rows(
    clips: Prompts, gold: Gold, rewards: Mapping[str, Quality], seed: int
) -> list[dict[str, Any]]:
    """A row per scorer and n, beside ``random`` (any clip) and ``oracle`` (the quality itself).

    A clip counts where it has a quality and a reward of every scorer; a prompt with fewer than n such
    clips is left out and counted. ``value`` is in points of the gold's scale.
    """
    every = [gold.quality, *rewards.values()]
    kept = {p: [v for v in videos if all(v in by for by in every)] for p, videos in clips.items()}
    kept = {p: videos for p, videos in kept.items() if videos}
    scorers = {**rewards, RANDOM: dict.fromkeys(gold.quality, 0.0), ORACLE: gold.quality}
    return [
        {"arm": scorer, "gold": gold.name, "dimension": gold.dimension, "split": gold.split, "n": n}
        | {"kl": kl(n), **_value(kept, n, by, gold.quality, seed)}
        | {"n_prompts_left_out": sum(len(kept.get(p, ())) < n for p in clips)}
        for n in sizes(kept)
        for scorer, by in scorers.items()
    ]


def _value(clips: Prompts, n: int, reward: Quality, quality: Quality, seed: int) -> dict[str, Any]:
    enough = [videos for _, videos in sorted(clips.items()) if len(videos) >= n]
    table = np.array([[_expected(videos, n, reward, quality), 1.0] for videos in enough])
    interval = cluster_bootstrap(table, ratio(0, 1), RESAMPLES, seed)
    return {
        "value": interval.value,
        "low": interval.low,
        "high": interval.high,
        "n_clips": sum(map(len, enough)),
        "n_prompts": len(enough),
    }


def _expected(videos: Sequence[str], n: int, reward: Quality, quality: Quality) -> float:
    return expected_quality([reward[v] for v in videos], [quality[v] for v in videos], n)


def mean_overall(parts: Sequence[Quality], weights: Sequence[float]) -> dict[str, float]:
    """Weighted mean of several dimensions by video_id; missing where one is missing."""
    if not parts:
        return {}
    shared = set.intersection(*(set(by) for by in parts))
    total = sum(weights)
    return {
        video: sum(w * by[video] for w, by in zip(weights, parts, strict=True)) / total
        for video in sorted(shared)
    }


def by_prompt(rows: Iterable[tuple[str, Sequence[str]]]) -> dict[str, list[str]]:
    """Clips of every prompt, each once."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for prompt, videos in rows:
        found[prompt] |= dict.fromkeys(videos)
    return {prompt: list(videos) for prompt, videos in found.items()}
