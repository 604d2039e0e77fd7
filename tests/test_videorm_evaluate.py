"""`evaluate`: on a dataset's held-out prompts, and on clips that people rated."""

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from videorm_run import DIMENSIONS, flat, write_run
from videorm_saved import save_clip, save_model

from pipeline.verbs import evaluate as verb
from pipeline.videorm.evaluation.accuracy import ENOUGH_PROMPTS
from pipeline.videorm.evaluation.on_clips import read_clips
from pipeline.videorm.evaluation.on_dataset import evaluate
from pipeline.videorm.evaluation.overlap import told, trained_on, write_training_prompts
from pipeline.videorm.score import score_clips
from schemas.options import SetupError

PROMPTS = {
    "train": [f"clip {i} of a wall" for i in range(2)],
    "validation": [f"clip {i} of a door" for i in range(4)],
    "test": [f"clip {i} of a roof" for i in range(5)],
}


def draw(rng: np.random.Generator, i: int) -> np.ndarray:
    """Four frames of a wall, brighter for every higher clip."""
    return np.stack([flat(int(40 + 50 * i + rng.integers(10)))] * 4)


def score(i: int) -> dict[str, float]:
    return {"prompt_following": float(i + 1), "video_quality": float(i // 2 + 1)}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with its control beside it, and what its training said of them."""
    folder = tmp_path_factory.mktemp("model")
    save_model(folder)
    save_model(folder / "per_frame", arm="per_frame")
    arms = {"videorm": {"log_k": {d: 0.01 for d in DIMENSIONS}}, "per_frame": {"log_k": {}}}
    (folder / "metrics.json").write_text(json.dumps({"seed": 5, "answers": {}, "arms": arms}))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    write_run(folder, PROMPTS, draw, score, raters=3)
    return folder


@pytest.fixture(scope="module")
def found(model: Path, data: Path) -> dict:
    return evaluate(model, data)


def test_every_scorer_stands_in_one_table(found):
    arms = {(r["against"], r["arm"]) for r in found["accuracy"]}
    models = {"videorm", "per_frame", "per_frame_shifted", "chance"}
    assert arms == {("annotator", a) for a in models} | {
        ("raters", a) for a in models | {"annotator", "human_ceiling"}
    }
    value = {(r["against"], r["arm"], r["dimension"]): r for r in found["accuracy"]}
    # 5 prompts of 6 pairs; two clips each share a quality: 4 untied pairs of 6
    assert value["annotator", "videorm", "prompt_following"]["n_pairs"] == 30
    assert value["annotator", "videorm", "video_quality"]["n_pairs"] == 20
    assert value["annotator", "videorm", "all"]["n_prompts"] == 5
    # the raters are of the annotator's opinion
    assert value["raters", "annotator", "all"]["value"] == 1
    assert value["raters", "human_ceiling", "all"]["value"] == 1
    pairs = {(r["against"], r["minus"]) for r in found["differences"]}
    controls = {"per_frame", "per_frame_shifted"}
    assert pairs == {("annotator", a) for a in controls} | {
        ("raters", a) for a in controls | {"annotator", "human_ceiling"}
    }
    assert {r["arm"] for r in found["differences"]} == {"videorm"}


def test_what_it_gets_most_wrong_is_counted_and_named(found, model, data):
    """Per target and dimension; as often wrong as the accuracy against the annotator says."""
    value = {(r["against"], r["arm"], r["dimension"]): r for r in found["accuracy"]}
    assert [(r["against"], r["dimension"]) for r in found["worst_pairs"]] == [
        (who, d) for who in ("annotator", "raters") for d in DIMENSIONS
    ]
    for row in found["worst_pairs"]:
        assert len(row["pairs"]) == len({p["prompt_id"] for p in row["pairs"]}) <= 5
        assert all(p["a"]["reward"] < p["b"]["reward"] for p in row["pairs"])
        assert all(0 < p["probability"] < 0.5 for p in row["pairs"])
        if row["against"] == "annotator":
            accuracy = value["annotator", "videorm", row["dimension"]]
            assert row["n_pairs"] == accuracy["n_pairs"]
            wrong = row["n_wrong"] + row["n_tied"] / 2
            assert 1 - wrong / row["n_pairs"] == pytest.approx(accuracy["value"])


def test_ties_slices_picks_and_calibration_are_there(found):
    three = {(r["arm"], r["threshold_from"]) for r in found["three_way"]}
    assert ("videorm", "log_k") in three  # only its training said one
    assert ("per_frame", "log_k") not in three
    assert {("per_frame", "validation"), ("all_tie", None)} <= three
    # 30 untied pairs and none tied; 20 untied and 10 tied
    value = {(r["against"], r["arm"], r["dimension"]): r["value"] for r in found["three_way"]}
    assert value["annotator", "all_tie", "prompt_following"] == 0
    assert value["annotator", "all_tie", "video_quality"] == pytest.approx(1 / 3)
    assert value["raters", "annotator", "all"] == 1
    assert {r["slice"] for r in found["slices"]} == {"generator=g"}
    best = {(r["arm"], r["dimension"], r["n"]): r["value"] for r in found["best_of_n"]}
    assert best["oracle", "prompt_following", 4] == 4
    assert best["annotator", "prompt_following", 4] == 4
    assert best["random", "overall", 4] == pytest.approx((2.5 + 1.5) / 2)
    assert best["videorm", "prompt_following", 1] == pytest.approx(2.5)
    assert {(r["arm"], r["dimension"]) for r in found["calibration"]} == {
        (a, d) for a in ("videorm", "per_frame") for d in DIMENSIONS
    }
    json.dumps(found, allow_nan=False)  # as it is written


def test_the_rewards_are_those_that_scoring_gives(model, data, found):
    """The accuracy of prompt_following, counted from each clip's own reward."""
    from pipeline.videorm.data.frames import jpegs_of_clips

    right = []
    for prompt in PROMPTS["test"]:
        ids = [f"{prompt.replace(' ', '-')}-{i}" for i in range(4)]
        rewards = [
            score_clips(model, prompt, [jpegs])[0]["prompt_following"]
            for _, jpegs in sorted(jpegs_of_clips([data], ids))
        ]
        right += [rewards[j] > rewards[i] for i in range(4) for j in range(i + 1, 4)]
    value = {(r["against"], r["arm"], r["dimension"]): r["value"] for r in found["accuracy"]}
    assert value["annotator", "videorm", "prompt_following"] == pytest.approx(np.mean(right))


def test_nothing_is_fitted_on_what_it_is_measured_on(model, data):
    on_validation = evaluate(model, data, split="validation")
    assert {r["split"] for r in on_validation["accuracy"]} == {"validation"}
    assert {r["threshold_from"] for r in on_validation["three_way"]} == {"log_k", None}
    assert all(row["temperature"] is None for row in on_validation["calibration"])
    assert any("none is" in note for note in on_validation["notes"])


def test_data_without_a_test_split_cannot_be_evaluated_on(model, tmp_path):
    write_run(tmp_path, {"train": ["clip 1 of a wall", "clip 2 of a wall"]}, draw, score)
    with pytest.raises(SetupError, match="nothing in the test split"):
        evaluate(model, tmp_path)


# what it was trained on


def test_intervals_over_a_handful_of_prompts_are_told(found, model, data):
    few = {row["n_prompts"] for row in found["accuracy"]}
    assert max(few) < ENOUGH_PROMPTS
    assert any(note.endswith("intervals over so few are too narrow") for note in found["notes"])


def test_prompts_it_was_trained_on_are_told(tmp_path):
    asked = ["a  red kite", "a blue kite"]
    assert trained_on(tmp_path, asked) is None
    assert "not known" in told(tmp_path, asked)
    write_training_prompts(tmp_path, ["a red kite", "a red kite", "a dog"])
    assert trained_on(tmp_path, asked) == ["a  red kite"]  # white space aside
    assert "TRAINED on 1 of the 2, such as 'a  red kite'" in told(tmp_path, asked)
    assert told(tmp_path, ["a blue kite"]) == "prompts: the model was trained on none of the 1"
    assert [p.name for p in tmp_path.iterdir()] == ["training_prompts.txt"]


# clips that people rated


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three prompts of three clips, one of them broken, and two raters on two aspects."""
    folder = tmp_path_factory.mktemp("benchmark")
    clips, ratings = [], []
    for p in range(3):
        for g in range(3):
            name = f"{p}-{g}.mp4"
            if (p, g) == (2, 2):
                (folder / name).write_bytes(b"not a clip")
            else:
                save_clip(folder / name, seed=3 * p + g)
            clips.append((f"p{p}", f"a kite {p}", f"g{g}", name))
            for r in range(2):
                ratings += [
                    (f"p{p}", f"g{g}", f"r{r}", "alignment", 1 + g),
                    (f"p{p}", f"g{g}", f"r{r}", "look", 3 - g + r),
                ]
    rows(folder / "manifest.csv", ("prompt_id", "prompt", "generator", "video"), clips)
    rows(folder / "ratings.csv", ("prompt_id", "generator", "rater", "dimension", "score"), ratings)
    return folder


def rows(path: Path, names, lines) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([names, *lines])


def arguments(model: Path, benchmark: Path, output: Path, *more: str) -> list[str]:
    return [
        "--model", str(model), "--data", str(benchmark / "manifest.csv"),
        "--ratings", str(benchmark / "ratings.csv"), "--output", str(output),
        "--dimension", "prompt_following=alignment", "--dimension", "video_quality=look", *more,
    ]  # fmt: skip


def test_clips_that_people_rated_are_scored_and_audited(model, benchmark, tmp_path, capsys):
    assert verb(arguments(model, benchmark, tmp_path)) == 0
    said = capsys.readouterr().out
    summary = json.loads((tmp_path / "evaluation.json").read_text())
    assert (summary["clips"], summary["scored"]) == (9, 8)
    assert len(summary["failures"]) == 1
    (broken,) = summary["failures"]
    assert f"failed: {broken}: " in said
    assert "8 of 9 clips scored" in said
    table = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    # 8 clips, three scorers, two dimensions and their mean
    assert len(table) == 8 * 3 * 3
    assert broken not in {row["video_id"] for row in table}
    by = {(r["video_id"], r["annotator"], r["dimension"]): r["score"] for r in table}
    for video, annotator, _ in by:
        parts = [by[video, annotator, d] for d in DIMENSIONS]
        assert by[video, annotator, "overall"] == pytest.approx(sum(parts) / 2)
    # two prompts of three pairs and one of one, each of two raters left out in turn
    for line in ("videorm ", "per_frame ", "per_frame_shifted ", "human_ceiling ", "chance "):
        assert f"\n{line}" in said
    assert "\npairs                               14                   14" in said
    audit = json.loads((tmp_path / "audit.json").read_text())
    ceiling = {
        r["dimension"]: r["value"]
        for r in audit
        if (r["annotator"], r["statistic"], r["slice"])
        == ("human_ceiling", "pair_accuracy_ties_half_loo", "all")
    }
    assert ceiling["prompt_following"] == 1  # the raters agree
    assert (tmp_path / "report" / "audit.html").is_file()


def test_rewards_of_the_table_are_those_that_scoring_gives(model, benchmark, tmp_path):
    from pipeline.media.clip_frames import jpegs_of

    assert verb(arguments(model, benchmark, tmp_path)) == 0
    table = pq.read_table(tmp_path / "scores.parquet").to_pylist()
    (row,) = (
        r
        for r in table
        if (r["prompt_id"], r["generator"], r["annotator"], r["dimension"])
        == ("p1", "g2", "videorm", "video_quality")
    )
    jpegs = jpegs_of(str(benchmark / "1-2.mp4"), count=4)
    (alone,) = score_clips(model, "a kite 1", [jpegs])
    assert row["score"] == pytest.approx(alone["video_quality"], abs=1e-5)


def test_a_yaml_of_sources_lists_clips_too(benchmark, tmp_path):
    recipe = tmp_path / "clips.yaml"
    path = benchmark / "manifest.csv"
    recipe.write_text(f"sources:\n  - {{kind: manifest, path: {path}, limit: 2}}\n")
    clips, notes = read_clips(recipe)
    assert (len(clips), notes) == (6, [])
    recipe.write_text("sources: []\n")
    with pytest.raises(SetupError, match="names no clip"):
        read_clips(recipe)
    recipe.write_text("sources: [{kind: nothing}]\n")
    with pytest.raises(SetupError, match=r"clips\.yaml: "):
        read_clips(recipe)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (["--data", "{tmp}/nowhere.csv"], "there is no such folder or file"),
        (["--probes"], "--probes: are taken on a dataset folder"),
        (["--baseline", "dover=x"], "no such metric"),
        (["--model", "{tmp}"], "name the folder of a trained VideoRM"),
        (["--dimension", "sharpness=none"], "no rating has the dimension 'none'"),
        (["--dimension", "sharpness=look"], "--dimension sharpness: the model does not score it"),
        (["--split", "test"], "--split: is of a dataset folder"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_scored(
    change, told, model, benchmark, tmp_path, capsys
):
    change = [text.format(tmp=tmp_path) for text in change]
    assert verb(arguments(model, benchmark, tmp_path / "out", *change)) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_ratings_that_answer_for_nothing_are_refused_before_the_clips_are_scored(
    model, benchmark, tmp_path, capsys
):
    given = arguments(model, benchmark, tmp_path / "out")
    assert verb(given[: given.index("--dimension")]) == 2
    assert "say with --dimension OURS=THEIRS which answer for which" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_dataset_is_asked_only_for_dimensions_that_people_rated(model, data, capsys):
    given = ["--model", str(model), "--data", str(data), "--dimension"]
    assert verb([*given, "video_quality=sheen"]) == 2
    assert "no rating or vote of these clips is on 'sheen'" in capsys.readouterr().err
    assert verb([*given, "sheen=video_quality"]) == 2
    assert "--dimension sheen: the model does not score it" in capsys.readouterr().err


def test_a_folder_brings_its_own_ratings_and_a_manifest_none(
    model, data, benchmark, tmp_path, capsys
):
    both = ["--model", str(model), "--data"]
    assert verb([*both, str(data), "--ratings", "r.csv"]) == 2
    assert "a folder holds its own" in capsys.readouterr().err
    assert verb([*both, str(benchmark / "manifest.csv"), "--output", str(tmp_path)]) == 2
    assert "a manifest does not" in capsys.readouterr().err


def test_a_dataset_is_evaluated_by_the_command(model, data, tmp_path, capsys, found):
    assert verb(["--model", str(model), "--data", str(data), "--output", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert json.loads((tmp_path / "evaluation.json").read_text()) == json.loads(json.dumps(found))
    assert "Accuracy without ties against the annotator's labels" in said
    assert "Accuracy with ties against the raters, one left out" in said
    assert "videorm minus per_frame, against the annotator: " in said
    assert "whether it was trained on some is not known" in said
