"""Everything that follows from what was said of one prompt's clips."""

from collections.abc import Iterable, Iterator, Sequence

from pipeline.preference.compared import broken_ties, pairs_compared, with_overall
from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.pairing import pairs_of_prompt
from pipeline.preference.rules import Rules
from pipeline.preference.votes import Ranking, marks_of, opinions, votes_of
from schemas import Preference, Prompt, Score


def judge_prompt(
    prompt: Prompt, marks: Iterable[Mark], rules: Rules, rankings: Iterable[Ranking] = ()
) -> tuple[list[Score], list[Preference]]:
    """Every score of a prompt's clips, and every pair of them that something can be said of.

    Clips that are only compared have a score too: the share of their comparisons they win.
    """
    rankings = list(rankings)
    split = rules.split_of(prompt)
    scores = scores_of_prompt(
        prompt.prompt_id,
        marks if rules.protocol.scores else marks_of(rankings),
        rules.dimensions,
        rules.consensus,
        rules.preferences,
        rules.fitted,
    )
    if split is None:
        return scores, []
    pairs = _pairs(prompt, scores, rankings, rules, split)
    return scores, [
        pair
        for pair in pairs
        if rules.keeps(split, (pair.video_a, pair.generator_a), (pair.video_b, pair.generator_b))
    ]


def _pairs(
    prompt: Prompt, scores: Sequence[Score], rankings: Sequence[Ranking], rules: Rules, split: str
) -> Iterable[Preference]:
    """By the scores, by the comparisons, or by the scores but for what is too close."""
    if not rules.protocol.scores:
        return _compared(prompt, rankings, rules, split, rules.preferences.tie_margin)
    scored = pairs_of_prompt(prompt, scores, rules.dimensions, split, rules.preferences)
    if not rankings:
        return scored
    return broken_ties(scored, _compared(prompt, rankings, rules, split), rules.protocol.band)


def _compared(
    prompt: Prompt, rankings: Sequence[Ranking], rules: Rules, split: str, tie_margin: float = 0.0
) -> Iterator[Preference]:
    generators = {
        video: generator
        for said in rankings
        for video, generator in zip(said.video_ids, said.generators, strict=True)
    }
    said = opinions(votes_of(rankings), rules.consensus)
    said = with_overall(said, rules.dimensions, rules.preferences.weights)
    return pairs_compared(prompt, said, generators, split, tie_margin)
