"""A trained VideoRM asked like any judge, alone and in a jury of free annotators."""

import dataclasses
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_clip
import torch
from PIL import Image
from videorm_saved import DIMENSIONS, PROMPT, save_model

from annotators import EmbeddingSpec, SignalSpec
from annotators.base import AnnotatorSpec, Question, Resources
from annotators.embedding import held
from annotators.embedding.files import content_hash
from pipeline.generators.defects import Defects
from pipeline.generators.draw import to_pixels
from pipeline.generators.grammar import Scene
from pipeline.generators.simulated import render
from pipeline.videorm import measure
from pipeline.videorm.judge import VideoRMSpec
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import score_clips
from prompts import load_rubric
from schemas import Annotation, Failure, FrameSet, Reason
from schemas.options import SetupError
from schemas.store import Store, blob_name

RUBRICS = [load_rubric(f"videoprefer/{name}") for name in ("prompt_following", "video_quality")]
FOLLOWING, QUALITY = RUBRICS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("videorm"))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "frames"))


def spec(folder: Path, **change: object) -> VideoRMSpec:
    return VideoRMSpec(**({"model": str(folder), "device": "cpu"} | change))


def answers(spec: AnnotatorSpec, store: Store, *questions: Question) -> list[list[object]]:
    annotator = spec.open(Resources(frames=store, journal=store))
    try:
        return [list(f.result(timeout=60)) for f in [annotator.submit(q) for q in questions]]
    finally:
        annotator.close()


def questions(*clips: FrameSet) -> list[Question]:
    return [Question(frames=c, rubric=r, draw=0) for c in clips for r in RUBRICS]


# --- rewards -------------------------------------------------------------------------------------


