"""Which clips are judged first: those that people rated, where a run must show what its judges are worth.

With ``audit.require`` a run judges the rated clips in waves of their own, before all others, and goes
on only where the numbers on them are good enough: a judge that is not costs no more than they do. What
of a prompt comes first depends on how clips are judged: on their own, its rated clips alone; against
each other, all of its clips, for they are compared in one wave.
"""

import dataclasses
import json
from collections.abc import Collection
from typing import Any

from pipeline.audit.ratings import facts_of, read_people
from pipeline.audit.simulated_raters import SimulatedRaters
from pipeline.config import Config
from pipeline.formats.finder import ClipFinder
from pipeline.plan import Plan
from pipeline.state import fingerprint, plain, shaping, write_json
from schemas.layout import Layout

ORDER = "order.json"  # in the work folder


class RequirementError(RuntimeError):
    """``audit.require`` is not met; everything is kept. Exit code 4."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """In which order the clips of a folder are judged.

    ``first``: ids of the clips in the first waves; none where the order is the usual one. ``judged``:
    what was asked for when all clips had been judged in this order, None before.
    """

    first: frozenset[str] = frozenset()
    judged: str | None = None


def required(config: Config) -> bool:
    """Whether the run must reach something."""
    return config.audit is not None and bool(config.audit.require)


def rated_clips(config: Config, plan: Plan) -> frozenset[str]:
    """Ids of the clips that are judged before all others where something is required.

    None where that saves nothing: everything is rated, as by simulated raters, who rate whatever was
    simulated. The audit at the end of the run holds the requirements against all clips then. Raises
    :class:`~schemas.options.SetupError` for a fault in the people's tables.
    """
    options = config.audit
    if options is None or any(isinstance(one, SimulatedRaters) for one in options.ratings):
        return frozenset()
    said = read_people(options, ClipFinder(facts_of(plan.clips)))
    rated = {rating.video_id for rating in said.ratings}
    rated |= {video for vote in said.votes for video in (vote.video_a, vote.video_b)}
    counted = [c for c in plan.clips if c.generator not in options.leave_out_generators]
    first = {clip.video_id for clip in counted if clip.video_id in rated}
    if config.protocol.compares:
        first = _whole(first, plan)
    return frozenset(first) if len(first) < len(plan.clips) else frozenset()


def _whole(first: Collection[str], plan: Plan) -> set[str]:
    """These clips and all others of their prompts."""
    prompts = {clip.prompt_id for clip in plan.clips if clip.video_id in first}
    return {clip.video_id for clip in plan.clips if clip.prompt_id in prompts}


def order_of(config: Config, plan: Plan, layout: Layout) -> Order:
    """The order of a run on a folder: that in which it was begun, where that will do.

    A folder whose clips were all judged keeps its order, whatever is required of it later: nothing is
    left to be saved. One that was begun with rated clips first keeps that, too, where they are all
    among them, and without a requirement as well: so nothing that is whole is done anew.
    """
    held = _held(layout)
    if held.judged == _asked(config, plan):
        return held
    wanted = rated_clips(config, plan) if required(config) else frozenset()
    if held.first and wanted <= held.first and _can_be(held.first, config, plan):
        return Order(first=held.first)
    return Order(first=wanted)


def _can_be(first: frozenset[str], config: Config, plan: Plan) -> bool:
    """Whether these clips can come first: they are there, with all of their prompts where clips are
    compared."""
    known = {clip.video_id for clip in plan.clips}
    return first <= known and (not config.protocol.compares or first == _whole(first, plan))


def keep_order(order: Order, layout: Layout) -> None:
    """Note the order, where it is not the usual one, before anything is done in it."""
    path = layout.work / ORDER
    if order.first or path.is_file():
        _write(order, layout)


def keep_judged(order: Order, config: Config, plan: Plan, layout: Layout) -> None:
    """Note that every clip was judged in this order."""
    _write(dataclasses.replace(order, judged=_asked(config, plan)), layout)


def _write(order: Order, layout: Layout) -> None:
    write_json(layout.work / ORDER, {"first": sorted(order.first), "judged": order.judged})


def _held(layout: Layout) -> Order:
    path = layout.work / ORDER
    if not path.is_file():
        return Order()
    held: dict[str, Any] = json.loads(path.read_text())
    return Order(first=frozenset(held["first"]), judged=held["judged"])


def _asked(config: Config, plan: Plan) -> str:
    """Digest of what is asked about which clips."""
    return fingerprint(shaping(plain(config)), [clip.video_id for clip in plan.named])


def clips_told(first: Collection[str]) -> str:
    """The clips that come first, in words."""
    return f"the first {len(first):,} clips (rated)" if len(first) > 1 else "the first clip (rated)"
