"""The main job on small inputs: what it leaves, resuming, refusing, books that balance."""

import json
import shutil
from pathlib import Path

import apache_beam as beam
import pyarrow.parquet as pq
import pytest
import yaml
from simulated_world import simulated_pool

from pipeline import command
from pipeline.dataset.parquet import parts
from pipeline.generators.pool import PoolOptions, plan_clips
from pipeline.generators.simulated import drawn
from pipeline.sources.simulated import SimulatedPrompts
from pipeline.transforms import pool
from pipeline.transforms.tables import WriteTable
from schemas import FrameSet
from schemas.layout import PUBLISHED, Layout

SMALL = {
    "sources": [{"kind": "simulated", "prompts": 6}],
    "generators": {
        "pool": [
            {"kind": "simulated", "name": name}
            for name in (
                "sim-clean",
                "sim-colour-flicker",
                "sim-motion-frozen",
                "sim-motion-noise",
                "sim-missing-jumps",
                "sim-frozen-blur",
            )
        ]
    },
    "annotators": [{"kind": "signal"}],
    "splits": {"validation": 0.35, "test": 0.3},
    "audit": {"ratings": [{"kind": "simulated", "raters": 3}], "resamples": 100},
    "concurrency": {"processes": 2},
    "wave_size": 16,  # two waves
}


def run(folder: Path, config: dict, *flags: str, output: str = "out") -> int:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    return command.main(["--config", str(path), "--output", str(folder / output), *flags])


def rows(root: Path) -> dict[str, list]:
    """Every row of every table, whatever files they lie in."""
    layout = Layout(root)
    folders = {name: layout.table(name) for name in PUBLISHED}
    folders |= {
        split: layout.table("preferences", split) for split in ("train", "validation", "test")
    }
    return {
        name: sorted(
            json.dumps(row, sort_keys=True, default=repr)
            for path in parts(folder)
            for row in pq.read_table(path).to_pylist()
        )
        for name, folder in folders.items()
    }


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    assert run(folder, SMALL) == 0
    return folder


def test_a_run_leaves_what_the_contract_names(finished):
    root = finished / "out"
    for name in (
        "README.md",
        "audit.json",
        "status.json",
        "run.json",
        "report/index.html",
        "report/audit.html",
    ):
        assert (root / name).is_file(), name
    record = json.loads((root / "run.json").read_text())
    assert json.loads((root / "status.json").read_text())["state"] == "complete"
    # 6 prompts x 4 clips; 24 clips x 2 dimensions; per prompt 6 pairs x (2 dimensions + overall)
    assert record["tables"]["prompts"] == 6
    assert record["tables"]["videos"] == record["tables"]["frames"] == 24
    assert record["tables"]["annotations"] == 48
    assert record["tables"]["preferences"] == 108
    # 24 clips x (signal + consensus) x (2 dimensions + overall)
    assert record["tables"]["scores"] == 144
    assert record["tables"]["human_ratings"] == 24 * 2 * 3
    assert record["tables"]["comparisons"] == record["tables"]["human_votes"] == 0
    for book in record["books"].values():
        assert book["owed"] == book["written"] + book["failed"] + book["upstream"]
        assert book["missing"] == book["unexpected"] == 0


def test_every_table_loads_with_datasets_and_frames_decode(finished, tmp_path, monkeypatch):
    import datasets

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    root = finished / "out"
    for table in PUBLISHED:
        # datasets 5.2 cannot load a table without rows, except streaming
        empty = table in ("comparisons", "human_votes", "failures")
        loaded = datasets.load_dataset(str(root), table, cache_dir=str(tmp_path), streaming=empty)
        assert (
            len(list(loaded["train"]))
            == json.loads((root / "run.json").read_text())["tables"][table]
        ), table
    preferences = datasets.load_dataset(str(root), "preferences", cache_dir=str(tmp_path))
    assert set(preferences) == {"train", "validation", "test"}
    assert sum(split.num_rows for split in preferences.values()) == 108
    frames = datasets.load_dataset(str(root), "frames", cache_dir=str(tmp_path))["train"]
    assert frames[0]["images"][0].size == (
        frames[0]["frame_width_px"],
        frames[0]["frame_height_px"],
    )


