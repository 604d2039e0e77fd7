"""The benchmark of VideoRM: what it counts is right, and it runs. No time is held against a goal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

BENCH = Path(__file__).parents[1] / "scripts" / "bench"


def run(*arguments):
    return subprocess.run(
        [sys.executable, str(BENCH / "videorm.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"},
    )


@pytest.mark.slow
def test_every_case_runs_and_is_told(tmp_path):
    few = ("--rounds", 1, "--least-s", 0.01, "--steps", 1, "--cache-clips", 32)
    done = run("--quick", *few, "--device", "cpu", "--json", tmp_path / "j")
    assert done.returncode == 0, done.stderr
    content = json.loads((tmp_path / "j").read_text())
    found = {(row["case"], row["contestant"]): row for row in content["rows"]}
    assert {case for case, _ in found} == {"forward", "step", "mp4", "jpeg"}
    for case in ("forward", "step"):
        for name in ("videorm", "videorm, no shift", "transformers"):
            assert found[case, name]["per_s"] > 0
            assert found[case, name]["over_peer"] > 0
            assert found[case, name]["of_peak"] > 0
        assert found[case, "transformers"]["over_peer"] == 1
    for case in ("mp4", "jpeg"):
        assert all(found[case, n]["per_s"] > 0 for n in ("read alone", "forward alone", "ahead"))
    default, paper = content["paper"]["epochs"]
    # 13,500 prompts in batches of 32 and of 6; a head of 1024 has 12 x 1024^2 weights a layer
    assert (default["steps_of_epoch"], paper["steps_of_epoch"]) == (421, 2250)
    assert default["learned"] > 2 * 12 * 1024**2
    assert paper["learned"] > 6 * 12 * 1024**2
    assert default["epoch_s"] > 0
    assert not default["measured"]
    # 54,000 clips x 8 frames x 1024 x 4 bytes, and what names them
    assert content["paper"]["cache"]["whole_bytes"] == pytest.approx(54e3 * 8 * 1024 * 4, rel=0.1)
    for told in ("torch", "1 threads, fp32", "of transformers", "extrapolated from 1 steps"):
        assert told in done.stdout


def test_help_shows_an_example():
    done = run("--help")
    assert done.returncode == 0
    assert "scripts/bench/videorm.py --quick" in done.stdout


@pytest.fixture(autouse=True)
def bench(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))


def test_an_unknown_case_is_refused(monkeypatch, capsys):
    import videorm

    monkeypatch.setattr(sys, "argv", ["videorm.py", "--cases", "forward,backward"])
    with pytest.raises(SystemExit):
        videorm.settings()
    assert "'backward' is none of forward, step, files, epoch" in capsys.readouterr().err


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(monkeypatch, capsys):
    import videorm

    monkeypatch.setattr(sys, "argv", ["videorm.py", "--device", "cuda"])
    with pytest.raises(SystemExit):
        videorm.settings()
    assert "finds no GPU here" in capsys.readouterr().err


def test_a_frame_of_vit_h_is_the_work_that_its_profile_says():
    """open_clip's profile of ViT-H-14 has 334.6 GFLOP for the image."""
    from videorm_flops import work_of
    from videorm_shapes import SHAPES

    assert work_of(SHAPES["vit-h-14"]).forward / 1e9 == pytest.approx(334.6, abs=0.05)


def test_operations_are_those_that_torch_counts():
    """Forward and step of the bare towers, to the last one. Plain attention: torch does not count what
    the fused one does on a CPU."""
    from videorm_flops import work_of
    from videorm_shapes import SHAPES
    from videorm_work import BACKBONE, Case, steps

    case = Case(shape="tiny", device=torch.device("cpu"), dtype=torch.float32, prompts=1)
    *ours, theirs = steps(case)
    assert (theirs.name, theirs.units) == (BACKBONE, 32)
    with FlopCounterMode(display=False) as counter:
        theirs.work()
    assert counter.get_total_flops() == theirs.flops == 32 * work_of(SHAPES["tiny"]).step
    for one in ours:  # and the head, the readout and the temporal shift, which multiplies nothing
        with FlopCounterMode(display=False) as counter:
            one.work()
        assert theirs.flops < counter.get_total_flops() < 1.2 * theirs.flops


