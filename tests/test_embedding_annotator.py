"""CLIPScore, HPS v2 and PickScore: the numbers, one model per process, and what can go wrong."""

import dataclasses
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_clip
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter, ValidationError
from safetensors.torch import save_file
from transformers import CLIPModel

from annotators import EmbeddingSpec
from annotators.base import Question, Resources
from annotators.embedding import annotator as annotating
from annotators.embedding import held
from annotators.embedding.files import content_hash, model_files
from annotators.embedding.metrics import METRICS, clip_score, hps_v2, pick_score
from annotators.embedding.pictures import letterbox
from annotators.embedding.towers import Towers, load
from annotators.models import load_models
from pipeline.kinds import Judge
from prompts import load_rubric
from schemas import Annotation, Failure, Reason
from schemas.options import SetupError
from schemas.store import Store, blob_name

QUALITY = load_rubric("videoprefer/video_quality")
FOLLOWING = load_rubric("videoprefer/prompt_following")
SIDE = tiny_clip.SIDE
PROMPT = "a red kite over two blue squares"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny random CLIP."""
    path = tmp_path_factory.mktemp("clip")
    tiny_clip.save(path)
    return path


def spec(folder: Path, **change: object) -> EmbeddingSpec:
    return EmbeddingSpec(**({"metric": "hps_v2", "model": str(folder), "device": "cpu"} | change))


def answers(spec: EmbeddingSpec, store: Store, *questions: Question) -> list[list[object]]:
    annotator = spec.open(Resources(frames=store, journal=store))
    try:
        return [list(f.result(timeout=60)) for f in [annotator.submit(q) for q in questions]]
    finally:
        annotator.close()


def ask(spec: EmbeddingSpec, store: Store, jpegs: list[bytes], prompt: str = PROMPT) -> Annotation:
    frames = tiny_clip.frame_set(store, jpegs, prompt)
    ((found,),) = answers(spec, store, Question(frames=frames, rubric=FOLLOWING, draw=0))
    assert isinstance(found, Annotation), found
    return found


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "frames"))


# --- the numbers ---------------------------------------------------------------------------------


def test_formulas() -> None:
    # 2.5 * 0.3; a negative cosine counts nothing; rounding past 1 does not leave the scale
    assert clip_score(0.3, 100) == 0.75
    assert [clip_score(c, 100) for c in (-0.2, 1.0000001)] == [0.0, 2.5]
    assert hps_v2(-0.27, 100) == -0.27
    assert pick_score(0.21, 100) == 21


def by_hand(folder: Path, jpegs: list[bytes], prompt: str) -> tuple[list[float], float]:
    """Cosines and logit scale from transformers' own forward pass over arrays made by hand."""
    clip = CLIPModel.from_pretrained(folder)
    pictures = [tiny_clip.pixels(Image.open(io.BytesIO(data))) for data in jpegs]
    ids = torch.tensor([tiny_clip.token_ids(prompt)])
    with torch.no_grad():
        out = clip(input_ids=ids, pixel_values=torch.stack(pictures))
    # both come normalised
    return (out.image_embeds @ out.text_embeds[0]).tolist(), float(clip.logit_scale.detach().exp())


@pytest.mark.parametrize("metric", METRICS)
def test_a_score_is_the_mean_over_frames_of_transformers_own_embeddings(
    metric: str, folder: Path, store: Store
) -> None:
    prompt = "a red kite"  # in this model noise lies on one side of it and white on the other
    jpegs = [*tiny_clip.noise(4), tiny_clip.jpeg(np.full((SIDE, SIDE, 3), 255, np.uint8))]
    cosines, scale = by_hand(folder, jpegs, prompt)
    assert min(cosines) < -0.01 < 0.01 < max(cosines)
    expected = {
        "clip_score": sum(2.5 * c for c in cosines if c > 0) / 5,
        "hps_v2": sum(cosines) / 5,
        "pick_score": scale * sum(cosines) / 5,
    }
    assert abs(scale - 1 / 0.07) < 1e-3  # CLIP's start, 14.29
    found = ask(spec(folder, metric=metric), store, jpegs, prompt)
    assert found.score == pytest.approx(expected[metric], abs=2e-6 * max(1, scale))


