"""A whole run on one folder: collect, annotate, assemble, then the final stages. Resumable throughout."""

import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec, Workplace
from pipeline import check, final, graph
from pipeline.books import Book, merge, require
from pipeline.config import Config, processes_of
from pipeline.dataset.parquet import parts, publish, read_columns, write_rows
from pipeline.display import Display
from pipeline.plan import Plan
from pipeline.progress import Counts, Watch, read_counts
from pipeline.state import FREE_FIELDS, Marks, fingerprint, fresh, write_json
from pipeline.transforms.engine import Engine
from schemas import SPLITS, Annotation, Clip, Comparison, Failure, FrameSet, Preference, Prompt, Score, Video
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.store import Store
from schemas.tables import to_row

RECORDS = {"videos": Video, "frames": FrameSet, "annotations": Annotation}


class Job:
    """One run. The methods are its stages, in order; each skips what is whole."""

    def __init__(self, config: Config, plan: Plan, layout: Layout, engine: Engine,
                 display: Display, name: str) -> None:
        self.config, self.plan, self.layout, self.name = config, plan, layout, name
        self._engine, self._display = engine, display
        self._marks = Marks(layout)
        self._progress = fresh(layout.work / "progress")
        self.books: dict[str, Book] = {}
        self.state = "running"
        self.recipe = _recipe(config, plan, layout, str(self._progress), engine.workers)
        size = config.wave_size
        self._waves = [plan.clips[i:i + size] for i in range(0, len(plan.clips), size)]

    def run(self) -> None:
        """Everything. Raises ``Stopped``, ``BooksError``, ``RequirementError`` or what went wrong."""
        self.note("running")
        made = self._collect()
        made = self._annotate(made)
        made = self._assemble(made)
        final.finish(self, made)

    def note(self, state: str, message: str | None = None) -> None:
        """Write status.json: how the run stands."""
        self.state = state
        write_json(self.layout.status, {
            "state": state, "message": message, "pid": os.getpid(),
            "books": {stage: book.as_dict() for stage, book in self.books.items()},
            "spend": self.spend(), "failures": self.failures()})

    def spend(self) -> dict[str, Any]:
        """What this run has bought so far, per annotator and together. Unknown prices give null."""
        ids = [a.annotator_id for a in self.plan.annotators]
        counts = read_counts(self._progress)
        by = {name: counts.get(name, Counts()) for name in ids}
        total = Counts()
        for c in by.values():
            total += c
        return {**_money(total), "by_annotator": {name: _money(c) for name, c in by.items()}}

    def failures(self) -> dict[str, dict[str, int]]:
        """Failures so far: stage -> reason -> how many."""
        found: dict[str, Counter[str]] = {}
        for file in self._wave_files("collect", "failures") + self._wave_files("annotate",
                                                                              "failures"):
            for stage, reason in read_columns([file], ("stage", "reason")):
                found.setdefault(stage, Counter())[reason] += 1
        return {stage: dict(sorted(reasons.items())) for stage, reasons in found.items()}

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        self._display.say(text)

    @contextmanager
    def training(self) -> Iterator[Callable[[dict[str, Any]], None]]:
        """A progress callback for the training arms, drawn like any other stage."""
        self._display.say("videorm: training")
        seen: dict[str, Counts] = {}

        def progress(event: dict[str, Any]) -> None:
            self._display.expect({event["arm"]: event["steps"]})
            seen[event["arm"]] = Counts(done=event["step"])
            self._display.show(seen)

        yield progress

    def once(self, stage: str, made_from: str, work: Callable[[], Any]) -> Any:
        """Do a stage unless it is whole and was made from the same things; returns its note."""
        noted = self._marks.read(stage, made_from)
        if noted is None:
            noted = work()
            self._marks.write(stage, made_from, noted)
        return noted

    # the three pipelines

    def _collect(self) -> str:
        made = fingerprint("collect", [to_row(clip) for clip in self.plan.clips],
                           self.config.generators and self.config.generators.model_dump(mode="json"),
                           self.config.frames.model_dump(mode="json"), self.config.wave_size)
        self._display.expect({"video": len(self.plan.clips), "frames": len(self.plan.clips)})
        for number, clips in enumerate(self._waves):
            ids = [clip.video_id for clip in clips]
            work = write_rows(Clip, clips, self.layout.work / "plan" / f"clips-{number:05d}.parquet")

            def build(out: Path, work: Path = work) -> Callable[[Any], None]:
                return lambda p: graph.collect(p, self.recipe, (str(work),), str(out))

            def books(out: Path, ids: Sequence[str] = ids) -> list[Book]:
                return check.collect_books(ids, out)

            self._wave("collect", number, made, build, books, len(ids))
        return made

    def _annotate(self, collected: str) -> str:
        made = fingerprint(collected, [_shape(a) for a in self.plan.annotators],
                           [rubric.sha256 for rubric in self.plan.rubrics])
        self._display.expect({a.annotator_id: len(self.plan.clips) * len(self.plan.dimensions)
                              * a.draws for a in self.plan.annotators})
        for number, clips in enumerate(self._waves):
            ids = [clip.video_id for clip in clips]
            frames = parts(self._folder("collect", number) / "frames")
            seen = {video for (video,) in read_columns(frames, ("video_id",))}

            def build(out: Path, frames: list[Path] = frames) -> Callable[[Any], None]:
                return lambda p: graph.annotate(p, self.recipe, tuple(map(str, frames)), str(out))

            def books(out: Path, ids: Sequence[str] = ids, seen: set[str] = seen) -> list[Book]:
                return [check.annotate_book(ids, seen, self.plan.annotators,
                                            self.plan.dimensions, out)]

            owed = len(seen) * len(self.plan.dimensions) * sum(
                a.draws for a in self.plan.annotators)
            self._wave("annotate", number, made, build, books, owed)
        return made

    def _assemble(self, annotated: str) -> str:
        made = fingerprint(annotated, [to_row(p) for p in self.plan.prompts],
                           self.config.consensus.model_dump(),
                           self.config.preferences.model_dump(), self.config.splits.model_dump())
        noted = self.once("assemble", made, self._score_and_publish)
        self.books |= {b["stage"]: _book(b) for b in noted["books"]}
        self._display.say(_funnel(self.books))
        return made

    def _score_and_publish(self) -> dict[str, Any]:
        out = fresh(self.layout.work / "assemble")
        prompts = write_rows(Prompt, self.plan.prompts,
                             self.layout.work / "plan" / "prompts.parquet")
        annotations = self._wave_files("annotate", "annotations")
        self._display.say("assemble: scores and preferences")
        self._engine.run(lambda p: graph.assemble(
            p, self.recipe, (str(prompts),), tuple(map(str, annotations)), str(out)))
        prompt_of = {clip.video_id: clip.prompt_id for clip in self.plan.clips}
        books = [check.score_book(prompt_of, self.plan.annotators, self.plan.dimensions,
                                  self.config.consensus, self.config.preferences.weights,
                                  annotations, out),
                 check.preference_book(prompt_of, self.plan.dimensions, out)]
        for book in books:
            self._account(book)
        self._publish([prompts], out)
        return {"books": [{"stage": b.stage, **b.as_dict()} for b in books]}

    def _publish(self, prompts: list[Path], assembled: Path) -> None:
        table = self.layout.table
        publish(prompts, table("prompts"), Prompt)
        publish([], table("comparisons"), Comparison)
        for name, record in RECORDS.items():
            stage = "annotate" if name == "annotations" else "collect"
            publish(self._wave_files(stage, name), table(name), record)
        publish(self._wave_files("collect", "failures") + self._wave_files("annotate", "failures"),
                table("failures"), Failure)
        publish(parts(assembled / "scores"), table("scores"), Score)
        for split in SPLITS:
            publish(parts(assembled / split / "preferences"), table("preferences", split),
                    Preference)

    # waves

    def _wave(self, stage: str, number: int, made_from: str, build: Callable[[Path], Any],
              draw_books: Callable[[Path], list[Book]], n_items: int) -> None:
        """One slice of clips through one pipeline; its folder appears whole, after its books."""
        folder = self._folder(stage, number)

        def work() -> list[dict[str, Any]]:
            if len(self._waves) > 1:
                self._display.say(f"{stage}: wave {number + 1} of {len(self._waves)}")
            out = fresh(folder.with_name(f".tmp-{folder.name}"))
            with Watch(self._progress, self._watched):
                self._engine.run(build(out))
            books = draw_books(out)
            for book in books:
                self._account(book, keep=False)
            check.require_health(stage, n_items, check.failures(out))
            fresh(folder).rmdir()
            out.rename(folder)
            return [{"stage": b.stage, **b.as_dict()} for b in books]

        for noted in self.once(f"{stage}-{number:05d}", fingerprint(made_from, number), work):
            self._add(_book(noted))
        self.note("running")

    def _watched(self, counts: dict[str, Counts]) -> None:
        self._display.show(counts)

    def _account(self, book: Book, keep: bool = True) -> None:
        if keep or not book.balanced:
            self._add(book)
        require(book)

    def _add(self, book: Book) -> None:
        known = self.books.get(book.stage)
        self.books[book.stage] = merge([known, book]) if known else book

    def _folder(self, stage: str, number: int) -> Path:
        return self.layout.work / stage / f"wave-{number:05d}"

    def _wave_files(self, stage: str, table: str) -> list[Path]:
        folders = (self._folder(stage, number) for number in range(len(self._waves)))
        return list(itertools.chain.from_iterable(parts(f / table) for f in folders))


