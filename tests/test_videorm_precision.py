"""A model whose weights are narrowed: towers give way, head and readout stay."""

from pathlib import Path

import pytest
import torch
from videorm_saved import PROMPT, save_model

from pipeline.videorm.model.video_rm import VideoRM

WHOLE = torch.float32


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("model"))


@pytest.mark.parametrize("narrow", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("given", [WHOLE, None])  # of the pixels; None: as the weights
def test_a_narrowed_model_gives_nearly_the_same_rewards_and_gradients(
    folder: Path, narrow: torch.dtype, given: torch.dtype | None
) -> None:
    whole, model = (VideoRM.from_pretrained(folder) for _ in range(2))
    model = model.to(narrow)
    videos = torch.rand((2, 4, 3, 32, 32), generator=torch.Generator().manual_seed(1))
    expected = whole.score([PROMPT] * 2, videos)
    pixels = videos.to(given or narrow).requires_grad_()
    rewards = model.score([PROMPT] * 2, pixels)
    model.overall(rewards).sum().backward()
    assert rewards.dtype == WHOLE
    # eight bits of bfloat16's mantissa: 2^-8 of values around one, added up over two blocks
    assert torch.allclose(rewards, expected, atol=0.1)
    assert pixels.grad is not None
    assert pixels.grad.isfinite().all()
    assert pixels.grad.any()


def test_narrowing_and_widening_changes_no_bit_of_head_and_readout(folder: Path) -> None:
    model, before = (VideoRM.from_pretrained(folder) for _ in range(2))
    model.half()
    assert {p.dtype for p in model.trunk.parameters()} == {torch.float16}
    for part in ("head", "readout"):
        pairs = zip(
            getattr(model, part).state_dict().items(),
            getattr(before, part).state_dict().items(),
            strict=True,
        )
        assert all(k == other and torch.equal(a, b) for (k, a), (other, b) in pairs)
    model.double()
    wide = {p.dtype for part in (model.head, model.readout) for p in part.parameters()}
    assert wide == {torch.float64}
