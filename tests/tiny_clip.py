"""A small random CLIP with tokenizer and image processor, saved as a model of the hub is."""

import io
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer

from schemas import FrameSet
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

SIDE = 32
LETTERS = string.ascii_lowercase
START, END = 0, 1  # token ids


def config() -> CLIPConfig:
    """Two towers of width 16, 32 px pictures in patches of 8, one token per letter."""
    tower = {
        "hidden_size": 16, "intermediate_size": 64, "num_attention_heads": 2,
        "num_hidden_layers": 2, "projection_dim": 8, "hidden_act": "gelu",
    }  # fmt: skip
    text = {**tower, "vocab_size": 2 + 2 * len(LETTERS), "max_position_embeddings": 77}
    return CLIPConfig(
        projection_dim=8,
        text_config={**text, "bos_token_id": START, "eos_token_id": END},
        vision_config={**tower, "image_size": SIDE, "patch_size": 8},
    )


def save(folder: Path, seed: int = 0) -> CLIPModel:
    """Write the model, with weights large enough that pictures and prompts are told apart."""
    torch.manual_seed(seed)
    clip = CLIPModel(config())
    with torch.no_grad():
        for weight in clip.parameters():
            if weight.ndim:
                weight.add_(0.3 * torch.randn(weight.shape))
    clip.save_pretrained(folder)
    words = ["<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{c}</w>" for c in LETTERS)]
    vocabulary = {word: i for i, word in enumerate(words)}
    CLIPTokenizer(vocab=vocabulary, merges=[]).save_pretrained(folder)
    size, crop = {"shortest_edge": SIDE}, {"height": SIDE, "width": SIDE}
    CLIPImageProcessorPil(size=size, crop_size=crop).save_pretrained(folder)
    return clip.eval()


def token_ids(prompt: str) -> list[int]:
    """By hand, what the tokenizer makes of words in small letters; 77 at most, the end kept."""
    ids = [
        2 + LETTERS.index(c) + (len(LETTERS) if last else 0)
        for word in prompt.split()
        for c, last in zip(word, [False] * (len(word) - 1) + [True])
    ]
    return [START, *ids[:75], END]


def pixels(picture: Image.Image) -> torch.Tensor:
    """By hand, what CLIP takes of a picture of its own size: levels to [0, 1], then normalised."""
    assert picture.size == (SIDE, SIDE)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073]).view(3, 1, 1)
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711]).view(3, 1, 1)
    array = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    return (array - mean) / std


def jpeg(array: np.ndarray) -> bytes:
    """(H, W, 3) uint8 as JPEG bytes."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def noise(n: int, seed: int = 0, height: int = SIDE, width: int = SIDE) -> list[bytes]:
    """JPEGs that are all different."""
    rng = np.random.default_rng(seed)
    return [jpeg(rng.integers(0, 256, (height, width, 3), np.uint8)) for _ in range(n)]


def frame_set(store: Store, jpegs: Sequence[bytes], prompt: str, **change: Any) -> FrameSet:
    """A clip of these frames, put into the store."""
    digests = tuple(map(sha256_hex, jpegs))
    for digest, data in zip(digests, jpegs):
        store.put(blob_name(digest, ".jpg"), data)
    n = len(jpegs)
    fields: dict[str, Any] = {
        "video_id": "v1", "prompt_id": "p1", "prompt": prompt, "generator": "g", "policy": "all",
        "decoder": "test", "indices": tuple(range(n)), "times_s": (None,) * n,
        "jpeg_sha256": digests, "n_frames_in_clip": n, "fps": None, "duration_s": None,
        "width_px": SIDE, "height_px": SIDE, "frame_width_px": SIDE, "frame_height_px": SIDE,
    }  # fmt: skip
    return FrameSet(**(fields | change))
