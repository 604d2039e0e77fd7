"""Which pairs lie in the tie band: too close, by their scores, to say which is better."""

import itertools
from collections.abc import Iterable, Iterator, Mapping

from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.rules import Rules
from schemas import CONSENSUS, Score


def close_pairs(
    marks: Mapping[str, Iterable[Mark]], rules: Rules
) -> Iterator[tuple[str, str, tuple[str, str]]]:
    """(prompt_id, dimension, pair) of every pair within ``rules.protocol.band``; pairs are sorted.

    ``marks``: those of every prompt.
    """
    for prompt_id, own in sorted(marks.items()):
        scores = scores_of_prompt(
            prompt_id, own, rules.dimensions, rules.consensus, rules.preferences, rules.fitted
        )
        for dimension in rules.dimensions:
            for pair in _close(scores, dimension, rules.protocol.band):
                yield prompt_id, dimension, pair


def _close(scores: Iterable[Score], dimension: str, band: float) -> Iterator[tuple[str, str]]:
    mean = {
        s.video_id: s.mean
        for s in scores
        if s.annotator_id == CONSENSUS and s.dimension == dimension
    }
    for one, other in itertools.combinations(sorted(mean), 2):
        if in_band(mean[one] - mean[other], band):
            yield one, other


def in_band(difference: float, band: float) -> bool:
    """Whether a difference of scores says too little; rounded, for means are sums of fractions."""
    return abs(round(difference, 9)) <= band
