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
    order, n_rubrics = _spread(clips), len(rubrics)
    if not order:
        return []
    # k -> (k mod clips, k mod rubrics) meets a pair again after lcm steps: one further from there on
    turn = math.lcm(len(order), n_rubrics)
    n = min(max(n, n_rubrics), len(order) * n_rubrics)
    return [(order[k % len(order)], rubrics[(k + k // turn) % n_rubrics]) for k in range(n)]


def _spread(clips: Sequence[Clip]) -> list[Clip]:
    """By hash of the id, one of every generator before the second of any."""
    ranked = sorted(clips, key=lambda c: (hash_fraction("preview", c.video_id), c.video_id))
    seen: Counter[str] = Counter()
    rounds = []
    for clip in ranked:
        rounds.append(seen[clip.generator])
        seen[clip.generator] += 1
    return [ranked[i] for i in sorted(range(len(ranked)), key=lambda i: (rounds[i], i))]
