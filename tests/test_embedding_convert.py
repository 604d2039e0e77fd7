"""Weights of open_clip: the folder that is written gives the embeddings that open_clip would."""

import pickle
import subprocess
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import tiny_clip
import torch
from torch import Tensor, nn
from transformers import CLIPModel

from annotators.embedding import EmbeddingSpec
from annotators.embedding.convert import convert_open_clip, renamed
from prompts import load_rubric
from schemas.options import SetupError

WIDTH, HEADS, JOINT, PATCH, LAYERS = 16, 2, 8, 8, 2
TOKENS, WORDS = 77, 2 + 2 * len(tiny_clip.LETTERS)


class Block(nn.Module):
    """As open_clip's ResidualAttentionBlock."""

    def __init__(self) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        parts = [("c_fc", nn.Linear(WIDTH, 4 * WIDTH)), ("gelu", nn.GELU())]
        self.mlp = nn.Sequential(OrderedDict([*parts, ("c_proj", nn.Linear(4 * WIDTH, WIDTH))]))

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
        return x + self.mlp(self.ln_2(x))


class Blocks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block() for _ in range(LAYERS))

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        for block in self.resblocks:
            x = block(x, mask)
        return x


class Visual(nn.Module):
    """As open_clip's VisionTransformer: class token first, its last state projected."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, WIDTH, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.zeros(WIDTH))
        places = (tiny_clip.SIDE // PATCH) ** 2 + 1
        self.positional_embedding = nn.Parameter(torch.zeros(places, WIDTH))
        self.ln_pre, self.ln_post = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.transformer = Blocks()
        self.proj = nn.Parameter(torch.zeros(WIDTH, JOINT))

    def forward(self, pixels: Tensor) -> Tensor:
        x = self.conv1(pixels).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding))
        return self.ln_post(x[:, 0]) @ self.proj


class OpenClip(nn.Module):
    """As open_clip's CLIP, written from its published forward pass and its names of weights."""

    def __init__(self) -> None:
        super().__init__()
        self.visual, self.transformer = Visual(), Blocks()
        self.token_embedding = nn.Embedding(WORDS, WIDTH)
        self.positional_embedding = nn.Parameter(torch.zeros(TOKENS, WIDTH))
        self.ln_final = nn.LayerNorm(WIDTH)
        self.text_projection = nn.Parameter(torch.zeros(WIDTH, JOINT))
        self.logit_scale = nn.Parameter(torch.tensor(4.6052))

    def encode_text(self, ids: Tensor) -> Tensor:
        n = ids.shape[1]
        causal = torch.full((n, n), float("-inf")).triu(1)
        x = self.token_embedding(ids) + self.positional_embedding[:n]
        x = self.ln_final(self.transformer(x, causal))
        return x[:, -1] @ self.text_projection  # the end token is the last one of a single prompt


@pytest.fixture(scope="module")
def theirs() -> OpenClip:
    torch.manual_seed(3)
    model = OpenClip().eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim:
                weight.add_(0.3 * torch.randn(weight.shape))
    return model


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("base")
    tiny_clip.save(path)
    return path


def test_the_folder_gives_the_same_embeddings(theirs: OpenClip, base: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "hps.pt")
    script = Path(__file__).parents[1] / "scripts" / "convert_hps.py"
    command = [sys.executable, script, tmp_path / "hps.pt", tmp_path / "hps", "--base", base]
    subprocess.run(command, check=True, capture_output=True)
    ours = CLIPModel.from_pretrained(tmp_path / "hps")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randn((3, 3, tiny_clip.SIDE, tiny_clip.SIDE), generator=generator)
    ids = torch.tensor([tiny_clip.token_ids("a red kite")])
    with torch.no_grad():
        pictures = ours.get_image_features(pixel_values=pixels).pooler_output
        prompt = ours.get_text_features(input_ids=ids).pooler_output
        assert torch.allclose(pictures, theirs.visual(pixels), atol=1e-4)
        assert torch.allclose(prompt, theirs.encode_text(ids), atol=1e-4)
    assert pictures.std(dim=0).min() > 1e-2  # pictures are told apart, so the test can fail
    assert ours.logit_scale.item() == pytest.approx(4.6052)
    assert (tmp_path / "hps" / "model.safetensors").is_file()
    spec = EmbeddingSpec(metric="hps_v2", model=str(tmp_path / "hps"))
    spec.check([load_rubric("videoprefer/video_quality")], 8)


def test_every_weight_has_a_place_and_no_two_share_one(theirs: OpenClip) -> None:
    weights = theirs.state_dict()
    packed = [name for name in weights if "in_proj" in name]
    assert len(packed) == 2 * 2 * LAYERS  # weight and bias, two towers
    assert len(renamed(weights)) == len(weights) + 2 * len(packed)
    with pytest.raises(KeyError, match=r"visual\.head"):
        renamed({"visual.head": torch.zeros(1)})


def test_weights_of_another_shape_are_refused(theirs: OpenClip, base: Path, tmp_path: Path) -> None:
    weights = theirs.state_dict()
    weights["visual.proj"] = torch.zeros(WIDTH, JOINT + 1)
    torch.save({"state_dict": weights}, tmp_path / "other.pt")
    with pytest.raises(SetupError, match=r"other\.pt: not the weights of a model like"):
        convert_open_clip(tmp_path / "other.pt", str(base), tmp_path / "out")
    torch.save({"state_dict": {"score.weight": torch.zeros(1)}}, tmp_path / "head.pt")
    with pytest.raises(SetupError, match=r"score\.weight is no weight of a CLIP model"):
        convert_open_clip(tmp_path / "head.pt", str(base), tmp_path / "out")
    assert not (tmp_path / "out").exists()


class Runs:
    """A pickle that does something when it is read."""

    def __reduce__(self) -> tuple[object, ...]:
        return exec, ("raise AssertionError('code of the checkpoint ran')",)


def test_code_in_a_checkpoint_does_not_run(base: Path, tmp_path: Path) -> None:
    torch.save({"state_dict": {"logit_scale": Runs()}}, tmp_path / "evil.pt")
    with pytest.raises(SetupError, match=r"evil\.pt: not a file of weights alone"):
        convert_open_clip(tmp_path / "evil.pt", str(base), tmp_path / "out")
    with pytest.raises(AssertionError, match="ran"):  # what it would have done
        torch.load(tmp_path / "evil.pt", weights_only=False)
    (tmp_path / "list.pt").write_bytes(pickle.dumps([1], protocol=2))
    with pytest.raises(SetupError, match=r"list\.pt: not a file of weights"):
        convert_open_clip(tmp_path / "list.pt", str(base), tmp_path / "out")
