"""Which questions are worth a look: few, of different clips, generators and rubrics."""

import math
from collections import Counter
from collections.abc import Sequence

from schemas import Clip, Rubric
from schemas.ids import hash_fraction


def choose(clips: Sequence[Clip], rubrics: Sequence[Rubric], n: int) -> list[tuple[Clip, Rubric]]:
    """``n`` different pairs of a clip and a rubric; fewer where there are no more.

    Every rubric is in it, so that there are at least as many pairs as rubrics. A clip comes a second
    time only after every other one has come. The choice depends on ids alone.
    """
    n_rubrics = len(rubrics)
    n = min(max(n, n_rubrics), len(clips) * n_rubrics)
    order = _spread(clips, n)
    # k -> (k mod clips, k mod rubrics) meets a pair again after lcm steps: one further from there on
    turn = math.lcm(len(order), n_rubrics)
    return [(order[k % len(order)], rubrics[(k + k // turn) % n_rubrics]) for k in range(n)]


def _spread(clips: Sequence[Clip], n: int) -> list[Clip]:
    """At most ``n`` clips: always one of a generator, then of a prompt, that has come least often."""
    left = sorted(clips, key=lambda c: (hash_fraction("preview", c.video_id), c.video_id))
    generators: Counter[str] = Counter()
    prompts: Counter[str] = Counter()
    found = []
    for _ in range(min(n, len(clips))):
        clip = min(left, key=lambda c: (generators[c.generator], prompts[c.prompt_id]))
        left.remove(clip)
        generators[clip.generator] += 1
        prompts[clip.prompt_id] += 1
        found.append(clip)
    return found
