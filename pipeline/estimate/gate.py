"""What a run may spend before its gate: on the clips that people rated, which are judged first."""

import dataclasses
from collections.abc import Collection, Iterator

from annotators.journal import Journal
from annotators.ledger import Amount
from pipeline.config import Config
from pipeline.estimate.clips import Clips
from pipeline.estimate.figures import plural, usd
from pipeline.estimate.lines import line_of
from pipeline.estimate.making import making_lines
from pipeline.estimate.questions import draws_of
from pipeline.estimate.watching import watching_lines
from pipeline.gate import clips_told, required
from pipeline.generators.made import Made
from pipeline.plan import Plan


def gate_words(
    config: Config,
    plan: Plan,
    clips: Clips,
    journal: Journal | None,
    made: Made | None,
    first: Collection[str],
) -> Iterator[str]:
    """How many clips come before the gate, and what they cost at most. Nothing where there is no gate.

    ``first``: their ids.
    """
    if not required(config):
        return
    if not first:
        yield (
            "audit.require is held against all clips at the end: none is judged before the others, "
            "where every one is rated, or judged already"
        )
        return
    worst = _worst(config, plan, clips, journal, made, first)
    cost = "a cost that is unknown" if worst.usd is None else f"{usd(worst.usd)} at most"
    yield (
        f"audit.require is held against {clips_told(first)}, for {cost} in "
        f"{plural(worst.requests, 'request')}, before anything else is asked"
    )


def _worst(
    config: Config,
    plan: Plan,
    clips: Clips,
    journal: Journal | None,
    made: Made | None,
    first: Collection[str],
) -> Amount:
    own = dataclasses.replace(plan, clips=tuple(c for c in plan.clips if c.video_id in first))
    shown = dataclasses.replace(
        clips,
        known={video: f for video, f in clips.known.items() if video in first},
        coming={video: f for video, f in clips.coming.items() if video in first},
    )
    lines = [
        line_of(spec, draws_of(spec, own, config.protocol, shown), journal)[0]
        for spec in own.annotators
    ]
    lines += making_lines(config, own, shown, made)
    lines += [line for line, _ in watching_lines(config, own, shown)]
    return sum((line.worst for line in lines), Amount(requests=0))
