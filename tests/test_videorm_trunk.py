"""The towers: transformers' own without the shift, the shift where it is asked for, what is frozen."""

from pathlib import Path

import pytest
import tiny_clip
import tiny_siglip
import torch
from test_videorm_shift import naive
from torch import Tensor
from transformers import CLIPModel, SiglipModel

from pipeline.videorm.model.build import build
from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.towers import load_towers
from pipeline.videorm.model.trunk import NO_SHIFT, ClipTrunk, SiglipTrunk, Trunk, trunk_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions

KINDS = ("clip", "siglip")
VALID = torch.tensor([[True, True, True], [True, True, False]])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("trunks")
    tiny_clip.save(root / "clip")
    tiny_siglip.save(root / "siglip")
    return {kind: root / kind for kind in KINDS}


def trunk(folder: Path) -> Trunk:
    return trunk_of(load_towers(str(folder))[0]).eval()


def clips(t: int = 3) -> Tensor:
    return torch.rand((2, t, 3, 32, 32), generator=torch.Generator().manual_seed(0))


def shift(*blocks: int, placement: str = "branch") -> ShiftConfig:
    return ShiftConfig(fraction=0.25, placement=placement, blocks=blocks)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("act", ["gelu", "quick_gelu"])
def test_clip_without_shift_is_transformers_own(attention: str, act: str) -> None:
    config = tiny_clip.config()
    config.vision_config.hidden_act = config.text_config.hidden_act = act
    torch.manual_seed(0)
    towers = CLIPModel(config).eval()
    ours = trunk_of(towers)
    towers.set_attn_implementation(attention)
    pixels, ids = (
        clips(),
        torch.tensor([tiny_clip.token_ids("a kite"), tiny_clip.token_ids("a blue")]),
    )
    with torch.no_grad():
        normal = tiny_normal(pixels.flatten(0, 1), ClipTrunk)
        theirs = towers.get_image_features(pixel_values=normal).pooler_output
        assert (ours.frames(pixels, VALID, NO_SHIFT).flatten(0, 1) - theirs).abs().max() < 1e-5
        text = towers.get_text_features(input_ids=ids).pooler_output
        assert (ours.texts(ids) - text).abs().max() < 1e-5
    assert theirs.std(dim=0).min() > 1e-5  # pictures are told apart, so the test can fail


def tiny_normal(pixels: Tensor, kind: type[Trunk]) -> Tensor:
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (kind.mean, kind.std))
    return (pixels - mean) / std


def test_a_clip_of_the_old_kind_is_read_at_its_first_end_token_too() -> None:
    """Whose configuration says 2 for the end token, as the published ones do: transformers then takes
    the first place of the highest id. Padding with further end tokens changes nothing."""
    config = tiny_clip.config()
    config.text_config.eos_token_id = 2
    torch.manual_seed(0)
    towers = trunk_of(CLIPModel(config).eval())
    last = config.text_config.vocab_size - 1
    with torch.no_grad():
        short, long = towers.texts(torch.tensor([[0, 5, last, last, last], [0, 5, 6, 7, last]]))
        alone = towers.texts(torch.tensor([[0, 5, last]]))[0]
    assert torch.allclose(short, alone, atol=1e-5)
    assert not torch.allclose(short, long, atol=1e-5)


def test_siglip_without_shift_is_transformers_own(folders: dict[str, Path]) -> None:
    theirs = SiglipModel.from_pretrained(folders["siglip"]).eval()
    ours = trunk(folders["siglip"])
    words = tiny_siglip.tokenizer()
    ids = words(["a red kite", "blue"], padding="max_length", max_length=tiny_siglip.MAX_TOKENS)
    tokens = torch.tensor(ids["input_ids"])
    with torch.no_grad():
        normal = tiny_normal(clips().flatten(0, 1), SiglipTrunk)
        images = theirs.get_image_features(pixel_values=normal).pooler_output
        assert (ours.frames(clips(), VALID, NO_SHIFT).flatten(0, 1) - images).abs().max() < 1e-5
        text = theirs.get_text_features(input_ids=tokens).pooler_output
        assert (ours.texts(tokens) - text).abs().max() < 1e-5
    assert images.std(dim=0).min() > 1e-5


@pytest.mark.parametrize("kind", KINDS)
def test_every_depth_is_a_place_to_go_on_from(folders: dict[str, Path], kind: str) -> None:
    towers = trunk(folders[kind])
    with torch.no_grad():
        whole = towers.frames(clips(), VALID, shift(0, 1))
        for depth in range(towers.n_blocks):
            tokens = towers.passed(clips(), VALID, shift(0, 1), None, depth)
            assert tokens.shape == (2, 3, 17 if kind == "clip" else 16, 16)
            assert torch.equal(towers.frames(tokens, VALID, shift(0, 1), depth), whole)
            half = towers.frames(tokens.half(), VALID, shift(0, 1), depth)  # widened
            assert half.dtype == torch.float32
            assert 0 < (half - whole).abs().max() < 0.05
        assert torch.equal(towers.frames(whole, VALID, shift(0, 1), towers.n_blocks), whole)


