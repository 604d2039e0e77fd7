"""The whole of it on a small run: two children, the files they leave, and the numbers."""

import json
import shutil

import filelock
import numpy as np
import pytest
from videorm_run import DIMENSIONS, flat, jpeg, write_run

from pipeline.videorm.data.corpus import load_corpus
from pipeline.videorm.data.frames import StreamedClips
from pipeline.videorm.evaluation.on_dataset import evaluate
from pipeline.videorm.experiment import train_and_validate
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.score import score_clips
from pipeline.videorm.training.train import train_arm
from schemas.options import SetupError

PROMPTS = {
    "train": [f"clip {i} of a wall" for i in range(8)],
    "validation": [f"clip {i} of a door" for i in range(3)],
    "test": [f"clip {i} of a roof" for i in range(6)],
}


def small(**given) -> VideoRMOptions:
    """Two arms, two epochs of two steps."""
    base = {
        "towers": {"width": 16, "heads": 2, "layers": 1},
        "head": {"heads": 2},
        "readout": {"hidden": 16},
        "frames": 4,
        "seed": 3,
    }
    training = {"epochs": 2, "batch_prompts": 4, **given.pop("training", {})}
    return VideoRMOptions(**{**base, **given, "training": training})


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
    metrics = train_and_validate(data, data / "videorm", small(), rows.append, answers)
    return data, data / "videorm", metrics, rows


def test_models_metrics_and_curves_are_written_and_nothing_else(done):
    _, output, metrics, _ = done
    for folder in (output, output / "per_frame"):
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            assert (folder / name).is_file()
    assert json.loads((output / "metrics.json").read_text()) == metrics
    assert {p.name for p in output.iterdir() if p.is_dir()} == {"per_frame", "logs"}
    assert (metrics["seed"], metrics["preset"]) == (3, "videorm-tiny")
    assert metrics["dimensions"] == list(DIMENSIONS)
    assert len({arm["parameters"] for arm in metrics["arms"].values()}) == 1
    parts = ("accuracy", "differences", "slices", "best_of_n", "calibration", "probes", "notes")
    assert {*parts, "worst_pairs"} <= set(metrics)


def test_an_arm_is_described_as_its_config_says(done):
    _, output, metrics, _ = done
    for arm, folder in (("videorm", output), ("per_frame", output / "per_frame")):
        config = json.loads((folder / "config.json").read_text())
        told = metrics["arms"][arm]
        assert config["arm"] == arm
        assert config["frames"] == 4
        assert set(told["log_k"]) == set(DIMENSIONS)
        for name in ("log_k", "overall"):
            assert config[name] == told[name]
        # random towers learn whole, but for CLIP's own logit scale, which no reward depends on
        assert told["trained_parameters"] == told["parameters"] - 1


def test_the_curve_has_a_row_per_arm_and_epoch_and_the_best_epoch_is_named(done):
    metrics = done[2]
    found = {(row["arm"], row["epoch"]): row for row in metrics["curve"]}
    assert sorted(found) == [(a, e) for a in ("per_frame", "videorm") for e in (1, 2)]
    for arm, row in metrics["arms"].items():
        losses = {e: found[arm, e]["validation_loss"] for e in (1, 2)}
        assert row["selected_epoch"] == min(losses, key=losses.__getitem__)


def test_progress_tells_every_arm_its_steps(done):
    last = {row["arm"]: row for row in done[3] if row["stage"] == "train"}
    # 8 prompts in batches of 4, two epochs
    assert {arm: (row["step"], row["steps"]) for arm, row in last.items()} == {
        "videorm": (4, 4),
        "per_frame": (4, 4),
    }
    for row in last.values():
        assert row["epoch"] == 2
        assert 0 <= row["train_accuracy"] <= 1
        assert row["seconds_left"] == 0
        assert row["prompts_per_s"] > 0


def test_every_number_stands_beside_its_baselines(done):
    metrics = done[2]
    value = {(r["arm"], r["against"], r["dimension"]): r for r in metrics["accuracy"]}
    assert {"videorm", "per_frame", "per_frame_shifted"} <= {arm for arm, _, _ in value}
    # six test prompts: 6 pairs each of prompt_following; quality has 2 ties of 6
    assert value["videorm", "annotator", "prompt_following"]["n_pairs"] == 36
    assert value["videorm", "annotator", "video_quality"]["n_pairs"] == 24
    assert value["videorm", "annotator", "all"]["n_prompts"] == 6
    # these raters and the annotator are of one opinion
    assert value["annotator", "raters", "all"]["value"] == 1
    models = [value["videorm", target, "all"] for target in ("annotator", "raters")]
    assert models[0]["value"] == pytest.approx(models[1]["value"])
    assert {"videorm", "per_frame"} <= {row["arm"] for row in metrics["probes"]}