def _recipe(config: Config, plan: Plan, layout: Layout, progress: str,
            workers: int) -> graph.Recipe:
    processes = processes_of(config, workers)
    journal = Store(config.journal or str(layout.root / "journal"))
    pool = config.generators.pool if config.generators else []
    return graph.Recipe(
        layout=layout, generators={spec.name: spec for spec in pool}, frames=config.frames,
        annotators=plan.annotators, rubrics=plan.rubrics,
        workplace=Workplace(frames=layout.frames, journal=journal, processes=processes),
        consensus=config.consensus, preferences=config.preferences, splits=config.splits,
        progress=progress, processes=processes)


def _shape(annotator: AnnotatorSpec) -> dict[str, Any]:
    """What of an annotator shapes its annotations: its block, and the file it reads, if any."""
    block = annotator.model_dump(mode="json", exclude=set(FREE_FIELDS))
    path = getattr(annotator, "path", None)
    return {**block, "file": sha256_hex(Path(path).read_bytes()) if path else None}


def _book(noted: dict[str, Any]) -> Book:
    return Book(stage=noted["stage"],
                **{k: noted[k] for k in ("owed", "written", "failed", "filtered", "upstream")})


def _money(c: Counts) -> dict[str, Any]:
    return {"usd": None if c.unpriced else round(c.usd, 6), "requests": c.requests,
            "input_tokens": c.input_tokens, "output_tokens": c.output_tokens}


def _funnel(books: dict[str, Book]) -> str:
    return "\n".join(
        f"{b.stage}: {b.written} of {b.owed}"
        + (f", {b.failed} failed" if b.failed else "")
        + (f", {b.upstream} owed to a failure upstream" if b.upstream else "")
        for b in books.values())