def test_every_contestant_learns_the_same_weights_of_the_tower():
    from videorm_shapes import model_of

    shifted, plain = (model_of("tiny", arm, trained=True) for arm in ("videorm", "transformer"))
    assert shifted.config.shift.blocks == (0, 1)
    assert plain.config.shift.blocks == ()
    for model in (shifted, plain):
        learning = {n for n, p in model.trunk.named_parameters() if p.requires_grad}
        assert any("layers.0." in name for name in learning)
        assert not any("embeddings" in name or "text_model" in name for name in learning)


def test_a_ratio_is_taken_round_by_round():
    """Half as fast in each of three rounds, two of them on a machine that was busy: 0.5."""
    from videorm_rounds import Contestant, compete

    ours = Contestant(name="ours", work=list, units=10, flops=80.0, seconds=[2.0, 8.0, 4.0])
    theirs = Contestant(name="theirs", work=list, units=20, seconds=[2.0, 8.0, 4.0])
    assert ours.over(theirs) == 0.5
    assert (ours.per_s, theirs.per_s) == (2.5, 5.0)  # 10 and 20 units in a median of 4 s
    assert (ours.flops_per_s, ours.best_flops_per_s) == (20.0, 40.0)
    turns = []
    racers = [Contestant(name=n, work=lambda n=n: turns.append(n), units=1) for n in "abc"]
    compete(racers, 2, torch.device("cpu"), 0.0)
    # each twice to warm up, then every round begins with another one
    assert "".join(turns) == "aabbcc" + "abc" + "bca"
    assert all(len(one.seconds) == 2 and one.calls == 1 for one in racers)


def test_the_slower_of_reading_and_scoring_is_the_limit():
    from videorm_files import limit_of
    from videorm_rounds import Contestant

    times = {"read alone": 4.0, "forward alone": 1.0, "in turn": 5.0, "ahead": 4.2}
    found = [Contestant(name=n, work=list, units=8, seconds=[s]) for n, s in times.items()]
    assert limit_of(found) == 2.0


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H200", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA A10G", 70e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("Something else", None),
    ],
)
def test_stated_peaks(name, peak, monkeypatch):
    from videorm_flops import known_peak

    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: name)
    assert known_peak(torch.device("cuda")) == peak
    assert known_peak(torch.device("cpu")) is None


def test_paper_scale_says_what_was_extrapolated():
    from videorm_epoch import Cache, Epoch
    from videorm_table import paper_lines

    part = Epoch(
        preset="p",
        steps_of_epoch=421,
        batch_prompts=32,
        learned=28_000_000,
        pairs=162_000,
        steps=100,
        seconds=50.0,
    )
    whole = Epoch(
        preset="q",
        steps_of_epoch=421,
        batch_prompts=32,
        learned=28_000_000,
        pairs=162_000,
        steps=421,
        seconds=50.0,
    )
    cache = Cache(clips=5400, n_bytes=100_000_000, write_s=0.5, read_s=0.25)
    _, encoding, kept, one, other = paper_lines([part, whole], cache, "vit-h-14", 1000.0)
    assert "7.2 min on vit-h-14" in encoding  # 432,000 frames at 1,000/s
    assert "extrapolated" in encoding
    # a tenth of the corpus was written: 1 GB in all, 100 MB in 0.5 s
    assert "1.00 GB; written at 200 MB/s, read at 400 MB/s" in kept
    assert "162000 labelled pairs" in one  # those that are learned from, not the paper's 135,000
    assert "3.5 min (extrapolated from 100 steps)" in one  # 50 s / 100 x 421 = 210.5 s
    assert "50 s (measured)" in other
    assert "not measured" in paper_lines([whole], cache, "vit-h-14", None)[1]
