"""A saved VideoRM: the same again, or a message that names the file and what is wrong with it."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tiny_clip
import tiny_siglip
import torch
from safetensors.torch import load_file, save_file
from transformers import SiglipModel

from pipeline.videorm.model.build import build
from pipeline.videorm.model.config import FILES, read_config
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from schemas.options import SetupError

DIMENSIONS = ["prompt_following", "video_quality"]
PROMPTS = ["a red kite", "a blue kite"]
TINY = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "heads": 2}
SMALL_HEAD = {"heads": 2, "layers": 1}


def made(**change: object) -> VideoRM:
    """A model whose every part has been moved away from its start."""
    given = {"frames": 3, "head": SMALL_HEAD, "towers": TINY} | change
    model = build(VideoRMOptions(**given), "videorm", DIMENSIONS, PROMPTS)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            if p.requires_grad:
                p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return model.eval()


def clips(size: int) -> torch.Tensor:
    return torch.rand((2, 3, 3, size, size), generator=torch.Generator().manual_seed(0))


def same(one: VideoRM, two: VideoRM) -> bool:
    shown = clips(one.config.image_size)
    return torch.equal(one.score(PROMPTS, shown), two.score(PROMPTS, shown))


@pytest.fixture(scope="module")
def trunks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("trunks")
    tiny_clip.save(root / "clip")
    tiny_siglip.save(root / "siglip")
    return root


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made().save_pretrained(tmp_path / "m")
    return tmp_path / "m"


# ------------------------------------------------------------------------------------------- the same


@pytest.mark.parametrize("preset", ["videorm-tiny", "videorm-default", "videorm-paper"])
def test_what_each_preset_makes_comes_back_the_same(
    preset: str, trunks: Path, tmp_path: Path
) -> None:
    given = {} if preset == "videorm-tiny" else {"trunk": str(trunks / "clip")}
    tokens = {} if preset == "videorm-tiny" else {"tokenizer": str(trunks / "clip")}
    model = made(preset=preset, **given, **tokens)
    with torch.no_grad():  # what a batch norm has seen is kept too
        for name, buffer in model.readout.named_buffers():
            if "running" in name or name in ("centre", "spread"):
                buffer.add_(0.3)
    model.save_pretrained(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(FILES)
    again = VideoRM.from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert same(again, model)
    states = model.state_dict(), again.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    frozen = [{k for k, p in m.named_parameters() if not p.requires_grad} for m in (model, again)]
    assert frozen[0] == frozen[1]


@pytest.mark.parametrize("kind", ["transformer", "lstm", "conv1d", "none"])
def test_every_head_comes_back(kind: str, tmp_path: Path) -> None:
    model = made(head=SMALL_HEAD | {"kind": kind}, readout={"kind": "cosine_mlp"})
    model.save_pretrained(tmp_path)
    assert same(VideoRM.from_pretrained(tmp_path), model)


def test_saving_again_replaces_what_was_there(folder: Path) -> None:
    other = made(seed=5)
    other.save_pretrained(folder)
    assert same(VideoRM.from_pretrained(folder), other)
    assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)


def test_the_same_model_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    VideoRM.from_pretrained(folder).save_pretrained(tmp_path / "again")
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


# ------------------------------------------------------------------------------- towers by reference


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize("blocks", [0, 1])
def test_frozen_towers_may_be_named_instead_of_saved(
    kind: str, blocks: int, trunks: Path, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"trunk": str(trunks / kind), "training": {"train_blocks": blocks}}
    model = made(save_trunk=False, **given)
    model.save_pretrained(tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    learned = {k for k, p in model.named_parameters() if p.requires_grad}
    assert learned <= kept.keys()
    assert any("towers" in k for k in kept) == bool(blocks)
    again = VideoRM.from_pretrained(tmp_path)
    assert same(again, model)
    assert again.encode(PROMPTS).tolist() == model.encode(PROMPTS).tolist()
    whole = made(**given)
    whole.save_pretrained(tmp_path / "whole")
    assert same(VideoRM.from_pretrained(tmp_path / "whole"), model)


def test_named_towers_that_changed_or_went_away_are_told(trunks: Path, tmp_path: Path) -> None:
    tiny_clip.save(tmp_path / "clip")
    made(trunk=str(tmp_path / "clip"), save_trunk=False).save_pretrained(tmp_path / "m")
    tiny_clip.save(tmp_path / "clip", seed=1)
    with pytest.raises(SetupError, match=r"are not those it was trained on \(another SHA-256\)"):
        VideoRM.from_pretrained(tmp_path / "m")
    (tmp_path / "clip" / "model.safetensors").unlink()
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load .*whole weights"):
        VideoRM.from_pretrained(tmp_path / "m")


def test_a_weight_that_learned_must_be_there_though_others_are_named(
    trunks: Path, tmp_path: Path
) -> None:
    training = {"train_blocks": 1}
    made(trunk=str(trunks / "clip"), save_trunk=False, training=training).save_pretrained(tmp_path)
    kept = load_file(tmp_path / "model.safetensors")
    gone = next(k for k in kept if "layers.1.mlp.fc1.weight" in k)
    del kept[gone]
    save_file(kept, tmp_path / "model.safetensors")
    with pytest.raises(SetupError, match=r"no weights for .*layers\.1\.mlp\.fc1\.weight"):
        VideoRM.from_pretrained(tmp_path)


def test_a_folder_is_named_in_full_and_a_hub_id_as_it_is(
    trunks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(trunks)
    assert made(trunk="clip").config.trunk == str((trunks / "clip").resolve())
    assert made().config.trunk is None


# ---------------------------------------------------------------------------------------- other files


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Callable[[Path], Any]:
    def apply(folder: Path) -> None:
        path = folder / "model.safetensors"
        state = load_file(path)
        change(state)
        save_file(state, path)

    return apply


def config(**change: Any) -> Callable[[Path], Any]:
    def apply(folder: Path) -> None:
        path = folder / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | change))

    return apply


def text(name: str, content: str) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_text(content)


def cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


SHAPE = torch.zeros(3, 16)
READOUT = "readout.mlp.hidden.weight"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut, r"model\.safetensors: not readable as safetensors .*copy the model anew"),
        (text("model.safetensors", ""), r"model\.safetensors: not readable as safetensors"),
        (
            weights(lambda w: w.update({READOUT: SHAPE})),
            r"mlp\.hidden\.weight has shape \(3, 16\), but config\.json asks for \(128, 48\)",
        ),
        (weights(lambda w: w.pop(READOUT)), r"no weights for readout\.mlp\.hidden\.weight"),
        (weights(lambda w: w.update({"spare": SHAPE})), r"unknown weights spare; config\.json and"),
        (config(dimensions=["one"], overall={}), r"readout\.\S+ has shape \(2\D.*for \(1\D"),
        (config(videorm=2), r"config\.json: format 2, but this version reads 1; take the version"),
        (config(colour="red"), r"config\.json: colour: Extra inputs are not permitted"),
        (config(frames=0), r"config\.json: frames: .*greater than or equal to 1"),
        (config(overall={"one": 1}), r"overall: weights of one for dimensions prompt_following"),
        (config(overall=dict.fromkeys(DIMENSIONS, 0)), r"overall: weights are at least 0"),
        (config(saved="trained"), r"needs trunk and trunk_sha256"),
        (config(towers={"model_type": "bert"}), r"towers: no configuration of clip or siglip"),
        (config(train_blocks=9), r"names a block that is not there; the image tower has 2"),
        (
            config(shift={"fraction": 0.1, "placement": "branch", "blocks": [7]}),
            "names a block that is not there",
        ),
        (config(head={"heads": 2, "kind": "gru"}), r"head\.kind: Input should be 'transformer'"),
        (text("config.json", '{"model_type": "clip"}'), r"config\.json: of another model"),
        (text("config.json", "[1]"), r"config\.json: of another model"),
        (text("config.json", "{"), r"config\.json: not valid JSON"),
        (text("tokenizer.json", "{}"), r"tokenizer\.json: no tokenizer .*copy the model anew"),
        *((lambda f, n=n: (f / n).unlink(), rf"{n}: not found; name the folder") for n in FILES),
    ],
)
def test_a_damaged_folder_is_told(folder: Path, damage: Callable[[Path], Any], told: str) -> None:
    damage(folder)
    with pytest.raises(SetupError, match=told):
        VideoRM.from_pretrained(folder)


def test_towers_that_cannot_be_built_are_told(folder: Path) -> None:
    towers = dict(read_config(folder).towers)
    towers["vision_config"] = towers["vision_config"] | {"num_attention_heads": 0}
    config(towers=towers)(folder)
    with pytest.raises(SetupError, match=r"config\.json: describes no network that can be built"):
        VideoRM.from_pretrained(folder)


# -------------------------------------------------------------------------------------------- pickles


class Runs:
    """A pickle that makes a file when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_under_another_name_is_never_opened(folder: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    (folder / "model.safetensors").write_bytes(pickle.dumps(Runs(ran)))
    with pytest.raises(SetupError, match="No other kind of file is read: a pickle could run code"):
        VideoRM.from_pretrained(folder)
    torch.save({"weights": Runs(ran)}, folder / "model.safetensors")
    with pytest.raises(SetupError, match="not readable as safetensors"):
        VideoRM.from_pretrained(folder)
    assert not ran.exists()
    pickle.loads(pickle.dumps(Runs(ran)))  # what it would have done
    assert ran.exists()


def test_a_trunk_may_be_a_pickle_of_weights_alone_and_of_nothing_else(
    trunks: Path, tmp_path: Path
) -> None:
    theirs = tiny_clip.save(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    options = {"trunk": str(tmp_path), "shift": {"fraction": 0.0}}
    model = made(**options)
    assert same(model, made(**options | {"trunk": str(trunks / "clip")}))  # the same weights
    ran = tmp_path / "ran"
    torch.save({"logit_scale": Runs(ran)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load"):
        made(**options)
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Runs(ran), protocol=2))
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load"):
        made(**options)
    assert not ran.exists()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"model_type": "bert"}, r"holds a model of type 'bert', not clip or siglip"),
        ({"model_type": "no-such"}, r"videorm\.trunk: cannot read .*no-such|cannot read"),
        (None, r"videorm\.trunk: cannot read .*name a folder with a CLIP or SigLIP model"),
    ],
)
def test_a_trunk_that_is_none_is_told(content: object, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(SetupError, match=told):
        made(trunk=str(tmp_path))


def test_a_trunk_with_missing_or_other_weights_is_told(tmp_path: Path) -> None:
    tiny_clip.save(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    some = {k: v for k, v in state.items() if "visual_projection" not in k}
    save_file(some, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match=r"no weights for visual_projection\.weight"):
        made(trunk=str(tmp_path))
    wrong = state | {"visual_projection.weight": torch.zeros(3, 16)}
    save_file(wrong, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load"):
        made(trunk=str(tmp_path))


def test_a_siglip_that_pools_no_picture_is_told(tmp_path: Path) -> None:
    config = tiny_siglip.config()
    config.vision_config.vision_use_head = False
    SiglipModel(config).save_pretrained(tmp_path)
    with pytest.raises(SetupError, match="its image tower has no pooling head"):
        made(trunk=str(tmp_path))