def test_no_prompt_is_in_two_splits(finished):
    where: dict[str, set[str]] = {}
    for split in ("train", "validation", "test"):
        for path in parts(Layout(finished / "out").table("preferences", split)):
            for prompt in pq.read_table(path)["prompt_id"].to_pylist():
                where.setdefault(prompt, set()).add(split)
    assert len(where) == 6
    assert all(len(splits) == 1 for splits in where.values())


def test_everything_simulated_says_so(finished):
    for name in ("prompts", "videos", "frames", "annotations", "human_ratings"):
        for path in parts(Layout(finished / "out").table(name)):
            assert set(pq.read_table(path)["simulated"].to_pylist()) == {True}, name
    assert "simulated" in (finished / "out" / "README.md").read_text().lower()


def test_a_second_run_does_no_work_and_changes_no_row(finished, monkeypatch):
    before = rows(finished / "out")
    monkeypatch.setattr(
        "pipeline.transforms.engine.Engine.run", lambda *_: pytest.fail("a pipeline was run again")
    )
    assert run(finished, SMALL) == 0
    assert rows(finished / "out") == before


def test_another_configuration_is_refused_with_the_keys_that_changed(finished, capsys):
    changed = {**SMALL, "frames": {"count": 4}, "limit": 5}
    assert run(finished, changed) == 2
    said = capsys.readouterr().err
    assert "frames.count" in said
    assert "limit" in said
    assert "--rebuild" in said
    assert (finished / "out" / "run.json").is_file()  # refused before anything was touched


def test_what_shapes_no_row_may_change_without_a_flag(finished):
    assert run(finished, {**SMALL, "concurrency": {"processes": 1}, "report": {"prompts": 2}}) == 0


def test_rebuild_goes_on_with_another_configuration(finished):
    shutil.copytree(finished / "out", finished / "rebuilt")
    assert run(finished, {**SMALL, "limit": 3}, "--rebuild", output="rebuilt") == 0
    assert len(rows(finished / "rebuilt")["prompts"]) == 3


@pytest.mark.slow
def test_the_number_of_workers_and_waves_changes_no_row(finished):
    parallel = {**SMALL, "wave_size": 7, "concurrency": {"processes": 1}}
    assert (
        run(
            finished,
            parallel,
            "--direct_running_mode=multi_processing",
            "--direct_num_workers=2",
            output="parallel",
        )
        == 0
    )
    assert rows(finished / "parallel") == rows(finished / "out")


def test_a_stage_that_drops_an_element_ends_with_1_and_the_key(
    finished, tmp_path, monkeypatch, capsys
):
    (lost, *_) = pq.read_table(parts(Layout(finished / "out").table("frames"))[0])["video_id"]
    key = lost.as_py()
    whole = WriteTable.expand

    def leaky(self, rows):
        if self.record is FrameSet:
            rows = rows | beam.Filter(lambda row: row.video_id != key)
        return whole(self, rows)

    monkeypatch.setattr(WriteTable, "expand", leaky)
    assert run(tmp_path, SMALL) == 1
    said = capsys.readouterr().err
    assert "stage frames" in said
    assert key in said
    assert not (tmp_path / "out" / "run.json").exists()
    status = json.loads((tmp_path / "out" / "status.json").read_text())
    assert status["state"] == "failed"
    assert status["books"]["frames"]["missing_keys"] == [key]


