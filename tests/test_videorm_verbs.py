"""`train` and `score` as a person types them: what they print, what they refuse, how they end."""

import csv
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from videorm_run import flat, write_run
from videorm_saved import DIMENSIONS, PROMPT, save_clip, save_model

from pipeline import __main__ as cli
from pipeline.videorm import experiment

Captured = pytest.CaptureFixture[str]
TINY = ("--set", "towers.width=16", "--set", "towers.heads=2", "--set", "head.heads=2",
        "--set", "readout.hidden=16", "--set", "training.epochs=1")  # fmt: skip


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_model(tmp_path_factory.mktemp("videorm") / "m")


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("clips")
    return [str(save_clip(folder / f"{name}.mp4", seed)) for seed, name in enumerate("abc")]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight prompts to train on; the brighter of four clips is the better."""
    root = tmp_path_factory.mktemp("run")
    prompts = {
        "train": [f"clip {i} of a wall" for i in range(8)],
        "validation": ["clip of a door"],
        "test": ["clip of a roof", "clip of a floor"],
    }
    write_run(
        root,
        prompts,
        lambda rng, i: flat(int(40 + 50 * i + rng.integers(9)))[None].repeat(2, axis=0),
        lambda i: {"prompt_following": float(i), "video_quality": float(i // 2)},
        raters=2,
    )
    return root


def run(capsys: Captured, *argv: object) -> tuple[int, str, str]:
    code = cli.main([str(word) for word in argv])
    said = capsys.readouterr()
    return code, said.out, said.err


# --- score ---------------------------------------------------------------------------------------


def test_score_prints_ranked_lines(model: Path, clips: list[str], capsys: Captured) -> None:
    code, out, err = run(capsys, "score", "--model", model, "--prompt", PROMPT, *clips)
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [list(row) for row in rows] == [["rank", "clip", "overall", *DIMENSIONS]] * 3
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert {row["clip"] for row in rows} == set(clips)
    assert [r["overall"] for r in rows] == sorted((r["overall"] for r in rows), reverse=True)
    assert rows[0]["overall"] == pytest.approx(sum(rows[0][d] for d in DIMENSIONS) / 2, rel=1e-5)
    best = run(capsys, "score", "--model", model, "--best", 1, "--prompt", PROMPT, *clips)
    assert best == (0, out.splitlines(keepends=True)[0], "")


def test_a_reader_that_has_enough_is_no_failure(
    model: Path, clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write = os.pipe()
    os.close(read)  # as `head` does when it has its lines
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr("sys.stdout", pipe)
        code = cli.main(["score", "--model", str(model), "--prompt", PROMPT, *clips])
    assert code == 0


def test_a_clip_that_cannot_be_read_is_named(
    model: Path, clips: list[str], tmp_path: Path, capsys: Captured
) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no clip at all")
    asked = ("score", "--model", model, "--prompt", PROMPT)
    code, out, err = run(capsys, *asked, clips[0], tmp_path / "bad.mp4", "gone.mp4")
    assert code == 1
    assert [json.loads(line)["clip"] for line in out.splitlines()] == [clips[0]]
    told = err.splitlines()
    assert len(told) == 2
    assert told[0].startswith(f"no score: {tmp_path / 'bad.mp4'}: ")
    assert told[0].count("bad.mp4") == 1
    assert told[1].startswith("no score: gone.mp4")
    code, out, err = run(capsys, *asked, tmp_path / "bad.mp4")
    assert (code, out) == (2, "")
    assert "bad.mp4" in err


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_a_manifest_is_scored_into_a_file(
    suffix: str, model: Path, clips: list[str], tmp_path: Path, capsys: Captured
) -> None:
    manifest, output = tmp_path / "clips.jsonl", tmp_path / f"out{suffix}"
    asked = zip(("a kite", "a dog", "a kite"), clips, strict=True)
    manifest.write_text("".join(json.dumps({"prompt": p, "video": v}) + "\n" for p, v in asked))
    code, out, _ = run(
        capsys, "score", "--model", model, "--prompts", manifest, "--output", output, "--batch", 2
    )
    assert (code, out) == (0, "")
    rows: list[dict[str, Any]]
    if suffix == ".jsonl":
        rows = [json.loads(line) for line in output.read_text().splitlines()]
    elif suffix == ".csv":
        with output.open(newline="") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = pq.read_table(output).to_pylist()
    assert [(row["prompt"], int(row["rank"])) for row in rows] == [
        ("a kite", 1), ("a kite", 2), ("a dog", 1),
    ]  # fmt: skip
    assert list(rows[0]) == ["rank", "prompt", "clip", "overall", *DIMENSIONS]
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []  # no part is left


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--prompt", "p"], "--prompt TEXT and clips, or --prompts FILE"),
        (["a.mp4"], "--prompt TEXT and clips"),
        (["--prompts", "m.csv", "--prompt", "p"], "leave the others out"),
        (["--prompts", "m.csv"], "m.csv: no such file"),
        (["--prompt", "p", "CLIP", "--output", "rows.txt"], r"*.jsonl, *.csv, *.parquet"),
        (["--prompt", "p", "gone.mp4", "away.mp4"], "gone.mp4: no such file, nor is the other"),
        (["--prompt", "p", "CLIP", "--device", "abacus"], "device 'abacus'"),
    ],
)
def test_what_score_refuses(
    argv: list[str],
    said: str,
    model: Path,
    clips: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [clips[0] if word == "CLIP" else word for word in argv]
    code, out, err = run(capsys, "score", "--model", model, *given)
    assert (code, out) == (2, "")
    assert said in err


def _without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weights": [1.0]}))


def _of_another(folder: Path) -> None:
    other = save_model(folder.parent / "other", readout={"hidden": 8})
    (folder / "model.safetensors").write_bytes((other / "model.safetensors").read_bytes())


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_without_weights, "model.safetensors: not found; name the folder of a trained VideoRM"),
        (_pickled, "a pickle could run code"),
        (_of_another, "has shape"),
        (_no_json, "config.json: not valid JSON"),
    ],
)
def test_a_damaged_model_is_refused_by_file(
    damage: Callable[[Path], None], said: str, clips: list[str], tmp_path: Path, capsys: Captured
) -> None:
    damage(save_model(tmp_path / "m"))
    code, out, err = run(capsys, "score", "--model", tmp_path / "m", "--prompt", PROMPT, clips[0])
    assert (code, out) == (2, "")
    assert err.startswith(f"refused: {tmp_path / 'm'}")
    assert said in err
    assert "Traceback" not in err


# --- train ---------------------------------------------------------------------------------------


def test_train_from_one_end_to_the_other(data: Path, tmp_path: Path, capsys: Captured) -> None:
    output = tmp_path / "m"
    code, out, err = run(
        capsys, "train", "--data", data, "--output", output, "--arm", "videorm", *TINY,
        "--dimension", "video_quality=video_quality",
    )  # fmt: skip
    assert code == 0, err
    assert "videorm: step 1 of 1, epoch 1, loss " in err
    assert "Accuracy without ties against the annotator's labels" in out
    assert "human_ceiling" in out
    assert out.splitlines()[-3:-1] == [f"model: {output}", f"card:  {output / 'README.md'}"]
    assert "--preset videorm-default" in out.splitlines()[-1]
    metrics = json.loads((output / "metrics.json").read_text())
    assert metrics["answers"] == {"video_quality": ["video_quality"]}
    assert list(metrics["arms"]) == ["videorm"]
    card = (output / "README.md").read_text()
    for row in metrics["accuracy"]:
        assert (
            f"| {row['against']} | {row['dimension']} | {row['arm']} | {row['value']:.3f}" in card
        )


def test_options_come_from_all_arguments(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    given: list[Any] = []

    def trained(*arguments: Any) -> None:
        given.extend(arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(experiment, "train_and_validate", trained)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "towers").mkdir()
    code, _, err = run(
        capsys, "train", "--data", data, "--data", data, "--output", "m", "--preset",
        "videorm-default", "--labels", "both", "--arm", "shift", "--arm", "per_frame",
        "--set", "trunk=towers", "--set", "tokenizer=owner/name", "--set", "cache.path=kept",
        "--set", "training.epochs=4", "--set", "head.kind=lstm", "--set", "overall={video_quality: 1}",
        "--dimension", "video_quality=static_quality,temporal_quality",
    )  # fmt: skip
    folders, output, options, _, answers = given
    assert folders == [data, data]
    assert output == Path("m")
    assert options.preset == "videorm-default"
    assert options.data.labels == "both"
    assert options.data.text_swap.weight == 0.1  # of the preset, beside the labels that were given
    assert options.arms == ("shift", "per_frame")
    assert (options.training.epochs, options.head.kind) == (4, "lstm")
    # folders are found from anywhere later on; a name on a hub stays one
    assert (options.trunk, options.tokenizer) == (str(tmp_path / "towers"), "owner/name")
    assert options.cache.path == str(tmp_path / "kept")
    assert answers == {"video_quality": ["static_quality", "temporal_quality"]}
    assert code == 3
    assert "run the same command again" in err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--set", "epochs=4"], "--set epochs: no such option; did you mean training.epochs?"),
        (["--set", "training.epoch=4"], "did you mean training.epochs?"),
        (["--set", "loss.colour=4"], "known in loss are kind, margin,"),
        (["--set", "xyz=4"], "no such option; known are preset, seed,"),
        (["--set", "training.epochs=none"], "--set training.epochs: Input should be a valid integer"),
        (["--set", "training.epochs"], "expected key.path=value"),
        (["--set", "training={"], "not valid YAML"),
        (["--set", "training.epochs=4", "--set", "training.epochs.x=1"], "holds a value, not keys"),
        (["--set", "head.kind=gru"], "'transformer', 'lstm', 'conv1d' or 'none', got 'gru'"),
        (["--set", "preset=vast"], "there is no 'vast'"),
        (["--arm", "shift", "--set", "arms=[videorm]"], "an option of its own says it"),
        (["--preset", "videorm-paper"], "name a folder or hub id"),
        (["--dimension", "video_quality"], "expected OURS=THEIRS"),
        (["--set", "dimensions=[beauty]"], "beauty"),
        (["--data", "nowhere"], "--data nowhere: no such folder"),
        (["--data", "."], "--data .: holds no tables/preferences"),
        (["--output", "file/m"], "is a file; name a folder"),
    ],
)  # fmt: skip
def test_what_train_refuses(
    argv: list[str], said: str, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: Captured,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    code, out, err = run(capsys, "train", "--data", data, "--output", "m", *argv)
    assert (code, out) == (2, ""), err
    assert err.startswith("refused: ")
    assert said in err
    assert not (tmp_path / "m" / "metrics.json").exists()


def test_only_the_first_of_several_processes_speaks(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    told: list[Any] = []

    def trained(folders: Any, output: Path, options: Any, progress: Any, answers: Any) -> Any:
        told.append(progress)
        return {}

    monkeypatch.setattr(experiment, "train_and_validate", trained)
    monkeypatch.setenv("RANK", "1")
    asked = ("train", "--data", data, "--output", tmp_path / "m")
    assert run(capsys, *asked) == (0, "", "")
    assert told == [None]
    assert not (tmp_path / "m").exists()  # nor does it write a card
    assert run(capsys, *asked, "--set", "epochs=4") == (2, "", "")
