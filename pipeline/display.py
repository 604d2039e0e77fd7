"""What a person sees while a run works: one line per stage, and a summary at the end."""

import logging
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

from annotators.log import say
from pipeline.progress import Counts, Spread

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
        self._next_line: dict[str, float] = {}  # of `show` and of every stage of a training

    def say(self, text: str) -> None:
        """A line that stays; the log has it, too."""
        say(logging.INFO, "said", text.strip())
        self._line_out(text)

    def _line_out(self, text: str) -> None:
        self.console.print(text, markup=False, emoji=False)  # text names judges: `a:five:`

    def expect(self, owed: Mapping[str, int]) -> None:
        """Name the stages to come and how many items each owes."""
        self._owed.update(owed)

    def show(self, counts: Mapping[str, Counts]) -> None:
        """Draw the state of every stage that has begun."""
        now = time.monotonic()
        rows = {stage: c for stage, c in counts.items() if stage in self._owed}
        if self._live:
            self._draw(rows, now)
        elif now >= self._next_line.get("", 0.0):
            self._next_line[""] = now + LINE_EVERY_S
            for stage, c in rows.items():
                if c.finished < self._owed[stage]:
                    self._line_out(self._line(stage, c, now))

    def training(self, event: Mapping[str, Any]) -> None:
        """Draw a row of a training: {arm, step, steps}, and of {stage, epoch, train_loss,
        train_accuracy, clips_per_s, prompts_per_s, seconds_left} what it has; a ``note`` is a line
        that stays."""
        if event.get("note"):
            self.say(f"  {event['arm']}: {event['note']}")
            return
        encodes = event.get("stage") == "encode"
        clips = encodes or event.get("stage") == "measure"  # what the steps are
        name = f"{event['arm']} encode" if encodes else str(event["arm"])
        step, steps = int(event["step"]), int(event["steps"])
        now = time.monotonic()
        if self._live:
            self._step(name, step, steps, pace_of(event), learned(event))
        elif step >= steps or now >= self._next_line.get(name, 0.0):
            self._next_line[name] = now + LINE_EVERY_S
            what = "clip" if clips else "step"
            told = [f"{what} {step} of {steps}", learned(event), pace_of(event), left_of(event)]
            self.say(f"  {name}: {', '.join(filter(None, told))}")

    def _step(self, name: str, step: int, steps: int, pace: str, said: str) -> None:
        if not self._bars.live.is_started:
            self._bars.start()
        if name not in self._tasks:
            self._tasks[name] = self._bars.add_task(name, total=steps, rate="", note="")
        self._bars.update(self._tasks[name], completed=step, total=steps, rate=pace, note=said)

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
                note=note(c),
            )

    def _line(self, stage: str, c: Counts, now: float) -> str:
        finished, owed = c.finished, self._owed[stage]
        return f"  {stage}: {finished} of {owed}  {self._rate(stage, c, now)}  {note(c)}".rstrip()

    def _rate(self, stage: str, c: Counts, now: float) -> str:
        start, before = self._started.setdefault(stage, (now, c.finished))
        if now - start < 1:
            return ""
        rate = (c.finished - before) / (now - start)
        if rate <= 0:
            return ""
        left = (self._owed[stage] - c.done - c.failed) / rate
        return f"{rate:.1f}/s" + ("" if self._live else f", {left:.0f} s left")


def note(c: Counts) -> str:
    """Failures, what came from the journal, what was bought and how fast, where there is any of it."""
    said = []
    if c.failed:
        said.append(f"{c.failed} failed")
    if c.skipped:
        said.append(f"{c.skipped} not applicable")
    if c.cached:
        said.append(f"{c.cached} cached")
    if c.requests:
        unknown = f" + {c.unpriced} unpriced" if c.unpriced else ""
        tokens = c.input_tokens + c.output_tokens
        usd = c.cost_microusd / 1e6
        said.append(f"{c.requests} requests, {tokens:,} tokens, ${usd:.4f}{unknown}")
    said += [fast for name in ("request_ms", "decode_ms") if (fast := pace(c.spreads.get(name)))]
    return ", ".join(said)


def pace(spread: Spread | None) -> str:
    """How long one takes, in the middle and at the slow end; on the average where no more is known."""
    if spread is None or not spread.n:
        return ""
    middle, slow = spread.quantile(0.5), spread.quantile(0.95)
    if middle is None or slow is None:
        return f"{duration(spread.sum / spread.n)} each"
    return f"{duration(middle)} p50, {duration(slow)} p95"


def duration(ms: float) -> str:
    """Milliseconds as a person reads them."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


def learned(event: Mapping[str, Any]) -> str:
    """Epoch, loss and accuracy of a row of a training, as far as it has them."""
    said = [f"epoch {event['epoch']}"] if event.get("epoch") is not None else []
    if event.get("train_loss") is not None:
        said.append(f"loss {event['train_loss']:.4f}")
    if event.get("train_accuracy") is not None:
        said.append(f"accuracy {event['train_accuracy']:.3f}")
    return ", ".join(said)


def pace_of(event: Mapping[str, Any]) -> str:
    """Clips or prompts a second, whichever was counted."""
    for what in ("clips", "prompts"):
        if (pace := event.get(f"{what}_per_s")) is not None:
            return f"{pace:,.1f} {what}/s"
    return ""


def left_of(event: Mapping[str, Any]) -> str:
    """The time left, where it is known."""
    left = event.get("seconds_left")
    if left is None:
        return ""
    if left < 90:
        return f"{left:.0f} s left"
    return f"{left / 60:.0f} min left" if left < 5400 else f"{left / 3600:.1f} h left"
