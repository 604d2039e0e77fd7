"""The command `run`: arguments in, exit code out."""

import contextlib
import dataclasses
import logging
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotators.journal import Journal, JournalError
from annotators.log import say
from pipeline import vault
from pipeline.books import BooksError
from pipeline.check import Stopped
from pipeline.command_line import parser, retry_parser
from pipeline.config import Config, journal_of, load_config
from pipeline.dataset.parquet import read_rows
from pipeline.dataset.withdrawn import hand_on, refuse_pending, withdrawn
from pipeline.display import Display
from pipeline.failed import TakenUp, find_failed
from pipeline.final import finish, summary
from pipeline.gate import RequirementError, order_of
from pipeline.home import Home
from pipeline.home.place import layout_of
from pipeline.home.unseen import check_stores, refuse_unseen
from pipeline.interrupts import Interrupts
from pipeline.logs import quiet_beam, written
from pipeline.plan import Plan, make_plan
from pipeline.running import in_waves, stages_of
from pipeline.saved import command_of, saved
from pipeline.secrets import keys_of
from pipeline.sources.places import is_remote
from pipeline.state import claim, claimed, fingerprint, locked, plain
from pipeline.transforms.lost import EngineError
from schemas import FrameSet, Reason
from schemas.layout import Layout
from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.job import Job

MANY_CLIPS = 5_000  # whose headers take long enough to say so
COMPLETE, FAILED, REFUSED, STOPPED, UNMET = 0, 1, 2, 3, 4
STATES = {COMPLETE: "complete", FAILED: "failed", STOPPED: "stopped", UNMET: "unmet"}

