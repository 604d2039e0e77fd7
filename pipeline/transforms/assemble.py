"""Annotations of a prompt -> scores and preferences, one prompt at a time."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam

from pipeline.preference.consensus import Mark, scores_of_prompt
from pipeline.preference.options import ConsensusOptions, PreferenceOptions, SplitOptions
from pipeline.preference.pairing import pairs_of_prompt
from pipeline.preference.splits import split_of
from schemas import Preference, Prompt

# The columns of an annotation that are read: rationales do not travel through the shuffle.
MARK_COLUMNS = ("prompt_id", *Mark._fields)


@dataclasses.dataclass
class ScorePrompts(beam.PTransform):
    """(prompts, marks keyed by prompt) -> (scores, {split: preferences})."""

    dimensions: Sequence[str]
    consensus: ConsensusOptions
    preferences: PreferenceOptions
    splits: SplitOptions

    def expand(self, inputs: Any) -> Any:
        return (
            inputs
            | "Meet" >> beam.CoGroupByKey()
            | "Score"
            >> beam.FlatMap(self._outputs).with_outputs(
                "train", "validation", "test", main="scores"
            )
        )

    def _outputs(self, group: tuple[str, dict[str, Iterable[Any]]]) -> Iterator[Any]:
        prompt_id, met = group
        scores = scores_of_prompt(
            prompt_id, met["marks"], self.dimensions, self.consensus, self.preferences
        )
        yield from scores
        for preference in self._pairs(met["prompts"], scores):
            yield beam.pvalue.TaggedOutput(preference.split, preference)

    def _pairs(self, prompts: Iterable[Prompt], scores: Sequence[Any]) -> Iterator[Preference]:
        for prompt in prompts:
            yield from pairs_of_prompt(
                prompt, scores, self.dimensions, split_of(prompt, self.splits), self.preferences
            )


def keyed_mark(columns: tuple[Any, ...]) -> tuple[str, Mark]:
    """``MARK_COLUMNS`` of an annotation, keyed by its prompt."""
    prompt_id, *mark = columns
    return prompt_id, Mark(*mark)


def keyed_prompt(prompt: Prompt) -> tuple[str, Prompt]:
    """A prompt by its id."""
    return prompt.prompt_id, prompt
