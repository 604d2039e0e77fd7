"""Two processes train to what one does."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from videorm_training import corpus, save_tiny_clip, small

from pipeline.videorm.training.distributed import World, world_here
from pipeline.videorm.training.train import train_arm
from schemas.options import SetupError

OPTIONS = {"data": {"text_swap": {"weight": 0.5}}, "device": "cpu"}
# attention does not depend on the keys' bias, nor a difference of rewards on the last one: their gradient is
# rounding, which Adam makes as large as any other
NO_GRADIENT = ("k_proj.bias", "heads.bias")
HERE = Path(__file__).parent


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


def launch(out: Path, options: dict, *, size: int = 2, kill: int | None = None):
    """Start the processes as ``torchrun`` does; their exit codes."""
    common = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(HERE.parent), str(HERE))),
        "WORLD_SIZE": str(size),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    program = [sys.executable, str(HERE / "videorm_process.py"), str(out), json.dumps(options)]
    if kill is not None:
        program.append(str(kill))
    running = [
        subprocess.Popen(
            program,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]
    told = [process.communicate(timeout=120)[1] for process in running]
    return [process.returncode for process in running], told


def trained(out: Path):
    """(curve, weights) that the first process left."""
    return json.loads((out / "curve.json").read_text()), load_file(out / "weights.safetensors")


def test_two_processes_train_to_what_one_does(tmp_path):
    codes, told = launch(tmp_path / "two", {**OPTIONS, "training": {"batch_prompts": 5}})
    assert codes == [0, 0], told
    alone = train_arm(
        corpus(), small(**OPTIONS, training={"batch_prompts": 5}), "videorm", tmp_path / "one"
    )
    curve, weights = trained(tmp_path / "two")
    for one, two in zip(alone.curve, curve, strict=True):
        assert {k: one[k] for k in two} == pytest.approx(two, abs=1e-5)
    for name, value in alone.model.state_dict().items():
        if not name.endswith(NO_GRADIENT):
            assert torch.allclose(value, weights[name], rtol=0, atol=1e-4), name


@pytest.mark.slow
def test_a_killed_training_of_two_processes_goes_on_to_the_same_end(tmp_path):
    options = {
        **OPTIONS,
        "readout": {"kind": "mlp", "hidden": 16, "norm": "batch"},  # statistics of its own each
        "training": {"checkpoint_seconds": 0, "accumulate": 2},
    }
    assert launch(tmp_path / "whole", options)[0] == [0, 0]
    codes, _ = launch(tmp_path / "killed", options, kill=4)
    assert -signal.SIGKILL in codes
    assert launch(tmp_path / "killed", options)[0] == [0, 0]
    (curve, weights), (again, others) = trained(tmp_path / "whole"), trained(tmp_path / "killed")
    assert curve == again
    assert all(torch.equal(value, others[name]) for name, value in weights.items())


@pytest.mark.slow
def test_two_processes_share_what_one_of_them_encoded(tmp_path):
    trunk = str(save_tiny_clip(tmp_path / "clip"))
    still = {"jitter": 0, "translate": 0, "train_blocks": 1, "accumulate": 2}
    options = {"trunk": trunk, "cache": {"keep": "prefix"}, "training": still, "device": "cpu"}
    codes, told = launch(tmp_path / "two", options)
    assert codes == [0, 0], told
    alone = train_arm(corpus(), small(**options), "videorm", tmp_path / "one")
    for one, two in zip(alone.curve, trained(tmp_path / "two")[0], strict=True):
        assert {k: one[k] for k in two} == pytest.approx(two, abs=1e-5)


def test_shares_are_neighbours_and_as_even_as_can_be():
    shares = [World(rank=rank, size=3).share(8).tolist() for rank in range(3)]
    assert shares == [[0, 1, 2], [3, 4, 5], [6, 7]]


def test_half_an_environment_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    for name in ("RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SetupError, match="RANK, LOCAL_RANK, MASTER_ADDR, MASTER_PORT is not set"):
        world_here()
    monkeypatch.setenv("WORLD_SIZE", "1")
    assert world_here() == World()