def test_rewards_are_those_of_the_model_for_each_dimension(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(4)
    frames = tiny_clip.frame_set(store, jpegs, PROMPT)
    found = [a for (a,) in answers(spec(folder), store, *questions(frames))]
    # a frame of the model's own size goes in as its levels over 255
    pictures = np.stack([np.asarray(Image.open(io.BytesIO(data))) for data in jpegs])
    clip = torch.from_numpy(pictures).permute(0, 3, 1, 2)[None] / 255
    with torch.no_grad():
        (rewards,) = VideoRM.from_pretrained(folder).score([PROMPT], clip).tolist()
    assert [a.dimension for a in found] == list(DIMENSIONS)
    assert [a.score for a in found] == pytest.approx(rewards, abs=2e-6)
    assert abs(rewards[0] - rewards[1]) > 1e-3
    (same,) = score_clips(folder, PROMPT, [jpegs])  # what `videoprefer score` prints
    assert [a.score for a in found] == pytest.approx([same[d] for d in DIMENSIONS], abs=2e-6)


def test_the_row_says_which_weights_gave_it(folder: Path, store: Store, tmp_path: Path) -> None:
    frames = tiny_clip.frame_set(store, tiny_clip.noise(6), PROMPT)
    (found,) = answers(spec(folder), store, questions(frames)[0])[0]
    assert (found.annotator_id, found.cost_usd, found.rationale) == ("videorm", 0.0, None)
    assert (found.scale_low, found.scale_high) == (None, None)
    assert found.n_frames == 4  # of the six, as many as the model sees
    assert found.model == content_hash(spec(folder).files)
    assert found.model.startswith("sha256:")
    shutil.copytree(folder, tmp_path / "m")
    other = spec(tmp_path / "m", name="mine")
    (moved,) = answers(other, store, questions(frames)[0])[0]
    assert (moved.model, moved.annotator_id) == (found.model, "mine")
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    no_shift = {**config["shift"], "fraction": 0.0, "blocks": []}
    (tmp_path / "m" / "config.json").write_text(json.dumps({**config, "shift": no_shift}))
    (changed,) = answers(other, store, questions(frames)[0])[0]
    assert changed.model != found.model
    assert changed.score != found.score


def test_the_order_of_frames_matters(folder: Path, store: Store) -> None:
    jpegs = tiny_clip.noise(4)
    clips = [
        tiny_clip.frame_set(store, list(order), PROMPT, video_id=name)
        for name, order in (("forth", jpegs), ("back", jpegs[::-1]))
    ]
    one, two = (answers(spec(folder), store, questions(c)[0])[0][0] for c in clips)
    assert abs(one.score - two.score) > 1e-3


def test_other_clips_in_flight_change_nothing(folder: Path, store: Store) -> None:
    clips = [
        tiny_clip.frame_set(store, tiny_clip.noise(n, seed), PROMPT, video_id=f"v{seed}")
        for seed, n in enumerate((4, 1, 3, 4, 2))
    ]
    together = answers(spec(folder), store, *questions(*clips))
    alone = [answers(spec(folder), store, q)[0] for q in questions(*clips)]
    assert together == alone
    assert len({a.score for (a,) in together}) == 10


# --- what it does not answer ---------------------------------------------------------------------


def test_a_dimension_without_a_head_is_not_applicable(tmp_path: Path, store: Store) -> None:
    one = spec(save_model(tmp_path / "m", dimensions=("video_quality",)))
    one.check(RUBRICS, 4)
    frames = tiny_clip.frame_set(store, tiny_clip.noise(2), PROMPT)
    (following,), (quality,) = answers(one, store, *questions(frames))
    assert isinstance(following, Failure)
    assert following.reason is Reason.NOT_APPLICABLE
    assert following.message == (
        "this VideoRM has no head for prompt_following; it has video_quality"
    )
    assert isinstance(quality, Annotation)
    with pytest.raises(SetupError, match="gives rewards for video_quality, but the rubrics ask"):
        one.check([FOLLOWING], 4)


def test_absent_and_broken_frames_are_failures(folder: Path, store: Store) -> None:
    absent, broken = (
        tiny_clip.frame_set(store, tiny_clip.noise(2, seed), PROMPT, video_id=f"v{seed}")
        for seed in range(2)
    )
    (Path(store.root) / blob_name(absent.jpeg_sha256[1], ".jpg")).unlink()
    (Path(store.root) / blob_name(broken.jpeg_sha256[0], ".jpg")).write_bytes(b"no picture")
    both = dataclasses.replace(FOLLOWING, dimensions=FOLLOWING.dimensions + QUALITY.dimensions)
    asked = [Question(frames=f, rubric=both, draw=0) for f in (absent, broken)]
    gone, spoilt = answers(spec(folder), store, *asked)
    assert [o.reason for o in gone] == [Reason.NOT_FOUND] * 2
    assert [o.reason for o in spoilt] == [Reason.UNDECODABLE] * 2
    assert [o.key for o in gone] == [f"v0/{d}/videorm/0" for d in DIMENSIONS]


def test_a_good_folder_passes(folder: Path, tmp_path: Path) -> None:
    spec(folder).check(RUBRICS, 4)
    spec(folder).check(RUBRICS, 16)  # thinned out evenly, as in training
    with pytest.raises(SetupError, match=r"up to 4 frames and knows .* set frames\.count: 4"):
        spec(folder).check(RUBRICS, 3)
    with pytest.raises(SetupError, match="knows their places"):
        spec(save_model(tmp_path / "places", arm="transformer")).check(RUBRICS, 3)
    for arm in ("per_frame", "shift"):  # the head sees every frame by itself
        spec(save_model(tmp_path / arm, arm=arm)).check(RUBRICS, 1)
    recurrent = save_model(tmp_path / "lstm", head={"kind": "lstm"})  # no learned places
    spec(recurrent).check(RUBRICS, 1)
    with pytest.raises(SetupError, match="set draws: 1"):
        spec(folder, draws=2).check(RUBRICS, 4)
    assert spec(folder).own_scale == "unbounded"


def test_a_regression_gives_scores_on_its_scale_and_clips_none(
    tmp_path: Path, store: Store
) -> None:
    path = save_model(tmp_path / "m", loss={"kind": "regression", "scale": [1, 5]})
    one = spec(path)
    assert one.own_scale == (1.0, 5.0)
    jpegs = tiny_clip.noise(4)
    frames = tiny_clip.frame_set(store, jpegs, PROMPT)
    found = [a for (a,) in answers(one, store, *questions(frames))]
    (rewards,) = score_clips(path, PROMPT, [jpegs])
    assert [a.score for a in found] == pytest.approx([rewards[d] for d in DIMENSIONS], abs=2e-6)
    # random weights know no scale, and a row with its ends would refuse what lies beyond them
    assert any(not 1 <= a.score <= 5 for a in found)
    assert {(a.scale_low, a.scale_high) for a in found} == {(None, None)}


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("model.safetensors", None, "annotator videorm: .*model.safetensors: not found"),
        ("config.json", "{", "config.json: not valid JSON"),
        ("config.json", '{"model_type": "clip"}', "config.json: of another model"),
        ("config.json", "[]", "config.json: of another model"),
        ("config.json", '{"videorm": 1, "arm": "none"}', "config.json: arm: Input should be"),
    ],
)
def test_a_folder_that_is_no_videorm_is_refused(
    file: str, content: str | None, message: str, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "m"
    shutil.copytree(folder, path)
    (path / file).unlink()
    if content is not None:
        (path / file).write_text(content)
    with pytest.raises(SetupError, match=message):
        spec(path).check(RUBRICS, 4)


def test_weights_of_another_model_are_told_when_opened(folder: Path, tmp_path: Path) -> None:
    resources = Resources(frames=Store(str(tmp_path)), journal=Store(str(tmp_path)))
    shutil.copytree(folder, tmp_path / "m")
    (tmp_path / "m" / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(SetupError, match="cannot load"):
        spec(tmp_path / "m").open(resources)
    save_model(tmp_path / "one", dimensions=("video_quality",))
    shutil.copy(tmp_path / "one" / "model.safetensors", tmp_path / "m")
    with pytest.raises(SetupError, match=r"has shape|for dimensions|no weights"):
        spec(tmp_path / "m").open(resources)
    with pytest.raises(SetupError, match="device 'abacus'"):
        spec(folder, device="abacus").open(resources)


def test_a_process_holds_one_copy(
    folder: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[object] = []
    load = measure.load
    monkeypatch.setattr(measure, "load", lambda one: loaded.append(one) or load(one))
    resources = Resources(frames=store, journal=store)
    annotators = [spec(folder, name=name).open(resources) for name in ("a", "b")]
    assert len(loaded) == 1
    for annotator in annotators:
        annotator.close()
    assert not held._held


def test_a_configuration_is_read_without_torch() -> None:
    code = "import sys; import pipeline.videorm.judge, annotators; sys.exit('torch' in sys.modules)"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1]).returncode == 0
    )


