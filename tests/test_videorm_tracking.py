"""Curves on disk: what was logged, once, also after a kill."""

import sys
import types

import pytest
from tensorboardX.proto.event_pb2 import Event
from videorm_training import corpus, small

from pipeline.videorm.training import train as loop
from pipeline.videorm.training.train import train_arm
from schemas.options import SetupError

TRAINING = {"epochs": 2, "checkpoint_seconds": 1000}


def interrupted(steps, options, folder):
    """A training that ends in the step after ``steps`` steps."""
    real, done = loop.Trainer.step, [0]

    def step(self, *given):
        if done[0] == steps:
            raise KeyboardInterrupt
        done[0] += 1
        return real(self, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop.Trainer, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train_arm(corpus(), options, "videorm", folder)


def events(folder):
    """Of all files of a run, in the order in which TensorBoard reads them.

    A record is its length in 8 bytes, their checksum in 4, the event, and its checksum in 4.
    """
    found = []
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            length = int.from_bytes(data[at : at + 8], "little")
            event = Event()
            event.ParseFromString(data[at + 12 : at + 12 + length])
            found.append(event)
            at += 16 + length
    return found


def shown(found):
    """{(name, step): values}, as TensorBoard shows them: a start supersedes its step and later ones."""
    kept = []
    for event in found:
        if event.HasField("session_log"):
            kept = [e for e in kept if e.step < event.step]
        kept.append(event)
    table = {}
    for event in kept:
        for value in event.summary.value:
            table.setdefault((value.tag, event.step), []).append(value.simple_value)
    return table


def test_every_epoch_is_on_the_curves(tmp_path):
    trained = train_arm(
        corpus(), small(track=("tensorboard",), training=TRAINING), "videorm", tmp_path
    )
    table = shown(events(tmp_path / "logs" / "videorm"))
    names = ("train/loss", "train/accuracy", "train/learning_rate", "validation/loss")
    assert {(n, s) for n in (*names, "validation/accuracy") for s in (3, 6)} == set(table)
    for row in trained.curve:
        (value,) = table["validation/loss", row["step"]]
        assert value == pytest.approx(row["validation_loss"])


def test_after_a_kill_no_step_stands_twice(tmp_path, monkeypatch):
    options = small(track=("tensorboard",), training=TRAINING)
    whole = train_arm(corpus(), options, "videorm", tmp_path / "whole")
    monkeypatch.setattr(loop, "EVERY", 1)
    interrupted(5, options, tmp_path / "killed")  # the checkpoint is that of step 3
    train_arm(corpus(), options, "videorm", tmp_path / "killed")
    found = events(tmp_path / "killed" / "logs" / "videorm")
    twice = [e.step for e in found if any(v.tag == "train/loss" for v in e.summary.value)]
    assert sorted(twice) == [1, 2, 3, 4, 4, 5, 5, 6]  # what is in the files
    table = shown(found)
    assert [step for name, step in table if name == "train/loss"] == [1, 2, 3, 4, 5, 6]
    assert all(len(values) == 1 for values in table.values())
    last = whole.curve[-1]["validation_loss"]
    assert table["validation/loss", 6] == [pytest.approx(last)]


class Recorder(types.ModuleType):
    """Stands in for wandb: keeps what it is told."""

    def __init__(self):
        super().__init__("wandb")
        self.begun, self.logged, self.finished = [], [], 0

    def init(self, **given):
        self.begun.append(given)
        return self

    def log(self, values, step):
        self.logged.append((step, values))

    def finish(self):
        self.finished += 1


def test_wandb_is_told_the_same(tmp_path, monkeypatch):
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", recorder)
    monkeypatch.delenv("WANDB_PROJECT", raising=False)
    trained = train_arm(corpus(), small(track=("wandb",), training=TRAINING), "videorm", tmp_path)
    (begun,) = recorder.begun
    assert (begun["project"], begun["name"], begun["resume"]) == ("videoprefer", "videorm", "allow")
    assert begun["config"]["training"]["epochs"] == 2
    losses = [v["validation/loss"] for _, v in recorder.logged if "validation/loss" in v]
    assert losses == [row["validation_loss"] for row in trained.curve]
    assert [step for step, _ in recorder.logged] == [3, 3, 6, 6]
    assert recorder.finished == 1


def test_a_training_that_goes_on_is_the_same_run_on_wandb(tmp_path, monkeypatch):
    recorder = Recorder()
    monkeypatch.setitem(sys.modules, "wandb", recorder)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    options = small(track=("wandb",), training={"checkpoint_seconds": 0})
    interrupted(2, options, tmp_path)
    train_arm(corpus(), options, "videorm", tmp_path)
    assert len({begun["id"] for begun in recorder.begun}) == 1
    assert {begun["project"] for begun in recorder.begun} == {"mine"}
    assert recorder.finished == 2


def test_a_tracker_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(SetupError, match="pip install wandb"):
        train_arm(corpus(), small(track=("wandb",)), "videorm", tmp_path)
