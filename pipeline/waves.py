"""One wave of clips through one pipeline: its folder appears whole, after its books."""

import contextlib
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from annotators import stopping
from pipeline import check, graph
from pipeline.books import Book, book_of, require
from pipeline.config import Config
from pipeline.dataset.withdrawn import withdrawn
from pipeline.display import Display
from pipeline.generators.workshop import workshop
from pipeline.plan import Plan
from pipeline.preference.rules import Rules
from pipeline.progress import Counts
from pipeline.running import Run, resources_of, wave_name
from pipeline.sentinels.sentinels import sentinels_of
from pipeline.state import fingerprint, fresh
from pipeline.transforms.engine import Engine
from pipeline.watched import run_watched
from schemas.layout import Layout

STATUS_EVERY_S = 5.0
BILL_EVERY_S = 2.0  # a store takes one write of an object a second
SHARD_CLIPS = 5_000  # whose rows are one file of each table of a wave

Build = Callable[[graph.Out], Callable[[Any], None]]  # where it writes -> what builds the pipeline
DrawBooks = Callable[[Path], list[Book]]  # output folder -> what the wave owed and wrote


class Waves(Run):
    """A run with an engine: what every stage needs to take its waves through a pipeline."""

    def __init__(
        self,
        config: Config,
        plan: Plan,
        layout: Layout,
        engine: Engine,
        display: Display,
        name: str,
    ) -> None:
        super().__init__(config, plan, layout, display, name)
        self.engine = engine
        self._next_note = self._next_bill = 0.0
        self.recipe = _recipe(self, 0 if engine.remote else engine.workers)
        self._sentinels = sentinels_of(self, self.recipe.resources)

    def wave(
        self,
        stage: str,
        number: int,
        made_from: str,
        build: Build,
        draw_books: DrawBooks,
        n_items: int,
        whole: Callable[[Path], None] = lambda folder: None,
    ) -> None:
        """One slice of clips through one pipeline, unless it is whole already."""
        folder, name = self.folder(stage, number), wave_name(stage, number)

        def work() -> list[dict[str, Any]]:
            if len(self.waves) > 1:
                self.display.say(f"{stage}: wave {number + 1} of {len(self.waves)}")
            self.again(name)  # of other clips, perhaps: what it vouches for goes
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped in this wave
            out = fresh(folder.with_name(f".tmp-{folder.name}"))
            to = graph.Out(self.home.cleared(folder, out), self._cuts(number))
            with self.shared_out():
                counts = run_watched(self, lambda: build(to), name)
            if stage == "collect":  # free to do again, whole
                self.heed()
            self.home.fetch(folder, out)
            books = draw_books(out)
            for book in books:
                self.require(book)
            out.rename(folder)
            # a stopped wave keeps its rows, those that say what was not attempted too; without a
            # mark the next run does it again, from the journal
            check.require_health(stage, n_items, check.failures(folder), self._to_come(number))
            whole(folder)
            self.counters.whole(name, counts)
            return [{"stage": b.stage, **b.as_dict()} for b in books]

        if not self.is_whole(name, fingerprint(made_from, number)):
            self.watch(stage, number, made_from)
        for noted in self.once(name, fingerprint(made_from, number), work):
            self.add(book_of(noted))
        if self._sentinels and stage == self._watched_stage:
            self._sentinels.done(name)
        unanswered = check.unanswered(check.failures(folder))
        if unanswered:  # a server that was down: the questions are still worth asking
            self.again(name)
            self.display.say(
                f"{stage}: {unanswered} questions found no server that answered; they "
                "are failures now, and the same command asks them again"
            )
        self.note("running")

    @property
    def _watched_stage(self) -> str:
        """The first that asks judges: its waves are those in which sentinels are judged."""
        return "annotate" if self.config.protocol.scores else "compare"

    def watch(self, stage: str, number: int, made_from: str) -> None:
        """Have the sentinels judged before a wave that is about to be; a second time is free."""
        if self._sentinels and stage == self._watched_stage:
            with stopping.awaiting():
                self._sentinels.judge(wave_name(stage, number), fingerprint(made_from, number))

    def watched(self) -> dict[str, Any] | None:
        """What the sentinels told; says it, too. None where there are none."""
        if self._sentinels is None:
            return None
        for line in self._sentinels.lines():
            self.say(line)
        return self._sentinels.summary()

    def open_waves(self, stage: str, made_from: Mapping[int, str]) -> list[int]:
        """Numbers of the waves that are still to be done; ``made_from``: what each follows from."""
        return [
            number
            for number, made in made_from.items()
            if not self.is_whole(wave_name(stage, number), fingerprint(made, number))
        ]

    def require(self, book: Book) -> None:
        """A book that does not balance ends the run, and status.json shows it."""
        if not book.balanced:
            self.add(book)
        require(book)

    def shared_out(self) -> contextlib.AbstractContextManager[None]:
        """While the block runs, the money is that of the machines which the workers are on."""
        return self.ledger.shared_out() if self.engine.remote else contextlib.nullcontext()

    def _cuts(self, number: int) -> tuple[str, ...]:
        """The first prompt of every shard of a wave's tables but the first."""
        prompts = [clip.prompt_id for clip in self.waves[number]]
        return tuple(dict.fromkeys(sorted(prompts)[SHARD_CLIPS::SHARD_CLIPS]))

    def _to_come(self, number: int) -> int:
        """Clips of the waves after this one."""
        return sum(len(clips) for clips in self.waves[number + 1 :])

    def show(self, counts: dict[str, Counts]) -> None:
        """Draw how every stage stands; now and then, note it in status.json."""
        self.display.show(counts)
        if time.monotonic() >= self._next_note:
            self.note("running")
            self._next_note = time.monotonic() + STATUS_EVERY_S
        if time.monotonic() >= self._next_bill:
            with contextlib.suppress(OSError):  # a store that is away: the stage itself will say so
                self.home.keep_bill()
            self._next_bill = time.monotonic() + BILL_EVERY_S


def _recipe(run: Run, workers: int) -> graph.Recipe:
    config, plan, layout = run.config, run.plan, run.layout
    resources = resources_of(config, plan, layout, run.ledger, workers)
    made, tools = workshop(config.generators, layout, run.ledger)
    return graph.Recipe(
        layout=layout,
        generators=config.generators.by_name if config.generators else {},
        made=made,
        tools=tools,
        frames=config.frames,
        annotators=plan.annotators,
        rubrics=plan.rubrics,
        comparing=plan.comparing,
        protocol=config.protocol,
        resources=resources,
        rules=Rules(
            dimensions=plan.dimensions,
            consensus=config.consensus,
            preferences=config.preferences,
            splits=config.splits,
            protocol=config.protocol,
        ),
        withdrawn=withdrawn(layout).contents,
        progress=str(run.progress),
        processes=resources.processes,
    )
