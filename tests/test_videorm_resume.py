"""A training that was stopped ends where it would have ended."""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from videorm_training import BATCH_NORM, corpus, curve, save_tiny_clip, small

from pipeline.videorm.training import train as loop
from pipeline.videorm.training.checkpoint import State, checkpoint_path, read_state, write
from pipeline.videorm.training.train import train_arm
from schemas.options import SetupError

OFTEN = {"checkpoint_seconds": 0}  # after every step
BATCHES = {"epochs": 3, "learning_rate": 1e-2, "ema": 0.9, **OFTEN}
NORMED = {"readout": BATCH_NORM, "training": BATCHES}  # has running statistics too


class Stopped(Exception):
    """As good as a kill, within this process."""


def stop_after(monkeypatch, steps: int) -> None:
    """The process ends in the step after ``steps`` steps of its own."""
    real, done = loop.Trainer.step, [0]

    def step(self, *given):
        if done[0] == steps:
            raise Stopped
        done[0] += 1
        return real(self, *given)

    monkeypatch.setattr(loop.Trainer, "step", step)


def stopped(steps: int, options, folder: Path) -> None:
    """A training that is stopped after ``steps`` steps."""
    with pytest.MonkeyPatch.context() as patched:
        stop_after(patched, steps)
        with pytest.raises(Stopped):
            train_arm(corpus(), options, "videorm", folder)


def assert_same(one, two):
    assert curve(one) == curve(two)
    assert one.epoch == two.epoch
    assert one.log_k == two.log_k
    assert one.model.config == two.model.config
    states = one.model.state_dict(), two.model.state_dict()
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return train_arm(corpus(), small(**NORMED), "videorm", tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 8])  # nine in all; an epoch ends after 3 and 6
def test_stopped_anywhere_it_ends_as_if_it_had_not_been(whole, tmp_path, steps):
    stopped(steps, small(**NORMED), tmp_path)
    assert read_state(checkpoint_path(tmp_path, "videorm")).step == steps
    rows = []
    assert_same(train_arm(corpus(), small(**NORMED), "videorm", tmp_path, rows.append), whole)
    assert rows[0]["note"] == f"goes on after step {steps}"
    assert (rows[0]["step"], rows[0]["steps"]) == (steps, 9)


def test_stopped_at_every_step_it_still_gets_there(whole, tmp_path):
    for _ in range(8):
        stopped(1, small(**NORMED), tmp_path)
    assert_same(train_arm(corpus(), small(**NORMED), "videorm", tmp_path), whole)


def test_a_finished_training_is_not_done_again(whole, tmp_path, monkeypatch):
    train_arm(corpus(), small(**NORMED), "videorm", tmp_path)
    stop_after(monkeypatch, 0)
    assert_same(train_arm(corpus(), small(**NORMED), "videorm", tmp_path), whole)


def test_what_was_lost_since_the_last_checkpoint_is_done_again(whole, tmp_path):
    seldom = {**NORMED, "training": {**BATCHES, "checkpoint_seconds": 1000}}
    stopped(5, small(**seldom), tmp_path)
    assert read_state(checkpoint_path(tmp_path, "videorm")).step == 3  # the end of an epoch
    assert_same(train_arm(corpus(), small(**seldom), "videorm", tmp_path), whole)


def test_patience_is_remembered(tmp_path):
    broken = {"epochs": 9, "learning_rate": 1.0, "ema": 0, "patience": 2, "schedule": "constant"}
    options = small(training={**broken, **OFTEN})
    whole = train_arm(corpus(), options, "videorm", tmp_path / "whole")
    stopped(3 * len(whole.curve) - 1, options, tmp_path / "stopped")
    assert_same(train_arm(corpus(), options, "videorm", tmp_path / "stopped"), whole)


