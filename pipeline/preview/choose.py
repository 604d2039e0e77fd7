"""Which questions are worth a look: few, of different clips, generators and rubrics."""

import dataclasses
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TypeVar

from pipeline.protocol import ProtocolOptions
from schemas import Clip, Rubric
from schemas.ids import hash_fraction

T = TypeVar("T")
Pair = tuple[Clip, Clip]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One clip to be scored, or several of one prompt to be compared, and the rubric for it."""

    clips: tuple[Clip, ...]
    rubric: Rubric


def subjects(
    protocol: ProtocolOptions,
    clips: Sequence[Clip],
    scoring: Sequence[Rubric],
    comparing: Sequence[Rubric],
    n: int,
) -> list[Subject]:
    """About ``n`` items of what a protocol asks for; of a tie band, scores first and then pairs.

    More where there are more rubrics than items, fewer where there is no more to ask.
    """
    n_compared = 0 if protocol.compares is None else n // 2 if protocol.scores else n
    found = [Subject(clips=(c,), rubric=r) for c, r in choose(clips, scoring, n - n_compared)]
    if protocol.compares == "pairwise":
        pairs = choose_pairs(clips, comparing, n_compared)
        found += [Subject(clips=pair, rubric=rubric) for pair, rubric in pairs]
    elif protocol.compares == "listwise":
        lists = choose_lists(clips, comparing, n_compared)
        found += [Subject(clips=own, rubric=rubric) for own, rubric in lists]
    return found


def choose(clips: Sequence[Clip], rubrics: Sequence[Rubric], n: int) -> list[tuple[Clip, Rubric]]:
    """``n`` different pairs of a clip and a rubric; fewer where there are no more.

    Every rubric is in it, so that there are at least as many pairs as rubrics. A clip comes a second
    time only after every other one has come. The choice depends on ids alone.
    """
    return _in_turn(_spread(clips, max(n, len(rubrics))), rubrics, n)


def choose_pairs(
    clips: Sequence[Clip], rubrics: Sequence[Rubric], n: int
) -> list[tuple[Pair, Rubric]]:
    """The same of two clips of one prompt, sorted by id: of as many prompts as there are, and of
    generators that have come least often."""
    return _in_turn(_spread_pairs(clips, max(n, len(rubrics))), rubrics, n)


def choose_lists(
    clips: Sequence[Clip], rubrics: Sequence[Rubric], n: int
) -> list[tuple[tuple[Clip, ...], Rubric]]:
    """The same of all clips of a prompt, sorted by id; prompts by the hash of their ids."""
    return _in_turn(list(_by_prompt(clips).values()), rubrics, n)


def _in_turn(things: Sequence[T], rubrics: Sequence[Rubric], n: int) -> list[tuple[T, Rubric]]:
    n_rubrics = len(rubrics)
    n = min(max(n, n_rubrics), len(things) * n_rubrics)
    order = things[:n]
    # k -> (k mod things, k mod rubrics) meets a pair again after lcm steps: one further from there on
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


def _spread_pairs(clips: Sequence[Clip], n: int) -> list[Pair]:
    """At most ``n`` pairs, prompt by prompt: of each the pair whose generators have come least often."""
    left = {p: list(itertools.combinations(own, 2)) for p, own in _by_prompt(clips).items()}
    generators: Counter[str] = Counter()
    found: list[Pair] = []
    while len(found) < n and any(left.values()):
        for pairs in left.values():
            if len(found) == n or not pairs:
                continue
            pair = min(pairs, key=lambda pair: sorted(generators[c.generator] for c in pair)[::-1])
            pairs.remove(pair)
            generators.update(clip.generator for clip in pair)
            found.append(pair)
    return found


def _by_prompt(clips: Sequence[Clip]) -> dict[str, tuple[Clip, ...]]:
    """The clips of every prompt that has two; prompts by hash."""
    own: dict[str, list[Clip]] = defaultdict(list)
    for clip in sorted(clips, key=lambda c: c.video_id):
        own[clip.prompt_id].append(clip)
    order = sorted(own, key=lambda prompt: (hash_fraction("preview", prompt), prompt))
    return {prompt: tuple(own[prompt]) for prompt in order if len(own[prompt]) > 1}
