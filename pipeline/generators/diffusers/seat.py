"""Which of several devices a process works on: each is taken by one process at a time."""

import functools
import os
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.generators.base import GenerationError
from schemas.ids import sha256_hex

WAIT_S = 120.0
_held: dict[str, FileLock] = {}  # by device; the system lets go of it when the process ends


def seat(devices: list[str]) -> str:
    """A device of the list that is this process's alone; of a single one nothing is asked.

    Raises :class:`GenerationError` where all stay taken for ``WAIT_S`` seconds.
    """
    if len(devices) == 1:
        return devices[0]
    if held := [device for device in devices if device in _held]:
        return held[0]
    until = time.monotonic() + WAIT_S
    while True:
        for device in devices:
            if _taken(device):
                return device
        if time.monotonic() > until:
            raise GenerationError(
                f"device: other processes hold all of {', '.join(devices)}; name devices that are free"
            )
        time.sleep(0.2)


def _taken(device: str) -> bool:
    lock = FileLock(_folder() / f"{device.replace(':', '-')}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    _held[device] = lock
    return True


@functools.cache
def _folder() -> Path:
    """One for each user and set of GPUs that CUDA shows: it counts what it shows from 0."""
    shown = sha256_hex(os.environ.get("CUDA_VISIBLE_DEVICES", "").encode())[:8]
    user = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"videoprefer-devices-{user}-{shown}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
