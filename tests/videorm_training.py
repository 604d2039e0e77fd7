"""A small corpus in memory and small options, for tests of training."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.videorm.data.clips import HeldClips
from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.options import VideoRMOptions
from schemas.ids import sha256_hex

DIMENSIONS = ("prompt_following", "video_quality")
PAIRS = [(0, 1), (0, 2), (1, 2)]
# a readout that looks at every clip by itself, so that a batch may be divided
UNIT = {"kind": "cosine_mlp", "hidden": 16, "norm": "unit"}
BATCH_NORM = {"kind": "mlp", "hidden": 16, "norm": "batch"}


def small(**given: Any) -> VideoRMOptions:
    """Two epochs of batches of four prompts; blocks given on top."""
    training = {
        "epochs": 2,
        "batch_prompts": 4,
        "learning_rate": 1e-3,
        "jitter": 0.1,
        "translate": 1,
    }
    base: dict[str, Any] = {
        "towers": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "heads": 2},
        "head": {"heads": 2, "layers": 1},
        "readout": UNIT,
        "frames": 3,
        "track": (),
    }
    blocks = {**base, **given, "training": {**training, **given.get("training", {})}}
    return VideoRMOptions(**blocks)


def noise(rng: np.random.Generator, i: int) -> np.ndarray:
    """Three frames (3, 3, 16, 16) of a wall, brighter and noisier for every higher clip."""
    return np.clip(60 + 50 * i + (5 + 20 * i) * rng.standard_normal((3, 3, 16, 16)), 0, 255)


def corpus(
    n_train: int = 12,
    n_validation: int = 3,
    n_test: int = 3,
    draw: Callable[[np.random.Generator, int], np.ndarray] = noise,
) -> Corpus:
    """Prompts of three clips; the brighter follows better, the first is clearest, the others tie."""
    rng = np.random.default_rng(0)
    n = n_train + n_validation + n_test
    frames = np.stack([draw(rng, i) for _ in range(n) for i in range(3)]).astype(np.uint8)
    valid = np.ones(frames.shape[:2], bool)
    valid[1::3, -1] = False  # every second clip is short
    groups = tuple(_group(i) for i in range(n))
    ends = (n_train, n_train + n_validation)
    return Corpus(
        dimensions=DIMENSIONS,
        clips=HeldClips(
            video_ids=tuple(f"v{i:03d}" for i in range(3 * n)),
            keys=tuple(sha256_hex(clip.tobytes()) for clip in frames),
            frames=frames,
            valid=valid,
        ),
        groups={
            "train": groups[: ends[0]],
            "validation": groups[ends[0] : ends[1]],
            "test": groups[ends[1] :],
        },
        most_frames=3,
    )


def _group(i: int) -> Group:
    scores = np.array([[1.0, 3.0], [2.0, 1.0], [3.0, 1.0]])
    k, a, b = zip(*((k, a, b) for k in range(2) for a, b in PAIRS), strict=True)
    gap = np.array([scores[x, d] - scores[y, d] for d, x, y in zip(k, a, b, strict=True)])
    return Group(
        prompt_id=f"p{i:03d}",
        prompt=f"wall number {['one', 'two', 'three', 'four', 'five', 'six'][i % 6]}",
        rows=np.arange(3 * i, 3 * i + 3),
        generators=("g", "h", "i"),
        scores=scores,
        dimension=np.array(k),
        a=np.array(a),
        b=np.array(b),
        label=np.sign(gap).astype(np.int64),
        margin=gap,
        share=np.full(len(gap), np.nan),
        weight=np.ones(len(gap)),
    )


def curve(trained: Any) -> list[dict[str, Any]]:
    """The curve without what a clock tells."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in trained.curve]


def save_tiny_clip(folder: Path) -> Path:
    """A CLIP of two layers with random weights and a tokenizer, as a folder that ``trunk`` may name."""
    import torch
    from transformers import PreTrainedTokenizerFast

    from pipeline.videorm.model.tokens import END, train_tokenizer
    from pipeline.videorm.model.towers import random_towers, small_config

    tokenizer = train_tokenizer(["wall number one two three four five six"])
    torch.manual_seed(7)
    random_towers(small_config(small().towers, tokenizer)).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token=END).save_pretrained(folder)
    return folder
