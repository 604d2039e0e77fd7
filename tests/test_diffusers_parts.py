"""Kind ``diffusers``, its parts: weights and settings, what is refused before the start, frames, files."""

import dataclasses
import io
import json
import pickle
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from pipeline.generators.base import GenerationError
from pipeline.generators.diffusers import index, seat, weights
from pipeline.generators.diffusers.frames import clips_of, to_frames
from pipeline.generators.diffusers.spec import DiffusersSpec
from pipeline.generators.encode import FINE, OPTIONS, to_mp4
from schemas import Reason
from schemas.options import SetupError

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = COMMIT[::-1]


def model_in(folder: Path, kind: Any = "WanPipeline", **parts: Any) -> Path:
    """A folder with an index and one file of weights."""
    (folder / "vae").mkdir(parents=True)
    scheduler = ["diffusers", "FlowMatchEulerDiscreteScheduler"]
    index = {"_class_name": kind, "scheduler": scheduler, **parts}
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    return folder


def spec(model: Path | str, **change: Any) -> DiffusersSpec:
    return DiffusersSpec(**{"name": "g", "model": str(model), "fps": 8, **change})


def test_settings_say_what_shapes_the_clip(tmp_path):
    given = spec(
        model_in(tmp_path / "wan-1.3b"), height=480, width=832, frames=81, fps=16, steps=30,
        negative_prompt="blurry", variant="fp16", dtype={"default": "bfloat16", "vae": "float32"},
        scheduler="UniPCMultistepScheduler", scheduler_settings={"flow_shift": 3.0},
        arguments={"max_sequence_length": 256}, components={"vae": f"a/b@{COMMIT}"}, vae_tiling=True,
    )  # fmt: skip
    # vae/diffusion_pytorch_model.safetensors sorts after model_index.json
    hashes = [
        f"{name}\n{weights.sha256_hex((tmp_path / 'wan-1.3b' / name).read_bytes())}\n"
        for name in ("model_index.json", "vae/diffusion_pytorch_model.safetensors")
    ]
    assert given.fixed_settings() == {
        "way": 1, "model": "wan-1.3b", "revision": f"sha256:{weights.sha256_hex(''.join(hashes).encode())}",
        "variant": "fp16", "dtype": '{"default":"bfloat16","vae":"float32"}',
        "scheduler": "UniPCMultistepScheduler", "scheduler_settings.flow_shift": 3.0,
        "height": 480, "width": 832, "frames": 81, "fps": 16.0, "steps": 30, "negative_prompt": "blurry",
        "vae_tiling": True, "components.vae": f"a/b@{COMMIT}", "arguments.max_sequence_length": 256,
    }  # fmt: skip


def test_a_model_of_the_hub_is_known_by_its_commit():
    assert spec("a/b", revision=COMMIT).fixed_settings() == {
        "way": 1, "model": "a/b", "revision": COMMIT, "dtype": "bfloat16", "fps": 8.0
    }  # fmt: skip


@pytest.mark.parametrize("revision", [None, "main", COMMIT[:7]])
def test_without_a_commit_the_one_to_write_down_is_told(revision, monkeypatch):
    asked = []
    monkeypatch.setattr(weights, "_commit", lambda *asks: asked.append(asks) or OTHER)
    with pytest.raises(
        SetupError, match=rf"generator g: a/b .* {revision or 'main'} is {OTHER} now"
    ):
        spec("a/b", revision=revision).check()
    assert asked == [("a/b", revision or "main")]


def test_without_a_commit_and_a_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SetupError, match=r"take one from https://huggingface\.co/a/b/commits"):
        spec("a/b").check()


def test_a_folder_is_known_by_what_is_in_it_not_by_where_it_lies(tmp_path):
    one = model_in(tmp_path / "here/m")
    two = model_in(tmp_path / "there/m")
    (two / "README.md").write_text("changes no clip")
    (two / "vae/diffusion_pytorch_model.bin").write_bytes(b"never read")
    (two / ".cache").mkdir()
    (two / ".cache/x.json").write_text("{}")
    assert spec(one).fixed_settings() == spec(two).fixed_settings()
    before = spec(one).fixed_settings()
    (one / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"WEIGHTS")
    weights.look_again()
    assert spec(one).fixed_settings() != before
    (one / "vae/diffusion_pytorch_model.safetensors").write_bytes(b"weights")
    weights.look_again()
    assert spec(one).fixed_settings() == before


