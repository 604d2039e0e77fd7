"""Everything that follows from the annotations of one prompt's clips."""

import dataclasses
from collections.abc import Iterable, Sequence

from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.pairing import pairs_of_prompt
from pipeline.preference.splits import split_of
from schemas import Preference, Prompt, Score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How marks become scores, scores become pairs, and prompts fall into splits."""

    dimensions: Sequence[str]
    consensus: ConsensusOptions
    preferences: PreferenceOptions
    splits: SplitOptions


def judge_prompt(
    prompt: Prompt, marks: Iterable[Mark], rules: Rules
) -> tuple[list[Score], list[Preference]]:
    """Every score of a prompt's clips, and every pair whose two clips have a consensus."""
    scores = scores_of_prompt(
        prompt.prompt_id, marks, rules.dimensions, rules.consensus, rules.preferences
    )
    split = split_of(prompt, rules.splits)
    return scores, list(pairs_of_prompt(prompt, scores, rules.dimensions, split, rules.preferences))
