"""What an annotator is: something that answers questions about the frames of a clip.

An annotator is described by a spec (a block of the configuration, cheap to pickle) and opened where it
works, in a Beam worker's ``setup()`` or anywhere else: nothing here knows Beam.
"""

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Protocol, Self

from annotators.ledger import Ledger
from annotators.models import ModelTable
from annotators.shared import cores
from annotators.told import Told, untold
from schemas import Annotation, Comparison, Failure, FrameSet, HasClip, Reason, Rubric
from schemas.options import Options
from schemas.store import Store
from schemas.tables import join_key

Outcome = Annotation | Comparison | Failure

POINTWISE = frozenset({"pointwise"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One clip, or several of one prompt in the order they are shown; one rubric, one draw.

    ``occasion`` is empty but for sentinels: clips that are judged again and again, so that each time
    is a reply of its own. ``purpose`` is what the money is for, where it buys no verdict of the tables.
    """

    frames: FrameSet
    rubric: Rubric
    draw: int
    others: tuple[FrameSet, ...] = ()  # shown after ``frames``, where the rubric compares
    occasion: str = ""
    purpose: str = ""

    @property
    def clips(self) -> tuple[FrameSet, ...]:
        """All clips, in the order they are shown."""
        return (self.frames, *self.others)

    @property
    def stage(self) -> str:
        """Of the pipeline: ``annotate`` for one clip, ``compare`` for several."""
        return "compare" if self.others else "annotate"


def unkept() -> None:
    """The disk is enough."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """Where an annotator works: the stores it reads and writes, and what it may use and spend."""

    frames: Store
    journal: Store
    processes: int = (
        1  # child processes for CPU-bound annotators; 0: as many as the worker has cores
    )
    ledger: Ledger = dataclasses.field(default_factory=Ledger)  # what is spent, and the caps
    work: Path | None = None  # a folder for state of an annotator's own; None: none is kept
    machines: int = 1  # that share an account's limits, which are divided by it
    told: Callable[[Told], None] = untold  # what it bought or did not have to buy, on any thread
    # called when `work` must outlive this machine, too: before something is bought that it tells of
    keep: Callable[[], None] = unkept

    @property
    def children(self) -> int:
        """How many child processes, on the machine on which it is asked."""
        return self.processes or cores()


class RunStopped(RuntimeError):
    """Nothing more can be asked for now; everything paid for is kept, and a later run goes on."""


class Annotator(Protocol):
    """Answers questions, many at a time. Open in a worker, close when done."""

    annotator_id: str
    in_flight: int  # how many questions are worth having submitted at once

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric. The future never raises for a single item."""
        ...

    def close(self) -> None:
        """Release clients, pools and loops."""
        ...


class AnnotatorSpec(Options):
    """Common part of every annotator's block of the configuration."""

    kind: str
    name: str | None = None
    draws: int = 1

    @property
    def annotator_id(self) -> str:
        """``name``, else the model, else the kind."""
        return self.name or getattr(self, "model", None) or self.kind

    @property
    def protocols(self) -> frozenset[str]:
        """The protocols of the rubrics it can be asked: one clip at a time, or several."""
        return POINTWISE

    @property
    def drifts(self) -> bool:
        """Whether the same question may be answered otherwise tomorrow, by a model out of reach."""
        return False

    @property
    def simulated(self) -> bool:
        """Whether the scores are made up rather than measured or asked for."""
        return False

    @property
    def own_scale(self) -> tuple[float, float] | str | None:
        """The scale of the scores where it is not the rubric's: its ends, or ``unbounded``."""
        return None

    @property
    def files(self) -> tuple[Path, ...]:
        """Files whose content shapes the annotations."""
        return ()

    def unmatched(self, clips: Iterable[HasClip]) -> int:
        """How many of its own rows are about none of the clips, and so are left out."""
        return 0

    def resolved(self, models: ModelTable) -> Self:
        """With what the table of models knows of its model; most kinds need nothing of it."""
        return self

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise ``SetupError`` for what cannot work, such as an unsupported setting.

        ``n_images``: frames of a clip at most.
        """

    def check_key(self) -> None:
        """Raise ``SetupError`` for a key that is unset: a run needs it, an estimate does not."""

    def expand(self) -> "list[Self]":
        """One spec per annotator_id; most specs stand for one annotator only."""
        return [self]

    def hold(self, resources: Resources) -> AbstractContextManager[None]:
        """What is held where the command runs while any worker may be open; most hold nothing."""
        return nullcontext()

    def prepare(
        self,
        questions: Callable[[], Iterable[Question]],
        resources: Resources,
        say: Callable[[str], None],
    ) -> None:
        """What must happen once, where the command runs, before workers ask. Most need nothing.

        ``questions`` gives all of the run's questions, every time it is called. Raises
        :class:`RunStopped` where the run must end now and can go on later.
        """

    def open(self, resources: Resources) -> Annotator:
        """The annotator, ready to answer. Heavy imports belong here."""
        raise TypeError(f"annotator kind {self.kind!r} does not say how it is opened")


def owed_key(question: Question, annotator_id: str, dimension: str) -> str:
    """Key of the annotation or comparison that a question owes for one dimension."""
    if question.others:
        shown = tuple(clip.video_id for clip in question.clips)
        return join_key(question.frames.prompt_id, shown, dimension, annotator_id, question.draw)
    return join_key(question.frames.video_id, dimension, annotator_id, question.draw)


def failures(
    question: Question,
    annotator_id: str,
    reason: Reason,
    message: str,
    *,
    dimensions: Sequence[str] | None = None,
    cost_usd: float | None = 0.0,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    reply_key: str | None = None,
) -> list[Failure]:
    """One failure per dimension of the rubric; what was paid stands on the first only."""
    names = dimensions if dimensions is not None else [d.name for d in question.rubric.dimensions]
    return [
        Failure(
            stage=question.stage,
            key=owed_key(question, annotator_id, name),
            reason=reason,
            message=message,
            reply_key=reply_key,
            input_tokens=input_tokens if first else None,
            output_tokens=output_tokens if first else None,
            cost_usd=cost_usd if first else 0.0,
        )
        for first, name in zip([True] + [False] * len(names), names, strict=False)
    ]
