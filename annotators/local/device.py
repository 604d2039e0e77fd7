"""Where a model runs."""

import gc
import re

import torch

_NAMED = re.compile(r"cpu\Z|mps\Z|cuda(:\d+)?\Z")


def fault_of(device: str) -> str | None:
    """Why a device cannot be used on this machine; None: it can."""
    if device == "auto":
        return None
    if not _NAMED.match(device):
        return f"device {device!r}: write auto, cpu, mps, cuda or cuda:N"
    if device.startswith("cuda"):
        return _cuda_fault(device)
    if device == "mps" and not torch.backends.mps.is_available():
        return "device 'mps': this is no Mac with such a GPU; set device: auto"
    return None


def _cuda_fault(device: str) -> str | None:
    n = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if n == 0:
        return (
            f"device {device!r}: torch {torch.__version__} finds no CUDA GPU here; set device: auto, "
            "or install a torch with CUDA on a machine that has one"
        )
    number = int(device.partition(":")[2] or 0)
    return None if number < n else f"device {device!r}: there are {n} GPUs, counted from 0"


def chosen(device: str) -> torch.device:
    """The device that a word of the configuration stands for; ``auto``: a GPU if there is one."""
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(device)


def release() -> None:
    """Give a GPU's memory back that nothing uses any more; on a CPU it goes back by itself."""
    if torch.cuda.is_available():
        gc.collect()
        torch.cuda.empty_cache()