def test_a_clip_that_does_not_decode_costs_one_clip(tmp_path):
    clips = {
        name: plan_clips(
            SimulatedPrompts(prompts=1).read().prompts,
            PoolOptions(seed=i, clips_per_prompt=1, pool=simulated_pool()),
        )[0]
        for i, name in enumerate("abc")
    }
    specs = {spec.name: spec for spec in simulated_pool()}
    for name, clip in clips.items():
        (tmp_path / f"{name}.mp4").write_bytes(drawn(clip, specs[clip.generator]))
    whole = (tmp_path / "c.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 8])  # its index is gone
    lines = [
        f"a small red circle moving left on a black background,{name},{name}.mp4\n"
        for name in ("a", "b", "c", "cut")
    ]
    (tmp_path / "manifest.csv").write_text("prompt,generator,video\n" + "".join(lines))
    config = {
        "sources": [{"kind": "manifest", "path": "manifest.csv"}],
        "annotators": [{"kind": "signal"}],
        "concurrency": {"processes": 1},
    }
    assert run(tmp_path, config) == 0
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["failures"] == {"frames": {"undecodable": 1}}
    assert record["tables"]["videos"] == 4
    assert record["tables"]["annotations"] == 6  # 3 clips x 2 dimensions
    assert record["books"]["annotate"]["upstream"] == 2
    # pairs of four clips: 6 per dimension and overall; those of the three good ones: 3
    assert record["books"]["preferences"]["owed"] == 18
    assert record["books"]["preferences"]["upstream"] == 9


def test_a_child_process_that_dies_costs_one_element(tmp_path):
    with beam.Pipeline(runner="FnApiRunner") as p:
        records, failures = (
            p
            | beam.Create(["a", "die", "b", "hang"])
            | pool.Isolated(
                work=_fragile,
                key=str,
                stage="video",
                processes=1,
                timeout_s=2,
                progress=str(tmp_path),
            )
        )
        records | "Good" >> beam.Map(_note, str(tmp_path / "good"))
        failures | "Bad" >> beam.Map(_note, str(tmp_path / "bad"))
    assert sorted((tmp_path / "good").read_text().split()) == ["A", "B"]
    bad = (tmp_path / "bad").read_text()
    assert "key='die', reason=<Reason.CRASHED" in bad
    assert "key='hang', reason=<Reason.TIMEOUT" in bad


def _fragile(word: str) -> str:
    import os
    import time

    if word == "die":
        os.kill(os.getpid(), 9)
    if word == "hang":
        time.sleep(60)
    return word.upper()


def _note(element: object, path: str) -> None:
    with open(path, "a") as file:
        file.write(f"{element}\n")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"frames": {"cuont": 3}}, "frames.cuont: unknown key"),
        ({"colour": 1}, "colour: unknown key"),
        ({"annotators": []}, "annotators: "),
        ({"annotators": [{"kind": "oracle"}]}, "annotators.0: "),
        ({"sources": [{"kind": "manifest", "path": "nowhere.csv"}]}, "nowhere.csv"),
        ({"rubrics": ["videoprefer/charm"]}, "videoprefer/charm"),
        ({"annotators": [{"kind": "signal"}, {"kind": "signal"}]}, "signal"),
        (
            {"annotators": [{"kind": "openai", "model": "m", "api_key_env": "NO_SUCH_KEY"}]},
            "NO_SUCH_KEY",
        ),
        ({"consensus": {"annotators": ["nobody"]}}, "nobody"),
        ({"audit": {"ratings": [{"kind": "table", "path": "nobody.csv"}]}}, "nobody.csv"),
        ({"generators": None}, "generators"),
        ({"preferences": {"weights": {"charm": 1.0}}}, "preferences.weights.charm"),
        ({"preferences": {"weights": {"video_quality": 0.0}}}, "more than 0"),
        ({"videorm": {}, "splits": {"test": 0.0}}, "test split"),
        ({"splits": {"validation": 0.5, "test": 0.5}}, "splits"),
    ],
)
def test_what_is_wrong_is_refused_before_work_starts(tmp_path, capsys, change, said):
    assert run(tmp_path, {**SMALL, **change}) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--set", "frames"], "key.path=value"),
        (["--set", "frames=["], "not valid YAML"),
        (["--set", "annotators.7.kind=signal"], "annotators.7.kind"),
        (["--runer=FnApiRunner"], "--runer"),
        (["--direct_num_workers=many"], "direct_num_workers"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path, capsys, flags, said):
    assert run(tmp_path, SMALL, *flags) == 2
    assert said in capsys.readouterr().err


def test_scores_on_different_scales_are_never_averaged(tmp_path, capsys):
    (tmp_path / "scores.csv").write_text("video_id,annotator,score\nelsewhere,percent,50\n")
    recorded = {"kind": "recorded", "path": "scores.csv", "scale": [0, 100]}
    mixed = {**SMALL, "annotators": [{"kind": "signal"}, recorded]}
    assert run(tmp_path, mixed) == 2
    assert "different scales" in capsys.readouterr().err
    chosen = {**mixed, "consensus": {"annotators": ["signal"]}}
    assert run(tmp_path, chosen, "--estimate") == 0


def test_a_folder_in_use_is_refused(tmp_path, capsys):
    import filelock

    (tmp_path / "out" / "work").mkdir(parents=True)
    with filelock.FileLock(tmp_path / "out" / "work" / "lock"):
        assert run(tmp_path, SMALL) == 2
    assert "another run" in capsys.readouterr().err
