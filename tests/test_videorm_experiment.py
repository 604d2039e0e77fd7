"""The whole of it on a small run: two children, the files they leave, and the numbers."""

import json

import numpy as np
import pytest
from videorm_run import DIMENSIONS, flat, jpeg, write_run

from pipeline.videorm.evaluate import evaluate
from pipeline.videorm.experiment import train_and_validate
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.process import train_side_by_side
from pipeline.videorm.score import score_clips
from schemas.options import SetupError

PROMPTS = {
    "train": [f"clip {i} of a wall" for i in range(8)],
    "validation": [f"clip {i} of a door" for i in range(3)],
    "test": [f"clip {i} of a roof" for i in range(6)],
}
OPTIONS = VideoRMOptions(
    width=16, heads=2, temporal_heads=2, hidden=16, frames=4, epochs=2, batch_prompts=4, seed=3
)


def draw(rng: np.random.Generator, i: int) -> np.ndarray:
    """Four frames of a wall, brighter for every higher clip."""
    return np.stack([flat(int(40 + 50 * i + rng.integers(10)))] * 4)


def score(i: int) -> dict[str, float]:
    """The brighter the better; two of four clips look alike in quality."""
    return {"prompt_following": float(i + 1), "video_quality": float(i // 2 + 1)}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """(run folder, output folder, metrics, progress rows)."""
    data = tmp_path_factory.mktemp("run")
    write_run(data, PROMPTS, draw, score, raters=3)
    rows: list[dict] = []
    answers = {name: [name] for name in DIMENSIONS}
    metrics = train_and_validate(data, data / "videorm", OPTIONS, rows.append, answers)
    return data, data / "videorm", metrics, rows


def test_both_models_and_the_metrics_are_written(done):
    _, output, metrics, _ = done
    for folder in (output, output / "per_frame"):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            assert (folder / name).is_file()
    assert json.loads((output / "metrics.json").read_text()) == metrics
    assert metrics["seed"] == 3
    assert metrics["dimensions"] == list(DIMENSIONS)
    sizes = {arm["parameters"] for arm in metrics["arms"].values()}
    assert len(metrics["arms"]) == 2
    assert len(sizes) == 1


def test_the_curve_has_a_row_per_arm_and_epoch_and_the_best_epoch_is_named(done):
    metrics = done[2]
    found = {(row["arm"], row["epoch"]): row for row in metrics["curve"]}
    assert sorted(found) == [(a, e) for a in ("per_frame", "videorm") for e in (1, 2)]
    for arm, row in metrics["arms"].items():
        losses = {e: found[arm, e]["validation_loss"] for e in (1, 2)}
        assert row["selected_epoch"] == min(losses, key=losses.__getitem__)


def test_progress_tells_every_arm_its_steps(done):
    last = {row["arm"]: row for row in done[3]}
    # 8 prompts in batches of 4, two epochs
    assert {arm: (row["step"], row["steps"]) for arm, row in last.items()} == {
        "videorm": (4, 4),
        "per_frame": (4, 4),
    }


def test_every_number_stands_beside_its_baselines(done):
    metrics = done[2]
    value = {(r["arm"], r["against"], r["dimension"]): r for r in metrics["accuracy"]}
    dimensions = ("all", *DIMENSIONS)
    arms = {
        "annotator": ("videorm", "per_frame", "chance"),
        "raters": ("videorm", "per_frame", "chance", "annotator", "human_ceiling"),
    }
    assert set(value) == {(arm, t, d) for t in arms for arm in arms[t] for d in dimensions}
    # six test prompts: 6 pairs each of prompt_following; quality has 2 ties of 6
    assert value["videorm", "annotator", "prompt_following"]["n_pairs"] == 36
    assert value["videorm", "annotator", "video_quality"]["n_pairs"] == 24
    assert value["videorm", "annotator", "all"]["n_prompts"] == 6
    # these raters and the annotator are of one opinion
    assert value["annotator", "raters", "all"]["value"] == 1
    assert value["human_ceiling", "raters", "all"]["value"] == 1
    models = [value["videorm", target, "all"] for target in arms]
    assert models[0]["value"] == pytest.approx(models[1]["value"])
    gaps = {(r["against"], r["dimension"]): r for r in metrics["differences"]}
    for (target, d), row in gaps.items():
        gap = value["videorm", target, d]["value"] - value["per_frame", target, d]["value"]
        assert row["value"] == pytest.approx(gap)


def test_a_model_on_disk_is_evaluated_to_the_same_numbers(done):
    data, output, metrics, _ = done
    again = evaluate(output, data)
    for part in ("accuracy", "differences"):
        assert len(again[part]) == len(metrics[part])
        for one, two in zip(again[part], metrics[part], strict=True):
            assert one == pytest.approx(two)


def test_data_without_a_test_split_cannot_be_evaluated_on(done, tmp_path):
    write_run(tmp_path, {"train": ["clip 1 of a wall"]}, draw, score)
    with pytest.raises(SetupError, match="no preferences for prompt_following, video_quality"):
        evaluate(done[1], tmp_path)


def test_clips_are_scored_from_their_frames(done):
    output = done[1]
    bright, dark = [jpeg(flat(220))] * 4, [jpeg(flat(30))] * 2  # the second is short
    rewards = score_clips(output, "clip 1 of a wall", [bright, dark])
    assert [set(r) for r in rewards] == [set(DIMENSIONS)] * 2
    assert rewards[0] != rewards[1]
    assert score_clips(output, "clip 1 of a wall", [dark])[0] == pytest.approx(rewards[1])


def test_what_a_child_finds_wrong_with_the_setup_is_refused_as_such(done, tmp_path):
    from pipeline.videorm.data import load_groups

    options = OPTIONS.model_copy(update={"trunk": str(tmp_path / "no"), "arms": ("videorm",)})
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load"):
        train_side_by_side(load_groups(done[0], 4, 32), options, tmp_path)
