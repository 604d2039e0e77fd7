"""What runs over frames: where it starts, what padding and the order of frames mean to it."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.videorm.model.heads import FrameBlock, TemporalHead
from pipeline.videorm.options import HeadOptions

KINDS = ("transformer", "lstm", "conv1d", "none")
ORDERED = ("transformer", "lstm", "conv1d")
D, T = 8, 5
VALID = torch.tensor([[True] * T, [True, True, True, False, False]])


def options(kind: str, **change: object) -> HeadOptions:
    return HeadOptions(**({"kind": kind, "layers": 2, "heads": 2, "expansion": 2} | change))


def head(kind: str, *, temporal: bool = True, moved: bool = True, **change: object) -> TemporalHead:
    torch.manual_seed(0)
    made = TemporalHead(D, T, options(kind, **change), temporal)
    if moved:
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for p in made.parameters():
                p.add_(0.3 * torch.randn(p.shape, generator=generator))
    return made.eval()


def frames(seed: int = 0) -> Tensor:
    return torch.randn((2, T, D), generator=torch.Generator().manual_seed(seed))


def mean(x: Tensor) -> Tensor:
    """Of the frames that are there, by hand: all five of the first clip, three of the second."""
    return torch.stack([x[0].sum(dim=0) / 5, x[1, :3].sum(dim=0) / 3])


@pytest.mark.parametrize("size", [100.0, 0.001])  # also where positions, of about 0.02, outweigh it
@pytest.mark.parametrize("temporal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_the_zero_start_is_the_mean_of_the_frames_to_the_last_bit(
    kind: str, temporal: bool, size: float
) -> None:
    x = size * frames()
    started = head(kind, temporal=temporal, moved=False, start="zero")(x, VALID)
    assert torch.equal(started, head("none")(x, VALID))
    assert torch.allclose(started, mean(x), atol=1e-5 * size)
    if kind != "none":
        assert not torch.allclose(
            head(kind, start="zero")(x, VALID), started, atol=1e-2 * min(size, 1)
        )


@pytest.mark.parametrize("kind", ORDERED)
def test_the_zero_start_can_be_left(kind: str) -> None:
    made = head(kind, moved=False, start="zero")
    made(frames(), VALID).square().sum().backward()
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in made.parameters())


def test_the_normal_start_is_actionclips() -> None:
    """N(0, 0.02) and biases of zero; the packed projection of torch's attention keeps its own start,
    uniform within sqrt(6 / (D + 3 D)), as that one is no linear layer there."""
    torch.manual_seed(0)
    made = TemporalHead(128, 64, HeadOptions(layers=1, heads=2, start="normal"), True)
    (block,) = made.over_frames.blocks
    for weight in (
        block.out.weight,
        block.up.weight,
        block.down.weight,
        made.over_frames.positions,
    ):
        assert weight.std().item() == pytest.approx(0.02, rel=0.05)
    bound = (6 / (128 + 3 * 128)) ** 0.5
    assert 0.99 * bound < block.qkv.weight.abs().max() <= bound
    for linear in (block.qkv, block.out, block.up, block.down):
        assert linear.bias.abs().max() == 0


def test_the_normal_start_adds_the_layers_output_to_the_frames() -> None:
    x = frames()
    made = head("transformer", moved=False, start="normal")
    over = made.over_frames
    h = x + over.positions
    mask = VALID[:, None, None, :] | torch.eye(T, dtype=torch.bool)
    for block in over.blocks:
        h = block(h, mask)
    assert torch.allclose(made(x, VALID), mean(x + h), atol=1e-6)


def test_a_layer_is_torchs_own() -> None:
    """The oracle: nn.TransformerEncoderLayer with the norm first, the same weights, the same mask."""
    torch.manual_seed(0)
    ours = FrameBlock(D, options("transformer"))
    theirs = nn.TransformerEncoderLayer(D, 2, 2 * D, 0.0, "gelu", batch_first=True, norm_first=True)
    pairs = {
        "self_attn.in_proj_": ours.qkv, "self_attn.out_proj.": ours.out, "linear1.": ours.up,
        "linear2.": ours.down, "norm1.": ours.norm1, "norm2.": ours.norm2,
    }  # fmt: skip
    state = {f"{n}{p}": getattr(m, p) for n, m in pairs.items() for p in ("weight", "bias")}
    theirs.load_state_dict(state)
    x = frames()
    mask = VALID[:, None, None, :].expand(2, 1, T, T)
    there = theirs(x, src_key_padding_mask=~VALID)
    assert torch.allclose(ours(x, mask)[VALID], there[VALID], atol=1e-5)


def test_quick_gelu_is_openais() -> None:
    x = frames()
    one, two = (head("transformer", activation=a)(x, VALID) for a in ("gelu", "quick_gelu"))
    assert 1e-5 < (one - two).abs().max() < 0.1  # alike, not equal
    block = head("transformer", activation="quick_gelu").over_frames.blocks[0]
    assert block.activation(torch.tensor(1.0)).item() == pytest.approx(0.84579, abs=1e-5)


def test_the_lstm_reads_forward_and_is_added_to_the_frames() -> None:
    made = head("lstm", start="normal", layers=1)
    lstm, x = made.over_frames.lstm, frames()
    h = c = torch.zeros(2, D)
    outs = []
    for t in range(T):  # gates in torch's order: input, forget, cell, output
        gates = x[:, t] @ lstm.weight_ih_l0.T + lstm.bias_ih_l0
        i, f, g, o = (gates + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0).chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outs.append(h)
    assert torch.allclose(made(x, VALID), mean(x + torch.stack(outs, dim=1)), atol=1e-5)


def test_the_convolution_starts_by_shifting_quarters_of_the_channels() -> None:
    made = head("conv1d", moved=False, start="normal")
    x = frames()
    moved = torch.zeros_like(x)
    moved[:, 1:, :2] = x[:, :-1, :2]  # the first quarter of 8 from the frame before
    moved[:, :, 2:6] = x[:, :, 2:6]
    moved[:, :-1, 6:] = x[:, 1:, 6:]  # the last from the frame after
    moved[1, 2, 6:] = 0  # behind the short clip's third frame is nothing
    assert torch.allclose(made(x, VALID), mean(x + moved), atol=1e-6)


@pytest.mark.parametrize("start", ["zero", "normal"])
@pytest.mark.parametrize("temporal", [True, False])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_takes_no_part(kind: str, temporal: bool, start: str) -> None:
    made, x = head(kind, temporal=temporal, start=start), frames()
    changed = x.clone()
    changed[1, 3:] = 1e3
    before = made(x, VALID)
    assert torch.allclose(made(changed, VALID), before, atol=1e-6)
    short = made(x[1:, :3], VALID[1:, :3])  # as if it had never been padded
    assert torch.allclose(short, before[1:], atol=1e-5)
    changed[1, 2] = 1e3
    assert not torch.allclose(made(changed, VALID), before, atol=1e-2)


@pytest.mark.parametrize("kind", ORDERED)
def test_only_the_temporal_head_sees_the_order_of_frames(kind: str) -> None:
    x, order, all_there = frames(), [3, 0, 4, 1, 2], torch.ones(2, T, dtype=torch.bool)
    sees, control = head(kind), head(kind, temporal=False)
    assert (sees(x, all_there) - sees(x[:, order], all_there)).abs().max() > 1e-2
    assert torch.allclose(control(x, all_there), control(x[:, order], all_there), atol=1e-5)
    twice = x[:, :2].repeat_interleave(2, dim=1)  # a set of frames: each twice is each once
    there = torch.ones(2, 4, dtype=torch.bool)
    assert torch.allclose(control(twice, there), control(x[:, :2], there[:, :2]), atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_the_control_has_the_same_parameters_and_the_same_start(kind: str) -> None:
    states = [
        head(kind, temporal=t, moved=False, start="normal").state_dict() for t in (True, False)
    ]
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])


@pytest.mark.parametrize("kind", KINDS)
def test_under_half_precision_frames_are_still_averaged_in_float32(kind: str) -> None:
    x = frames()
    made = head(kind)
    with torch.autocast("cpu", torch.bfloat16):
        out = made(x.bfloat16(), VALID)
    assert out.dtype == torch.float32
    assert torch.allclose(out, made(x, VALID), atol=0.1)
    if kind == "none":
        assert torch.allclose(out, mean(x.bfloat16().float()), atol=1e-6)
