"""What a study would ask for before anything is sent: every point, and a reply that two share once."""

import dataclasses
from collections.abc import Iterator, Sequence

from annotators.base import AnnotatorSpec, Question
from annotators.journal import Journal
from annotators.judge import JudgeSpec
from annotators.judge.request import requested
from annotators.ledger import Amount, Ledger
from pipeline.config import journal_of
from pipeline.dataset.parquet import read_rows
from pipeline.estimate import words
from pipeline.estimate.clips import Clips, look_at
from pipeline.estimate.figures import duration, usd
from pipeline.estimate.lines import Asked, line_of
from pipeline.estimate.making import making_lines, unpriced_generators
from pipeline.estimate.questions import draws_of
from pipeline.estimate.result import Line, all_together
from pipeline.generators.workshop import workshop
from pipeline.study.place import Placed
from pipeline.study.run import Planned
from schemas import FrameSet
from schemas.ids import canonical_json
from schemas.layout import Layout

Known = set[tuple[str, ...]]  # questions of points before: what they ask, and which draw


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A line for each point: what it adds to the points before it and to the journal."""

    labels: Sequence[str]
    lines: Sequence[Line]
    making: Sequence[Line]
    notes: Sequence[str]

    @property
    def together(self) -> Line:
        """All of it as one line; points come one after the other."""
        whole = all_together(self.lines, self.making)
        times = [line.seconds for line in (*self.lines, *self.making) if line.asks]
        known = [time for time in times if time is not None]
        return dataclasses.replace(whole, seconds=sum(known) if len(known) == len(times) else None)

    def text(self) -> str:
        """For a terminal."""
        width = max(map(len, (*self.labels, "together"))) + 2
        head = f"{'point':<{width}}{'requests':>9}{'tokens':>13}{'USD at most':>13}{'likely':>10}"
        rows = [_text(label, line, width) for label, line in zip(self.labels, self.lines)]
        made = [_text(line.annotator_id, line, width) for line in self.making]
        together = self.together
        last = [_text("together", together, width)] if together.asks else []
        times = [f"time at least: {duration(together.seconds)}"] if together.asks else []
        return "\n".join([head, *rows, *made, *last, *times, *(f"note: {n}" for n in self.notes)])


def _text(label: str, line: Line, width: int) -> str:
    if not line.asks:
        return f"{label:<{width}}{'free' if line.way != 'here' else 'free, it runs here':>9}"
    tokens = line.input_tokens + line.output_at_most
    return (
        f"{label:<{width}}{line.requests:>9,}{tokens:>13,}"
        f"{usd(line.usd_at_most):>13}{usd(line.usd_likely):>10}"
    )


def estimate_of(study: Layout, points: Sequence[Planned], labels: Sequence[str]) -> Estimate:
    """Count what every point would ask for. Headers of clips are read; nothing is sent."""
    known: Known = set()
    lines, making = [], list[Line]()
    unreadable: Clips | None = None
    for planned in points:
        clips = _clips_of(planned)
        if unreadable is None:
            unreadable, making = clips, list(_making(study, planned, clips))
        (spec,) = planned.plan.annotators
        journal = Journal(journal_of(planned.placed.config, study))
        lines.append(line_of(spec, _new(spec, planned, clips, known), journal)[0])
    budget = points[0].placed.config.budget
    found = Estimate(
        labels=labels,
        lines=lines,
        making=making,
        notes=list(_notes(points, unreadable)),
    )
    short = words.short(budget, _worst(found))
    return dataclasses.replace(found, notes=[*found.notes, *short])


def _worst(found: Estimate) -> Amount:
    return sum((line.worst for line in (*found.lines, *found.making)), Amount(requests=0))


def _clips_of(planned: Planned) -> Clips:
    """Frames as an earlier run of the point took them, else as headers tell."""
    placed, config = planned.placed, planned.placed.config
    taken = sorted((placed.layout.work / "collect").glob("wave-*/frames/*.parquet"))
    frames = {one.video_id: one for one in read_rows(FrameSet, taken)}
    pool = config.generators.by_name if config.generators else {}
    return look_at(planned.plan.clips, config.frames, frames, pool)


def _making(study: Layout, planned: Planned, clips: Clips) -> Iterator[Line]:
    """Clips are made by the first point, and there for all others."""
    config = planned.placed.config
    made, _ = workshop(config.generators, study, Ledger())
    return making_lines(config, planned.plan, clips, made)


def _new(spec: AnnotatorSpec, planned: Planned, clips: Clips, known: Known) -> Asked:
    """The questions that no point before asks in the same words; they are known from now on."""
    protocol = planned.placed.config.protocol
    for draws, taken in draws_of(spec, planned.plan, protocol, clips):
        fresh = [draw for draw in draws if _mark(spec, planned.placed, draw) not in known]
        known.update(_mark(spec, planned.placed, draw) for draw in fresh)
        if fresh:
            yield fresh, taken


def _mark(spec: AnnotatorSpec, placed: Placed, question: Question) -> tuple[str, ...]:
    """What a reply follows from. A request that several draws share is one of that many."""
    if not isinstance(spec, JudgeSpec):
        return (placed.point.name, question.frames.video_id, question.rubric.sha256)
    shared = spec.choices(question.rubric)
    return (
        spec.model,
        repr(requested(spec)),
        canonical_json([spec.engine, spec.reply_format, spec.score, spec.levels]),
        placed.config.frames.policy_name,
        question.frames.video_id,
        question.rubric.sha256,
        str(shared),
        str(question.draw),
    )


def _notes(points: Sequence[Planned], clips: Clips | None) -> Iterator[str]:
    yield (
        "a point adds what the points above it did not ask for; replies that the journal holds are "
        "left out where frames are taken already"
    )
    yield from unpriced_generators(points[0].placed.config)
    yield from dict.fromkeys(note for p in points for note in words.unpriced(p.plan))
    if clips is not None:
        yield from words.unreadable(clips)
        figures = [f for p in points for f in words.assumed(p.placed.config, p.plan, clips)]
        yield from (f"assumed: {f}" for f in dict.fromkeys(figures) if not f.startswith("disk"))
