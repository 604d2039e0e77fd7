"""Kind `transformers` before anything is loaded: what is refused, and which weights a name means."""

import pickle
import subprocess
import sys
from pathlib import Path

import huggingface_hub.constants
import pydantic
import pytest
import torch
from questions import QUALITY, frame_set, question

from annotators.judge.request import request_of
from annotators.local import TransformersSpec
from annotators.local.weights import folder_of, pin
from annotators.models import load_models
from schemas.options import SetupError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What passes for a model as long as nobody loads it."""
    (tmp_path / "config.json").write_text('{"model_type": "llava"}')
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    (tmp_path / "model.safetensors").write_bytes(b"old weights")
    return tmp_path


def key_of(spec: TransformersSpec) -> str:
    return request_of(spec, question(frame_set("v0"))).key


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"device": "cuda"}, "finds no CUDA GPU"),
        ({"device": "cuda:7"}, "finds no CUDA GPU"),
        ({"device": "gpu"}, "write auto, cpu, mps, cuda"),
        ({"device": "cpu", "device_map": "auto"}, "leave one out"),
        ({"several_choices": True}, "several_choices: true saves nothing"),
        ({"several_choices": True, "levels": "shuffled"}, "choose one"),
        ({"quantization": {"load_in_4bit": True}}, "pip install bitsandbytes"),
        ({"quantization": {"bits": 4}}, "quant_method"),
        ({"draws": 3, "temperature": 0}, "3 draws of the likeliest reply are one reply"),
        ({"draws": 3, "temperature": None}, "are one reply"),
        ({"revision": "main"}, "leave `revision` out"),
        ({"model": "./nowhere"}, "there is no such folder"),
        ({"model": "/nowhere/at/all"}, "there is no such folder"),
    ],
)
def test_settings_that_cannot_work_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], message: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    spec = TransformersSpec.model_validate({"model": str(folder), "name": "judge", **changes})
    with pytest.raises(SetupError, match="annotator judge: ") as caught:
        spec.check([QUALITY], 8)
    assert message in str(caught.value)


def test_draws_that_differ_are_taken(folder: Path) -> None:
    for changes in ({"temperature": 0.3}, {"temperature": 0, "levels": "shuffled"}):
        spec = TransformersSpec.model_validate({"model": str(folder), "draws": 3, **changes})
        spec.check([QUALITY], 8)


def test_a_gpu_that_is_there_is_taken_and_one_too_many_is_not(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    TransformersSpec(model=str(folder), device="cuda:1").check([QUALITY], 8)
    with pytest.raises(SetupError, match="there are 2 GPUs"):
        TransformersSpec(model=str(folder), device="cuda:2").check([QUALITY], 8)


@pytest.mark.parametrize("wrong", [{"dtype": "int7"}, {"batch_size": 0}, {"price": None}])
def test_values_that_nobody_knows_are_refused_by_name(wrong: dict[str, object]) -> None:
    with pytest.raises(pydantic.ValidationError, match=next(iter(wrong))):
        TransformersSpec.model_validate({"model": "org/model", **wrong})


def test_a_folder_without_a_model_is_told_from_a_model_of_the_hub(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no config\.json"):
        folder_of(str(tmp_path))
    assert folder_of("org/model") is None


def test_a_folder_without_a_chat_template_is_refused_before_any_judge_is_paid(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    for held in (None, '{"model_max_length": 512}', '{"chat_template": null}'):
        if held:
            (folder / "tokenizer_config.json").write_text(held)
        with pytest.raises(SetupError, match=r"annotator judge: .*it has no chat template"):
            TransformersSpec(model=str(folder), name="judge").check([QUALITY], 8)
    (folder / "tokenizer_config.json").write_text("{")
    with pytest.raises(SetupError, match=r"tokenizer_config\.json cannot be read"):
        TransformersSpec(model=str(folder), name="judge").check([QUALITY], 8)
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}')
    TransformersSpec(model=str(folder), name="judge").check([QUALITY], 8)


def test_new_weights_under_an_old_path_are_another_model(folder: Path) -> None:
    spec = TransformersSpec(model=str(folder))
    before = key_of(spec)
    (folder / "README.md").write_text("trained on Tuesday")
    assert key_of(spec) == before  # what shapes no reply makes no other model
    (folder / "model.safetensors").write_bytes(b"new weights")
    assert key_of(spec) != before
    (folder / "model.safetensors").write_bytes(b"old weights")
    assert key_of(spec) == before


def test_a_resolved_spec_is_pinned(folder: Path) -> None:
    spec = TransformersSpec(model=str(folder)).resolved(load_models())
    assert spec.revision == pin(str(folder), None)
    assert spec.resolved(load_models()) == spec
    (folder / "model.safetensors").write_bytes(b"new weights")
    assert spec.weights == spec.revision  # what the run began with; loading finds the change


def test_a_spec_travels_to_workers(folder: Path) -> None:
    spec = TransformersSpec(model=str(folder), quantization={"load_in_8bit": True})
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_commit_needs_no_hub() -> None:
    spec = TransformersSpec(model="org/model", revision=COMMIT).resolved(load_models())
    assert (spec.revision, spec.engine["weights"]) == (COMMIT, COMMIT)


def test_without_the_hub_the_cache_knows_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The layout of the hub's cache: refs/BRANCH names a commit, snapshots/COMMIT holds the files."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    here = tmp_path / "models--org--cached-model"
    (here / "refs").mkdir(parents=True)
    (here / "refs" / "main").write_text(COMMIT)
    (here / "snapshots" / COMMIT).mkdir(parents=True)
    (here / "snapshots" / COMMIT / "config.json").write_text("{}")
    assert pin("org/cached-model", None) == COMMIT
    with pytest.raises(SetupError, match="cannot be reached, and revision v2 is not in this"):
        pin("org/cached-model", "v2")
    spec = TransformersSpec(model="org/cached-model", revision="v2", name="judge")
    with pytest.raises(SetupError, match="annotator judge: model org/cached-model: "):
        spec.resolved(load_models())


def test_what_shapes_a_reply_is_in_its_key_and_what_does_not_is_not(folder: Path) -> None:
    base = TransformersSpec(model=str(folder))
    same = [{"batch_size": 1}, {"device": "cpu"}, {"attn_implementation": "sdpa"}]
    other = [
        {"dtype": "bfloat16"}, {"quantization": {"load_in_8bit": True}}, {"temperature": 0},
        {"processor": {"size": {"longest_edge": 364}}}, {"reply_format": "text"}, {"seed": 1},
        {"score": "expected"},
    ]  # fmt: skip
    assert {key_of(base.model_copy(update=one)) for one in same} == {key_of(base)}
    keys = {key_of(base.model_copy(update=one)) for one in other}
    assert len(keys) == len(other)
    assert key_of(base) not in keys


def test_replies_are_free_unless_a_price_is_given(folder: Path) -> None:
    assert TransformersSpec(model=str(folder)).price.cost_usd(1000, 1000) == 0.0
    assert not TransformersSpec(model=str(folder)).drifts


def test_torch_is_loaded_only_where_an_annotator_is_opened() -> None:
    heavy = {"torch", "transformers", "llguidance", "huggingface_hub"}
    script = f"import annotators.local, sys; sys.exit(bool({heavy} & {{*sys.modules}}))"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)
