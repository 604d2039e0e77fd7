"""Annotations of a prompt -> scores and preferences, one prompt at a time."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam

from pipeline.preference.consensus import Mark
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.rules import Rules
from schemas import SPLITS, Prompt

# The columns of an annotation that are read: rationales do not travel through the shuffle.
MARK_COLUMNS = ("prompt_id", *Mark._fields)


@dataclasses.dataclass
class JudgePrompts(beam.PTransform):
    """{prompts, marks, rankings}, all keyed by prompt -> scores, and preferences by split."""

    rules: Rules

    def expand(self, inputs: Any) -> Any:
        return (
            inputs
            | "Meet" >> beam.CoGroupByKey()
            | "Judge" >> beam.FlatMap(_judge, self.rules).with_outputs(*SPLITS, main="scores")
        )


def _judge(group: tuple[str, dict[str, Iterable[Any]]], rules: Rules) -> Iterator[Any]:
    _, met = group
    for prompt in met["prompts"]:  # exactly one: the books would say otherwise
        scores, preferences = judge_prompt(prompt, met["marks"], rules, met["rankings"])
        yield from scores
        for preference in preferences:
            yield beam.pvalue.TaggedOutput(preference.split, preference)


def keyed_mark(columns: tuple[Any, ...]) -> tuple[str, Mark]:
    """``MARK_COLUMNS`` of an annotation, keyed by its prompt."""
    prompt_id, *mark = columns
    return prompt_id, Mark(*mark)


def keyed_prompt(prompt: Prompt) -> tuple[str, Prompt]:
    """A prompt by its id."""
    return prompt.prompt_id, prompt
