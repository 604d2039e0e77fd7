"""Where a training stands, on disk: one safetensors file that appears whole or not at all.

Tensors lie in the file by name, everything else as JSON in its header; nothing is pickled. The order of
the data and all draws follow from the seed and the step number, so no state of a random generator has
to be kept.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from schemas.options import SetupError

HEADER = "videorm_training"
FORMAT = 1


@dataclasses.dataclass(slots=True, kw_only=True)
class State:
    """A training after ``step`` steps, but for its tensors."""

    fingerprint: str  # of the options and the data
    run_id: str  # what an online tracker knows this training by
    step: int = 0  # steps done
    # of the epoch so far: loss summed over prompts, weight of pairs ordered right, of untied pairs,
    # prompts
    sums: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    curve: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    best_epoch: int = 0
    best_loss: float | None = None  # None: nothing was validated
    seconds: float = 0.0  # of work, over all starts
    finished: bool = False


Tensors = dict[str, dict[str, Tensor]]  # by what they are of and by name


def checkpoint_path(output: Path, arm: str) -> Path:
    """Where an arm's training stands."""
    return output / "checkpoints" / f"{arm}.safetensors"


def write(path: Path, state: State, tensors: Tensors) -> None:
    """Write a checkpoint; after a crash of the machine too either the old or the new one is there.

    Raises :class:`SetupError` where it cannot be written, as on a full disk.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    flat = {
        f"{part}/{name}": tensor.detach().cpu().contiguous()
        for part, named in tensors.items()
        for name, tensor in named.items()
    }
    header = json.dumps({"format": FORMAT, **dataclasses.asdict(state)}, allow_nan=False)
    part = path.with_suffix(".part")
    try:
        save_file(flat, part, metadata={HEADER: header})
        _to_disk(part)
        os.replace(part, path)
    except (SafetensorError, OSError) as error:
        part.unlink(missing_ok=True)
        raise SetupError(
            f"{path}: the checkpoint cannot be written ({error}); make room for it and run the same "
            "command again, which goes on from the one before"
        ) from error
    _to_disk(path.parent)


def read_state(path: Path) -> State | None:
    """Where a training stands, without its tensors; None where there is no checkpoint.

    Raises :class:`SetupError` for a file that is none.
    """
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            found = json.loads((file.metadata() or {})[HEADER])
        if found.pop("format") != FORMAT:
            raise ValueError("of another version")
        return State(**{**found, "sums": tuple(found["sums"])})
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise SetupError(
            f"{path}: no readable checkpoint ({error}); remove it, and training starts anew"
        ) from error


def read_tensors(path: Path, device: torch.device) -> Tensors:
    """The tensors of a checkpoint."""
    tensors: Tensors = {}
    with safe_open(path, "pt") as file:
        for key in file.keys():  # noqa: SIM118 (it is no mapping)
            part, _, name = key.partition("/")
            tensors.setdefault(part, {})[name] = file.get_tensor(key).to(device)
    return tensors


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:  # some file systems know no fsync of a folder
        pass
    finally:
        os.close(descriptor)
