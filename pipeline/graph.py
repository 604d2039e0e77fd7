"""The three pipelines: collect, annotate, assemble. Each goes from tables to tables of its own.

``collect`` and ``annotate`` run once per wave (a slice of the clips), so that memory stays flat on engines
that keep collections in memory, and a killed run repeats at most a wave of free work. What a stage could
not do is a Failure row; frames travel by reference.
"""

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import apache_beam as beam

from annotators.base import AnnotatorSpec, Resources
from pipeline.clips import obtain_clip, take_frames
from pipeline.generators.base import GeneratorSpec
from pipeline.media.options import FramesOptions
from pipeline.preference.prompts import Rules
from pipeline.transforms.annotate import Annotate
from pipeline.transforms.assemble import MARK_COLUMNS, JudgePrompts, keyed_mark, keyed_prompt
from pipeline.transforms.pool import Isolated
from pipeline.transforms.tables import ReadColumns, ReadTable, WriteTable
from schemas import (
    SPLITS,
    Annotation,
    Clip,
    Failure,
    FrameSet,
    Preference,
    Prompt,
    Rubric,
    Score,
    Video,
)
from schemas.layout import Layout
from schemas.tables import key_of

Files = tuple[str, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the pipelines need to know of the configuration."""

    layout: Layout
    generators: Mapping[str, GeneratorSpec]
    frames: FramesOptions
    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]
    resources: Resources
    rules: Rules
    progress: str  # folder for the workers' counts
    processes: int  # child processes per worker


def collect(p: beam.Pipeline, recipe: Recipe, clips: Files, out: str) -> None:
    """Clip -> Video -> FrameSet."""
    obtain = functools.partial(
        obtain_clip, layout=recipe.layout, generators=recipe.generators, options=recipe.frames
    )
    take = functools.partial(take_frames, layout=recipe.layout, options=recipe.frames)
    isolated = functools.partial(
        Isolated,
        key=key_of,
        processes=recipe.processes,
        timeout_s=recipe.frames.timeout_s,
        progress=recipe.progress,
    )
    images = recipe.layout.frames if recipe.frames.publish else None

    planned = p | "ReadClips" >> ReadTable(Clip, clips)
    videos, no_video = planned | "ObtainClips" >> isolated(obtain, stage="video")
    frames, no_frames = videos | "TakeFrames" >> isolated(take, stage="frames")

    videos | "WriteVideos" >> WriteTable(Video, out)
    frames | "WriteFrames" >> WriteTable(FrameSet, out, images=images)
    (no_video, no_frames) | beam.Flatten() | "WriteFailures" >> WriteTable(Failure, out)


def annotate(p: beam.Pipeline, recipe: Recipe, frames: Files, out: str) -> None:
    """FrameSet x annotator x rubric x draw -> Annotation."""
    taken = p | "ReadFrames" >> ReadTable(FrameSet, frames)
    annotations, failures = taken | "Annotate" >> Annotate(
        recipe.annotators, recipe.rubrics, recipe.resources, recipe.progress
    )

    annotations | "WriteAnnotations" >> WriteTable(Annotation, out)
    failures | "WriteFailures" >> WriteTable(Failure, out)


def assemble(
    p: beam.Pipeline, recipe: Recipe, prompts: Files, annotations: Files, out: str
) -> None:
    """Annotations of a prompt -> Score -> Preference."""
    marks = p | "ReadMarks" >> ReadColumns(annotations, MARK_COLUMNS) | beam.Map(keyed_mark)
    texts = p | "ReadPrompts" >> ReadTable(Prompt, prompts) | beam.Map(keyed_prompt)
    judged = {"prompts": texts, "marks": marks} | "JudgePrompts" >> JudgePrompts(recipe.rules)

    judged.scores | "WriteScores" >> WriteTable(Score, out)
    for split in SPLITS:
        judged[split] | f"Write_{split}" >> WriteTable(Preference, f"{out}/{split}")
