"""One run's state: what it has done, spent and failed on, for its pipelines and its final stages."""

import itertools
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from annotators import stopping
from annotators.base import Resources
from annotators.ledger import Ledger, Spent
from pipeline.books import Book, merge
from pipeline.check import Stopped
from pipeline.config import Config, journal_of, processes_of
from pipeline.counters import Counters
from pipeline.dataset.parquet import parts
from pipeline.display import Display
from pipeline.failed_so_far import FailedSoFar
from pipeline.gate import keep_order, order_of
from pipeline.home import Home
from pipeline.logs import timed
from pipeline.plan import Plan
from pipeline.progress import Counts
from pipeline.protocol import ProtocolOptions
from pipeline.state import Marks, fingerprint, fresh, write_json
from schemas import Clip
from schemas.layout import Layout
from schemas.store import Store

STAGES = ("collect", "check", "annotate", "compare")  # those whose rows lie wave by wave


def stages_of(protocol: ProtocolOptions) -> tuple[str, ...]:
    """Those of ``STAGES`` that a protocol asks for."""
    asked = {"annotate": protocol.scores, "compare": bool(protocol.compares)}
    return tuple(stage for stage in STAGES if asked.get(stage, True))


def accounts_of(config: Config, plan: Plan) -> list[str]:
    """Everybody who may spend: the annotators, and generators whose clips are requests."""
    pool = config.generators.pool if config.generators else []
    asking = [spec.account for spec in pool if spec.counts]
    return [*(a.annotator_id for a in plan.annotators), *asking]


def ledger_of(config: Config, plan: Plan, layout: Layout) -> Ledger:
    """What all runs on a folder spend, under its caps."""
    accounts = accounts_of(config, plan)
    afar = Store(f"{layout.home}/work/ledgers") if layout.home else None  # of the workers' machines
    machines = config.concurrency.machines
    return Ledger(layout.work / "ledger", accounts, config.budget, machines, afar)


def resources_of(
    config: Config, plan: Plan, layout: Layout, ledger: Ledger, workers: int
) -> Resources:
    """What the annotators of a run work with, in each of ``workers`` processes."""
    return Resources(
        frames=layout.frames,
        journal=journal_of(config, layout),
        processes=processes_of(config, workers),
        ledger=ledger,
        work=layout.work / "annotators",
        machines=config.concurrency.machines,
    )


