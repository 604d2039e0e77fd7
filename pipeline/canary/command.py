"""The command `canary`: plan as a run does, write words onto clips, ask, and tell what they did."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from annotators.base import Resources
from annotators.journal import Journal
from annotators.ledger import Spent
from pipeline.canary.ask import Asked, ask, questions_of, to_buy
from pipeline.canary.page import write_page
from pipeline.canary.shift import replies_of, rows_of, scores_of
from pipeline.canary.show import shown_of
from pipeline.canary.study import Study
from pipeline.canary.subjects import Say, Subjects, notes_of, subjects_of, words_on, write_words
from pipeline.canary.terminal import print_study, say_to_buy
from pipeline.canary.variants import CLEAN
from pipeline.check import Stopped, require_health
from pipeline.config import Config, load_config
from pipeline.home.place import layout_of
from pipeline.plan import Plan, make_plan
from pipeline.running import ledger_of, resources_of
from pipeline.state import locked, write_json
from schemas import Failure
from schemas.layout import Layout

COMPLETE, STOPPED = 0, 3
FILE, FOLDER = "canary.json", "canary"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the command line asks for."""

    config: str
    output: Path
    overrides: Sequence[str] = ()
    clips: int = 24
    unsent: bool = False


def canary(asked: Ask, say: Say) -> int:
    """Ask, write ``OUTPUT/canary.json`` and ``OUTPUT/canary/index.html``, print; the exit code of the
    contract: 0, or 3 where an annotator stopped (what was answered is kept and told).

    ``unsent`` writes nothing but frames: it only says what would be asked and what that may cost.
    Raises :class:`SetupError` for whatever a run refuses, and where there is nobody or nothing to ask.
    """
    config = load_config(asked.config, asked.overrides)
    plan = make_plan(config)
    subjects = subjects_of(plan, config, asked.config, asked.clips)
    layout = layout_of(asked.output)
    with locked(layout):
        study = _study(asked, config, plan, subjects, layout, say)
        if not study.sent:
            print("Nothing was sent.")
            return COMPLETE
        write_json(layout.root / FILE, study.plain())
        page = write_page(study, layout.root / FOLDER)
    print_study(study, page)
    return STOPPED if study.stopped else COMPLETE


def _study(
    asked: Ask, config: Config, plan: Plan, subjects: Subjects, layout: Layout, say: Say
) -> Study:
    resources = resources_of(config, plan, layout, ledger_of(config, plan, layout), workers=1)
    made, lost = write_words(config, subjects, layout, resources, say, free_only=asked.unsent)
    questions = questions_of(subjects.annotators, subjects.rubrics, made)
    bills = to_buy(subjects.annotators, questions, Journal(resources.journal))
    say_to_buy(bills, say)
    answered, paid = questions, Spent()
    if not asked.unsent:
        answered, paid = _ask(subjects, questions, resources)
    scores = scores_of(answered)
    return Study(
        name=Path(asked.config).stem,
        sent=not asked.unsent,
        simulated=any(clip.simulated for clip in subjects.clips),
        n_clips=len({clip for clip, _ in made}),
        n_prompts=len({sets[CLEAN].prompt_id for sets in made.values()}),
        words=words_on(made),
        to_buy=bills,
        paid=paid,
        rows=[row for one in scores for row in rows_of(one)],
        replies=replies_of(answered),
        scores=scores,
        shown=shown_of(answered, layout.frames),
        notes=[*subjects.left_out, *lost, *notes_of(subjects, made)],
        stopped="" if asked.unsent else _stopped(answered),
    )


def _ask(
    subjects: Subjects, questions: Sequence[Asked], resources: Resources
) -> tuple[list[Asked], Spent]:
    before = sum(resources.ledger.totals().values(), Spent())
    resources.ledger.begin()
    answered = ask(subjects.annotators, questions, resources)
    return answered, sum(resources.ledger.totals().values(), Spent()) - before


def _stopped(answered: Sequence[Asked]) -> str:
    failed = [o for one in answered for o in one.outcomes if isinstance(o, Failure)]
    try:
        require_health("canary", sum(len(one.outcomes) for one in answered), failed)
    except Stopped as stop:
        return str(stop)
    return ""
