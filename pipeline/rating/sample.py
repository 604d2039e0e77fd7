"""Which clips or pairs of a run people are asked about.

Two wants pull apart. A figure about the whole run (how often is the judge right?) needs items that
were drawn blindly; a search for mistakes wants those that judges disagree on or that are nearly tied.
So a stated share is drawn at random, first and from everything, and the rest is picked. Every item
says which it is: on picked ones a judge does worse than on the run, because they were picked.
"""

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence

from pipeline.rating.items import DISAGREEMENT, RANDOM, UNCERTAINTY, Candidate, Item
from schemas.ids import hash_fraction
from schemas.options import SetupError

DEEP = 3  # the picked come from the first so many times as many of their ranking, to spread them


def choose(
    candidates: Collection[Candidate],
    n_items: int,
    *,
    random_share: float = 0.5,
    seed: int = 0,
    rated: Collection[tuple[str, ...]] = (),
) -> list[Item]:
    """``n_items`` to ask about, none twice, in an order drawn by hash that tells nothing.

    ``rated`` are the keys of candidates that people have rated: they are not asked again, though the
    random part lists those it met with ``asked`` false. With them it may differ from its share by a
    few, and it grows where nothing is known to pick by. Of the rest, half are picked by disagreement
    where there is any, the others by uncertainty. Fewer come back where there are fewer. Raises
    :class:`SetupError` where nothing is left to ask.
    """
    known, ordered = set(rated), sorted(candidates, key=lambda one: one.key)
    fresh = [one for one in ordered if one.key not in known]
    if not fresh:
        raise SetupError(
            "nothing is left to rate: "
            + ("people have rated every item of this run" if ordered else "the run has no items")
        )
    wanted = min(n_items, len(fresh))
    pickable = sum(bool(one.disagreement) or one.margin is not None for one in fresh)
    n_random = max(_rounded(wanted * random_share), wanted - pickable)
    drawn = at_random(ordered, _rounded(n_random * len(ordered) / len(fresh)), seed)
    why = {one.key: RANDOM for one in drawn}
    n_picked = n_items - sum(one.key not in known for one in drawn) if random_share < 1 else 0
    why |= _picked([one for one in fresh if one.key not in why], n_picked, seed)
    chosen = [one for one in ordered if one.key in why]
    chosen.sort(key=lambda one: hash_fraction(str(seed), "order", *one.key))
    return [
        Item(item=f"{n:04d}", why=why[one.key], asked=one.key not in known, candidate=one)
        for n, one in enumerate(chosen, start=1)
    ]


def _rounded(value: float) -> int:
    return math.floor(value + 0.5)


def at_random(candidates: Sequence[Candidate], n: int, seed: int) -> list[Candidate]:
    """A systematic sample: every candidate is in it with the same chance n / N.

    Candidates stand prompt by prompt, prompts and what is within them in an order drawn by hash; of
    N, those at floor((u + k) N / n) are taken, u drawn once. So the sample is spread over prompts as
    evenly as n allows, and means over it need no weights (Cochran, Sampling Techniques, chapter 8).
    """
    total = len(candidates)
    if n >= total:
        return list(candidates)

    def place(one: Candidate) -> tuple[float, str, float]:
        prompt = hash_fraction(str(seed), "prompt", one.prompt_id)
        return prompt, one.prompt_id, hash_fraction(str(seed), "item", *one.key)

    ordered, start = sorted(candidates, key=place), hash_fraction(str(seed), "start")
    return [ordered[math.floor((start + k) * total / n)] for k in range(n)]


def _picked(fresh: Sequence[Candidate], n: int, seed: int) -> dict[tuple[str, ...], str]:
    """At most ``n`` picked ones, each with why."""
    apart = [one for one in fresh if one.disagreement]
    by_disagreement = _best(
        apart, n // 2, seed, lambda c: (-(c.disagreement or 0), -(c.spread or 0))
    )
    why = {one.key: DISAGREEMENT for one in by_disagreement}
    close = [one for one in fresh if one.key not in why and one.margin is not None]
    by_margin = _best(close, n - len(why), seed, lambda c: (c.margin or 0, 0))
    return why | {one.key: UNCERTAINTY for one in by_margin}


def _best(
    candidates: Sequence[Candidate],
    n: int,
    seed: int,
    rank: Callable[[Candidate], tuple[float, float]],
) -> list[Candidate]:
    """The first by ``rank``, spread: of the deepest pool, always the prompt and generators least used.

    Equal ranks stand in an order drawn by hash.
    """
    ranked = sorted(candidates, key=lambda c: (rank(c), hash_fraction(str(seed), "pick", *c.key)))
    pool, taken = ranked[: DEEP * n], []
    prompts: Counter[str] = Counter()
    generators: Counter[str] = Counter()
    for _ in range(min(n, len(pool))):
        best = min(
            pool, key=lambda c: (prompts[c.prompt_id], sum(generators[g] for g in c.generators))
        )
        pool.remove(best)
        taken.append(best)
        prompts[best.prompt_id] += 1
        generators.update(best.generators)
    return taken
