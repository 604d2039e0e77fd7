"""Our child processes against independent ones, and the memory of a child over many clips."""

import dataclasses
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from frames_clips import Coded
from frames_contestants import ours

from pipeline.media.guard import limit_child
from pipeline.media.options import FramesOptions
from pipeline.transforms.child import Done
from pipeline.transforms.children import Children

TIMEOUT_S = 60.0
SLACK_MB = 8.0  # what may come and go between two readings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident megabytes of a child, read a hundred times on its way."""

    mb: list[float]

    @property
    def start_mb(self) -> float:
        """When it has seen each class of clip a few times."""
        return self.mb[len(self.mb) // 20]

    @property
    def middle_mb(self) -> float:
        """Halfway."""
        return self.mb[len(self.mb) // 2]

    @property
    def end_mb(self) -> float:
        """At the end."""
        return self.mb[-1]

    @property
    def flat(self) -> bool:
        """Whether it has not grown."""
        return self.end_mb <= self.start_mb + SLACK_MB


def memory_of(clips: Sequence[Coded], opens: int) -> Memory:
    """One child decodes and encodes the clips in turn, ``opens`` in all."""
    every = max(1, opens // 100)
    tasks = [(clips[i % len(clips)], i % every == 0 or i == opens - 1) for i in range(opens)]
    children = _children(_resident_mb, 1)
    try:
        done = _finish(children, tasks)
    finally:
        children.stop()
    return Memory(mb=[one.result for one in done if one.result])


def pooled(clips: Sequence[Coded], workers: int, elements: int, repeats: int) -> dict[str, float]:
    """The pool and as many independent processes in turns, over the same elements; medians."""
    tasks = [clips[i % len(clips)] for i in range(elements)]
    pool, alone = [], []
    for _ in range(repeats):
        pool.append(_by_pool(tasks, workers))
        alone.append(_by_processes(tasks, workers))
    (pool_s, pool_cpu), (alone_s, alone_cpu) = (
        [statistics.median(numbers) for numbers in zip(*runs, strict=True)]
        for runs in (pool, alone)
    )
    return {
        "elements": elements,
        "clips_per_s": elements / pool_s,
        "independent_clips_per_s": elements / alone_s,
        "of_independent": alone_s / pool_s,
        "of_independent_cpu": alone_cpu / pool_cpu,
    }


def _by_pool(tasks: Sequence[Coded], workers: int) -> tuple[float, float]:
    """Seconds by the clock and of processor time, the parent's included."""
    children = _children(_cpu_s, workers)
    try:
        _finish(children, [tasks[0]] * 4 * workers)  # so that all have started
        wall, cpu = time.perf_counter(), time.process_time()
        done = _finish(children, tasks)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    finally:
        children.stop()
    return wall, cpu + sum(one.result for one in done)


def _by_processes(tasks: Sequence[Coded], workers: int) -> tuple[float, float]:
    """The same work in a plain loop per process, each with its share of the tasks."""
    command = [sys.executable, str(Path(__file__).resolve())]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for i, process in enumerate(processes):
        assert process.stdin is not None
        process.stdin.write("\n".join(clip.path for clip in tasks[i::workers]) + "\n\n")
        process.stdin.flush()
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()  # it is ready
    wall = time.perf_counter()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    cpu = sum(float(process.communicate()[0]) for process in processes)
    return time.perf_counter() - wall, cpu


def _children(work: Callable[[Any], Any], processes: int) -> Children:
    return Children(work, processes=processes, timeout_s=TIMEOUT_S, initializer=_limited)


def _limited() -> None:
    limit_child(FramesOptions())


def _finish(children: Children, tasks: Sequence[object]) -> list[Done]:
    done: list[Done] = []
    for task in tasks:
        children.add(task)
        while children.full:
            done += children.wait()
    while children.busy:
        done += children.wait()
    if bad := next((one for one in done if one.result is None), None):
        raise SystemExit(f"{bad.task}: {bad}")
    return done


def _cpu_s(clip: Coded) -> float:
    start = time.process_time()
    ours(clip)
    return time.process_time() - start


def _resident_mb(task: tuple[Coded, bool]) -> float:
    """Resident memory in MB after the clip, 0 where nobody asks."""
    clip, asked = task
    ours(clip)
    if not asked:
        return 0.0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def _plain_loop() -> None:
    """An independent process: paths on standard input, then a word to begin."""
    paths = list(iter(lambda: sys.stdin.readline().strip(), ""))
    ours(Coded(path=paths[0], frames=0))
    print("ready", flush=True)
    sys.stdin.readline()
    start = time.process_time()
    for path in paths:
        ours(Coded(path=path, frames=0))
    print(time.process_time() - start, flush=True)


if __name__ == "__main__":
    _plain_loop()