@pytest.mark.parametrize("placement", ["branch", "input"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_shift_stands_in_the_blocks_that_are_named_and_where_it_is_placed(
    folders: dict[str, Path], kind: str, placement: str
) -> None:
    towers = trunk(folders[kind])
    asked = shift(1, placement=placement)
    first = 1 if kind == "clip" else 0  # SigLIP has no class token
    with torch.no_grad():
        before = towers.passed(clips(), VALID, NO_SHIFT, None, 1)
        assert torch.equal(towers.passed(clips(), VALID, asked, None, 1), before)  # not in block 0
        block = towers.blocks[1]

        def moved(x: Tensor) -> Tensor:
            return naive(x, VALID, 4, first)  # a quarter of 16 channels each way

        x = moved(before) if placement == "input" else before
        h = block.layer_norm1(x)
        h = moved(h) if placement == "branch" else h
        x = x + block.self_attn(h.flatten(0, 1), attention_mask=None)[0].view(x.shape)
        x = x + block.mlp(block.layer_norm2(x))
        after = towers.passed(before, VALID, asked, 1, 2)
    assert torch.allclose(after, x, atol=1e-5)
    assert not torch.allclose(after, towers.passed(before, VALID, NO_SHIFT, 1, 2), atol=1e-2)


def made(folder: Path, **training: int) -> VideoRM:
    options = VideoRMOptions(
        trunk=str(folder), frames=3, head={"heads": 2}, shift={"blocks": "all"}, training=training
    )
    return build(options, "videorm", ["quality"], [])


def learnable(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


# Per block of width 16: attention 4 (16 x 16 + 16) = 1088, two layer norms 64, and an MLP of
# 2 x 16 x h + h + 16: h = 64 for CLIP 2128, h = 32 for SigLIP 1072.
# Behind the blocks: CLIP's layer norm 32 and projection 16 x 8 = 128. SigLIP's layer norm 32 and its
# pooling head: probe 16, attention 4 (16 x 16 + 16) = 1088, layer norm 32, MLP 1072: 2208.
@pytest.mark.parametrize(
    ("kind", "blocks", "learn", "depth"),
    [
        ("clip", 0, 0, 2),
        ("clip", 1, 1088 + 64 + 2128 + 160, 1),
        ("clip", 2, 2 * (1088 + 64 + 2128) + 160, 0),
        ("siglip", 0, 0, 2),
        ("siglip", 1, 1088 + 64 + 1072 + 2240, 1),
        ("siglip", 2, 2 * (1088 + 64 + 1072) + 2240, 0),
    ],
)
def test_blocks_are_frozen_by_number(
    folders: dict[str, Path], kind: str, blocks: int, learn: int, depth: int
) -> None:
    model = made(folders[kind], train_blocks=blocks)
    assert learnable(model.trunk) == learn
    assert model.frozen_depth == depth
    assert model.text_is_frozen
    assert learnable(model) == learn + learnable(model.head) + learnable(model.readout)


@pytest.mark.parametrize("kind", KINDS)
def test_frozen_parts_get_no_gradient_and_the_others_all_do(
    folders: dict[str, Path], kind: str
) -> None:
    model = made(folders[kind], train_blocks=1)
    with torch.no_grad():  # away from the zero start, behind which nothing flows back
        for p in model.head.parameters():
            p.add_(0.1 * torch.randn(p.shape))
    model.train()
    ids = model.encode(["a red kite", "blue"])
    model(ids, clips(), VALID, torch.tensor([0, 1])).square().sum().backward()
    for name, p in model.named_parameters():
        assert (p.grad is not None) == p.requires_grad, name
        if p.requires_grad and not name.endswith("k_proj.bias"):  # a key's bias changes no softmax
            assert p.grad.abs().sum() > 0, name


def test_frozen_depth_looks_at_the_entrance_and_the_exit(folders: dict[str, Path]) -> None:
    model = made(folders["clip"])
    model.trunk.exits()[0].requires_grad_(True)
    assert model.frozen_depth == 1  # embeddings lie behind the layer norm that learns
    vision = model.trunk.towers.vision_model
    vision.pre_layrnorm.requires_grad_(True)
    assert model.frozen_depth is None
    model.trunk.towers.text_projection.requires_grad_(True)
    assert not model.text_is_frozen


def test_what_is_frozen_has_no_dropout_in_training(folders: dict[str, Path]) -> None:
    model = made(folders["clip"], train_blocks=1)
    for block in model.trunk.blocks:
        block.self_attn.dropout = 0.5
    model.train()
    with torch.no_grad():

        def passed(start: int, x: Tensor) -> Tensor:
            return model.trunk.passed(x, VALID, NO_SHIFT, start, start + 1)

        tokens = model.trunk.passed(clips(), VALID, NO_SHIFT, None, 0)
        assert torch.equal(passed(0, tokens), passed(0, tokens))
        assert not torch.equal(passed(1, tokens), passed(1, tokens))  # the block that learns
        model.eval()
        assert torch.equal(passed(1, tokens), passed(1, tokens))


def test_checkpointing_trades_memory_for_work_and_changes_nothing(folders: dict[str, Path]) -> None:
    grads = []
    for checkpointing in (False, True):
        model = made(folders["clip"], train_blocks=1, gradient_checkpointing=checkpointing)
        out = model.trunk.frames(clips(), VALID, shift(0, 1))
        out.square().sum().backward()
        grads.append([p.grad for p in model.trunk.parameters() if p.requires_grad])
    assert all(torch.equal(a, b) for a, b in zip(*grads, strict=True))
