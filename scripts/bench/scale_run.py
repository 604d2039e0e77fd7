"""One run of `scale.py`, in a process of its own: everything that the command `run` does, but with stubs.

Prints one line of JSON: when each stage began and ended, the bytes that went from one stage of Beam to the
next, rows, and the ends of files.
"""

import argparse
import functools
import json
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CLIPS_PER_PROMPT = 4
VOCABULARY = 5_000
WORDS_PER_PROMPT = 14


def arguments() -> argparse.Namespace:
    """What `scale.py` says; whatever else there is goes to Beam."""
    parser = argparse.ArgumentParser(allow_abbrev=False)
    add = parser.add_argument
    add("--items", type=int, required=True)
    add("--out", type=Path, required=True)
    add("--seed", type=int, default=0)
    add("--processes", type=int)
    add("--wave", type=int)
    add("--decode-ms", type=float, default=0.0)
    add("--report", action="store_true")
    add("--profile", type=Path)
    given, given.flags = parser.parse_known_args()
    return given


# the plan


def manifest(folder: Path, items: int, seed: int) -> Path:
    """A table of so many clips, four to a prompt; all of them name one small file."""
    folder.mkdir(parents=True)
    (folder / "clip.mp4").write_bytes(b"\0" * 64)
    path, draw = folder / "clips.jsonl", random.Random(seed)
    words = [f"w{n:04d}" for n in range(VOCABULARY)]
    shares = [1 / (n + 10) for n in range(VOCABULARY)]  # few words often, most of them rarely
    with path.open("w") as file:
        for number in range(-(-items // CLIPS_PER_PROMPT)):
            text = " ".join(draw.choices(words, shares, k=WORDS_PER_PROMPT))
            for clip in range(min(CLIPS_PER_PROMPT, items - number * CLIPS_PER_PROMPT)):
                row = {"prompt": text, "generator": f"generator-{clip}", "video": "clip.mp4"}
                file.write(json.dumps(row) + "\n")
    return path


def configuration(given: argparse.Namespace, listed: Path) -> dict[str, Any]:
    """As a recipe would say it; the judge is put in the place of the one named here."""
    more: dict[str, Any] = {"concurrency": {"processes": given.processes}}
    if given.wave:
        more["wave_size"] = given.wave
    return {
        "sources": [{"kind": "manifest", "path": str(listed), "keep": "reference"}],
        "annotators": [{"kind": "signal"}],
        "report": {"prompts": 0, "previews": False},
        **more,
    }


# what is watched


class Phases:
    """When which stage of the run began and ended."""

    def __init__(self) -> None:
        self.found: list[tuple[str, float, float]] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        """One of them."""
        start = time.time()
        try:
            yield
        finally:
            self.found.append((name, start, time.time()))

    def wrap(self, module: Any, name: str) -> None:
        """Have a function of a module watched."""
        function: Callable[..., Any] = getattr(module, name)

        @functools.wraps(function)
        def watched(*args: Any, **more: Any) -> Any:
            with self.of(name):
                return function(*args, **more)

        setattr(module, name, watched)


def count_bytes() -> dict[str, int]:
    """Encoded bytes at the boundaries of Beam's stages in this process: what is grouped by a key (GroupByKey
    and Reshuffle), and what is handed on as a list (Create)."""
    from apache_beam.runners.portability.fn_api_runner import execution

    seen = {"shuffled": 0, "listed": 0}
    for kind, buffer in (("shuffled", execution.GroupingBuffer), ("listed", execution.ListBuffer)):
        _count(buffer, kind, seen)
    return seen


def _count(buffer: Any, kind: str, seen: dict[str, int]) -> None:
    append = buffer.append

    def counted(self: Any, data: bytes) -> None:
        seen[kind] += len(data)
        append(self, data)

    buffer.append = counted


# the run


def main() -> None:
    """Arguments as `arguments` has them."""
    given, phases = arguments(), Phases()
    listed = manifest(given.out.with_name(given.out.name + "-manifest"), given.items, given.seed)
    profile = None
    if given.profile:
        import cProfile

        profile = cProfile.Profile()
        profile.enable()
    job, finish = opened(given, listed, phases)
    seen = count_bytes()
    made = job.run()
    if given.report:
        with phases.of("finish"):
            finish(job, made)
    if profile:
        profile.disable()
        profile.dump_stats(given.profile)
    job.display.close()
    print(
        json.dumps({"items": given.items, "phases": phases.found, **seen, **rows_of(job), **used()})
    )


def opened(given: argparse.Namespace, listed: Path, phases: Phases) -> tuple[Any, Any]:
    """The run, planned, as `pipeline.command` opens it."""
    import dataclasses

    import scale_stubs
    from rich.console import Console

    import pipeline.final
    import pipeline.job
    from annotators.base import AnnotatorSpec
    from pipeline import graph
    from pipeline.command import layout_of, quiet_beam
    from pipeline.config import Config
    from pipeline.display import Display
    from pipeline.plan import make_plan
    from pipeline.state import claim
    from pipeline.transforms.engine import Engine

    quiet_beam()
    for name in ("collect", "check", "annotate", "assemble"):
        phases.wrap(pipeline.job, name)
    for name in ("write_report", "write_judges", "describe"):
        phases.wrap(pipeline.final, name)
    graph.obtain_clip = scale_stubs.obtain
    graph.take_frames = functools.partial(scale_stubs.take, decode_ms=given.decode_ms)
    config = Config.model_validate(configuration(given, listed))
    layout = layout_of(given.out)
    with phases.of("plan"):
        plan = make_plan(config)
    judges: tuple[AnnotatorSpec, ...] = (scale_stubs.StubSpec(),)
    plan = dataclasses.replace(plan, annotators=judges)
    assert len(plan.clips) == given.items
    layout.work.mkdir(parents=True)
    scale_stubs.put_frames(layout)
    claim(layout, config, "scale", rebuild=False)
    display = Display(Console(stderr=True, quiet=True))
    with phases.of("open"):
        job = pipeline.job.Job(config, plan, layout, Engine(given.flags), display, "scale")
    return job, pipeline.final.finish


def rows_of(job: Any) -> dict[str, Any]:
    """What there is on disk in the end."""
    from pipeline.final import table_counts

    files = [path.stat() for path in job.layout.root.rglob("*") if path.is_file()]
    tables = [path.stat() for path in (job.layout.root / "tables").rglob("*.parquet")]
    return {
        "rows": table_counts(job.layout),
        "files": len(files),
        "table_bytes": sum(stat.st_size for stat in tables),
        "waves": len(job.waves),
    }


def used() -> dict[str, float]:
    """By this process alone."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    return {"own_cpu_s": own.ru_utime + own.ru_stime, "own_maxrss_bytes": own.ru_maxrss * 1024}


if __name__ == "__main__":
    sys.exit(main())
