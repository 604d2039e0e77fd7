"""What a person sees while a run works: one line per stage, and a summary at the end."""

import sys
import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from annotators.ledger import Spent
from pipeline.progress import Counts

LINE_EVERY_S = 10.0  # where the output is no terminal


class Display:
    """Live bars on a terminal, a line every ten seconds elsewhere (logs, CI)."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._live = self.console.is_terminal
        self._bars = Progress(
            TextColumn("{task.description:<16}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
            console=self.console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._owed: dict[str, int] = {}
        self._started: dict[str, tuple[float, int]] = {}
        self._next_line = 0.0
        self._arms: dict[str, Counts] = {}
        self._spent: dict[str, Spent] = {}

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, markup=False)

    def expect(self, owed: Mapping[str, int]) -> None:
        """Name the stages to come and how many items each owes."""
        self._owed.update(owed)

    def show(self, counts: Mapping[str, Counts], spent: Mapping[str, Spent] | None = None) -> None:
        """Draw the state of every stage that has begun, and what it spent."""
        now = time.monotonic()
        self._spent = dict(spent or {})
        rows = {stage: c for stage, c in counts.items() if stage in self._owed}
        if self._live:
            self._draw(rows, now)
        elif now >= self._next_line:
            self._next_line = now + LINE_EVERY_S
            for stage, c in rows.items():
                if c.finished < self._owed[stage]:
                    self.say(self._line(stage, c, now))

    def training(self, event: Mapping[str, Any]) -> None:
        """Draw one step of a training arm: {arm, step, steps}."""
        self.expect({event["arm"]: event["steps"]})
        self._arms[event["arm"]] = Counts(done=event["step"])
        self.show(self._arms)

    def close(self) -> None:
        """Leave the bars as they stand."""
        if self._live:
            self._bars.stop()
        sys.stderr.flush()

    def _draw(self, rows: Mapping[str, Counts], now: float) -> None:
        if rows and not self._bars.live.is_started:
            self._bars.start()
        for stage, c in rows.items():
            if stage not in self._tasks:
                self._tasks[stage] = self._bars.add_task(
                    stage, total=self._owed[stage], rate="", note=""
                )
            self._bars.update(
                self._tasks[stage],
                completed=c.finished,
                rate=self._rate(stage, c, now),
                note=note(c, self._spent.get(stage)),
            )

    def _line(self, stage: str, c: Counts, now: float) -> str:
        finished, owed = c.finished, self._owed[stage]
        said = note(c, self._spent.get(stage))
        return f"  {stage}: {finished} of {owed}  {self._rate(stage, c, now)}  {said}".rstrip()

    def _rate(self, stage: str, c: Counts, now: float) -> str:
        start, before = self._started.setdefault(stage, (now, c.finished))
        if now - start < 1:
            return ""
        rate = (c.finished - before) / (now - start)
        if rate <= 0:
            return ""
        left = (self._owed[stage] - c.done - c.failed) / rate
        return f"{rate:.1f}/s" + ("" if self._live else f", {left:.0f} s left")


def note(c: Counts, spent: Spent | None = None) -> str:
    """Failures and spend, where there are any."""
    said = []
    if c.failed:
        said.append(f"{c.failed} failed")
    if c.skipped:
        said.append(f"{c.skipped} not applicable")
    if spent and spent.requests:
        unknown = f" + {spent.unpriced} unpriced" if spent.unpriced else ""
        tokens = spent.input_tokens + spent.output_tokens
        said.append(f"{spent.requests} requests, {tokens:,} tokens, ${spent.usd:.4f}{unknown}")
    return ", ".join(said)
