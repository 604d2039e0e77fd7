"""What the generators of a run will make, and what that may cost."""

from collections import Counter
from collections.abc import Iterator

from pipeline.config import Config
from pipeline.estimate.clips import Clips
from pipeline.estimate.result import Line
from pipeline.plan import Plan


def making_lines(config: Config, plan: Plan, clips: Clips) -> Iterator[Line]:
    """A line for each generator, but simulated ones, that still has clips to make.

    Clips whose frames an earlier run on the folder took are there; others may be, too, so the number
    is the most there can be.
    """
    if config.generators is None:
        return
    to_make = [clip for clip in plan.clips if clip.path is None]
    still = Counter(clip.generator for clip in to_make if clip.video_id not in clips.known)
    done = Counter(clip.generator for clip in to_make if clip.video_id in clips.known)
    for spec in config.generators.pool:
        n, worst = still[spec.name], spec.worst_usd
        if not n or spec.simulated:
            continue
        yield Line(
            annotator_id=spec.account,
            way="made",
            questions=n,
            requests=n if worst != 0 else 0,
            paid=done[spec.name],
            usd_at_most=None if worst is None else n * worst,
            usd_likely=None if worst is None else n * worst,
        )


def unpriced_generators(config: Config) -> Iterator[str]:
    """Whose clips cost nobody knows what."""
    for spec in config.generators.pool if config.generators else ():
        if spec.worst_usd is None:
            yield f"the cost of {spec.account} is unknown; give price: in its block"
