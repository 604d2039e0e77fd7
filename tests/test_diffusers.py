"""Kind ``diffusers``: clips of tiny random pipelines, by the same path that a real one takes."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_diffusers import SIDE, tiny_motion_adapter, tiny_pipeline

from pipeline.generators.base import GenerationError
from pipeline.generators.diffusers import make
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.media.decode import decode
from pipeline.media.options import FramesOptions
from pipeline.media.probe import probe
from schemas import Clip
from schemas.ids import canonical_json

diffusers = pytest.importorskip("diffusers")

RED, DOGS = "a red ball", "two dogs run"
SMALL = {"height": SIDE, "width": SIDE, "steps": 2, "fps": 8, "dtype": "float32"}
# Frames as each model can make them: 4n + 1 where time is compressed by 4.
FRAMES = {"modelscope": 3, "animatediff": 4, "cogvideox": 9, "wan": 5}
ARGUMENTS = {"cogvideox": {"max_sequence_length": 16}}
Folder = Callable[[str], Path]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """Where a family's pipeline lies; it is made once."""

    @functools.cache
    def made(family: str) -> Path:
        return tiny_pipeline(tmp_path_factory.mktemp("models") / family, family)

    return made


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    """Models this small spend their time handing work from thread to thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _nothing_held() -> Iterator[None]:
    yield
    make.let_go()


def spec_of(model: Path, **change: Any) -> DiffusersSpec:
    family = model.name
    own = {"frames": FRAMES.get(family, 3), "arguments": ARGUMENTS.get(family, {})}
    return DiffusersSpec(**{"name": "tiny", "model": str(model), **SMALL, **own, **change})


def planned(spec: DiffusersSpec, prompt: str = RED, seed: int = 1, **settings: Any) -> Clip:
    drawn = spec.draw_settings(np.random.default_rng(0)) | settings
    return Clip(
        video_id=f"v-{prompt.replace(' ', '-')}-{seed}-{settings.get('guidance_scale', '')}",
        prompt_id="p", prompt=prompt, generator=spec.name, source="s",
        settings=canonical_json(drawn), seed=seed,
    )  # fmt: skip


def made(spec: DiffusersSpec, clips: Sequence[Clip]) -> list[Any]:
    return list(spec.generate(clips, None))  # type: ignore[arg-type]


def file_of(spec: DiffusersSpec, clip: Clip) -> bytes:
    (data,) = made(spec, [clip])
    assert isinstance(data, bytes), data
    return data


@pytest.fixture
def pixels(tmp_path: Path) -> Callable[[bytes], np.ndarray]:
    def shown(data: bytes) -> np.ndarray:
        """What our own decoder finds in a file: (T, height, width, 3), as integers."""
        path = tmp_path / "clip.mp4"
        path.write_bytes(data)
        options = FramesOptions()
        decoded = decode(str(path), options, lambda frames: tuple(range(frames.n)), np.array)
        return np.stack(decoded.taken).astype(int)

    return shown


@pytest.mark.parametrize("family", sorted(FRAMES))
def test_a_clip_depends_on_prompt_and_seed_alone(family, folder, pixels, tmp_path):
    spec = spec_of(folder(family))
    spec.check()
    clips = [planned(spec), planned(spec, seed=2), planned(spec, DOGS)]
    alone = [file_of(spec, clip) for clip in clips]
    make.let_go()
    assert [file_of(spec, clip) for clip in clips] == alone  # to the byte, after loading it again
    assert len(set(alone)) == 3

    together = made(spec.model_copy(update={"batch_size": 3}), clips)
    for one, other in zip(alone, together):
        # a batch rounds otherwise in the 7th digit: hardly any level changes
        assert np.abs(pixels(one) - pixels(other)).mean() < 1
    # and another seed, or another prompt, is another clip
    assert np.abs(pixels(alone[0]) - pixels(alone[1])).mean() > 5

    path = tmp_path / "whole.mp4"
    path.write_bytes(alone[0])
    header = probe(str(path), FramesOptions())
    assert (header.width_px, header.height_px) == (SIDE, SIDE)
    assert (header.n_frames, header.fps) == (FRAMES[family], 8)


def test_a_motion_adapter_makes_clips_of_a_model_for_pictures(folder, tmp_path):
    adapter = tiny_motion_adapter(tmp_path / "adapter")
    spec = spec_of(
        folder("stable_diffusion"),
        pipeline="AnimateDiffPipeline",
        components={"motion_adapter": str(adapter)},
    )
    spec.check()
    clip = planned(spec)
    first = file_of(spec, clip)
    assert spec.fixed_settings()["components.motion_adapter"].startswith("adapter@sha256:")

    tiny_motion_adapter(adapter, seed=1)  # retrained in place: other clips under other ids
    spec.check()
    assert planned(spec).settings != clip.settings
    with pytest.raises(AssertionError, match=r"planned with components\.motion_adapter"):
        file_of(spec, clip)
    assert file_of(spec, planned(spec)) != first


def test_text2video_zero_without_the_parts_that_its_base_lacks(folder):
    parts = {"safety_checker": None, "feature_extractor": None}
    spec = spec_of(folder("zero"), components=parts, arguments={"t0": 0, "t1": 1})
    spec.check()
    assert spec.fixed_settings()["components.safety_checker"] == "none"
    assert file_of(spec, planned(spec)) != file_of(spec, planned(spec, seed=2))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 3},
        {"guidance_scale": 2.0},
        {"scheduler": "DDPMScheduler"},
        {"scheduler_settings": {"beta_end": 0.05}},
        {"negative_prompt": "blurry"},
        {"dtype": "bfloat16"},
        {"dtype": {"default": "float32", "vae": "bfloat16"}},
        {"arguments": {"eta": 1.0}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_changes_the_clip_changes_its_settings(change, folder):
    model = folder("modelscope")
    if "dtype" in change and isinstance(change["dtype"], dict):
        model = folder("wan")  # casts what it decodes; ModelScope's pipeline needs one dtype
    plain, other = spec_of(model), spec_of(model, **change)
    other.check()
    before, after = planned(plain), planned(other)
    assert before.settings != after.settings
    assert file_of(plain, before) != file_of(other, after)


def test_where_and_how_fast_it_is_made_is_no_setting(folder):
    spec = spec_of(folder("wan"))
    other = spec.model_copy(
        update={"device": ["cuda:0", "cuda:1"], "batch_size": 4, "offload": "model", "share": 2.0}
    )
    assert other.fixed_settings() == spec.fixed_settings()
    assert other.batch == 4
    assert [other.at_once(n) for n in (1, 2, 16)] == [1, 2, 2]
    assert spec.at_once(16) == 1


def watched(monkeypatch: pytest.MonkeyPatch, before: Callable[..., None]) -> list[dict[str, Any]]:
    """Every call of the tiny ModelScope pipeline, ``before`` which something may be raised."""
    kind = diffusers.TextToVideoSDPipeline
    real, calls = kind.__call__, []

    @functools.wraps(real)
    def call(self: Any, **how: Any) -> Any:
        prompts = how["prompt"] if isinstance(how["prompt"], list) else [how["prompt"]]
        calls.append({**how, "prompts": prompts})
        before(prompts)
        return real(self, **how)

    monkeypatch.setattr(kind, "__call__", call)
    return calls


def test_clips_of_one_guidance_scale_share_a_call_and_keep_their_order(folder, pixels, monkeypatch):
    spec = spec_of(folder("modelscope"), batch_size=4, steps=1, guidance_scale=(3.0, 9.0))
    scales = [5.0, 7.0, 5.0, 7.0, 5.0]
    clips = [planned(spec, seed=i, guidance_scale=g) for i, g in enumerate(scales)]
    alone = [file_of(spec, clip) for clip in clips]
    calls = watched(monkeypatch, lambda prompts: None)
    together = made(spec, clips)
    assert [(call["guidance_scale"], len(call["prompts"])) for call in calls] == [
        (5.0, 3),
        (7.0, 2),
    ]
    for one, other in zip(alone, together):
        assert np.abs(pixels(one) - pixels(other)).mean() < 1


def test_batches_halve_where_memory_does_not_suffice(folder, monkeypatch):
    def room_for_two(prompts: list[str]) -> None:
        if len(prompts) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    spec = spec_of(folder("modelscope"), batch_size=8, steps=1)
    clips = [planned(spec, seed=i) for i in range(7)]
    calls = watched(monkeypatch, room_for_two)
    assert all(isinstance(data, bytes) for data in made(spec, clips))
    assert [len(call["prompts"]) for call in calls] == [7, 4, 2, 2, 2, 1]
    calls.clear()
    made(spec, clips[:4])
    assert [len(call["prompts"]) for call in calls] == [2, 2]  # and stays so


def test_a_clip_that_does_not_fit_alone_says_what_to_do(folder, monkeypatch):
    def no_room(prompts: list[str]) -> None:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 GB")

    spec = spec_of(folder("modelscope"))
    watched(monkeypatch, no_room)
    (fault,) = made(spec, [planned(spec)])
    assert isinstance(fault, GenerationError)
    assert "not enough memory for one clip" in str(fault)
    assert "offload: model" in str(fault)


def test_a_fault_of_one_clip_costs_that_clip_alone(folder, monkeypatch):
    def not_the_dogs(prompts: list[str]) -> None:
        if DOGS in prompts:
            raise ValueError("no dogs")

    spec = spec_of(folder("modelscope"), batch_size=3, steps=1)
    clips = [planned(spec, seed=1), planned(spec, DOGS), planned(spec, seed=3)]
    calls = watched(monkeypatch, not_the_dogs)
    first, second, third = made(spec, clips)
    assert isinstance(first, bytes)
    assert isinstance(third, bytes)
    assert isinstance(second, GenerationError)
    assert "ValueError: no dogs" in str(second)
    calls.clear()
    made(spec, [clips[0], clips[2]])
    assert len(calls) == 1  # batches go on


def test_a_pipeline_that_takes_no_batches_is_given_none_any_more(folder, monkeypatch):
    def one_only(prompts: list[str]) -> None:
        if len(prompts) > 1:
            raise IndexError("list index out of range")

    spec = spec_of(folder("modelscope"), batch_size=2, steps=1)
    clips = [planned(spec, seed=i) for i in range(4)]
    calls = watched(monkeypatch, one_only)
    assert all(isinstance(data, bytes) for data in made(spec, clips))
    assert [len(call["prompts"]) for call in calls] == [2, 1, 1, 1, 1]


def test_half_precision_that_overflows_is_no_clip(folder, monkeypatch):
    spec = spec_of(folder("modelscope"))
    file_of(spec, planned(spec))  # loads it
    with torch.no_grad():
        for weight in make.hold(spec).pipe.unet.parameters():
            weight.fill_(float("inf"))
    (fault,) = made(spec, [planned(spec)])
    assert isinstance(fault, GenerationError)
    assert "3 of 3 frames hold values that are no numbers" in str(fault)


def test_one_model_is_held_and_loaded_once(folder, monkeypatch):
    loaded = []
    real = make.load
    monkeypatch.setattr(
        make, "load", lambda spec, device: loaded.append(spec) or real(spec, device)
    )
    one, two = spec_of(folder("wan")), spec_of(folder("modelscope"))
    for spec in (one, one.model_copy(update={"steps": 1}), two, one):
        file_of(spec, planned(spec))
    assert [Path(spec.model).name for spec in loaded] == ["wan", "modelscope", "wan"]
    assert len(make._held) == 1


def test_a_model_that_cannot_be_loaded_is_tried_once(folder, tmp_path, monkeypatch):
    model = tiny_pipeline(tmp_path / "wan", "wan")
    weights = model / "transformer/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    spec = spec_of(model)
    tried = []
    real = make.load
    monkeypatch.setattr(make, "load", lambda *a: tried.append(a) or real(*a))
    for _ in range(2):
        with pytest.raises(GenerationError, match=r"wan cannot be loaded: \w+"):
            made(spec, [planned(spec)])
    assert len(tried) == 1


def test_other_weights_than_planned_are_not_used(folder, tmp_path):
    model = tiny_pipeline(tmp_path / "wan", "wan")
    spec = spec_of(model)
    clip = planned(spec)
    tiny_pipeline(model, "wan", seed=1)
    (fault,) = made(spec, [clip])
    assert isinstance(fault, GenerationError)
    assert "planned with revision 'sha256:" in str(fault)


def test_drawing_leaves_torch_as_it_was(folder):
    spec = spec_of(folder("wan"))
    file_of(spec, planned(spec))
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    file_of(spec, planned(spec))
    assert torch.rand(1) == wanted
    assert torch.get_default_dtype() == torch.float32
