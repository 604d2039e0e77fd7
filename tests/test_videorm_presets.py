"""Presets: what they fill in, what stands over them, and the sizes of the networks they name."""

import json

import pytest
import torch
from pydantic import ValidationError
from transformers import CLIPConfig, CLIPModel

from pipeline.videorm.model.config import ShiftConfig, VideoRMConfig
from pipeline.videorm.model.heads import TemporalHead
from pipeline.videorm.model.tokens import train_tokenizer
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.presets import FOLDER, filled, preset_names

NAMES = ("videorm-default", "videorm-paper", "videorm-tiny")


def given(name: str) -> dict[str, str]:
    return {"preset": name} | ({} if name == "videorm-tiny" else {"trunk": "folder"})


def test_the_presets_are_these_three_and_each_has_its_file() -> None:
    assert tuple(preset_names()) == NAMES
    assert sorted(p.stem for p in FOLDER.glob("*")) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_valid_and_comes_through_json(name: str) -> None:
    options = VideoRMOptions(**given(name))
    assert options.preset == name
    assert VideoRMOptions(**json.loads(options.model_dump_json())) == options
    assert VideoRMOptions(**options.model_dump()) == options


@pytest.mark.parametrize("name", NAMES)
def test_what_a_preset_says_is_what_it_gives(name: str) -> None:
    def within(part: object, whole: object) -> bool:
        if isinstance(part, dict):
            return all(within(v, getattr(whole, k)) for k, v in part.items())
        return part == whole

    assert within(filled(given(name)), VideoRMOptions(**given(name)))


def test_a_nested_key_overrides_itself_alone() -> None:
    plain = VideoRMOptions(preset="videorm-default")
    changed = VideoRMOptions(
        preset="videorm-default", training={"epochs": 2}, data={"text_swap": {"weight": 0.5}}
    )
    assert changed.training == plain.training.model_copy(update={"epochs": 2})
    assert changed.data.text_swap.weight == 0.5
    assert changed.data.text_swap.dimensions == plain.data.text_swap.dimensions
    assert changed.head == plain.head
    assert changed.trunk == plain.trunk == "yuvalkirstain/PickScore_v1"


def test_the_tokenizer_of_a_preset_goes_with_its_trunk() -> None:
    own = VideoRMOptions(preset="videorm-default")
    assert own.tokenizer is not None
    assert VideoRMOptions(preset="videorm-default", trunk=own.trunk).tokenizer == own.tokenizer
    assert VideoRMOptions(preset="videorm-default", trunk="google/siglip").tokenizer is None
    named = VideoRMOptions(preset="videorm-default", trunk="a", tokenizer="b")
    assert (named.trunk, named.tokenizer) == ("a", "b")


def test_an_explicit_none_is_an_answer() -> None:
    assert VideoRMOptions(preset="videorm-default").training.patience == 3
    changed = VideoRMOptions(preset="videorm-default", training={"patience": None})
    assert changed.training.patience is None
    assert changed.training.epochs == 10
    assert VideoRMOptions(preset="videorm-default", tokenizer=None).tokenizer is None
    with pytest.raises(ValidationError, match="starts from pretrained towers"):
        VideoRMOptions(preset="videorm-default", trunk=None)
    with pytest.raises(ValidationError, match="head"):
        VideoRMOptions(head=None)


def test_without_a_preset_it_is_the_tiny_one_and_a_block_that_is_an_object_stands_for_itself() -> (
    None
):
    assert VideoRMOptions() == VideoRMOptions(preset="videorm-tiny")
    other = VideoRMOptions(preset="videorm-default").head
    assert VideoRMOptions(head=other.model_copy(update={"heads": 4})).head.layers == other.layers


def test_the_paper_needs_its_towers() -> None:
    with pytest.raises(ValidationError, match=r"videorm-paper starts .*scripts/convert_hps\.py"):
        VideoRMOptions(preset="videorm-paper")


@pytest.mark.parametrize("name", ["videorm", "", "../videorm-tiny", None, 3])
def test_an_unknown_preset_is_told_with_those_that_are(name: object) -> None:
    with pytest.raises(
        ValidationError, match="there are videorm-default, videorm-paper, videorm-ti"
    ):
        VideoRMOptions(preset=name)


def test_an_unknown_key_is_refused_wherever_it_stands() -> None:
    for wrong in ({"colour": 1}, {"training": {"epoch": 1}}, {"data": {"real": {"weight": 1}}}):
        with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
            VideoRMOptions(**wrong)


def count(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_papers_head_has_76_million_parameters() -> None:
    """Per layer of width D = 1024: query, key, value 3 (D^2 + D), their projection D^2 + D, the MLP
    4 D^2 + 4 D and 4 D^2 + D, two layer norms 4 D: 12 D^2 + 13 D = 12,596,224. Six layers, and eight
    frame positions of D: 75,585,536."""
    options = VideoRMOptions(**given("videorm-paper"))
    with torch.device("meta"):
        head = TemporalHead(1024, options.frames, options.head, temporal=True)
    assert count(head) == 6 * (12 * 1024**2 + 13 * 1024) + 8 * 1024 == 75_585_536


def vit_h_14() -> CLIPConfig:
    """laion/CLIP-ViT-H-14-laion2B-s32B-b79K, from which HPS v2 and PickScore were trained."""
    text = {
        "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
        "num_hidden_layers": 24, "vocab_size": 49408, "max_position_embeddings": 77,
    }  # fmt: skip
    vision = {
        "hidden_size": 1280, "intermediate_size": 5120, "num_attention_heads": 16,
        "num_hidden_layers": 32, "image_size": 224, "patch_size": 14,
    }  # fmt: skip
    shared = {"projection_dim": 1024, "hidden_act": "gelu"}
    return CLIPConfig(projection_dim=1024, text_config=text | shared, vision_config=vision | shared)


@pytest.mark.parametrize("name", ["videorm-paper", "videorm-default"])
def test_a_vit_h_14_is_built_as_published(name: str) -> None:
    """632M parameters of the image tower, 354M of the text tower (open_clip's profile of the model)."""
    options = VideoRMOptions(**given(name))
    with torch.device("meta"):
        towers = CLIPModel(vit_h_14())
        config = VideoRMConfig(
            arm="videorm", dimensions=("one", "two"), frames=8, fit=options.fit,
            shift=ShiftConfig(fraction=0.125, placement="input", blocks=tuple(range(32))),
            temporal=True, head=options.head, readout=options.readout,
            towers=towers.config.to_dict(),
        )  # fmt: skip
        model = VideoRM(config, towers, train_tokenizer(["a"]))
    trunk = model.trunk
    image = [*trunk.entrance(), *trunk.blocks, *trunk.exits()]
    assert sum(map(count, image)) == 632_076_800
    assert sum(map(count, trunk.text_parts())) == 354_032_640
    assert count(towers) == 632_076_800 + 354_032_640 + 1  # and the logit scale
    trunk.freeze(0)
    assert model.frozen_depth == 32
    trunk.freeze(10)  # the bottom 70 % stay frozen
    assert model.frozen_depth == 22
    learn = sum(p.numel() for p in trunk.parameters() if p.requires_grad)
    # ten blocks of 12 W^2 + 13 W with W = 1280, the last layer norm, the projection to 1024
    assert learn == 10 * (12 * 1280**2 + 13 * 1280) + 2 * 1280 + 1280 * 1024
