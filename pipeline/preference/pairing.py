"""Scores of a prompt's clips -> preference pairs, ties kept, sides drawn by hash."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from pipeline.preference.options import PreferenceOptions
from schemas import CONSENSUS, OVERALL, Preference, Prompt, Score
from schemas.ids import hash_fraction, pair_id


class Side(NamedTuple):
    """One of the two clips of a pair."""

    video_id: str
    generator: str
    score: float
    n: int  # annotations, or comparisons, behind the score


def pairs_of_prompt(
    prompt: Prompt,
    scores: Iterable[Score],
    dimensions: Sequence[str],
    split: str,
    options: PreferenceOptions,
) -> Iterator[Preference]:
    """All pairs of the prompt's clips that have a consensus, per dimension and ``overall``."""
    consensus = [s for s in scores if s.annotator_id == CONSENSUS]
    for dimension in (*dimensions, OVERALL):
        scored = [
            Side(s.video_id, s.generator, s.mean, s.n)
            for s in sorted(consensus, key=lambda s: s.video_id)
            if s.dimension == dimension
        ]
        for one, other in itertools.combinations(scored, 2):
            yield preference(prompt, dimension, one, other, split, options.tie_margin)


def preference(
    prompt: Prompt,
    dimension: str,
    one: Side,
    other: Side,
    split: str,
    tie_margin: float,
    basis: str = "scores",
) -> Preference:
    """The preference between two clips; which of them is ``a`` is drawn by hash."""
    key = pair_id(one.video_id, other.video_id, dimension)
    a, b = (one, other) if hash_fraction("side", key) < 0.5 else (other, one)
    margin = round(a.score - b.score, 9)
    return Preference(
        pair_id=key,
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        dimension=dimension,
        video_a=a.video_id,
        video_b=b.video_id,
        generator_a=a.generator,
        generator_b=b.generator,
        score_a=a.score,
        score_b=b.score,
        label=label_of(margin, tie_margin),
        margin=margin,
        weight=1.0,
        split=split,
        annotator_id=CONSENSUS,
        n_a=a.n,
        n_b=b.n,
        basis=basis,
        simulated=prompt.simulated,
    )


def label_of(margin: float, tie_margin: float = 0.0) -> str:
    """``a``, ``b`` or ``tie``; a margin of exactly ``tie_margin`` is a tie."""
    if abs(margin) <= tie_margin:
        return "tie"
    return "a" if margin > 0 else "b"
