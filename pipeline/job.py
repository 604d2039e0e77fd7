"""The three pipelines of a run on one folder, wave by wave. Resumable throughout."""

import contextlib
import functools
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec, Question, RunStopped
from annotators.journal import Journal
from pipeline import check, graph
from pipeline.books import Book, book_of, funnel, require
from pipeline.config import Config
from pipeline.dataset.parquet import parts, read_columns, read_rows, write_rows
from pipeline.display import Display
from pipeline.failed import TakenUp
from pipeline.plan import Plan
from pipeline.preference.prompts import Rules
from pipeline.progress import Counts, Watch
from pipeline.publish import publish_tables
from pipeline.running import Run, resources_of
from pipeline.side_by_side import side_by_side
from pipeline.state import FREE_FIELDS, fingerprint, fresh
from pipeline.transforms.engine import Engine
from schemas import (
    Clip,
    FrameSet,
    Prompt,
)
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.tables import to_row

STATUS_EVERY_S = 5.0


class Job(Run):
    """The pipelines of one run, in order; each skips what is whole."""

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
        self._engine = engine
        self._next_note = 0.0
        self._recipe = _recipe(self, engine.workers)

    def run(self) -> str:
        """All three. Returns the fingerprint of the tables. Raises ``Stopped`` and ``BooksError``."""
        self.note("running")
        return self._assemble(self._annotate(self._collect()))

    def take_up(self, failed: TakenUp) -> None:
        """Have this run try again what failed.

        Paid replies that were of no use stay in the journal and no longer count; the waves that hold
        such failures are done anew, from the journal for everything else.
        """
        for wave in sorted(failed.waves):
            self.again(wave)
        if failed.replies:
            Journal(self._recipe.resources.journal).set_aside(failed.replies)
        n_failed, n_paid = len(failed.failures), len(failed.replies)
        self.say(f"taking up {n_failed} failures, {n_paid} of them paid replies")

    # the three pipelines

    def _collect(self) -> str:
        made = fingerprint(
            "collect",
            [to_row(clip) for clip in self.plan.clips],
            self.config.generators and self.config.generators.model_dump(mode="json"),
            self.config.frames.model_dump(mode="json"),
            self.config.wave_size,
        )
        self.display.expect({"video": len(self.plan.clips), "frames": len(self.plan.clips)})
        for number, clips in enumerate(self.waves):
            ids = [clip.video_id for clip in clips]
            work = write_rows(
                Clip, clips, self.layout.work / "plan" / f"clips-{number:05d}.parquet"
            )

            def build(out: Path, work: Path = work) -> Callable[[Any], None]:
                return lambda p: graph.collect(p, self._recipe, (str(work),), str(out))

            def books(out: Path, ids: Sequence[str] = ids) -> list[Book]:
                return check.collect_books(ids, out)

            self._wave("collect", number, made, build, books, len(ids))
        return made

    def _annotate(self, collected: str) -> str:
        made = fingerprint(
            collected,
            [_shape(a) for a in self.plan.annotators],
            [rubric.sha256 for rubric in self.plan.rubrics],
        )
        self.display.expect(
            {
                a.annotator_id: len(self.plan.clips) * len(self.plan.dimensions) * a.draws
                for a in self.plan.annotators
            }
        )
        with contextlib.ExitStack() as held:
            for annotator in self.plan.annotators:
                held.enter_context(annotator.hold(self._recipe.resources))
            self._prepare(made)
            self._annotate_waves(made)
        # the rows themselves: a second run may get answers that the first did not
        files = self.wave_files("annotate", "annotations")
        return fingerprint(made, [sha256_hex(file.read_bytes()) for file in files])

    def _annotate_waves(self, made: str) -> None:
        for number, clips in enumerate(self.waves):
            ids = [clip.video_id for clip in clips]
            frames = parts(self.folder("collect", number) / "frames")
            seen = {video for (video,) in read_columns(frames, ("video_id",))}

            def build(out: Path, frames: list[Path] = frames) -> Callable[[Any], None]:
                return lambda p: graph.annotate(p, self._recipe, tuple(map(str, frames)), str(out))

            def books(out: Path, ids: Sequence[str] = ids, seen: set[str] = seen) -> list[Book]:
                return [
                    check.annotate_book(ids, seen, self.plan.annotators, self.plan.dimensions, out)
                ]

            owed = (
                len(seen) * len(self.plan.dimensions) * sum(a.draws for a in self.plan.annotators)
            )
            self._wave("annotate", number, made, build, books, owed, self._compact)

    def _prepare(self, made: str) -> None:
        """What annotators do once for the waves that are not whole, such as sending a batch."""
        open_waves = [
            number
            for number in range(len(self.waves))
            if not self.is_whole(f"annotate-{number:05d}", fingerprint(made, number))
        ]

        def questions(annotator: AnnotatorSpec) -> Iterator[Question]:
            for number in open_waves:
                for frames in read_rows(FrameSet, parts(self.folder("collect", number) / "frames")):
                    for rubric in self.plan.rubrics:
                        for draw in range(annotator.draws):
                            yield Question(frames=frames, rubric=rubric, draw=draw)

        errors = side_by_side(
            [
                functools.partial(
                    annotator.prepare,
                    functools.partial(questions, annotator),
                    self._recipe.resources,
                    self.say,
                )
                for annotator in (self.plan.annotators if open_waves else ())
            ]
        )
        for error in errors:
            if not isinstance(error, RunStopped):
                raise error
            self.say(str(error))  # the first wave that lacks an answer ends the run, with its rows

    def _compact(self, folder: Path) -> None:
        """The wave's replies become a few big files: a night leaves no hundred thousand small ones."""
        rows = (
            key
            for table in ("annotations", "failures")
            for (key,) in read_columns(parts(folder / table), ("reply_key",))
        )
        keys = {key for key in rows if key is not None}
        if keys:
            Journal(self._recipe.resources.journal).compact(keys)

    def _assemble(self, annotated: str) -> str:
        made = fingerprint(
            annotated,
            [to_row(p) for p in self.plan.prompts],
            self.config.consensus.model_dump(),
            self.config.preferences.model_dump(),
            self.config.splits.model_dump(),
        )
        noted = self.once("assemble", made, self._score_and_publish)
        self.books |= {b["stage"]: book_of(b) for b in noted["books"]}
        self.display.say(funnel(self.books, self.failures()))
        return made

    def _score_and_publish(self) -> dict[str, Any]:
        out = fresh(self.layout.work / "assemble")
        prompts = write_rows(
            Prompt, self.plan.prompts, self.layout.work / "plan" / "prompts.parquet"
        )
        annotations = self.wave_files("annotate", "annotations")
        self.display.say("assemble: scores and preferences")
        self._engine.run(
            lambda p: graph.assemble(
                p, self._recipe, (str(prompts),), tuple(map(str, annotations)), str(out)
            )
        )
        prompt_of = {clip.video_id: clip.prompt_id for clip in self.plan.clips}
        books = [
            check.score_book(
                prompt_of,
                self.plan.annotators,
                self.plan.dimensions,
                self.config.consensus,
                self.config.preferences.weights,
                annotations,
                out,
            ),
            check.preference_book(prompt_of, self.plan.dimensions, out),
        ]
        for book in books:
            self._require(book)
        publish_tables(self, [prompts], out)
        return {"books": [{"stage": b.stage, **b.as_dict()} for b in books]}

    # waves

    def _wave(
        self,
        stage: str,
        number: int,
        made_from: str,
        build: Callable[[Path], Any],
        draw_books: Callable[[Path], list[Book]],
        n_items: int,
        whole: Callable[[Path], None] = lambda folder: None,
    ) -> None:
        """One slice of clips through one pipeline; its folder appears whole, after its books."""
        folder = self.folder(stage, number)

        def work() -> list[dict[str, Any]]:
            if len(self.waves) > 1:
                self.display.say(f"{stage}: wave {number + 1} of {len(self.waves)}")
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was stopped in this wave
            out = fresh(folder.with_name(f".tmp-{folder.name}"))
            with Watch(self.progress, self._watched):
                self._engine.run(build(out))
            books = draw_books(out)
            for book in books:
                self._require(book)
            out.rename(folder)
            # a stopped wave keeps its rows, those that say what was not attempted too; without a
            # mark the next run does it again, from the journal
            check.require_health(stage, n_items, check.failures(folder), self._to_come(number))
            whole(folder)
            return [{"stage": b.stage, **b.as_dict()} for b in books]

        name = f"{stage}-{number:05d}"
        for noted in self.once(name, fingerprint(made_from, number), work):
            self.add(book_of(noted))
        unanswered = check.unanswered(check.failures(folder))
        if unanswered:  # a server that was down: the questions are still worth asking
            self.again(name)
            self.display.say(
                f"{stage}: {unanswered} questions found no server that answered; they "
                "are failures now, and the same command asks them again"
            )
        self.note("running")

    def _to_come(self, number: int) -> int:
        """Clips of the waves after this one."""
        return sum(len(clips) for clips in self.waves[number + 1 :])

    def _watched(self, counts: dict[str, Counts]) -> None:
        self.display.show(counts, self.spent())
        if time.monotonic() >= self._next_note:
            self.note("running")
            self._next_note = time.monotonic() + STATUS_EVERY_S

    def _require(self, book: Book) -> None:
        """A book that does not balance ends the run, and status.json shows it."""
        if not book.balanced:
            self.add(book)
        require(book)


def _recipe(run: Run, workers: int) -> graph.Recipe:
    config, plan, layout = run.config, run.plan, run.layout
    resources = resources_of(config, plan, layout, run.ledger, workers)
    pool = config.generators.pool if config.generators else []
    return graph.Recipe(
        layout=layout,
        generators={spec.name: spec for spec in pool},
        frames=config.frames,
        annotators=plan.annotators,
        rubrics=plan.rubrics,
        resources=resources,
        rules=Rules(
            dimensions=plan.dimensions,
            consensus=config.consensus,
            preferences=config.preferences,
            splits=config.splits,
        ),
        progress=str(run.progress),
        processes=resources.processes,
    )


def _shape(annotator: AnnotatorSpec) -> dict[str, Any]:
    """What of an annotator shapes its annotations: its block, and the file it reads, if any."""
    block = annotator.model_dump(mode="json", exclude=set(FREE_FIELDS))
    return {**block, "files": [sha256_hex(path.read_bytes()) for path in annotator.files]}
