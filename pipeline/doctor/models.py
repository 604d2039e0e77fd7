"""What runs models here: torch's build, torchvision beside it, the graphics card."""

import importlib
import importlib.metadata
import importlib.util
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding, fail, ok, warn

GIB = 2**30
LARGE = ("transformers", "diffusers")  # kinds whose models want a GPU
CUDA_PAGE = "https://pytorch.org/get-started/locally"


def models(asked: Asked) -> list[Finding]:
    """In a child: a broken build may crash, and importing takes a second or two."""
    return in_child(
        "torch",
        __name__,
        "look",
        _runs_models(asked),
        todo="pip install --force-reinstall 'torch>=2.6,<2.14' transformers",
    )


def _runs_models(asked: Asked) -> bool:
    if asked.config is None:
        return False
    pool = asked.config.generators.pool if asked.config.generators else ()
    kinds = {spec.kind for spec in (*asked.config.annotators, *pool)}
    return bool(kinds.intersection(LARGE))


def look(runs_models: bool) -> Iterator[Finding]:
    """Torch, torchvision and card, as this process sees them."""
    torch: Any = importlib.import_module("torch")
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "processor alone"
    yield ok("torch", f"{torch.__version__}, built for {build}")
    yield from torchvision(torch.__version__)
    yield gpu(torch, runs_models)


def torchvision(torch_version: str) -> Iterator[Finding]:
    """One that was built for another torch keeps transformers from being imported; none is needed."""
    if importlib.util.find_spec("torchvision") is None:
        return
    found = importlib.metadata.version("torchvision")
    try:
        importlib.import_module("torchvision")
    except Exception as error:  # whatever its native part says
        yield fail(
            "torchvision",
            f"{found} does not fit torch {torch_version}, and transformers fails with it ({error})",
            "pip uninstall torchvision: nothing here needs it",
        )
    else:
        yield ok("torchvision", f"{found}, which fits torch; nothing here needs it")


def gpu(torch: Any, runs_models: bool) -> Finding:
    """The card that torch sees, or why it sees none where the machine has one."""
    if torch.cuda.is_available():
        return ok("gpu", "; ".join(_card(torch, n) for n in range(torch.cuda.device_count())))
    if card := _by_driver():
        if torch.version.cuda is None:
            why, todo = "this torch is built without CUDA", f"install one with it ({CUDA_PAGE})"
        else:
            why = f"torch built for CUDA {torch.version.cuda} does not see it"
            todo = f"update the driver, or install a torch for its CUDA ({CUDA_PAGE})"
        return warn("gpu", f"{card} is there, and {why}", todo)
    if torch.backends.mps.is_available():
        return ok("gpu", "Apple's (mps)")
    if runs_models:
        return warn(
            "gpu",
            "none, and the configuration runs large models here",
            "expect hours instead of minutes, or take a machine with a GPU",
        )
    return ok("gpu", "none, which nothing here needs")


def _card(torch: Any, number: int) -> str:
    free, total = torch.cuda.mem_get_info(number)
    driver = _by_driver("driver_version").partition("\n")[0] or "unknown"
    short = "bf16" if torch.cuda.is_bf16_supported() else "no bf16: set dtype: float16"
    return (
        f"{torch.cuda.get_device_name(number)}, {free / GIB:.0f} of {total / GIB:.0f} GiB free, "
        f"driver {driver}, {short}"
    )


def _by_driver(what: str = "name") -> str:
    """What the driver's own program says; empty where there is none."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    try:
        done = subprocess.run(
            [program, f"--query-gpu={what}", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