def test_fifty_thousand_clips_are_planned_with_one_look_at_the_folder(tmp_path, monkeypatch):
    looks = []
    real = weights._stamps
    monkeypatch.setattr(weights, "_stamps", lambda folder: looks.append(folder) or real(folder))
    planned = spec(model_in(tmp_path / "m"), guidance_scale=(3.0, 9.0))
    weights.look_again()
    rng = np.random.default_rng(0)
    drawn = [planned.draw_settings(rng) for _ in range(50_000)]
    assert len(looks) == 1
    assert len({one["revision"] for one in drawn}) == 1
    # tenths from 3.0 to 9.0
    assert {one["guidance_scale"] for one in drawn} == {round(3 + i / 10, 1) for i in range(61)}


def test_a_spec_travels(tmp_path):
    before = spec(model_in(tmp_path / "m"), arguments={"a": True, "b": 1, "c": 0.5, "d": "x"})
    after = pickle.loads(pickle.dumps(before))
    assert after == before == DiffusersSpec(**json.loads(before.model_dump_json()))
    assert [type(v) for v in after.arguments.values()] == [bool, int, float, str]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fps": 0}, "fps"),
        ({"device": []}, "name at least one"),
        ({"device": ["cuda:0", "cuda:0"]}, "each one once"),
        ({"trust_remote_code": True}, "trust_remote_code"),
        ({"dtype": "auto"}, "dtype"),
        ({"arguments": {"latents": [1.0]}}, "latents"),
    ],
)
def test_blocks_that_are_refused(change, said):
    with pytest.raises(ValidationError, match=said):
        spec("a/b", **change)


def test_fps_has_no_default():
    with pytest.raises(ValidationError, match=r"fps\n  Field required"):
        DiffusersSpec(name="g", model="a/b")


# --- what is found before the start ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (
            "StableDiffusionPipeline",
            {},
            "makes no video of a prompt alone: its call does not say so",
        ),
        ("WanImageToVideoPipeline", {}, "makes no video of a prompt alone: its call needs image"),
        ("NoSuchPipeline", {}, r"pipeline 'NoSuchPipeline': diffusers \S+ has no such class"),
        ("UNet2DModel", {}, "has no such class"),
        (["code", "MyPipeline"], {}, "its pipeline is code of its own, which is not run here"),
        (
            "WanPipeline",
            {"arguments": {"clip_skip": 1}},
            r"arguments\.clip_skip: .* takes no clip_skip",
        ),
        ("WanPipeline", {"arguments": {"generator": 1}}, "arguments: generator: a key of its own"),
        ("WanPipeline", {"arguments": {"frames": 1}}, "takes no frames"),
        (
            "HunyuanVideo15Pipeline",
            {"guidance_scale": 5.0},
            "guidance_scale: .* takes no guidance_scale",
        ),
        (
            "WanPipeline",
            {"components": {"motion_adapter": None}},
            "components: .* has no 'motion_ad",
        ),
        (
            "WanPipeline",
            {"dtype": {"unet": "float16"}},
            "dtype: WanPipeline has no 'unet'; it has ",
        ),
        ("WanPipeline", {"scheduler": "WanPipeline"}, "scheduler 'WanPipeline': diffusers"),
        (
            "WanPipeline",
            {"scheduler_settings": {"shft": 3.0}},
            "Discrete.* has no 'shft'; .* shift",
        ),
        ("LattePipeline", {"batch_size": 2}, "batch_size: a clip of LattePipeline would depend"),
        ("WanPipeline", {"revision": "main"}, "is of the hub, and .* is a folder"),
        ("WanPipeline", {"device": "cuda:99"}, "cuda:99"),
        ("WanPipeline", {"device": "gpu"}, "write auto, cpu, mps, cuda or cuda:N"),
        (
            "WanPipeline",
            {"device": "cpu", "offload": "model"},
            "there is no GPU to take weights from",
        ),
    ],
)
def test_what_its_pipeline_cannot_do_is_found_before_the_start(kind, change, said, tmp_path):
    pytest.importorskip("diffusers")
    with pytest.raises(SetupError, match=rf"generator g: .*{said}"):
        spec(model_in(tmp_path / "m", kind), **change).check()


