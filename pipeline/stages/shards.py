"""The prompts of a run in shards: for every stage that goes through what was said prompt by prompt."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.plan import Plan
from pipeline.preference.shards import Shard, cut, shards_of


def shards_in(
    plan: Plan,
    *,
    annotations: Sequence[Path],
    prompts: Sequence[Path] = (),
    comparisons: Sequence[Path] = (),
) -> list[Shard]:
    """The shards of a plan, with those of the files that may hold anything of them."""
    n_clips = Counter(clip.prompt_id for clip in plan.clips)
    ranges = cut(
        ((prompt.prompt_id, n_clips[prompt.prompt_id]) for prompt in plan.prompts),
        marks=sum(annotator.draws for annotator in plan.annotators),
        annotators=len(plan.annotators),
        dimensions=len(plan.dimensions),
    )
    return shards_of(ranges, prompts, annotations, comparisons)
