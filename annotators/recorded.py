"""Kind ``recorded``: scores or replies that somebody made before, read from a file."""

from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from annotators.base import (
    Annotator,
    AnnotatorSpec,
    Outcome,
    Question,
    Resources,
    failures,
)
from annotators.records import Columns, Recorded, Records, read_records
from annotators.verdict import Judgement, read_verdict
from schemas import Annotation, Dimension, Failure, HasClip, Reason, Rubric
from schemas.address import place_of
from schemas.options import SetupError


class RecordedSpec(AnnotatorSpec):
    """A file of scores or replies; it stands for as many annotators as it names."""

    kind: Literal["recorded"] = "recorded"
    path: str  # CSV, JSON Lines or Parquet, on every machine that works or in a store
    columns: Columns = Columns()  # where the file calls them otherwise
    annotator: str | None = None  # only the rows of this one; None: every annotator of the file
    dimension: str | None = None  # the one dimension the scores answer for; None: as the file says
    # None: the rubric's own scale. A metric has bounds of its own, or none.
    scale: tuple[float, float] | Literal["unbounded"] | None = None
    draws: int = Field(1, ge=1, le=1)  # a file holds one score per clip

    @model_validator(mode="after")
    def _scale_ascends(self) -> Self:
        if isinstance(self.scale, tuple) and not self.scale[0] < self.scale[1]:
            raise ValueError("scale: expected [low, high] with low < high")
        return self

    @property
    def annotator_id(self) -> str:
        """``name``, else the file's own name of the annotator, else the kind."""
        return self.name or self.annotator or self.kind

    @property
    def own_scale(self) -> tuple[float, float] | str | None:
        """The bounds given, ``unbounded``, or None for the rubric's own."""
        return self.scale

    @property
    def files(self) -> tuple[Path, ...]:
        """The recorded file."""
        return (place_of(self.path),)

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """Raise :class:`SetupError` where the file is faulty or has nothing of this annotator, or
        ``dimension`` is not asked for."""
        self.records()
        asked = [d.name for rubric in rubrics for d in rubric.dimensions]
        if self.dimension is not None and self.dimension not in asked:
            raise SetupError(
                f"annotator {self.annotator_id}: no rubric asks for the dimension "
                f"{self.dimension!r}; there are {', '.join(asked)}"
            )

    def expand(self) -> "list[Self]":
        """One spec per annotator of the file, in the order of their names."""
        if self.annotator is not None:
            return [self]
        found = sorted(read_records(self.path, self.columns))
        if self.name is not None and len(found) > 1:
            raise SetupError(
                f"{self.path}: holds {len(found)} annotators ({', '.join(found)}); "
                f"choose one with `annotator:`, or leave out `name: {self.name}`"
            )
        return [self.model_copy(update={"annotator": annotator or None}) for annotator in found]

    def unmatched(self, clips: Iterable[HasClip]) -> int:
        """Rows of this annotator that match none of the clips; they are left out.

        Raises :class:`SetupError` for a row that matches several.
        """
        return self.records().unmatched(clips, self.path)

    def open(self, resources: Resources) -> Annotator:
        """The annotator; the file is read once per process."""
        return RecordedAnnotator(self)

    def records(self) -> Records:
        """The rows of this annotator. Raises :class:`SetupError` where there are none."""
        found = read_records(self.path, self.columns)
        records = found.get(self.annotator or "")
        if records is None:
            raise SetupError(
                f"{self.path}: has no annotator {self.annotator!r}; there are "
                f"{', '.join(sorted(found)) or 'none'}"
            )
        return records


class RecordedAnnotator:
    """Answers at once, from memory."""

    in_flight = 64

    def __init__(self, spec: RecordedSpec) -> None:
        self.annotator_id = spec.annotator_id
        self._spec, self._records = spec, spec.records()

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One outcome per dimension of the rubric; the future is done."""
        future: Future[Sequence[Outcome]] = Future()
        future.set_result([self._outcome(question, d) for d in question.rubric.dimensions])
        return future

    def close(self) -> None:
        """Nothing is held."""

    def _outcome(self, question: Question, dimension: Dimension) -> Outcome:
        answers = self._spec.dimension in (None, dimension.name)
        row = self._records.find(question.frames, dimension.name) if answers else None
        if row is None:
            return self._failure(
                question,
                dimension,
                Reason.NOT_RECORDED,
                "the file has no row for this clip and dimension",
            )
        if row.reply is not None:
            return self._of_reply(question, dimension, row, row.reply)
        if row.score is None:
            return self._failure(
                question, dimension, Reason.NOT_RECORDED, f"row {row.row} of the file is empty"
            )
        low, high = _bounds(self._spec, dimension)
        if (low is not None and row.score < low) or (high is not None and row.score > high):
            return self._failure(
                question,
                dimension,
                Reason.OFF_SCALE,
                f"row {row.row}: {row.score:g} lies outside {low:g} to {high:g}",
            )
        return self._annotation(question, dimension, row.score, low, high, row.rationale)

    def _of_reply(
        self, question: Question, dimension: Dimension, row: Recorded, reply: str
    ) -> Outcome:
        said = next(
            s for s in read_verdict(reply, question.rubric) if s.dimension == dimension.name
        )
        if not isinstance(said, Judgement):
            return self._failure(question, dimension, said.reason, f"row {row.row}: {said.message}")
        return self._annotation(
            question, dimension, said.score, dimension.low, dimension.high, said.rationale
        )

    def _annotation(
        self,
        question: Question,
        dimension: Dimension,
        score: float,
        low: float | None,
        high: float | None,
        rationale: str | None,
    ) -> Annotation:
        frames = question.frames
        return Annotation(
            video_id=frames.video_id,
            dimension=dimension.name,
            annotator_id=self.annotator_id,
            draw=question.draw,
            prompt_id=frames.prompt_id,
            generator=frames.generator,
            score=float(score),
            scale_low=None if low is None else float(low),
            scale_high=None if high is None else float(high),
            rationale=rationale,
            cost_usd=0.0,
            n_frames=0,  # no frame was shown for it
            simulated=frames.simulated,
        )

    def _failure(
        self, question: Question, dimension: Dimension, reason: Reason, message: str
    ) -> Failure:
        return failures(question, self.annotator_id, reason, message, dimensions=[dimension.name])[
            0
        ]


def _bounds(spec: RecordedSpec, dimension: Dimension) -> tuple[float | None, float | None]:
    if spec.scale == "unbounded":
        return None, None
    return spec.scale or (dimension.low, dimension.high)
