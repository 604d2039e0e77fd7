"""The data of the cases: made up from a seed, kept as one .npz file each."""

from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]

LEVELS = 5
MODELS = 12


def ratings(n_clips: int, missing: float, seed: int) -> Arrays:
    """``ratings`` (N, 3) on a scale of 1 to 5, NaN missing; ``prompts`` (N,): four clips of each."""
    rng = np.random.default_rng(seed)
    prompts = np.arange(n_clips) // 4
    quality = rng.normal(size=prompts[-1] + 1)[prompts] + rng.normal(size=n_clips)
    seen = quality[:, None] + rng.normal(size=(n_clips, 3)) + [-0.2, 0, 0.3]
    scores = np.clip(np.round(3 + seen * 0.8), 1, LEVELS)
    scores[rng.random(scores.shape) < missing] = np.nan
    return {"ratings": scores, "prompts": prompts}


def long_rows(n_rows: int, seed: int) -> Arrays:
    """``clip``, ``rater`` and ``score`` (M,) in no order; three raters, every clip complete."""
    table = ratings(n_rows // 3, 0, seed)["ratings"]
    clip, rater = (index.ravel() for index in np.indices(table.shape))
    order = np.random.default_rng(seed).permutation(len(clip))
    return {"clip": clip[order], "rater": rater[order], "score": table.ravel()[order]}


def comparisons(n_pairs: int, tie: float, seed: int) -> Arrays:
    """``first``, ``second`` (M,) of 12 models, ``sign`` 1, -1 or 0 for a tie, ``prompts`` (M,)."""
    rng = np.random.default_rng(seed)
    true = np.linspace(-1, 1, MODELS)
    first = rng.integers(MODELS, size=n_pairs)
    second = (first + rng.integers(1, MODELS, size=n_pairs)) % MODELS
    won = rng.random(n_pairs) < 1 / (1 + np.exp(true[second] - true[first]))
    tied = rng.random(n_pairs) < tie
    prompts = np.sort(rng.integers(max(2, n_pairs // 200), size=n_pairs))
    return {
        "first": first,
        "second": second,
        "sign": np.where(tied, 0, np.where(won, 1, -1)),
        "prompts": np.unique(prompts, return_inverse=True)[1],
    }


def counted(n_pairs: int, tie: float, seed: int) -> Arrays:
    """``wins`` (12, 12): how often row beat column among :func:`comparisons`, ties left out."""
    made = comparisons(n_pairs, tie, seed)
    wins = np.zeros((MODELS, MODELS))
    np.add.at(wins, (made["first"], made["second"]), made["sign"] > 0)
    np.add.at(wins, (made["second"], made["first"]), made["sign"] < 0)
    return {"wins": wins}


def two_raters(n_clips: int, seed: int) -> Arrays:
    """``one`` and ``other`` (N,) on a scale of 1 to 5."""
    table = ratings(n_clips, 0, seed)["ratings"]
    return {"one": table[:, 0], "other": table[:, 1]}


def judged(n_clips: int, seed: int) -> Arrays:
    """``judge``, ``target`` (N,), a mean of three, and ``prompts`` (N,): four clips of each."""
    made = ratings(n_clips, 0, seed)
    rng = np.random.default_rng(seed)
    target = made["ratings"].mean(axis=1)
    return {
        "judge": np.clip(np.round(target + rng.normal(size=n_clips)), 1, LEVELS),
        "target": target,
        "prompts": made["prompts"],
    }


def kept(path: Path, arrays: Arrays) -> Path:
    """The file that holds them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **arrays)
    return path
