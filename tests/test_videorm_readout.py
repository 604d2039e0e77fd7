"""From clip and prompt to rewards: the scale inside, its limit, the start, the precision."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.videorm.model.readout import Readout
from pipeline.videorm.options import ReadoutOptions

D, K = 6, 2


def readout(kind: str, scale: float = 20.0, **change: object) -> Readout:
    torch.manual_seed(0)
    return Readout(D, K, ReadoutOptions(**({"kind": kind, "hidden": 5} | change)), scale)


def pair(n: int = 4) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.randn((n, D), generator=generator), torch.randn((n, D), generator=generator)


def test_with_adapters_of_zero_it_is_the_plain_cosine_times_the_scale() -> None:
    z, q = torch.tensor([[3.0, 4, 0, 0, 0, 0]]), torch.tensor([[1.0, 0, 0, 0, 0, 0]])
    # cosine 3/5 whatever the lengths; x 20 = 12, alike for every dimension
    for factor in (1.0, 7.0):
        assert readout("cosine")(factor * z, q).tolist() == [[pytest.approx(12.0)] * K]


def test_an_adapter_moves_the_clip_of_its_dimension_alone() -> None:
    made = readout("cosine")
    with torch.no_grad():
        made.cosine.adapters[1] = -torch.eye(D)  # z - z: nothing is left
        made.cosine.adapters[1, 0, 1] = 1.0  # coordinate 0 takes coordinate 1
    z, q = torch.tensor([[3.0, 4, 0, 0, 0, 0]]), torch.tensor([[1.0, 0, 0, 0, 0, 0]])
    # dimension 1: z + A z = (4, 0, ...), which points where q does
    assert made(z, q).tolist() == [[pytest.approx(12.0), pytest.approx(20.0)]]


def test_the_scale_is_limited_and_can_come_back() -> None:
    z, q = pair()
    made = readout("cosine", scale=250.0)
    plain = F.cosine_similarity(z, q)
    assert torch.allclose(made(z, q)[:, 0], 100 * plain, rtol=1e-5)
    scale = made.cosine.log_scale
    with torch.no_grad():
        scale.fill_(math.log(150))  # an optimiser's step beyond the limit
    assert torch.allclose(made(z, q)[:, 0], 100 * plain, rtol=1e-5)
    up, down = [], []
    for sign, into in ((-1, up), (1, down)):
        scale.grad = None
        (sign * made(z, q.abs() * z.sign())).sum().backward()  # cosines above zero
        into.append(scale.grad.item())
    assert up == [0.0]  # a loss that falls with the scale does not push it further
    assert down[0] > 0  # one that rises with it pulls it back
    with torch.no_grad():
        scale.fill_(math.log(50))
    scale.grad = None
    (-made(z, q.abs() * z.sign())).sum().backward()
    assert scale.grad.item() < 0  # below the limit both pass


def test_the_mlp_starts_at_nothing_beside_the_cosine() -> None:
    z, q = pair()
    both = readout("cosine_mlp")
    assert torch.equal(both(z, q), readout("cosine")(z, q))
    both(z, q).square().sum().backward()
    assert both.mlp.heads.weight.grad.abs().sum() > 0
    assert both.cosine.adapters.grad.abs().sum() > 0


def test_the_mlp_by_hand() -> None:
    z, q = pair()
    made = readout("mlp", norm="unit")
    zu, qu = (x / x.norm(dim=1, keepdim=True) * D**0.5 for x in (z, q))
    inner = made.mlp.hidden(torch.cat([zu, qu, zu * qu], dim=1))
    expected = made.mlp.heads(0.5 * inner * (1 + torch.erf(inner / 2**0.5)))
    assert torch.allclose(made(z, q), expected, atol=1e-6)
    assert torch.allclose(made(9 * z, 0.1 * q), expected, atol=1e-5)  # lengths do not matter


def test_the_batch_norm_forgets_the_scale_of_a_coordinate_and_keeps_its_place_for_evaluation() -> (
    None
):
    z, q = pair(16)
    made = readout("mlp", norm="batch").train()
    stretched = z * torch.tensor([1.0, 10, 100, 1, 1, 1]) + 3
    assert torch.allclose(made(z, q), made(stretched, q), atol=1e-3)
    made.eval()
    one, many = made(z[:1], q[:1]), made(z, q)
    assert torch.allclose(one, many[:1], atol=1e-6)  # a clip's reward does not depend on its batch


@pytest.mark.parametrize("kind", ["cosine", "mlp", "cosine_mlp"])
def test_rewards_are_float32_under_bf16(kind: str) -> None:
    z, q = (x.bfloat16() for x in pair())
    made = readout(kind)
    with torch.autocast("cpu", torch.bfloat16):
        inside = made(z, q)
    assert inside.dtype == torch.float32
    assert torch.equal(inside, made(z.float(), q.float()))


def test_a_regressions_output_is_put_on_the_scale_of_its_scores() -> None:
    made, (z, q) = readout("mlp"), pair()
    plain = made(z, q)
    made.centre.copy_(torch.tensor([3.0, 2.5]))
    made.spread.copy_(torch.tensor([2.0, 0.5]))
    assert torch.allclose(made(z, q), plain * torch.tensor([2.0, 0.5]) + torch.tensor([3.0, 2.5]))
    assert {"centre", "spread"} <= made.state_dict().keys()
