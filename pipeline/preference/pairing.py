"""Scores of a prompt's clips -> preference pairs, ties kept, sides drawn by hash."""

import itertools
from collections.abc import Iterable, Iterator, Sequence

from pipeline.preference.options import PreferenceOptions
from schemas import CONSENSUS, OVERALL, Preference, Prompt, Score
from schemas.ids import hash_fraction, pair_id


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
        scored = sorted(
            (s for s in consensus if s.dimension == dimension), key=lambda s: s.video_id
        )
        for one, other in itertools.combinations(scored, 2):
            yield _pair(prompt, one, other, split, options)


def _pair(
    prompt: Prompt, one: Score, other: Score, split: str, options: PreferenceOptions
) -> Preference:
    key = pair_id(one.video_id, other.video_id, one.dimension)
    a, b = (one, other) if hash_fraction("side", key) < 0.5 else (other, one)
    margin = round(a.mean - b.mean, 9)
    return Preference(
        pair_id=key,
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        dimension=one.dimension,
        video_a=a.video_id,
        video_b=b.video_id,
        generator_a=a.generator,
        generator_b=b.generator,
        score_a=a.mean,
        score_b=b.mean,
        label=label_of(margin, options.tie_margin),
        margin=margin,
        weight=1.0,
        split=split,
        annotator_id=CONSENSUS,
        n_a=a.n,
        n_b=b.n,
        simulated=prompt.simulated,
    )


def label_of(margin: float, tie_margin: float = 0.0) -> str:
    """``a``, ``b`` or ``tie``; a margin of exactly ``tie_margin`` is a tie."""
    if abs(margin) <= tie_margin:
        return "tie"
    return "a" if margin > 0 else "b"
