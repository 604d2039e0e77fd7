"""What the generators of a run will make, and what that may cost."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from pipeline.config import Config
from pipeline.estimate.clips import Clips
from pipeline.estimate.result import Line
from pipeline.generators.made import Made, key_of
from pipeline.plan import Plan
from schemas import Clip

AT_ONCE = 16  # looks at notes


def making_lines(config: Config, plan: Plan, clips: Clips, made: Made | None) -> Iterator[Line]:
    """A line for each generator, but simulated ones, that still has clips to make.

    There are those whose frames an earlier run on the folder took, and those that are noted as
    ``made``.
    """
    if config.generators is None:
        return
    pool = config.generators.by_name
    to_make = [clip for clip in plan.clips if clip.path is None and pool[clip.generator].kept]

    def is_there(clip: Clip) -> bool:
        key = key_of(pool[clip.generator].kind, clip)
        return clip.video_id in clips.known or (made is not None and made.noted(key))

    with ThreadPoolExecutor(AT_ONCE) as threads:  # the notes may lie far away
        there = list(threads.map(is_there, to_make))
    done = Counter(clip.generator for clip, found in zip(to_make, there) if found)
    still = Counter(clip.generator for clip, found in zip(to_make, there) if not found)
    for spec in config.generators.pool:
        n, worst = still[spec.name], spec.worst_usd
        if not n or spec.simulated:
            continue
        yield Line(
            annotator_id=spec.account,
            way="made",
            questions=n,
            requests=n if spec.counts else 0,
            paid=done[spec.name],
            usd_at_most=None if worst is None else n * worst,
            usd_likely=None if worst is None else n * worst,
        )


def unpriced_generators(config: Config) -> Iterator[str]:
    """Whose clips cost nobody knows what."""
    for spec in config.generators.pool if config.generators else ():
        if spec.worst_usd is None:
            yield f"the cost of {spec.account} is unknown; give price: in its block"
