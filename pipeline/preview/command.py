"""The command `preview`: plan as a run does, ask a few questions, show everything about them."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from annotators.base import Question
from annotators.chat.spec import ChatSpec
from annotators.journal import Journal
from annotators.ledger import Spent
from pipeline.check import Stopped, require_health
from pipeline.config import Config, load_config
from pipeline.estimate import estimate
from pipeline.generators.workshop import workshop
from pipeline.home.place import layout_of
from pipeline.plan import Plan, make_plan
from pipeline.preview.ask import Answer, ask, at_once, unsent
from pipeline.preview.choose import Subject, subjects
from pipeline.preview.collect import collect
from pipeline.preview.cost import measure, paid_now
from pipeline.preview.page import write_page
from pipeline.preview.show import item_of
from pipeline.preview.terminal import print_preview
from pipeline.preview.view import Item, Preview
from pipeline.preview.words import plural
from pipeline.protocol import ProtocolOptions, alone, compared, lineups_of_prompt
from pipeline.running import ledger_of, resources_of
from pipeline.state import locked
from schemas import Failure, FrameSet
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store

COMPLETE, STOPPED = 0, 3

Frames = dict[str, FrameSet | Failure]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What the command line asks for."""

    config: str
    overrides: Sequence[str] = ()
    output: Path = Path("out/preview")
    items: int = 5
    unsent: bool = False


def preview(asked: Ask, say: Callable[[str], None]) -> int:
    """Ask, write ``OUTPUT/preview/index.html``, print; the exit code of the contract.

    Raises :class:`SetupError` for whatever a run refuses.
    """
    config = load_config(asked.config, asked.overrides)
    plan = make_plan(config)
    chosen = subjects(config.protocol, plan.clips, plan.rubrics, plan.comparing, asked.items)
    if not chosen:
        raise SetupError(f"--config {asked.config}: it has no clips to look at")
    layout = layout_of(asked.output)
    with locked(layout):
        shown = _look(asked, config, plan, chosen, layout, say)
        page = write_page(shown, layout.root / "preview")
    print_preview(shown, page)
    return STOPPED if shown.stopped else COMPLETE


def _look(
    asked: Ask,
    config: Config,
    plan: Plan,
    chosen: Sequence[Subject],
    layout: Layout,
    say: Callable[[str], None],
) -> Preview:
    resources = resources_of(config, plan, layout, ledger_of(config, plan, layout), workers=1)
    clips = {clip.video_id: clip for subject in chosen for clip in subject.clips}
    say(f"preview: taking the frames of {plural(len(clips), 'clip')}")
    before = resources.ledger.totals()
    if not asked.unsent:  # before a clip is bought: the job of one that was killed may be taken up
        resources.ledger.begin()
    frames = collect(clips.values(), config, layout, resources, free_only=asked.unsent)
    asking = [(subject, _questions(subject, frames, config.protocol)) for subject in chosen]
    questions = [question for _, own in asking for question in own]
    if asked.unsent:
        answers = unsent(plan.annotators, questions)
    else:
        say(f"preview: {plural(len(questions), 'question')} to {_names(plan)}")
        capped = config.budget.usd is not None
        annotators = [at_once(spec, plan.models, capped=capped) for spec in plan.annotators]
        answers = ask(annotators, questions, resources)
    after = resources.ledger.totals()
    bought = {name: after[name] - before.get(name, Spent()) for name in after}
    taken = {key: found for key, found in frames.items() if isinstance(found, FrameSet)}
    made, _ = workshop(config.generators, layout, resources.ledger)
    expected = estimate(config, plan, frames=taken, journal=Journal(resources.journal), made=made)
    judges = [a for a in plan.annotators if isinstance(a, ChatSpec)]
    return Preview(
        name=Path(asked.config).stem,
        sent=not asked.unsent,
        simulated=any(clip.simulated for clip in clips.values()),
        items=_items(asking, frames, answers, layout.frames, config.protocol),
        measured=measure(judges, answers, expected, bought),
        made=[(name, paid_now(bought[name])) for name in _generators(config)],
        estimate=expected.text(None),
        watched=bool(expected.watching),
        stopped="" if asked.unsent else _stopped(frames, answers),
    )


def _generators(config: Config) -> list[str]:
    """Accounts of those whose clips are requests."""
    pool = config.generators.pool if config.generators else []
    return [spec.account for spec in pool if spec.counts]


def _names(plan: Plan) -> str:
    return ", ".join(a.annotator_id for a in plan.annotators)


def _questions(subject: Subject, frames: Frames, protocol: ProtocolOptions) -> list[Question]:
    """The first draw: one question, or where clips are compared one in each order. As in a run, only
    clips that have frames are compared."""
    found = (frames[clip.video_id] for clip in subject.clips)
    taken = {one.video_id: one for one in found if isinstance(one, FrameSet)}
    if subject.rubric.protocol == "pointwise":
        return [q for one in taken.values() for q in alone(one, [subject.rubric], draws=1)]
    lineups = lineups_of_prompt(
        protocol,
        subject.clips[0].prompt_id,
        taken,
        subject.rubric,
        draws=1,
        close=itertools.combinations(sorted(taken), 2),  # a pair, as if it lay in a tie band
    )
    return [
        compared(lineup, [taken[video] for video in lineup.video_ids], [subject.rubric])
        for lineup in lineups
    ]


def _items(
    asking: Sequence[tuple[Subject, list[Question]]],
    frames: Frames,
    answers: Sequence[Answer],
    store: Store,
    protocol: ProtocolOptions,
) -> list[Item]:
    band = (
        "A run asks this pair only where the scores of its clips differ by at most "
        f"{protocol.band:g}."
    )
    return [
        item_of(
            subject,
            frames,
            own,
            [answer for answer in answers if any(answer.question is one for one in own)],
            store,
            band if protocol.kind == "tie_band" and len(subject.clips) > 1 else "",
        )
        for subject, own in asking
    ]


def _stopped(frames: Frames, answers: Sequence[Answer]) -> str:
    unmade = [found for found in frames.values() if isinstance(found, Failure)]
    failed = [o for answer in answers for o in answer.outcomes if isinstance(o, Failure)]
    try:
        require_health("preview", 0, unmade)  # only an account's fault: a clip's own is on show
        require_health("preview", sum(len(answer.outcomes) for answer in answers), failed)
    except Stopped as stop:
        return str(stop)
    return ""