class Run:
    """What every stage of a run shares."""

    def __init__(
        self, config: Config, plan: Plan, layout: Layout, display: Display, name: str
    ) -> None:
        self.config, self.plan, self.layout, self.name = config, plan, layout, name
        self.display = display
        self.home = Home(layout)
        self._failed = FailedSoFar()
        self.stated = plan.prompts  # as their sources have them; those of the plan get their splits
        self.books: dict[str, Book] = {}
        self.counters = Counters(layout.work / "counters")
        self.counters.salvage(layout.work / "progress")  # of a run that was killed
        self.counted: dict[str, Counts] = {}  # in this run, by stage
        self.progress = fresh(layout.work / "progress")
        self.ledger = ledger_of(config, plan, layout)
        # before what a killed run had in flight counts as billed: a batch of it may be taken up
        self._spent_before = self.ledger.totals()
        self.ledger.begin()
        self.notes: list[str] = []  # what a reader of the results must know, beside the plan's
        self.order = order_of(config, plan, layout)
        keep_order(self.order, layout)
        # a clip that was withdrawn leaves its place in its wave: no other clip moves
        waves = in_waves(plan.named, config.wave_size, self.order.first)
        gone = {clip.video_id for clip in plan.withdrawn}
        self.waves = [[clip for clip in wave if clip.video_id not in gone] for wave in waves]
        # numbers of the waves that are judged before a gate; none where there is no gate
        self.first = range(n_first(plan.named, config.wave_size, self.order.first))
        self.gate: dict[str, Any] | None = None  # what it came to, once it is met
        self.left_out: frozenset[str] = frozenset()  # clips that a check takes from the judges
        self.checked = "check"  # the stage that says so
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
                "counters": self.counts(),
            },
        )
        if state != "running":
            self.home.keep()

    def spend(self) -> dict[str, Any]:
        """What this run has bought so far, per annotator and together, and what all runs on this
        folder have. Unknown prices give null."""
        by, purposes = self.spent(), self.ledger.purposes()
        totals = {name: sum(own.values(), Spent()) for name, own in purposes.items()}
        ever = sum(totals.values(), Spent())
        pool = self.config.generators.pool if self.config.generators else []
        clips = sum((totals[spec.account] for spec in pool if spec.counts), Spent())
        return {
            **_money(sum(by.values(), Spent())),
            "by_annotator": {name: _money(spent) for name, spent in by.items()},
            "all_runs": _money(ever),
            # of it, each account by purpose: the verdicts of the tables, sentinels, asking again, ...
            "by_purpose": {
                name: {purpose: _money(one, digits=12) for purpose, one in own.items()}
                for name, own in purposes.items()
            },
            "clips_of_all_runs": _money(clips),  # of it, what generators were asked for
            "budget": self.config.budget.model_dump(exclude_none=True),
            "prices_of": self.plan.models.date.isoformat(),
        }

    def spent(self) -> dict[str, Spent]:
        """What each annotator, and each generator that is asked, has bought in this run."""
        now = self.ledger.totals()
        ids = accounts_of(self.config, self.plan)
        return {name: now[name] - self._spent_before[name] for name in ids}

    def on_the_wire(self) -> int:
        """Requests that are sent and not answered. A batch is none: it goes on at its service."""
        batches = {a.annotator_id for a in self.plan.annotators if getattr(a, "batch", False)}
        self.ledger.bury()
        totals = self.ledger.totals().items()
        return sum(spent.reserved_requests for name, spent in totals if name not in batches)

    def failures(self) -> dict[str, dict[str, int]]:
        """Failures so far: stage -> reason -> how many."""
        asked = stages_of(self.config.protocol)
        return self._failed.counted(
            self.folder(stage, number) / "failures" for stage in asked for number in self.numbers()
        )

    def counts(self) -> dict[str, Any]:
        """What was counted, by stage, of the waves that this run has; see :class:`Counters`."""
        stages = (wave_name(s, n) for s in STAGES for n in range(len(self.waves)))
        totals = self.counters.totals({*stages, "assemble"})
        return {stage: counts.as_dict() for stage, counts in totals.items()}

    def watched(self) -> dict[str, Any] | None:
        """What sentinels told of the judges; None where there are none."""
        return None

    def say(self, text: str) -> None:
        """A line for whoever watches."""
        self.display.say(text)

    def once(self, stage: str, made_from: str, work: Callable[[], Any]) -> Any:
        """Do a stage unless it is whole and was made from the same things; returns its note."""
        if not self._marks.is_whole(stage, made_from):
            self.heed()
            with timed(stage):
                self._marks.write(stage, made_from, work())
            self.home.keep()
        return self._marks.note(stage)

    def heed(self) -> None:
        """Raise :class:`~pipeline.check.Stopped` where the process is to stop."""
        if why := stopping.stopped():
            raise Stopped(why)

    def is_whole(self, stage: str, made_from: str) -> bool:
        """Whether a stage is done and need not be done again."""
        return self._marks.is_whole(stage, made_from)

    def was_whole(self, stage: str) -> bool:
        """Whether a stage was done to its end, from whatever it was made."""
        return self._marks.there(stage)

    def again(self, stage: str) -> None:
        """Have the next run on this folder do a stage anew."""
        self.home.forget(self._marks.path(stage))
        self._marks.forget(stage)

    def add(self, book: Book) -> None:
        """Enter a book, adding it to what other waves of its stage entered."""
        known = self.books.get(book.stage)
        self.books[book.stage] = merge([known, book]) if known else book

    def folder(self, stage: str, number: int) -> Path:
        """Where one wave of a stage lies."""
        return self.layout.work / stage / f"wave-{number:05d}"

    def numbers(self, some: Collection[int] | None = None) -> Collection[int]:
        """Of all waves, where ``some`` are not named."""
        return range(len(self.waves)) if some is None else some

    def made_of(self, made_from: str, number: int) -> str:
        """What the rows of one wave follow from, ``made_from`` being the same for all of them.

        Where waves come before a gate, whatever is found about clips of the others must not have them
        judged anew: which clips are left out counts wave by wave there.
        """
        out = sorted(self.left_out.intersection(clip.video_id for clip in self.waves[number]))
        return fingerprint(made_from, out) if self.first and out else made_from

    def taken(self, number: int) -> list[Path]:
        """The files with the frames of a wave's clips."""
        return parts(self.folder("collect", number) / "frames")

    def kept(self, number: int) -> list[Path]:
        """The files with the frames of those clips of a wave that no check leaves out."""
        without = self.folder(self.checked, number) / "frames"  # there where some are left out
        return parts(without) if without.is_dir() else self.taken(number)

    def wave_files(
        self, stage: str, table: str, numbers: Collection[int] | None = None
    ) -> list[Path]:
        """The files of a table, all waves of a stage together, or those of some ``numbers``.

        None of a stage that the protocol does not ask for: a folder may hold those of an earlier
        configuration, and their rows are not of this run.
        """
        if stage not in stages_of(self.config.protocol):
            return []
        folders = (self.folder(stage, number) for number in self.numbers(numbers))
        return [path for folder in folders for path in parts(folder / table)]


def wave_name(stage: str, number: int) -> str:
    """As a wave is marked when it is whole."""
    return f"{stage}-{number:05d}"


def slices(clips: Sequence[Clip], size: int) -> list[Sequence[Clip]]:
    """Waves of at most ``size`` clips, the clips of a prompt together: they may be compared. A prompt
    with more clips than that is a wave of its own. ``clips`` are sorted by prompt."""
    waves: list[list[Clip]] = []
    for _, own in itertools.groupby(clips, key=lambda clip: clip.prompt_id):
        group = list(own)
        if not waves or len(waves[-1]) + len(group) > size:
            waves.append([])
        waves[-1] += group
    return list(waves)


def in_waves(
    clips: Sequence[Clip], size: int, first: Collection[str] = frozenset()
) -> list[Sequence[Clip]]:
    """Waves as :func:`slices` makes them, the clips named in ``first`` in waves of their own before
    all others. A prompt with clips in both is in both."""
    ahead = [clip for clip in clips if clip.video_id in first]
    others = [clip for clip in clips if clip.video_id not in first]
    return [*slices(ahead, size), *slices(others, size)]


def n_first(clips: Sequence[Clip], size: int, first: Collection[str]) -> int:
    """How many waves those are."""
    return len(slices([clip for clip in clips if clip.video_id in first], size))


def _money(spent: Spent, digits: int = 6) -> dict[str, Any]:
    return {
        "usd": None if spent.unpriced else round(spent.usd, digits),
        "requests": spent.requests,
        "input_tokens": spent.input_tokens,
        "output_tokens": spent.output_tokens,
        # of these, requests whose fate is unknown, counted at the most they can have cost
        "lost_requests": spent.lost_requests,
        "lost_usd": round(spent.lost_usd, digits),
    }
