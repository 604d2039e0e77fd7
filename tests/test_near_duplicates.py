"""Pairs of similar sets of tokens: all of them, whatever the keys by which candidates meet."""

import random

import numpy as np
import pytest

from pipeline.preference import near_duplicates
from pipeline.preference.near_duplicates import EXACT, Marks, similar

Sets = list[frozenset[str]]


def of_a_template(seed: int, n: int = 100) -> tuple[Sets, float]:
    """Sets that share most tokens; the others come from small vocabularies."""
    draw = random.Random(seed)
    words, slots, choices = draw.randrange(25), draw.randrange(1, 6), draw.randrange(2, 6)
    sets = {
        frozenset(f"w{i}" for i in range(words) if draw.random() < 0.97)
        | {f"s{slot}_{draw.randrange(choices)}" for slot in range(slots)}
        for _ in range(n)
    }
    return sorted(sets, key=sorted), draw.choice([0.5, 0.6, 0.7, 0.85, 0.9, 1.0])


def found(
    sets: Sets, threshold: float, ends: tuple[Marks, Marks] | None = None
) -> set[frozenset[int]]:
    blocks = similar(sets, threshold, np.arange(len(sets)), ends)
    return {frozenset(pair) for a, b in blocks for pair in zip(a.tolist(), b.tolist(), strict=True)}


@pytest.mark.parametrize("many", [0, near_duplicates.MANY])
@pytest.mark.parametrize("seed", range(20))
def test_every_similar_pair_is_found(seed: int, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near_duplicates, "MANY", many)  # 0: longer keys wherever they help
    sets, threshold = of_a_template(seed)
    places = range(len(sets))
    expected = {
        frozenset((i, j))
        for i in places
        for j in range(i)
        if len(sets[i] & sets[j]) >= threshold * len(sets[i] | sets[j]) - EXACT
    }
    assert found(sets, threshold) == expected
    ends = np.arange(len(sets)) % 3 == 0
    across = {pair for pair in expected if len({bool(ends[i]) for i in pair}) == 2}
    assert found(sets, threshold, (ends, ~ends)) == across


def test_a_long_template_is_not_compared_each_with_each() -> None:
    """30 tokens, 8 of them from vocabularies of 20: by one token, each set meets hundreds of others."""
    draw = random.Random(0)
    template = frozenset(f"w{i}" for i in range(22))
    slots = {tuple(draw.randrange(20) for _ in range(8)) for _ in range(12_000)}
    sets = [template | {f"{at}_{value}" for at, value in enumerate(one)} for one in sorted(slots)]
    table = near_duplicates._by_size(sets)[30][1]
    by_one = near_duplicates._Meetings((table, table), 28, 1).candidates
    assert by_one > 10_000_000
    assert near_duplicates._meetings((table, table), 28).candidates < by_one / 50