@pytest.mark.parametrize(
    "kind",
    ["AllegroPipeline", "CogVideoXPipeline", "LTXPipeline", "LattePipeline", "MochiPipeline",
     "SanaVideoPipeline", "SkyReelsV2Pipeline", "TextToVideoSDPipeline", "TextToVideoZeroPipeline",
     "AnimateDiffPipeline", "HunyuanVideoPipeline", "EasyAnimatePipeline", "Kandinsky5T2VPipeline"],
)  # fmt: skip
def test_text_to_video_pipelines_of_diffusers_are_known_as_such(kind, tmp_path):
    pytest.importorskip("diffusers")
    sizes = {"height": 256, "width": 256, "frames": 8, "steps": 2, "guidance_scale": 5.0}
    spec(model_in(tmp_path / "m", kind), negative_prompt="x", **sizes).check()


def test_pickled_weights_are_refused(tmp_path):
    model = model_in(tmp_path / "m")
    (model / "unet").mkdir()
    (model / "unet/diffusion_pytorch_model.bin").write_bytes(b"")
    with pytest.raises(SetupError, match="unet: its weights are pickles, which can run code"):
        index.check_fits(spec(model))


@pytest.mark.parametrize(
    ("model", "said"),
    [("./nowhere", "there is no such folder"), ("nothing", "no model of the hub is named so")],
)
def test_what_is_neither_folder_nor_name(model, said):
    with pytest.raises(SetupError, match=said):
        spec(model).check()


def test_a_folder_that_holds_no_pipeline(tmp_path):
    pytest.importorskip("diffusers")
    with pytest.raises(SetupError, match=r"holds no model_index\.json; give the folder that"):
        spec(tmp_path).check()


def test_a_machine_without_diffusers_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"pip install 'videoprefer\[generate\]'"):
        spec("a/b", revision=COMMIT).check()


def test_a_version_of_diffusers_that_would_not_hear_of_dtypes(monkeypatch):
    pytest.importorskip("diffusers")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.41.9")
    with pytest.raises(SetupError, match=r"diffusers 0\.41\.9 is too old"):
        spec("a/b", revision=COMMIT).check()


