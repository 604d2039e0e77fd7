"""One run's state: what it has done, spent and failed on, for its pipelines and its final stages."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.books import Book, merge
from pipeline.config import Config
from pipeline.dataset.parquet import parts, read_columns
from pipeline.display import Display
from pipeline.plan import Plan
from pipeline.progress import Counts, read_counts
from pipeline.state import Marks, fresh, write_json
from schemas.layout import Layout


class Run:
    """What every stage of a run shares."""

    def __init__(
        self, config: Config, plan: Plan, layout: Layout, display: Display, name: str
    ) -> None:
        self.config, self.plan, self.layout, self.name = config, plan, layout, name
        self.display = display
        self.books: dict[str, Book] = {}
        self.progress = fresh(layout.work / "progress")
        size = config.wave_size
        self.waves = [plan.clips[i : i + size] for i in range(0, len(plan.clips), size)]
        self._marks = Marks(layout)

    def note(self, state: str, message: str | None = None) -> None:
        """Write status.json: how the run stands."""
        write_json(
            self.layout.status,
            {
                "state": state,
                "message": message,
                "pid": os.getpid(),
                "books": {stage: book.as_dict() for stage, book in self.books.items()},
                "spend": self.spend(),
                "failures": self.failures(),
            },
        )

    def spend(self) -> dict[str, Any]:
        """What this run has bought so far, per annotator and together. Unknown prices give null."""
        ids = [a.annotator_id for a in self.plan.annotators]
        counts = read_counts(self.progress)
        by = {name: counts.get(name, Counts()) for name in ids}
        total = Counts()
        for c in by.values():
            total += c
        return {**_money(total), "by_annotator": {name: _money(c) for name, c in by.items()}}

    def failures(self) -> dict[str, dict[str, int]]:
        """Failures so far: stage -> reason -> how many."""
        found: dict[str, Counter[str]] = {}
        for file in self.wave_files("collect", "failures") + self.wave_files(
            "annotate", "failures"
        ):
            for stage, reason in read_columns([file], ("stage", "reason")):
                found.setdefault(stage, Counter())[reason] += 1
        return {stage: dict(sorted(reasons.items())) for stage, reasons in found.items()}

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        self.display.say(text)

    def once(self, stage: str, made_from: str, work: Callable[[], Any]) -> Any:
        """Do a stage unless it is whole and was made from the same things; returns its note."""
        if not self._marks.is_whole(stage, made_from):
            self._marks.write(stage, made_from, work())
        return self._marks.note(stage)

    def again(self, stage: str) -> None:
        """Have the next run on this folder do a stage anew."""
        self._marks.forget(stage)

    def add(self, book: Book) -> None:
        """Enter a book, adding it to what other waves of its stage entered."""
        known = self.books.get(book.stage)
        self.books[book.stage] = merge([known, book]) if known else book

    def folder(self, stage: str, number: int) -> Path:
        """Where one wave of a stage lies."""
        return self.layout.work / stage / f"wave-{number:05d}"

    def wave_files(self, stage: str, table: str) -> list[Path]:
        """The files of a table, all waves of a stage together."""
        folders = (self.folder(stage, number) for number in range(len(self.waves)))
        return [path for folder in folders for path in parts(folder / table)]


def _money(c: Counts) -> dict[str, Any]:
    return {
        "usd": None if c.unpriced else round(c.usd, 6),
        "requests": c.requests,
        "input_tokens": c.input_tokens,
        "output_tokens": c.output_tokens,
    }
