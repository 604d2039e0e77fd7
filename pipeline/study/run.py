"""Every point through the normal pipeline, one after the other, under one ledger and one journal."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from annotators.ledger import Spent
from pipeline.command import COMPLETE, STATES, attempt
from pipeline.display import Display
from pipeline.final import run_record
from pipeline.interrupts import Interrupts
from pipeline.logs import quiet_beam
from pipeline.plan import Plan
from pipeline.state import claim, locked, write_json
from pipeline.study.place import Placed, linked
from schemas.layout import Layout

if TYPE_CHECKING:
    from pipeline.job import Job
    from pipeline.transforms.engine import Engine


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A point that is ready to be run."""

    placed: Placed
    plan: Plan


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How far the points came: the exit code of a run, why it ended, and what was bought now."""

    code: int
    message: str
    complete: Sequence[Planned]
    paid: Spent


def run_points(
    study: Layout,
    points: Sequence[Planned],
    flags: Sequence[str],
    *,
    rebuild: bool,
    display: Display,
    interrupts: Interrupts,
) -> Ran:
    """Points until one does not end complete. What is whole is skipped, what is paid for is kept.

    Raises :class:`SetupError` where a point's folder holds another run, or is being worked in.
    """
    quiet_beam()
    from pipeline.transforms.engine import Engine  # Beam takes a second to import

    engine = Engine(flags)
    engine.require(None, [a for planned in points for a in planned.plan.annotators])
    complete: list[Planned] = []
    paid = Spent()
    for number, planned in enumerate(points, 1):
        name = planned.placed.point.name
        display.say(f"study: point {number} of {len(points)}: {name}")
        linked(study, planned.placed.layout)
        with locked(planned.placed.layout):
            claim(planned.placed.layout, planned.placed.config, name, rebuild)
            code, message, spent = _run(planned, engine, display, interrupts)
        paid += spent
        if code != COMPLETE:
            return Ran(code=code, message=f"point {name}: {message}", complete=complete, paid=paid)
        complete.append(planned)
    return Ran(code=COMPLETE, message="", complete=complete, paid=paid)


def _run(
    planned: Planned, engine: "Engine", display: Display, interrupts: Interrupts
) -> tuple[int, str, Spent]:
    from pipeline.job import Job

    placed = planned.placed
    job = Job(placed.config, planned.plan, placed.layout, engine, display, placed.point.name)
    code, message = attempt(job, interrupts, _end)
    job.ledger.sync()
    display.close()
    job.note(STATES[code], message or None)
    return code, message, sum(job.spent().values(), Spent())


def _end(job: "Job", tables: str) -> None:
    """A point ends with its tables and its record: there is no model, card or page of it."""
    write_json(job.layout.run, run_record(job))