def test_planning_loads_neither_torch_nor_diffusers():
    code = (
        "import sys; from pipeline.generators.diffusers.spec import DiffusersSpec\n"
        f"DiffusersSpec(name='g', model='a/b', revision='{COMMIT}', fps=8).fixed_settings()\n"
        "assert not {'torch', 'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# --- devices --------------------------------------------------------------------------------------


def test_each_process_takes_a_device_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(seat, "_folder", lambda: tmp_path)
    monkeypatch.setattr(seat, "_held", {})
    monkeypatch.setattr(seat, "WAIT_S", 0.0)
    first, second = (FileLock(tmp_path / f"cuda-{n}.lock") for n in range(2))
    both = ["cuda:0", "cuda:1"]
    with first, second:  # as other processes hold them
        assert seat.seat(["cuda:0"]) == "cuda:0"  # a single one is not asked for
        with pytest.raises(GenerationError, match="other processes hold all of cuda:0, cuda:1"):
            seat.seat(both)
    with first:
        assert seat.seat(both) == "cuda:1"
    assert seat.seat(["cuda:1", "cuda:0"]) == "cuda:1"
    assert seat.seat(both) == "cuda:1"  # where it sits already, the first being free now


# --- frames and files -----------------------------------------------------------------------------


def ramp(n: int = 3, height: int = 8, width: int = 12) -> np.ndarray:
    """Levels that rise by 1 from left to right and frame to frame; blue falls."""
    levels = (
        np.arange(width)[None, None, :] + np.arange(n)[:, None, None] + np.zeros((1, height, 1))
    )
    return np.stack([levels, 2 * levels, 255 - levels], -1).astype(np.uint8)


def test_frames_as_pipelines_give_them():
    torch = pytest.importorskip("torch")
    wanted = ramp()
    values = wanted / np.float32(255)
    tensor = torch.from_numpy(values).permute(0, 3, 1, 2).to(torch.float32)
    pictures = [Image.fromarray(frame) for frame in wanted]
    for clip in (values, wanted, tensor, pictures):
        assert (to_frames(clip, "float16") == wanted).all()


def test_clips_of_an_output():
    @dataclasses.dataclass
    class Two:
        frames: Any

    assert len(clips_of(Two(np.zeros((2, 3, 8, 8, 3))), 2)) == 2
    (zero,) = clips_of(SimpleNamespace(images=np.zeros((3, 8, 8, 3))), 1)  # Text2Video-Zero
    assert zero.shape == (3, 8, 8, 3)
    with pytest.raises(GenerationError, match="gave 2 clips for 1 prompts"):
        clips_of(Two(np.zeros((2, 3, 8, 8, 3))), 1)
    with pytest.raises(GenerationError, match="gave 0 clips"):
        clips_of(SimpleNamespace(sequences=[1]), 1)
    with pytest.raises(GenerationError, match="safety checker") as caught:
        clips_of(SimpleNamespace(images=[1], nsfw_content_detected=[False, True]), 1)
    assert caught.value.reason == Reason.CONTENT_FILTER


@pytest.mark.parametrize(
    ("clip", "said"),
    [
        (np.zeros((3, 8, 8, 3)), r"every pixel of every frame is \(0, 0, 0\) of 255"),
        (np.ones((3, 8, 8, 3)), r"is \(255, 255, 255\) of 255"),
        (
            np.full((3, 8, 8, 3), np.nan),
            "3 of 3 frames hold values that are no numbers; .* float16",
        ),
        (np.where(np.arange(3)[:, None, None, None] == 1, np.inf, ramp() / 255), "1 of 3 frames"),
        (np.zeros((0, 8, 8, 3)), "shape"),
        (np.zeros((8, 8, 3)), "shape"),
        (np.zeros((3, 8, 8, 4)), "shape"),
        (ramp() / 100, "values from 0 to 2.55, not in"),
    ],
)
def test_what_is_no_clip(clip, said):
    with pytest.raises(GenerationError, match=said):
        to_frames(clip, "float16")


def test_a_dark_clip_is_a_clip():
    dark = np.zeros((3, 8, 8, 3), np.uint8)
    dark[1, 2, 3, 0] = 2
    assert (to_frames(dark, "float16") == dark).all()


def read(data: bytes) -> tuple[np.ndarray, Fraction]:
    with av.open(io.BytesIO(data)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        return np.stack(frames), container.streams.video[0].average_rate


@given(n=st.integers(1, 5), height=st.integers(2, 40), width=st.integers(2, 40))
def test_any_size_is_written_less_the_odd_row_and_column(n, height, width):
    grey = np.full((n, height, width, 3), 128, np.uint8)
    grey[:, :, : width // 2] = 60
    frames, _ = read(to_mp4(grey, 8, FINE))
    assert frames.shape == (n, height // 2 * 2, width // 2 * 2, 3)
    assert abs(int(frames[0, 0, 0, 0]) - 60) <= 4


@pytest.mark.parametrize("fps", [1, 8, Fraction(24000, 1001), Fraction(25, 2), 60])
def test_the_frame_rate_is_kept_exactly(fps):
    assert read(to_mp4(ramp(), fps, FINE))[1] == fps


@pytest.mark.parametrize("shape", [(0, 8, 8, 3), (3, 1, 8, 3), (3, 8, 1, 3)])
def test_what_makes_no_file(shape):
    with pytest.raises(ValueError, match="make no video"):
        to_mp4(np.zeros(shape, np.uint8), 8)


@pytest.mark.parametrize("options", [OPTIONS, FINE], ids=["fast", "fine"])
def test_the_same_frames_are_the_same_bytes(options):
    """Small pictures are where looking ahead spoils it; memory is stirred between the calls."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:32, :32]
    for k in range(1, 6):
        frames = np.stack([np.stack([x * k + 3 * t, y * k - t, x * y + t], -1) for t in range(9)])
        frames = (frames % 256).astype(np.uint8)
        files, kept = set(), []
        for _ in range(12):
            kept.append(rng.random(rng.integers(1000, 200_000)))
            kept = kept[-8:]
            files.add(to_mp4(frames, 8, options))
        assert len(files) == 1