def test_a_frozen_trunk_is_not_in_the_checkpoint(tmp_path):
    trunk = str(save_tiny_clip(tmp_path / "clip"))
    options = small(trunk=trunk, training={"jitter": 0, "translate": 0, **OFTEN})
    whole = train_arm(corpus(), options, "videorm", tmp_path / "whole")
    stopped(2, options, tmp_path / "stopped")
    names = load_file(checkpoint_path(tmp_path / "stopped", "videorm"))
    assert not any("trunk" in name for name in names)
    assert_same(train_arm(corpus(), options, "videorm", tmp_path / "stopped"), whole)


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"training": {**BATCHES, "learning_rate": 2e-2}},
        {"data": {"text_swap": {"weight": 0.5}}},
    ],
)
def test_other_options_begin_anew_and_say_so(tmp_path, other):
    stopped(2, small(**NORMED), tmp_path / "a")
    rows = []
    options = small(**{**NORMED, **other})
    mixed = train_arm(corpus(), options, "videorm", tmp_path / "a", rows.append)
    assert rows[0]["note"] == "starts anew: the earlier training had other data or options"
    assert_same(mixed, train_arm(corpus(), options, "videorm", tmp_path / "b"))


def test_other_data_begin_anew(tmp_path):
    stopped(2, small(**NORMED), tmp_path)
    rows = []
    train_arm(corpus(n_train=11), small(**NORMED), "videorm", tmp_path, rows.append)
    assert rows[0]["note"].startswith("starts anew")


def test_how_the_work_is_done_may_change_in_between(tmp_path):
    stopped(2, small(**NORMED), tmp_path)
    rows = []
    changed = small(**{**NORMED, "training": {**BATCHES, "accumulate": 2}}, threads=1)
    train_arm(corpus(), changed, "videorm", tmp_path, rows.append)
    assert rows[0]["note"] == "goes on after step 2"


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"{}" * 50])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, content):
    path = checkpoint_path(tmp_path, "videorm")
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(SetupError, match=r"videorm\.safetensors: no readable checkpoint"):
        train_arm(corpus(), small(), "videorm", tmp_path)


def test_other_safetensors_are_refused(tmp_path):
    path = checkpoint_path(tmp_path, "videorm")
    path.parent.mkdir()
    save_file({"x": torch.zeros(1)}, path)
    with pytest.raises(SetupError, match="no readable checkpoint"):
        train_arm(corpus(), small(), "videorm", tmp_path)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_one_before(tmp_path, monkeypatch):
    stopped(2, small(**NORMED), tmp_path)

    def torn(flat, path, metadata):
        Path(path).write_bytes(b"half of i")
        raise Stopped

    monkeypatch.setattr("pipeline.videorm.training.checkpoint.save_file", torn)
    with pytest.raises(Stopped):
        train_arm(corpus(), small(**NORMED), "videorm", tmp_path)
    assert read_state(checkpoint_path(tmp_path, "videorm")).step == 2


def test_a_full_disk_is_told_and_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    path = tmp_path / "checkpoints" / "videorm.safetensors"
    tensors = {"live": {"w": torch.zeros(1)}}
    write(path, State(fingerprint="f", run_id="r", step=1), tensors)

    def full(flat, part, metadata):
        Path(part).write_bytes(b"half of i")
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("pipeline.videorm.training.checkpoint.save_file", full)
    with pytest.raises(SetupError, match=r"No space left.*run the same command again"):
        write(path, State(fingerprint="f", run_id="r", step=2), tensors)
    assert read_state(path).step == 1
    assert [p.name for p in path.parent.iterdir()] == ["videorm.safetensors"]


@pytest.mark.slow
def test_killed_at_random_it_ends_as_if_it_had_not_been(tmp_path):
    """kill -9 of a real process at four random steps, against one that is left alone."""
    program = [sys.executable, str(Path(__file__).with_name("videorm_process.py"))]
    given = json.dumps({**NORMED, "track": ["tensorboard"]})
    paths = os.pathsep.join((str(Path(__file__).parents[1]), str(Path(__file__).parent)))
    environment = {**os.environ, "PYTHONPATH": paths}
    subprocess.run([*program, str(tmp_path / "whole"), given], check=True, env=environment)
    draw = random.Random(0)
    for _ in range(4):
        kill = [*program, str(tmp_path / "killed"), given, str(draw.randint(0, 2))]
        assert subprocess.run(kill, env=environment).returncode == -signal.SIGKILL
    subprocess.run([*program, str(tmp_path / "killed"), given], check=True, env=environment)
    one, two = (tmp_path / name for name in ("whole", "killed"))
    assert (one / "curve.json").read_text() == (two / "curve.json").read_text()
    states = [load_file(folder / "weights.safetensors") for folder in (one, two)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
