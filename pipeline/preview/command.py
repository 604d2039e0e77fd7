"""The command `preview`: plan as a run does, ask a few questions, show everything about them."""

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

from annotators.base import Question
from annotators.chat.spec import ChatSpec
from annotators.journal import Journal
from pipeline.check import Stopped, require_health
from pipeline.config import Config, load_config
from pipeline.estimate import estimate
from pipeline.plan import Plan, make_plan
from pipeline.preview.ask import Answer, ask, at_once, unsent
from pipeline.preview.choose import choose
from pipeline.preview.collect import collect
from pipeline.preview.cost import measure
from pipeline.preview.page import write_page
from pipeline.preview.terminal import print_preview
from pipeline.preview.view import Item, Preview, item_of
from pipeline.preview.words import plural
from pipeline.running import ledger_of, resources_of
from pipeline.state import layout_of, locked
from schemas import Clip, Failure, FrameSet, Rubric
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.store import Store

COMPLETE, STOPPED = 0, 3

Chosen = list[tuple[Clip, Rubric]]
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
    if not plan.rubrics:
        raise SetupError(
            f"--config {asked.config}: a preview shows clips that are judged on their own, and protocol: "
            f"{config.protocol.kind} only compares them; look with --set protocol=pointwise"
        )
    chosen = choose(plan.clips, plan.rubrics, asked.items)
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
    chosen: Chosen,
    layout: Layout,
    say: Callable[[str], None],
) -> Preview:
    resources = resources_of(config, plan, layout, ledger_of(config, plan, layout), workers=1)
    n_clips = len({clip.video_id for clip, _ in chosen})
    say(f"preview: taking the frames of {plural(n_clips, 'clip')}")
    frames = collect((clip for clip, _ in chosen), config, layout, resources.processes)
    questions = _questions(chosen, frames)
    before = resources.ledger.totals()
    if asked.unsent:
        answers = unsent(plan.annotators, questions)
    else:
        say(f"preview: {plural(len(questions), 'question')} to {_names(plan)}")
        resources.ledger.begin()
        capped = config.budget.usd is not None
        annotators = [at_once(spec, plan.models, capped=capped) for spec in plan.annotators]
        answers = ask(annotators, questions, resources)
    after = resources.ledger.totals()
    taken = {key: found for key, found in frames.items() if isinstance(found, FrameSet)}
    expected = estimate(config, plan, frames=taken, journal=Journal(resources.journal))
    judges = [a for a in plan.annotators if isinstance(a, ChatSpec)]
    return Preview(
        name=Path(asked.config).stem,
        sent=not asked.unsent,
        simulated=any(clip.simulated for clip, _ in chosen),
        items=_items(chosen, frames, answers, layout.frames),
        measured=measure(
            judges, answers, expected, {name: after[name] - before[name] for name in before}
        ),
        estimate=expected.text(),
        stopped=_stopped(answers),
    )


def _names(plan: Plan) -> str:
    return ", ".join(a.annotator_id for a in plan.annotators)


def _questions(chosen: Chosen, frames: Frames) -> list[Question]:
    return [
        Question(frames=found, rubric=rubric, draw=0)
        for clip, rubric in chosen
        if isinstance(found := frames[clip.video_id], FrameSet)
    ]


def _items(chosen: Chosen, frames: Frames, answers: Sequence[Answer], store: Store) -> list[Item]:
    def key(answer: Answer) -> tuple[str, str]:
        return answer.question.frames.video_id, answer.question.rubric.sha256

    by_item = {k: list(g) for k, g in itertools.groupby(sorted(answers, key=key), key=key)}
    return [
        item_of(
            clip,
            rubric,
            frames[clip.video_id],
            by_item.get((clip.video_id, rubric.sha256), []),
            store,
        )
        for clip, rubric in chosen
    ]


def _stopped(answers: Sequence[Answer]) -> str:
    failed = [o for answer in answers for o in answer.outcomes if isinstance(o, Failure)]
    try:
        require_health("preview", sum(len(answer.outcomes) for answer in answers), failed)
    except Stopped as stop:
        return str(stop)
    return ""
