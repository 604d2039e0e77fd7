"""Arms side by side: each in a child process of its own, so that each has its own thread of torch.

A child is ``python -m pipeline.videorm.training.child JOB ARM``, not a fork: the process that asks may hold
threads of an engine, and importing its main module again would cost seconds.
"""

import json
import os
import pickle
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.reporting import Progress
from pipeline.videorm.training.result import ArmResult
from schemas.options import SetupError

# glibc gives freed tensors back to the kernel and faults them in again at every step; keeping them
# saves about a fifth of the time (measured). Ignored by other C libraries.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(1 << 26),
}


def cores() -> int:
    """CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train_side_by_side(
    corpus: Corpus,
    options: VideoRMOptions,
    job: Path,
    output: Path,
    progress: Progress | None = None,
) -> dict[str, ArmResult]:
    """Train every arm of the options, as many at once as there are cores for.

    ``job`` is an empty folder for what passes between the processes, ``output`` where checkpoints and
    curves lie, as :func:`train_arm` says. Results do not depend on how many run at once.
    Raises SetupError where a child found one, RuntimeError where a child died.
    """
    with open(job / "corpus.pickle", "wb") as file:
        pickle.dump(corpus, file, protocol=pickle.HIGHEST_PROTOCOL)
    (job / "options.json").write_text(options.model_dump_json())
    at_once = max(1, cores() // options.threads)
    for start in range(0, len(options.arms), at_once):
        _run(options.arms[start : start + at_once], options, job, output, progress)
    return {arm: _result(job / arm) for arm in options.arms}


def _run(
    arms: Sequence[str],
    options: VideoRMOptions,
    job: Path,
    output: Path,
    progress: Progress | None,
) -> None:
    lines: queue.Queue[tuple[str, str | None]] = queue.Queue()
    with _children(arms, options, job, output) as children:
        for arm, child in children.items():
            threading.Thread(target=_listen, args=(arm, child, lines), daemon=True).start()
        running = set(arms)
        while running:
            arm, line = lines.get()
            if line is not None:
                if progress:
                    progress(json.loads(line))
                continue
            running.discard(arm)
            if children[arm].wait() != 0:
                raise _failure(arm, children[arm].returncode, job / arm)


@contextmanager
def _children(
    arms: Sequence[str], options: VideoRMOptions, job: Path, output: Path
) -> Iterator[dict[str, "subprocess.Popen[str]"]]:
    root = str(Path(__file__).resolve().parents[3])
    command = [sys.executable, "-m", "pipeline.videorm.training.child", str(job)]
    paths = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    threads = {"OMP_NUM_THREADS": str(options.threads), "MKL_NUM_THREADS": str(options.threads)}
    environment = {**os.environ, **KEEP_MEMORY, **threads, "PYTHONPATH": paths}
    children: dict[str, subprocess.Popen[str]] = {}
    try:
        for arm in arms:
            (job / arm).mkdir()
            with open(job / arm / "stderr.txt", "w") as errors:
                children[arm] = subprocess.Popen(
                    [*command, arm, str(output)],
                    stdin=subprocess.PIPE,  # closes when this process dies, and the child with it
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                    env=environment,
                )
        yield children
    finally:
        for child in children.values():
            child.kill()
            child.communicate()


def _listen(
    arm: str, child: "subprocess.Popen[str]", lines: "queue.Queue[tuple[str, str | None]]"
) -> None:
    assert child.stdout is not None
    for line in child.stdout:
        lines.put((arm, line))
    lines.put((arm, None))


def _failure(arm: str, code: int, folder: Path) -> Exception:
    setup = folder / "setup_error.txt"
    if setup.is_file():
        return SetupError(setup.read_text())
    tail = "\n".join((folder / "stderr.txt").read_text().splitlines()[-15:])
    return RuntimeError(f"training of {arm} ended with exit code {code}:\n{tail}")


def _result(folder: Path) -> ArmResult:
    return ArmResult(folder=folder, **json.loads((folder / "result.json").read_text()))