def test_a_model_on_disk_is_evaluated_to_the_same_numbers(done):
    data, output, metrics, _ = done
    again = evaluate(output, data)
    for part in ("accuracy", "differences"):
        assert len(again[part]) == len(metrics[part])
        for one, two in zip(again[part], metrics[part], strict=True):
            assert one == pytest.approx(two)


def test_clips_are_scored_from_their_frames(done):
    output = done[1]
    bright, dark = [jpeg(flat(220))] * 4, [jpeg(flat(30))] * 2  # the second is short
    rewards = score_clips(output, "clip 1 of a wall", [bright, dark])
    assert all(set(DIMENSIONS) <= set(r) for r in rewards)
    assert rewards[0] != rewards[1]
    assert score_clips(output, "clip 1 of a wall", [dark])[0] == pytest.approx(rewards[1])


def test_frames_that_are_decoded_as_they_are_read_train_to_the_same_model(done, tmp_path):
    data, _, metrics, _ = done
    options = small(arms=("videorm",), data={"memory_gb": 0, "workers": 2})
    corpus = load_corpus(
        [data], frames=4, image_size=32, fit="squeeze", options=options.data, threads=2
    )
    assert isinstance(corpus.clips, StreamedClips)
    streamed = train_arm(corpus, options, "videorm", tmp_path)
    held = [row["validation_loss"] for row in metrics["curve"] if row["arm"] == "videorm"]
    assert [row["validation_loss"] for row in streamed.curve] == held


@pytest.mark.slow
def test_an_interrupted_training_goes_on_with_the_arms_that_are_left(done, tmp_path, monkeypatch):
    data, _, metrics, _ = done
    # compared by its curves: the probes cost more than the training
    monkeypatch.setattr("pipeline.videorm.experiment.run_probes", lambda *_, **__: [])
    options = small(training={"checkpoint_seconds": 0})
    monkeypatch.setattr("pipeline.videorm.training.process.cores", lambda: 1)  # one after the other

    def stop(row):
        if row["arm"] == "per_frame" and row["stage"] == "train":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_and_validate(data, tmp_path, options, stop)
    assert (tmp_path / "checkpoints" / "videorm.safetensors").is_file()
    assert not (tmp_path / "metrics.json").exists()
    rows: list[dict] = []
    again = train_and_validate(data, tmp_path, options, rows.append)
    assert not [row for row in rows if row["arm"] == "videorm" and row["stage"] == "train"]
    assert not (tmp_path / "checkpoints").exists()
    plain = [{k: v for k, v in row.items() if k != "seconds"} for row in metrics["curve"]]
    assert [{k: v for k, v in row.items() if k != "seconds"} for row in again["curve"]] == plain


def test_what_a_child_finds_wrong_is_refused_as_such_and_costs_no_earlier_model(done, tmp_path):
    data, output, _, _ = done
    copy = tmp_path / "m"
    shutil.copytree(output, copy)
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    options = small(shift={"blocks": [7]}, arms=("videorm",))  # the tower has one block
    with pytest.raises(SetupError, match=r"videorm\.shift\.blocks: there is no block 7"):
        train_and_validate(data, copy, options)
    assert {p: p.read_bytes() for p in before} == before


def test_two_trainings_do_not_write_to_one_folder(done, tmp_path):
    held = tmp_path / "checkpoints" / "lock"
    held.parent.mkdir()
    with filelock.FileLock(held), pytest.raises(SetupError, match="another training writes there"):
        train_and_validate(done[0], tmp_path, small())


def test_measuring_tells_how_far_it_is(done):
    told = {row["arm"]: row for row in done[3] if row["stage"] == "measure"}
    # three prompts of validation and six of test, of four clips; probes are of the test alone
    assert {name: (row["step"], row["steps"]) for name, row in told.items()} == {
        "baselines": (36, 36),
        "probes": (24, 24),
    }
    assert all(r["seconds_left"] == 0 and r["clips_per_s"] > 0 for r in told.values())
