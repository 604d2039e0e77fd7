"""Where training runs and in which precision; one torch device per process."""

import dataclasses
import os
import shutil

import torch
from torch import Tensor, nn

from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.distributed import World
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """A device, and the type that the towers and the head calculate in. Weights, readout and loss are
    float32 in any case."""

    device: torch.device
    dtype: torch.dtype  # float32 or bfloat16

    def autocast(self) -> torch.autocast:
        """The context that a forward pass runs in."""
        low = self.dtype != torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype, enabled=low)

    def ready(self, clips: Tensor) -> Tensor:
        """Clips as :class:`Clips` gives them (uint8 pixels, or features), as the model takes them."""
        moved = clips.to(self.device, non_blocking=True)
        return moved.float() / 255 if moved.dtype == torch.uint8 else moved.float()


def compute_of(options: VideoRMOptions, world: World) -> Compute:
    """Device and precision that the options ask for. Raises :class:`SetupError` where there is none.

    On a GPU torch is asked for deterministic kernels; where an operation has none it warns and goes
    on, so two runs on a GPU may differ in the last digits. On a CPU they do not.
    """
    torch.set_num_threads(options.threads)
    device = device_of(options.device, world)
    if device.type == "cuda":
        torch.cuda.set_device(device)
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS is not repeatable
        torch.use_deterministic_algorithms(True, warn_only=True)
    wanted = options.training.precision
    has_bf16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    low = wanted == "bf16" or (wanted == "auto" and has_bf16)
    return Compute(device=device, dtype=torch.bfloat16 if low else torch.float32)


def device_of(name: str, world: World) -> torch.device:
    """``auto``: this process's GPU where there are GPUs, else the CPU; other names are torch's."""
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built with CUDA
        why = (str(error).splitlines() or ["unknown"])[0]
        raise SetupError(
            f"videorm.device: no device {name!r} here ({why}); name cpu, cuda or cuda:N, or leave it "
            "at auto"
        ) from error
    if device.type != "cuda":
        return device
    if world.size > 1 and device.index is not None:
        raise SetupError(
            f"videorm.device: {name}, but {world.size} processes train together; leave it at auto, "
            "each takes the GPU of its LOCAL_RANK"
        )
    index = world.local_rank if world.size > 1 else torch.cuda.current_device()
    return torch.device("cuda", index if device.index is None else device.index)


def compile_blocks(model: VideoRM, options: VideoRMOptions, compute: Compute) -> int:
    """Compile what learns in the image tower's blocks, where the options ask for it; how many blocks.

    ``auto`` compiles where a pretrained trunk trains on CUDA: frozen blocks are passed once, and tiny
    towers are done before a compiler is. Names of weights stay as they are.
    """
    mode = options.training.compile
    trained = [b for b in model.trunk.blocks if any(p.requires_grad for p in b.parameters())]
    pretrained = options.trunk is not None and compute.device.type == "cuda"
    if mode == "never" or (mode == "auto" and not pretrained):
        return 0
    if compute.device.type == "cpu" and not _cpu_compiler():
        raise SetupError(
            "videorm.training.compile: always, but no C++ compiler (CXX, g++ or clang++) is here, which "
            "torch.compile needs on a CPU; install one or set it to never"
        )
    for block in trained:
        parts: tuple[nn.Module, ...] = (block.self_attn, block.mlp)
        for part in parts:  # Trunk walks through a block itself, so its halves are compiled
            part.compile()
    return len(trained)


def _cpu_compiler() -> str | None:
    return next(
        filter(None, map(shutil.which, (os.environ.get("CXX", ""), "g++", "clang++"))), None
    )


def set_training(model: VideoRM) -> None:
    """Training mode for what learns; frozen parts stay in evaluation mode, without dropout."""
    model.train()
    for module in model.trunk.modules():
        parameters = list(module.parameters())
        if parameters and not any(p.requires_grad for p in parameters):
            module.eval()
