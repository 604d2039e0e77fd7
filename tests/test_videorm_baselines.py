"""Baselines beside the model: by hand, from the frames that the model sees."""

from pathlib import Path

import numpy as np
import pytest
import tiny_clip
import torch
from transformers import CLIPModel
from videorm_saved import save_model

from pipeline.videorm.data.decode import pick
from pipeline.videorm.evaluation.baselines import (
    Shown,
    named_scorer,
    pretrained,
    rewards_by,
    shifted_control,
    trunk_scorer,
    trunk_shift,
)
from pipeline.videorm.evaluation.scoring import beside, load_arms, score_clips_by
from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.trunk import NO_SHIFT
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import score_clips
from schemas.options import SetupError

PROMPT = "a kite"
CLIPS = [
    Shown(video_id=f"v{i}", prompt=prompt, jpegs=tiny_clip.noise(n, seed=i))
    for i, (prompt, n) in enumerate([(PROMPT, 6), ("blue", 2), (PROMPT, 4)])  # the model sees four
]


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trunk") / "clip"
    tiny_clip.save(folder)
    return folder


@pytest.fixture(scope="module")
def on_trunk(trunk: Path, tmp_path_factory: pytest.TempPathFactory) -> VideoRM:
    """A model on that trunk whose weights have all moved, the trunk's too."""
    folder = tmp_path_factory.mktemp("model")
    save_model(
        folder,
        trunk=str(trunk),
        fit="crop",
        training={"train_blocks": 1},
        shift={"fraction": 0.25, "blocks": "trained"},
    )
    return VideoRM.from_pretrained(folder)


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model on random towers with its control beside it."""
    folder = tmp_path_factory.mktemp("arms")
    save_model(folder)
    save_model(folder / "per_frame", arm="per_frame")
    return folder


def by_hand(trunk: Path, clip: Shown) -> np.ndarray:
    """transformers' own cosines of the prompt with each of up to four frames."""
    import io

    from PIL import Image

    towers = CLIPModel.from_pretrained(trunk).eval()
    pictures = [Image.open(io.BytesIO(clip.jpegs[i])) for i in pick(len(clip.jpegs), 4)]
    with torch.no_grad():
        frames = towers.get_image_features(
            pixel_values=torch.stack([tiny_clip.pixels(p) for p in pictures])
        ).pooler_output
        text = towers.get_text_features(
            input_ids=torch.tensor([tiny_clip.token_ids(clip.prompt)])
        ).pooler_output
    return torch.cosine_similarity(frames, text).double().numpy()


def test_the_trunk_as_it_was_before_training_frame_by_frame(trunk, on_trunk):
    scorer = trunk_scorer(on_trunk)
    assert scorer is not None
    found = scorer(CLIPS)
    for i, clip in enumerate(CLIPS):
        cosines = by_hand(trunk, clip)
        # one number for both dimensions; the mean over the frames that are there, two of the second
        assert found["trunk_frame_mean"][i] == pytest.approx([100 * cosines.mean()] * 2, abs=1e-3)
        assert found["trunk_first_frame"][i] == pytest.approx([100 * cosines[0]] * 2, abs=1e-3)
    shifted = np.array(found["trunk_frame_mean_shifted"])
    assert np.abs(shifted - np.array(found["trunk_frame_mean"])).min() > 1e-3


def test_a_clip_that_stands_still_is_the_same_in_the_middle_only_with_the_shift(on_trunk):
    """Frames alike: without the shift every frame has one cosine, with it the edges differ."""
    still = Shown(video_id="s", prompt=PROMPT, jpegs=[CLIPS[0].jpegs[0]] * 4)
    found = trunk_scorer(on_trunk)([still])
    assert found["trunk_frame_mean"][0] == pytest.approx(found["trunk_first_frame"][0], abs=1e-4)
    assert found["trunk_frame_mean_shifted"][0][0] != pytest.approx(
        found["trunk_frame_mean"][0][0], abs=1e-3
    )


def test_the_shift_is_the_models_own_or_an_eighth_everywhere(trunk, on_trunk, tmp_path):
    assert trunk_shift(on_trunk) == on_trunk.config.shift
    assert on_trunk.config.shift.blocks == (1,)  # the one that learned
    save_model(
        tmp_path, trunk=str(trunk), shift={"blocks": "trained"}
    )  # nothing learns, so nothing is shifted
    frozen = VideoRM.from_pretrained(tmp_path)
    assert frozen.config.shift.blocks == ()
    assert trunk_shift(frozen) == ShiftConfig(fraction=0.125, placement="branch", blocks=(0, 1))