RESUME = "Everything paid for is kept; run the same command again to resume."


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit code of the contract."""
    arguments, flags = parser().parse_known_args(argv)
    display = Display()

    def work(interrupts: Interrupts) -> int:
        config = load_config(arguments.config, arguments.set)
        if arguments.estimate:
            layout = layout_of(arguments.output, arguments.working_copy)
            display.say(_estimate(config, layout, display))
            return COMPLETE
        layout = layout_of(arguments.output, arguments.working_copy)
        with Home(layout).held():
            vault.bring(vault.named_in(flags))
            plan = make_plan(config, withdrawn=withdrawn(layout))
            ask = _Ask(
                config=config,
                plan=plan,
                layout=layout,
                name=Path(arguments.config).stem,
                flags=flags,
                rebuild=arguments.rebuild,
                command=command_of("run", argv),
                log_level=arguments.log_level,
            )
            return _run(ask, display, interrupts)

    return guarded(work, display)


def _estimate(config: Config, layout: Layout, display: Display) -> str:
    """The estimate as text: exact for the frames that a run on this folder took already, and
    without what its journal holds, and the clips that were made."""
    from annotators.ledger import Ledger
    from pipeline.estimate import estimate
    from pipeline.estimate.absent import without_absent
    from pipeline.generators.workshop import workshop

    asked = config
    config, absent = without_absent(asked)
    plan = make_plan(config, keys=False, withdrawn=withdrawn(layout))
    plan = dataclasses.replace(plan, notes=(*absent, *plan.notes))
    local = sum(clip.path is not None and not is_remote(clip.path) for clip in plan.clips)
    if local > MANY_CLIPS:
        display.say(f"reading the headers of {local:,} clips: a minute or two")
    taken = sorted((layout.work / "collect").glob("wave-*/frames/*.parquet"))
    frames = {one.video_id: one for one in read_rows(FrameSet, taken)}
    journal = Journal(journal_of(config, layout))
    made, _ = workshop(config.generators, layout, Ledger())
    # of stand-ins no run can have begun; what VideoRM starts from is no matter to the judges' order
    judged = ("sources", "generators", "audit")
    begun = all(getattr(config, block) == getattr(asked, block) for block in judged)
    first = order_of(config, plan, layout).first if begun else None
    found = estimate(config, plan, frames=frames, journal=journal, made=made, first=first)
    return found.text()


def retry(argv: Sequence[str]) -> int:
    """The command `retry`: failures of chosen reasons once more, then the run to its end."""
    arguments, flags = retry_parser().parse_known_args(argv)
    display = Display()

    def work(interrupts: Interrupts) -> int:
        layout = layout_of(arguments.run, arguments.working_copy)
        with Home(layout).held():
            name, config = claimed(layout)
            vault.bring(vault.named_in(flags))
            plan = make_plan(config, withdrawn=withdrawn(layout))
            reasons = [Reason(reason) for reason in arguments.reason]
            first = order_of(config, plan, layout).first
            n_waves = len(in_waves(plan.named, config.wave_size, first))
            again = find_failed(layout, reasons, stages_of(config.protocol), n_waves)
            ask = _Ask(
                config=config,
                plan=plan,
                layout=layout,
                name=name,
                flags=flags,
                again=again,
                command=command_of("retry", argv),
                log_level=arguments.log_level,
            )
            return _run(ask, display, interrupts)

    return guarded(work, display)


def guarded(work: Callable[["Interrupts"], int], display: Display) -> int:
    """The exit code of the work; 2 where it is refused, 3 where it is interrupted before it began."""
    interrupts = Interrupts(display.say)
    try:
        return work(interrupts)
    except SetupError as error:
        display.say(f"refused: {error}")
        return REFUSED
    except KeyboardInterrupt:
        display.say("interrupted before work started")
        return STOPPED
    finally:
        interrupts.close()


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Ask:
    """What the command line asks for."""

    config: Config
    plan: Plan
    layout: Layout
    name: str
    flags: Sequence[str]
    rebuild: bool = False
    again: TakenUp | None = None  # failures to take up
    command: str  # as it was given
    log_level: str


def _run(ask: _Ask, display: Display, interrupts: Interrupts) -> int:
    quiet_beam()
    from pipeline.job import Job  # Beam takes a second to import: only who runs pays
    from pipeline.transforms.engine import Engine

    engine, plan, layout = Engine(ask.flags), ask.plan, ask.layout
    engine.require(layout.home, plan.annotators)
    if engine.remote:
        refuse_unseen(ask.config, plan, layout)
    check_stores(ask.config)
    display.say(
        f"videoprefer: {ask.name} -> {layout.home or layout.root}  ({len(plan.prompts)} prompts, "
        f"{len(plan.clips)} clips, {len(plan.annotators)} annotators, "
        f"{ask.config.protocol.kind}, {engine.runner})"
    )
    if layout.home:
        display.say(f"working copy: {layout.root}")
    for note in plan.notes:
        display.say(f"note: {note}")
    started = time.monotonic()
    with locked(layout), _logged(ask):
        refuse_pending(layout)
        for note in hand_on(layout, ask.config.sources):
            display.say(f"note: {note}")
        claim(layout, ask.config, ask.name, ask.rebuild)
        job = Job(ask.config, plan, layout, engine, display, ask.name)
        if ask.again is not None:
            job.take_up(ask.again)
        interrupts.resume = ask.command
        say(logging.INFO, "run_begin", f"{ask.name}: begins", runner=engine.runner)
        code, message = attempt(job, interrupts)
        job.ledger.sync()  # what was spent last is on disk, whatever becomes of the machine
        display.close()
        code, message = _noted(job, code, message)
        level = logging.INFO if code == COMPLETE else logging.WARNING
        say(level, "run_end", message or "complete", state=STATES[code], spend=job.spend()["usd"])
    display.say(
        f"{STATES[code]}: {message}" if message else summary(job, time.monotonic() - started)
    )
    if code == STOPPED:
        display.say(saved(job, ask.command))
    return code


def _noted(job: "Job", code: int, message: str) -> tuple[int, str]:
    """The end in status.json. A disk that takes nothing more must not hide why the run ended."""
    try:
        job.note(STATES[code], message or None)
    except OSError as error:
        said = (
            f"{job.layout.status}: cannot be written: {error}; make room, then run the same command "
            "again to go on: everything paid for is kept"
        )
        return code or FAILED, f"{message}; {said}" if message else said
    return code, message


def _logged(ask: _Ask) -> contextlib.AbstractContextManager[None]:
    run_id = fingerprint(plain(ask.config), ask.name)[:16]
    path = ask.layout.root / "log.jsonl"
    return written(path, run_id, ask.log_level, keys_of(plain(ask.config)))


def attempt(
    job: "Job", interrupts: Interrupts, end: Callable[["Job", str], None] = finish
) -> tuple[int, str]:
    """The whole run and its ``end``: its exit code, and what to say where it is not complete."""
    interrupts.on_the_wire = job.on_the_wire
    try:
        end(job, job.run())
    except (Stopped, KeyboardInterrupt) as error:
        why = "interrupted" if interrupts.seen else str(error) or "interrupted"
        return STOPPED, f"{why}. {RESUME}"
    except RequirementError as error:
        return UNMET, str(error)
    except (BooksError, JournalError, SetupError) as error:  # the last: found too late to refuse
        return FAILED, str(error)
    except Exception as error:
        if interrupts.seen:
            interrupts.settle()  # an engine that was ended by the same signal waited for nobody
            return STOPPED, f"interrupted. {RESUME}"
        if isinstance(error, EngineError):  # says all there is to say
            return FAILED, str(error)
        traceback.print_exc()
        return FAILED, f"{type(error).__name__}: {error}"
    return COMPLETE, ""
