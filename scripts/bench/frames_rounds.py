"""The contestants in turns over the same clips, and what came of it."""

import dataclasses
import resource
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

from frames_clips import Coded, number_in
from frames_contestants import CONTESTANTS, COUNT, RIVALS, NotInstalled, empty_store
from rich import box
from rich.markup import escape
from rich.table import Table

from pipeline.media.timeline import uniform

COLUMNS = (
    "contestant", "clips/s", "of fastest", "clips/CPU s", "of fastest", "wrong", "missing",
)  # fmt: skip


@dataclasses.dataclass(slots=True, kw_only=True)
class Result:
    """One contestant on one class of clips: seconds per clip and round, frames that were wrong."""

    name: str
    n_clips: int
    wall_s: list[float] = dataclasses.field(default_factory=list)
    cpu_s: list[float] = dataclasses.field(default_factory=list)
    wrong: int | None = None  # frames whose number is another; None where clips carry none
    missing: int = 0  # frames that were asked for and not given
    why_not: str = ""

    @property
    def clips_per_s(self) -> float:
        """By the clock."""
        return self.n_clips / statistics.median(self.wall_s)

    @property
    def clips_per_cpu_s(self) -> float:
        """By processor time, own and of child processes: what others do at the same time matters less."""
        return self.n_clips / statistics.median(self.cpu_s)


def cpu_s() -> float:
    """Processor seconds so far of this process and of its children that have ended."""
    return sum(
        used.ru_utime + used.ru_stime
        for used in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def compete(clips: Sequence[Coded], names: Sequence[str], rounds: int) -> list[Result]:
    """Every contestant over all clips, ``rounds`` times, each time beginning with another one.

    One pass before that is not timed: it warms the file cache and counts wrong frames.
    """
    results = [_checked(name, clips) for name in names]
    able = [result for result in results if not result.why_not]
    for turn in range(rounds):
        for result in able[turn % len(able) :] + able[: turn % len(able)]:
            work = CONTESTANTS[result.name]
            empty_store()
            wall, cpu = time.perf_counter(), cpu_s()
            for clip in clips:
                work(clip)
            result.wall_s.append(time.perf_counter() - wall)
            result.cpu_s.append(cpu_s() - cpu)
    return results


def _checked(name: str, clips: Sequence[Coded]) -> Result:
    result = Result(name=name, n_clips=len(clips))
    try:
        for clip in clips:
            _check(result, CONTESTANTS[name], clip)
    except NotInstalled as error:
        result.why_not = str(error)
    except Exception as error:  # whatever a library raises on what it cannot read
        last = (str(error).strip().splitlines() or [""])[-1]
        result.why_not = f"cannot read them: {type(error).__name__}: {last[-120:]}"
    return result


def _check(result: Result, work: Callable[[Coded], list[bytes]], clip: Coded) -> None:
    wanted, jpegs = uniform(clip.frames, COUNT), work(clip)
    result.missing += max(0, len(wanted) - len(jpegs))
    if clip.coded:
        pairs = zip(wanted, jpegs, strict=False)
        result.wrong = (result.wrong or 0) + sum(i != number_in(jpeg) for i, jpeg in pairs)


def fastest(results: Sequence[Result]) -> Result | None:
    """The fastest of those whom ours is held against, by processor time."""
    rivals = [r for r in results if r.name in RIVALS and not r.why_not]
    return max(rivals, key=lambda result: result.clips_per_cpu_s, default=None)


def table(title: str, results: Sequence[Result]) -> Table:
    """A class of clips on the terminal."""
    shown = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", caption_justify="left")
    for column in COLUMNS:
        shown.add_column(column, justify="left" if column == "contestant" else "right")
    best = fastest(results)
    for one in results:
        if one.why_not or best is None:
            continue
        shown.add_row(
            one.name,
            f"{one.clips_per_s:.2f}",
            f"{one.clips_per_s / best.clips_per_s:.2f}",
            f"{one.clips_per_cpu_s:.2f}",
            f"{one.clips_per_cpu_s / best.clips_per_cpu_s:.2f}",
            "-" if one.wrong is None else str(one.wrong),
            str(one.missing),
        )
    missing = "\n".join(f"{one.name}: {one.why_not}" for one in results if one.why_not)
    shown.caption = escape(missing)
    return shown


def rows(kind: str, results: Sequence[Result]) -> list[dict[str, Any]]:
    """The same for programs."""
    return [
        {
            "class": kind,
            "contestant": one.name,
            "clips": one.n_clips,
            "clips_per_s": None if one.why_not else one.clips_per_s,
            "clips_per_cpu_s": None if one.why_not else one.clips_per_cpu_s,
            "wrong_frames": one.wrong,
            "missing_frames": one.missing,
            "why_not": one.why_not or None,
        }
        for one in results
    ]