def test_a_trunk_that_is_no_longer_there_is_told_and_left_out(trunk, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(trunk, copy)
    save_model(tmp_path / "m", trunk=str(copy))  # its weights have moved, so it needs the folder
    tiny_clip.save(copy, seed=1)
    model = VideoRM.from_pretrained(tmp_path / "m")
    with pytest.raises(SetupError, match="not those that training began with"):
        pretrained(model)
    scorers, notes = beside({"videorm": model})
    assert scorers == []
    assert len(notes) == 1
    assert notes[0].startswith("no baseline of the trunk: ")


def test_random_towers_have_no_trunk_but_a_control_to_switch_the_shift_on(arms):
    models = load_arms(arms)
    assert list(models) == ["videorm", "per_frame"]
    assert trunk_scorer(models["videorm"]) is None
    scorer = shifted_control(models)
    assert scorer is not None
    (name, shifted), *_ = scorer(CLIPS).items()
    assert name == "per_frame_shifted"
    control = models["per_frame"]
    plain = rewards_by(control, "per_frame")(CLIPS)["per_frame"]
    assert np.abs(np.array(shifted) - np.array(plain)).max() > 1e-3
    # with the shift of nothing it is the control itself
    none = rewards_by(control, "x", NO_SHIFT)(CLIPS)["x"]
    assert np.array(none) == pytest.approx(np.array(plain), abs=1e-6)
    assert shifted_control({"per_frame": control}) is None  # no shift to take


def test_an_arm_gets_the_rewards_that_scoring_gives(arms):
    model = load_arms(arms)["videorm"]
    found = rewards_by(model, "videorm")(CLIPS)["videorm"]
    for clip, row in zip(CLIPS, found, strict=True):
        (alone,) = score_clips(arms, clip.prompt, [clip.jpegs])
        assert row == pytest.approx(list(alone.values()), abs=1e-5)


def test_named_metrics_see_the_models_frames(trunk, on_trunk):
    found = named_scorer(f"clipscore={trunk}", on_trunk)(CLIPS)
    for i, clip in enumerate(CLIPS):
        scores = 2.5 * np.maximum(by_hand(trunk, clip), 0)
        assert found["clip_score"][i] == pytest.approx([scores.mean()] * 2, abs=1e-4)
        assert found["clip_score_first_frame"][i] == pytest.approx([scores[0]] * 2, abs=1e-4)
    pick_score = named_scorer(f"pick_score={trunk}", on_trunk)(CLIPS[:1])
    assert set(pick_score) == {"pick_score"}  # the first frame is CLIPScore's alone
    scale = CLIPModel.from_pretrained(trunk).logit_scale.exp().item()
    assert pick_score["pick_score"][0][0] == pytest.approx(
        scale * by_hand(trunk, CLIPS[0]).mean(), abs=1e-3
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [("dover=x", "no such metric"), ("hps_v2={empty}", "annotator")],
)
def test_a_baseline_that_is_none_is_refused(given, told, on_trunk, tmp_path):
    with pytest.raises(SetupError, match=told):
        named_scorer(given.format(empty=tmp_path), on_trunk)


def test_a_clip_that_nobody_could_score_has_no_score_of_anybody(arms):
    models = load_arms(arms)
    broken = Shown(video_id="broken", prompt=PROMPT, jpegs=[CLIPS[0].jpegs[0], b"no picture"])
    seen: list[tuple[int, int]] = []

    def strange(clips):
        return {"strange": [[float("nan") if c.video_id == "v1" else 0.0] for c in clips]}

    scorers = [rewards_by(models["videorm"], "videorm"), strange]
    scored = score_clips_by(scorers, [*CLIPS, broken], lambda *n: seen.append(n))
    assert set(scored.rewards["videorm"]) == set(scored.rewards["strange"]) == {"v0", "v2"}
    assert set(scored.failures) == {"broken", "v1"}
    assert scored.failures["v1"] == "strange gave no finite number"
    assert "no picture" not in scored.failures["broken"]  # the bytes are not repeated
    assert seen == [(2, 2)]
