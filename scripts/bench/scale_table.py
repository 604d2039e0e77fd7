"""What was measured, as numbers per item, ratios, and tables."""

import dataclasses
import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from scale_watch import Watched

MIB = 2**20
MOST_MS, MOST_RATIO, LEAST_OF_TWO = 2.0, 1.1, 0.95  # the goals
CLOSE = (
    "Of the two ratios that of processor times is the one to look at where the machine has other work; "
    f"the goal is {LEAST_OF_TWO} of what two runs on half the work each reach."
)
STAGES = ("plan", "open", "collect", "check", "annotate", "assemble")


@dataclasses.dataclass(frozen=True)
class Run:
    """A run that was watched, and what it says of itself."""

    watched: Watched
    said: dict[str, Any]

    @property
    def items(self) -> int:
        """Its clips."""
        return int(self.said["items"])

    @property
    def span(self) -> tuple[float, float]:
        """From the plan to the last table: without the start of Python, and without the report."""
        own = [phase for phase in self.said["phases"] if phase[0] in STAGES]
        return own[0][1], own[-1][2]

    @property
    def wall_s(self) -> float:
        """Of that."""
        start, end = self.span
        return end - start

    @property
    def cpu_s(self) -> float:
        """Of all processes in that time."""
        return self.watched.cpu_s(*self.span)

    def stage_ms(self, name: str) -> float:
        """Processor time of a stage per item."""
        return 1000 * self._stage_s(name) / self.items

    def _stage_s(self, name: str) -> float:
        return sum(self.watched.cpu_s(s, e) for n, s, e in self.said["phases"] if n == name)

    def numbers(self) -> dict[str, float]:
        """Everything that is told of a run."""
        said, n = self.said, self.items
        rows = said["rows"]["annotations"] + said["rows"]["comparisons"]
        return {
            "items": n,
            "items_per_s": n / self.wall_s,
            "wall_s": self.wall_s,
            "cpu_s": self.cpu_s,
            "children_cpu_s": self.watched.children_cpu_s(*self.span),
            "children_ms_per_item": 1000 * self.watched.children_cpu_s(*self.span) / n,
            "start_cpu_s": self.watched.cpu_s(0, self.span[0]),
            "ms_per_item": 1000 * self.cpu_s / n,
            "ms_per_row": 1000 * self.cpu_s / max(rows, 1),
            "report_ms_per_item": self.stage_ms("finish"),
            **{f"{name}_ms_per_item": self.stage_ms(name) for name in STAGES},
            "peak_mib": self.watched.peak("main_bytes", 0, self.span[1]) / MIB,
            "all_peak_mib": self.watched.peak("all_bytes", 0, self.span[1]) / MIB,
            "maxrss_mib": said["own_maxrss_bytes"] / MIB,
            "report_peak_mib": self.watched.peak("main_bytes", self.span[1]) / MIB,
            "shuffled_bytes_per_item": said["shuffled"] / n,
            "listed_bytes_per_item": said["listed"] / n,
            "table_bytes_per_item": said["table_bytes"] / n,
            "waves": said["waves"],
            "files": said["files"],
        }


def median(runs: Sequence[Run], name: str) -> float:
    """Of a number over rounds."""
    return statistics.median(run.numbers()[name] for run in runs)


ROWS = {
    "items per second": ("items_per_s", ",.0f"),
    "CPU ms/item": ("ms_per_item", ".2f"),
    "  of a row of annotations": ("ms_per_row", ".2f"),
    "  collect": ("collect_ms_per_item", ".2f"),
    "  check": ("check_ms_per_item", ".2f"),
    "  annotate": ("annotate_ms_per_item", ".2f"),
    "  assemble": ("assemble_ms_per_item", ".2f"),
    "  in child processes": ("children_ms_per_item", ".2f"),
    "report, CPU ms/item": ("report_ms_per_item", ".2f"),
    "start, CPU s": ("start_cpu_s", ".1f"),
    "peak MiB of the first process": ("peak_mib", ",.0f"),
    "  of all processes": ("all_peak_mib", ",.0f"),
    "  in the report": ("report_peak_mib", ",.0f"),
    "  maxrss": ("maxrss_mib", ",.0f"),
    "shuffled bytes/item": ("shuffled_bytes_per_item", ",.0f"),
    "listed bytes/item": ("listed_bytes_per_item", ",.0f"),
    "tables, bytes/item": ("table_bytes_per_item", ",.0f"),
    "waves": ("waves", ".0f"),
    "files": ("files", ",.0f"),
}


def table(sizes: Mapping[int, Sequence[Run]]) -> Table:
    """A column per size."""
    shown = Table()
    shown.add_column("items")
    for size in sizes:
        shown.add_column(f"{size:,}", justify="right")
    for name, (key, form) in ROWS.items():
        shown.add_row(name, *(format(median(runs, key), form) for runs in sizes.values()))
    return shown


def ratios(sizes: Mapping[int, Sequence[Run]]) -> Iterator[str]:
    """Whether time is linear and memory flat, from each size to the next, and the goal of a single item."""
    ordered = sorted(sizes)
    for small, large in itertools.pairwise(ordered):
        one, other = sizes[small], sizes[large]
        grown = median(other, "ms_per_item") / median(one, "ms_per_item")
        more = (median(other, "peak_mib") - median(one, "peak_mib")) / (large - small) * 10_000
        report = median(one, "report_ms_per_item")
        told = (
            f", the report {median(other, 'report_ms_per_item') / report:.2f}" if report > 0 else ""
        )
        yield (
            f"{small:,} -> {large:,}: an item costs {grown:.2f} of what it did (at most {MOST_RATIO}){told}; "
            f"every 10,000 more take {more:.1f} MiB"
        )
    least = median(sizes[ordered[-1]], "ms_per_item")
    yield f"an item of {ordered[-1]:,} costs {least:.2f} ms of CPU (at most {MOST_MS:g})"


def pair_table(pairs: Sequence[Mapping[str, Sequence[Run]]], items: int, decode_ms: float) -> Table:
    """Two processes beside two runs, medians over rounds."""
    shown = Table(title=f"{items:,} clips, {decode_ms:g} ms of work each", title_justify="left")
    for name in ("", "wall s", "CPU s", "of two runs: wall", "CPU"):
        shown.add_column(name, justify="left" if not name else "right")
    for name in pairs[0]:
        walls = [_wall_s(pair[name]) for pair in pairs]
        cpus = [_cpu_s(pair[name]) for pair in pairs]
        of_wall = [_wall_s(next(iter(pair.values()))) / _wall_s(pair[name]) for pair in pairs]
        of_cpu = [_cpu_s(next(iter(pair.values()))) / _cpu_s(pair[name]) for pair in pairs]
        figures = [walls, cpus, of_wall, of_cpu]
        forms = (".1f", ".1f", ".2f", ".2f")
        shown.add_row(name, *(format(statistics.median(f), g) for f, g in zip(figures, forms)))
    return shown


def _wall_s(runs: Sequence[Run]) -> float:
    return max(run.span[1] for run in runs) - min(run.span[0] for run in runs)


def _cpu_s(runs: Sequence[Run]) -> float:
    return sum(run.cpu_s for run in runs)
