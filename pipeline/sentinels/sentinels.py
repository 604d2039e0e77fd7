"""What a run calls around each wave: judge before it, done after it, a summary at the end."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from annotators.base import Resources
from annotators.judge.spec import JudgeSpec
from pipeline.check import Stopped, require_health
from pipeline.running import Run
from pipeline.sentinels.ask import ask, questions
from pipeline.sentinels.clips import clips_of
from pipeline.sentinels.compare import Finding, find
from pipeline.sentinels.history import History
from pipeline.sentinels.judges import judges_of
from pipeline.sentinels.occasions import IsWhole, Occasion, Occasions
from pipeline.sentinels.options import SentinelOptions
from pipeline.sentinels.record import Record, record_of, shelf
from pipeline.sentinels.summary import lines_of, summary_of, verdicts_of
from schemas import Failure, FrameSet, Rubric
from schemas.store import Store


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the sentinels of a run work, and what they ask."""

    judges: Sequence[JudgeSpec]
    rubrics: Sequence[Rubric]
    resources: Resources
    history: Store
    occasions: Path  # a folder
    clips: Callable[[], Sequence[FrameSet]]  # asked once, when they are first needed
    is_whole: IsWhole  # whether a wave is marked as whole: its name, what it is made from
    say: Callable[[str], None]
    run: str  # its name
    n_waves: int  # that the run has, whole ones too


class Sentinels:
    """The sentinels of one run.

    Raises :class:`~schemas.options.SetupError` for a damaged file of the history.
    """

    def __init__(self, options: SentinelOptions, place: Place) -> None:
        self._options, self._place = options, place
        self._history = History(place.history)
        self._occasions = Occasions(place.occasions, place.is_whole)
        self._clips: Sequence[FrameSet] | None = None
        self._said: set[str] = set()  # occasions that were told of
        for judge in place.judges:
            self._history.before(shelf(judge), "~")  # all of them: damage shows before work

    @property
    def n_tests(self) -> int:
        """At most, in the whole run: they share ``alpha``."""
        return max(1, len(self._place.judges) * self._place.n_waves)

    def judge(self, wave: str, made_from: str) -> None:
        """Ask the judges about the sentinels, before a wave that is about to be judged.

        ``wave`` and ``made_from`` are the name and the fingerprint of the wave's mark. A wave that was
        stopped goes on with its occasion and pays nothing twice. Raises
        :class:`~pipeline.check.Stopped` where a judge can be asked no more, and with ``on_change:
        stop`` where one has changed.
        """
        if not self._sentinels() or not self._place.judges:
            return
        occasion = self._occasions.begin(wave, made_from)
        records = self._records(occasion)
        findings = [self._find(judge, records[judge.annotator_id]) for judge in self._place.judges]
        self._occasions.note(occasion, len(self._sentinels()), findings)
        self._tell(occasion)

    def done(self, wave: str) -> None:
        """The wave is whole, and marked so. If it is judged anew later, so are the sentinels."""
        self._occasions.done(wave)

    def summary(self) -> dict[str, Any] | None:
        """For judges.json and the report; None before the first occasion.

        ``judges`` has one row per annotator, of its most telling occasion; ``changed`` says whether
        any occasion of the run shows a change. ``occasions`` has all. A row's ``series`` is what the
        history holds of its judge, earlier runs' occasions too.
        """
        records = {j.annotator_id: self._history.before(shelf(j), "~") for j in self._place.judges}
        return summary_of(self._taken(), self._options, self.n_tests, records)

    def lines(self) -> list[str]:
        """For the terminal, one per judge; none before the first occasion."""
        return lines_of(self._taken(), self._options, self.n_tests)

    def _sentinels(self) -> Sequence[FrameSet]:
        if self._clips is None:
            self._clips = self._place.clips()
            if not self._clips:
                self._place.say("sentinels: none of the clips has frames, so no judge is watched")
        return self._clips

    def _records(self, occasion: Occasion) -> dict[str, Record]:
        """Of every judge, by annotator_id: kept before the run was stopped, or asked for now."""
        judges = self._place.judges
        kept = {j.annotator_id: self._history.get(shelf(j), occasion.occasion) for j in judges}
        known = {name: record for name, record in kept.items() if record is not None}
        return known | self._new([j for j in judges if j.annotator_id not in known], occasion)

    def _new(self, judges: Sequence[JudgeSpec], occasion: Occasion) -> dict[str, Record]:
        """Asked, and kept where every question was asked: half an occasion is none."""
        place = self._place
        asked = questions(self._sentinels(), place.rubrics, self._options.draws, occasion.occasion)
        answers = ask(judges, asked, place.resources)
        outcomes = (o for many in answers.values() for _, said in many for o in said)
        require_health("sentinels", 0, [o for o in outcomes if isinstance(o, Failure)])
        return {
            judge.annotator_id: self._history.put(
                shelf(judge),
                record_of(
                    judge,
                    answers[judge.annotator_id],
                    occasion=occasion.occasion,
                    time=occasion.time,
                    run=place.run,
                    wave=occasion.wave,
                ),
            )
            for judge in judges
        }

    def _find(self, judge: JudgeSpec, record: Record) -> Finding:
        before = self._history.before(shelf(judge), record.occasion)
        return find(record, before, n_tests=self.n_tests, alpha=self._options.alpha)

    def _taken(self) -> list[Occasion]:
        """Of the waves that this run has, and of the judges."""
        names = {judge.annotator_id for judge in self._place.judges}
        return [
            dataclasses.replace(
                one, findings=tuple(f for f in one.findings if f.annotator in names)
            )
            for one in self._occasions.all()
            if int(one.wave.rsplit("-", 1)[-1]) < self._place.n_waves
        ]

    def _tell(self, occasion: Occasion) -> None:
        """Say what is worth it; a change ends the run where that is asked for."""
        found = verdicts_of(self._taken(), self._options, self.n_tests)
        now = [v for v in found if v.finding.occasion == occasion.occasion]
        for verdict in now if occasion.occasion not in self._said else ():
            if verdict.another or verdict.finding.new_fingerprints or verdict.finding.failures:
                self._place.say(f"sentinels: {verdict.finding.annotator}: {verdict.said}")
        self._said.add(occasion.occasion)
        another = [verdict for verdict in now if verdict.another]
        if another and self._options.on_change == "stop":
            raise Stopped(
                f"sentinels: {another[0].finding.annotator} is not the judge it was: "
                f"{another[0].said}. Stopped before {occasion.wave}; to go on with the judge as it "
                "is now, set sentinels.on_change: say, and another sentinels.history to watch it from "
                "here"
            )


def sentinels_of(run: Run, resources: Resources, n_waves: int | None = None) -> Sentinels | None:
    """The sentinels of a run; None where its configuration asks for none.

    ``n_waves``: that will be judged at most, where it is not one for each wave of clips.
    """
    options = run.config.sentinels
    if options is None:
        return None
    found = options
    return Sentinels(
        options,
        Place(
            judges=judges_of(run.plan.annotators, options, run.plan.models),
            rubrics=run.plan.watching,
            resources=resources,
            history=Store(options.history or str(run.layout.root / "sentinels")),
            occasions=run.layout.work / "sentinels",
            clips=lambda: clips_of(found, run, resources),
            is_whole=run.is_whole,
            say=run.say,
            run=run.name,
            n_waves=len(run.waves) if n_waves is None else n_waves,
        ),
    )
