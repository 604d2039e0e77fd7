"""Preferences that rest on comparisons of the two clips, not on a score of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pipeline.preference.close import in_band
from pipeline.preference.pairing import Side, preference
from pipeline.preference.votes import Opinion, Pair
from schemas import OVERALL, Preference, Prompt

Opinions = Mapping[tuple[str, Pair], Opinion]  # (dimension, pair)


def with_overall(
    opinions: Opinions, dimensions: Sequence[str], weights: Mapping[str, float] | None
) -> dict[tuple[str, Pair], Opinion]:
    """The opinions, and on every pair that has all weighed dimensions their weighted mean."""
    weight = {d: 1.0 if weights is None else weights.get(d, 0.0) for d in dimensions}
    needed = [d for d in dimensions if weight[d] > 0]
    total = sum(weight[d] for d in needed)
    found = dict(opinions)
    for pair in {pair for _, pair in opinions}:
        own = [opinions.get((d, pair)) for d in needed]
        known = [opinion for opinion in own if opinion is not None]
        if len(known) == len(needed):
            vote = sum(weight[d] * one.vote for d, one in zip(needed, known)) / total
            found[OVERALL, pair] = Opinion(vote=vote, n=sum(one.n for one in known))
    return found


def pairs_compared(
    prompt: Prompt,
    opinions: Opinions,
    generators: Mapping[str, str],
    split: str,
    tie_margin: float = 0.0,
) -> Iterator[Preference]:
    """A preference for every opinion: a side's score is the share of verdicts for it, a verdict that
    changes with the order counting half for each."""
    for (dimension, (first, second)), opinion in sorted(opinions.items()):
        one = Side(first, generators[first], (1 + opinion.vote) / 2, opinion.n)
        other = Side(second, generators[second], (1 - opinion.vote) / 2, opinion.n)
        yield preference(prompt, dimension, one, other, split, tie_margin, "comparisons")


def broken_ties(
    scored: Iterable[Preference], compared: Iterable[Preference], band: float
) -> Iterator[Preference]:
    """The preferences by scores, but inside the band those by comparisons, where there are any.

    A pair was compared on every dimension of a rubric because one of them was close: the others keep
    their scores.
    """
    known = {pair.pair_id: pair for pair in compared}
    for pair in scored:
        yield known.get(pair.pair_id, pair) if in_band(pair.margin, band) else pair