# --- a jury --------------------------------------------------------------------------------------


def simulated(store: Store) -> list[FrameSet]:
    """Three clips of one prompt: right, of another colour, and blurred with noise."""
    scene = Scene(
        count=1, size="large", colour="red", shape="circle", background="grey", motion="right"
    )
    made = {
        "right": (scene, Defects()),
        "blue": (dataclasses.replace(scene, colour="blue"), Defects()),
        "poor": (scene, Defects(blur=1.0, noise=1.0)),
    }
    clips = []
    for name, (drawn, defects) in made.items():
        pixels = to_pixels(render(drawn, defects, name))[::2]
        clips.append(
            tiny_clip.frame_set(
                store, [tiny_clip.jpeg(p) for p in pixels], scene.text,
                video_id=name, width_px=96, height_px=96, frame_width_px=96, frame_height_px=96,
            )
        )  # fmt: skip
    return clips


def test_a_jury_of_free_annotators(folder: Path, store: Store, tmp_path: Path) -> None:
    tiny_clip.save(tmp_path / "clip")
    jury: list[AnnotatorSpec] = [
        SignalSpec(),
        EmbeddingSpec(metric="clip_score", model=str(tmp_path / "clip"), dimension=None),
        EmbeddingSpec(metric="pick_score", model=str(tmp_path / "clip")),
        spec(folder),
    ]
    clips = simulated(store)
    for one in jury:
        one.check(RUBRICS, 8)
    rows = [a for one in jury for (a,) in answers(one, store, *questions(*clips))]
    assert all(isinstance(a, Annotation) for a in rows), rows
    # each owed row once: 4 annotators x 3 clips x 2 dimensions
    keys = {(a.annotator_id, a.video_id, a.dimension) for a in rows}
    assert len(rows) == len(keys) == 24
    assert {a.cost_usd for a in rows} == {0.0}
    scales = {a.annotator_id: (a.scale_low, a.scale_high) for a in rows}
    assert scales == {
        "signal": (1, 5), "clip_score": (0, 2.5), "pick_score": (None, None),
        "videorm": (None, None),
    }  # fmt: skip
    score = {(a.annotator_id, a.video_id, a.dimension): a.score for a in rows}
    # the one that knows what it looks at tells them apart; random weights only have to differ
    assert (
        score["signal", "right", FOLLOWING.dimensions[0].name]
        > score["signal", "blue", FOLLOWING.dimensions[0].name]
    )
    assert score["signal", "right", "video_quality"] > score["signal", "poor", "video_quality"]
    for name in ("pick_score", "videorm"):
        assert len({score[name, clip.video_id, "video_quality"] for clip in clips}) == 3
    assert rows == [a for one in jury for (a,) in answers(one, store, *questions(*clips))]