def test_the_row_says_what_it_rests_on(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(2)
    found = ask(spec(folder, metric="clip_score"), store, jpegs)
    assert (found.annotator_id, found.n_frames, found.cost_usd) == ("clip_score", 2, 0.0)
    assert (found.scale_low, found.scale_high) == (0.0, 2.5)
    assert found.model == content_hash(model_files(str(folder)))
    assert (found.rubric, found.reply_key, found.requested) == (None, None, None)
    cosines, _ = by_hand(folder, jpegs, PROMPT)
    said = ", ".join(f"{c:.4g}" for c in cosines)
    unbounded = ask(spec(folder), store, jpegs)
    assert unbounded.rationale == f"Per frame: {said}."
    assert (unbounded.scale_low, unbounded.scale_high) == (None, None)


def test_a_prompt_that_is_too_long_is_cut_and_the_row_says_so(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(1)
    # 75 letters and the two ends are CLIP's 77 tokens; the letters after them change nothing
    fits, longer = "a" * 74 + " b", "a" * 74 + " b c d e"
    exact = ask(spec(folder), store, jpegs, fits)
    cut = ask(spec(folder), store, jpegs, longer)
    assert exact.rationale is not None
    assert "cut" not in exact.rationale
    assert cut.score == exact.score
    assert cut.rationale == f"{exact.rationale[:-1]}; the prompt was cut from 80 to 77 tokens."
    assert ask(spec(folder), store, jpegs, "b c d e").score != exact.score


@given(order=st.permutations(range(5)))
@settings(max_examples=20)
def test_the_order_of_frames_does_not_matter(order: list[int], towers: Towers) -> None:
    pictures = [Image.open(io.BytesIO(data)) for data in tiny_clip.noise(5)]
    mean = sum(towers.look(pictures, PROMPT, 32).cosines) / 5
    moved = towers.look([pictures[i] for i in order], PROMPT, 32).cosines
    assert sum(moved) / 5 == pytest.approx(mean, abs=1e-6)


@pytest.fixture(scope="module")
def towers(folder: Path) -> Towers:
    return load(str(folder), None, str(folder), "cpu", "float32")


def test_a_frame_again_and_again_is_that_frame(folder: Path, store: Store) -> None:
    (once,) = tiny_clip.noise(1)
    for metric in METRICS:
        one = ask(spec(folder, metric=metric), store, [once])
        same = ask(spec(folder, metric=metric), store, [once] * 7)
        assert same.score == pytest.approx(one.score, abs=2e-6)
        assert same.n_frames == 7


def test_hps_sees_the_whole_frame_and_the_others_its_middle(folder: Path, store: Store) -> None:
    """Two wide frames alike in the middle square: CLIP crops to it, HPS v2 was trained on all."""
    rng = np.random.default_rng(0)
    wide = rng.integers(0, 256, (SIDE, 3 * SIDE, 3), np.uint8)
    other = wide.copy()
    other[:, :SIDE] = other[:, 2 * SIDE :] = 0
    pictures = [Image.fromarray(frame) for frame in (wide, other)]
    towers = load(str(folder), None, str(folder), "cpu", "float32")
    a, b = towers.look(pictures, PROMPT, 32).cosines
    assert a == pytest.approx(b, abs=1e-6)
    a, b = towers.look([letterbox(p) for p in pictures], PROMPT, 32).cosines
    assert abs(a - b) > 1e-3
    jpegs = [tiny_clip.jpeg(frame) for frame in (wide, other)]
    hps = [ask(spec(folder), store, [data]).score for data in jpegs]
    assert abs(hps[0] - hps[1]) > 1e-3


def test_letterbox() -> None:
    boxed = np.asarray(letterbox(Image.new("RGB", (6, 3), "white")))
    # 6 - 3 = 3 rows of black: 1 above, 2 below
    assert boxed.shape == (6, 6, 3)
    assert boxed[:, 0, 0].tolist() == [0, 255, 255, 255, 0, 0]
    assert (boxed == boxed[:, :1]).all()
    square = Image.new("RGB", (4, 4), "red")
    assert np.array_equal(letterbox(square), square)


def test_half_precision_is_near(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(3)
    full, half = (ask(spec(folder, dtype=d), store, jpegs).score for d in ("float32", "bfloat16"))
    assert full != half
    assert half == pytest.approx(full, abs=0.05)  # bfloat16 has three digits, over four layers


# --- which dimensions ----------------------------------------------------------------------------


def test_a_score_answers_for_its_dimension_or_for_every_one(folder: Path, store: Store) -> None:
    frames = tiny_clip.frame_set(store, tiny_clip.noise(2), PROMPT)
    asked = [Question(frames=frames, rubric=r, draw=0) for r in (FOLLOWING, QUALITY)]
    (following,), (quality,) = answers(spec(folder, metric="clip_score"), store, *asked)
    assert isinstance(following, Annotation)
    assert isinstance(quality, Failure)
    assert quality.reason is Reason.NOT_APPLICABLE
    assert quality.key == "v1/video_quality/clip_score/0"
    both = [a for (a,) in answers(spec(folder), store, *asked)]
    assert [a.dimension for a in both] == ["prompt_following", "video_quality"]
    assert both[0].score == both[1].score


def test_a_clip_is_measured_once_for_all_rubrics(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    look = annotating.look
    monkeypatch.setattr(annotating, "look", lambda *a: seen.append(a[3].video_id) or look(*a))
    clips = [
        tiny_clip.frame_set(store, tiny_clip.noise(2, seed), PROMPT, video_id=f"v{seed}")
        for seed in (1, 2)
    ]
    asked = [Question(frames=c, rubric=r, draw=0) for c in clips for r in (FOLLOWING, QUALITY)]
    assert len(answers(spec(folder), store, *asked)) == 4
    assert sorted(seen) == ["v1", "v2"]
    seen.clear()
    answers(spec(folder, dimension="video_quality"), store, asked[0])
    assert seen == []  # nothing is measured that nobody may have


# --- what can go wrong ---------------------------------------------------------------------------


def test_absent_and_broken_frames_are_failures_of_their_clip_alone(
    folder: Path, store: Store
) -> None:
    good, absent, broken = (
        tiny_clip.frame_set(store, tiny_clip.noise(2, seed), PROMPT, video_id=f"v{seed}")
        for seed in range(3)
    )
    (Path(store.root) / blob_name(absent.jpeg_sha256[1], ".jpg")).unlink()
    (Path(store.root) / blob_name(broken.jpeg_sha256[0], ".jpg")).write_bytes(b"no picture")
    both = dataclasses.replace(FOLLOWING, dimensions=FOLLOWING.dimensions + QUALITY.dimensions)
    asked = [Question(frames=f, rubric=both, draw=0) for f in (absent, broken, good)]
    gone, spoilt, fine = answers(spec(folder, dimension="video_quality"), store, *asked)
    assert all(isinstance(o, Failure) for o in (*gone, *spoilt, fine[0]))
    # what would not have been answered anyway did not fail
    assert [o.reason for o in gone] == [Reason.NOT_APPLICABLE, Reason.NOT_FOUND]
    assert [o.reason for o in spoilt] == [Reason.NOT_APPLICABLE, Reason.UNDECODABLE]
    assert gone[1].key == "v1/video_quality/hps_v2/0"
    assert absent.jpeg_sha256[1] in gone[1].message
    assert isinstance(fine[1], Annotation)


def test_a_fault_of_the_program_is_a_failure(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(annotating, "letterbox", lambda _: 1 / 0)
    frames = tiny_clip.frame_set(store, tiny_clip.noise(1), PROMPT)
    ((found,),) = answers(spec(folder), store, Question(frames=frames, rubric=QUALITY, draw=0))
    assert found.reason is Reason.INTERNAL
    assert "ZeroDivisionError" in found.message


def test_no_number_is_a_failure(folder: Path, store: Store, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "nan")
    clip = CLIPModel.from_pretrained(folder)
    with torch.no_grad():
        clip.visual_projection.weight.fill_(float("nan"))
    clip.save_pretrained(tmp_path / "nan")
    frames = tiny_clip.frame_set(store, tiny_clip.noise(1), PROMPT)
    asked = Question(frames=frames, rubric=QUALITY, draw=0)
    ((found,),) = answers(spec(tmp_path / "nan"), store, asked)
    assert found.reason is Reason.INTERNAL
    assert "no finite number for clip v1" in found.message


class Small:
    """A CLIP whose memory holds ``room`` pictures."""

    def __init__(self, clip: CLIPModel, room: int) -> None:
        self._clip, self.room, self.tried = clip, room, []

    def __getattr__(self, name: str) -> object:
        return getattr(self._clip, name)

    def get_image_features(self, pixel_values: torch.Tensor) -> object:
        self.tried.append(len(pixel_values))
        if len(pixel_values) > self.room:
            raise torch.OutOfMemoryError("not that many")
        return self._clip.get_image_features(pixel_values=pixel_values)


def test_out_of_memory_halves_the_batch_from_then_on(folder: Path) -> None:
    towers = load(str(folder), None, str(folder), "cpu", "float32")
    pictures = [Image.open(io.BytesIO(data)) for data in tiny_clip.noise(7)]
    whole = towers.look(pictures, PROMPT, 32)
    small = towers.clip = Small(towers.clip, room=2)
    parts = towers.look(pictures, PROMPT, 32)
    # 7 do not fit, nor do 3, half of them; 1, half of those, does
    assert small.tried == [7, 3, 1, 1, 1, 1, 1, 1, 1]
    assert parts.cosines == pytest.approx(whole.cosines, abs=1e-6)
    small.tried.clear()
    towers.look(pictures[:3], PROMPT, 32)
    assert small.tried == [1, 1, 1]


def test_one_frame_that_does_not_fit_is_a_failure(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tight(*key: object) -> Towers:
        towers = load(*key)  # type: ignore[arg-type]
        towers.clip = Small(towers.clip, room=0)
        return towers

    monkeypatch.setattr(annotating, "load", tight)
    frames = tiny_clip.frame_set(store, tiny_clip.noise(2), PROMPT)
    ((found,),) = answers(spec(folder), store, Question(frames=frames, rubric=QUALITY, draw=0))
    assert found.reason is Reason.TOO_LARGE
    assert "does not fit into the memory of cpu" in found.message


def test_batch_size_changes_no_score(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(5)
    scores = {n: ask(spec(folder, batch_size=n), store, jpegs).score for n in (1, 2, 5, 32)}
    assert list(scores.values()) == pytest.approx([scores[32]] * 4, abs=2e-6)


# --- one model per process -----------------------------------------------------------------------


def test_a_process_holds_one_copy_of_a_model(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    monkeypatch.setattr(annotating, "load", lambda *key: loaded.append(key) or load(*key))
    resources = Resources(frames=store, journal=store)
    one, two = spec(folder), spec(folder, metric="pick_score", name="pick")
    first = one.open(resources)
    second, third = two.open(resources), one.open(resources)
    assert len(loaded) == 1  # another metric on the same weights needs no other copy
    for annotator in (first, second, third, third):
        annotator.close()
    one.open(resources).close()
    assert len(loaded) == 2
    with one.hold(resources):
        for _ in range(3):  # waves
            one.open(resources).close()
        assert len(loaded) == 3
    assert not held._held


# --- the configuration ---------------------------------------------------------------------------


def test_what_is_left_out_is_the_metrics_own() -> None:
    read = TypeAdapter(Judge).validate_python
    clip = read({"kind": "embedding", "metric": "clip_score"})
    assert (clip.model, clip.source) == ("openai/clip-vit-base-patch32",) * 2
    assert (clip.annotator_id, clip.dimension) == (clip.model, "prompt_following")
    assert clip.own_scale == (0.0, 2.5)
    pick = read({"kind": "embedding", "metric": "pick_score"})
    assert (pick.annotator_id, pick.dimension) == ("yuvalkirstain/PickScore_v1", None)
    assert pick.source == "laion/CLIP-ViT-H-14-laion2B-s32B-b79K"
    assert pick.own_scale == "unbounded"
    assert read(pick.model_dump()) == pick
    named = read({"kind": "embedding", "metric": "clip_score", "dimension": None, "name": "c"})
    assert (named.dimension, named.annotator_id) == (None, "c")
    other = read({"kind": "embedding", "metric": "pick_score", "model": "/models/mine"})
    assert (other.source, other.annotator_id) == ("/models/mine", "pick_score")
    for wrong in ({"metric": "ssim"}, {}, {"metric": "hps_v2", "temperature": 0.3}):
        with pytest.raises(ValidationError):
            read({"kind": "embedding", **wrong})


def test_a_good_folder_passes_and_its_files_are_known(folder: Path, tmp_path: Path) -> None:
    good = spec(folder)
    good.check([FOLLOWING, QUALITY], 8)
    assert good.resolved(load_models(None)) == good
    assert {f.name for f in good.files} >= {"config.json", "model.safetensors", "tokenizer.json"}
    shutil.copytree(folder, tmp_path / "m")
    copy = spec(tmp_path / "m")
    assert content_hash(copy.files) == content_hash(good.files)
    tiny_clip.save(tmp_path / "m", seed=1)
    assert content_hash(copy.files) != content_hash(good.files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": 2}, "set draws: 1"),
        ({"dimension": "charm"}, "no rubric asks for the dimension 'charm'"),
        ({"model": "/nowhere/at/all"}, "no folder with a config.json"),
        ({"model": "nobody/nothing"}, "not found on the hub"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(
    change: dict[str, object], message: str, folder: Path
) -> None:
    with pytest.raises(SetupError, match=message):
        spec(folder, **change).check([FOLLOWING, QUALITY], 8)


def test_a_folder_that_cannot_work_is_refused(folder: Path, tmp_path: Path) -> None:
    def refused(name: str, message: str, path: Path) -> None:
        shutil.copytree(folder, path)
        (path / name).unlink()
        with pytest.raises(SetupError, match=message):
            spec(path).check([QUALITY], 8)

    refused("model.safetensors", "holds a config.json but no weights", tmp_path / "a")
    refused("preprocessor_config.json", "has no image processor", tmp_path / "b")
    refused("tokenizer.json", "has no tokenizer", tmp_path / "c")
    spec(tmp_path / "c", processor=str(folder)).check([QUALITY], 8)
    other = tmp_path / "d"
    shutil.copytree(folder, other)
    (other / "config.json").write_text(json.dumps({"model_type": "siglip"}))
    with pytest.raises(SetupError, match="holds a model of type 'siglip', not 'clip'"):
        spec(other).check([QUALITY], 8)


def test_weights_that_cannot_be_loaded_are_told_when_opened(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"no weights")
    resources = Resources(frames=Store(str(tmp_path)), journal=Store(str(tmp_path)))
    with pytest.raises(SetupError, match="cannot load the CLIP model"):
        spec(tmp_path / "m").open(resources)
    # transformers would put random numbers where weights are missing
    half = {k: v for k, v in CLIPModel(tiny_clip.config()).state_dict().items() if "text" not in k}
    save_file(half, tmp_path / "m" / "model.safetensors", {"format": "pt"})
    with pytest.raises(SetupError, match=r"no weights for text_"):
        spec(tmp_path / "m").open(resources)
    with pytest.raises(SetupError, match="on device 'abacus'"):
        spec(folder, device="abacus").open(resources)
    assert not held._held
