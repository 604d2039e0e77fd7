"""Towers of a given shape with random weights, and VideoRM on top of them."""

import dataclasses
import functools
import tempfile
from pathlib import Path

import torch
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast
from transformers.utils import logging

from pipeline.videorm.model.build import build
from pipeline.videorm.model.tokens import END, MAX_TOKENS, START, train_tokenizer
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm, VideoRMOptions

DIMENSIONS = ("prompt_following", "video_quality")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """An image tower of CLIP. Sizes in pixels and channels."""

    image: int
    patch: int
    width: int
    layers: int
    heads: int
    mlp: int
    joint: int  # width of the joint space

    @property
    def tokens(self) -> int:
        """Of a frame, the class token among them."""
        return (self.image // self.patch) ** 2 + 1


SHAPES = {
    "vit-h-14": Shape(
        image=224, patch=14, width=1280, layers=32, heads=16, mlp=5120, joint=1024
    ),  # LAION's, HPS v2, PickScore
    "vit-b-32": Shape(image=224, patch=32, width=768, layers=12, heads=12, mlp=3072, joint=512),
    "small": Shape(image=112, patch=14, width=384, layers=6, heads=6, mlp=1536, joint=256),
    # no tower to speak of, and ViT-H/14's joint space: for what is behind the towers
    "joint-1024": Shape(image=32, patch=16, width=64, layers=1, heads=1, mlp=64, joint=1024),
    # preset videorm-tiny, whose towers are trained from random weights
    "tiny": Shape(image=32, patch=8, width=64, layers=2, heads=4, mlp=128, joint=64),
}


@functools.cache
def trunk_folder(name: str) -> tempfile.TemporaryDirectory[str]:
    """A folder with random towers, as pretrained ones come. One text layer: no text is timed."""
    shape, folder = SHAPES[name], tempfile.TemporaryDirectory(prefix="videorm-bench-")
    tokenizer = train_tokenizer(["a clip of something"])
    text = {
        "hidden_size": shape.joint,
        "intermediate_size": shape.joint,
        "num_attention_heads": shape.joint // 64,
        "num_hidden_layers": 1,
        "vocab_size": tokenizer.get_vocab_size(),
        "max_position_embeddings": MAX_TOKENS,
        "bos_token_id": tokenizer.token_to_id(START),
        "eos_token_id": tokenizer.token_to_id(END),
    }
    vision = {
        "hidden_size": shape.width,
        "intermediate_size": shape.mlp,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "image_size": shape.image,
        "patch_size": shape.patch,
        "hidden_act": "gelu",
    }
    torch.manual_seed(0)
    logging.disable_progress_bar()
    config = CLIPConfig(text_config=text, vision_config=vision, projection_dim=shape.joint)
    CLIPModel(config).save_pretrained(folder.name)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder.name)
    return folder


def options_for(
    name: str, preset: str = "videorm-default", trained: bool = False
) -> VideoRMOptions:
    """A preset over towers of a shape, with the shift in every block.

    ``trained``: all blocks of the image tower learn, else only what is behind it.
    """
    shape = SHAPES[name]
    return VideoRMOptions.model_validate(
        {
            "preset": preset,
            "trunk": trunk_folder(name).name,
            "tokenizer": None,
            "frames": 8,
            "shift": {"blocks": "all"},
            "head": {"heads": max(1, shape.joint // 64)},
            "training": {"train_blocks": shape.layers if trained else 0},
        }
    )


def model_of(name: str, arm: Arm, trained: bool = False) -> VideoRM:
    """A model of a shape on the CPU in float32. Arms differ in the shift and the head."""
    options = options_for(name, trained=trained)
    assert Path(str(options.trunk)).is_dir()
    return build(options, arm, DIMENSIONS, [])
