"""What came out of a case, as a table for people and as rows for programs."""

import dataclasses
import statistics
from typing import Any

from judging_run import Run
from rich import box
from rich.table import Table

COLUMNS = (
    "contestant", "n", "calls/s", "of limit", "whole run", "CPU ms/call", "of bare's", "peak MiB",
    "in flight", "kB/call",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One latency, so many draws of each clip, and what came of it."""

    latency_s: float
    draws: int
    concurrency: int
    runs: list[Run] = dataclasses.field(default_factory=list)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)  # contestant -> why

    def median(self, name: str, field: str) -> float:
        """A number of a contestant that was measured."""
        return statistics.median(getattr(one, field) for one in self.runs if one.contestant == name)

    @property
    def limit(self) -> float:
        """Calls per second: what the latency allows, or the bare client where that is less."""
        return min(self.concurrency / self.latency_s, self.median("bare", "calls_per_s"))

    def rows(self) -> list[dict[str, Any]]:
        """One row per contestant that was measured, medians, ratios named by what they divide."""
        return [self._row(name) for name in dict.fromkeys(one.contestant for one in self.runs)]

    def _row(self, name: str) -> dict[str, Any]:
        runs = [one for one in self.runs if one.contestant == name]
        numbers = {
            field: self.median(name, field)
            for field in (
                "calls_per_s", "whole_run_calls_per_s", "cpu_ms_per_call", "peak_mib",
                "most_at_once", "kb_per_request", "server_cpu_ms_per_call",
            )
        }  # fmt: skip
        return {
            "latency_s": self.latency_s,
            "draws": self.draws,
            "contestant": name,
            "n": len(runs),
            **numbers,
            "limit_calls_per_s": self.limit,
            "calls_per_s_over_limit": numbers["calls_per_s"] / self.limit,
            "cpu_over_bare": numbers["cpu_ms_per_call"] / self.median("bare", "cpu_ms_per_call"),
            "versions": runs[0].versions,
        }


def table(case: Case) -> Table:
    """A case on the terminal."""
    calls = case.runs[0].calls if case.runs else 0
    found = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=f"Reply after {case.latency_s:g} s, {case.draws} draw(s) of each clip, {calls} calls. "
        f"Limit {case.limit:.1f} calls/s = min({case.concurrency} / {case.latency_s:g} s, bare)",
        title_justify="left",
    )
    for name in COLUMNS:
        found.add_column(name, justify="left" if name == "contestant" else "right", no_wrap=True)
    for row in case.rows():
        found.add_row(
            row["contestant"],
            str(row["n"]),
            f"{row['calls_per_s']:.1f}",
            f"{row['calls_per_s_over_limit']:.2f}",
            f"{row['whole_run_calls_per_s']:.1f}",
            f"{row['cpu_ms_per_call']:.2f}",
            f"{row['cpu_over_bare']:.2f}",
            f"{row['peak_mib']:.0f}",
            f"{row['most_at_once']:.0f}",
            f"{row['kb_per_request']:.0f}",
        )
    found.caption = "\n".join(f"{name}: {why}" for name, why in case.missing.items())
    found.caption_justify = "left"
    return found
