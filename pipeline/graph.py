"""The pipelines: collect, annotate, compare, assemble. Each goes from tables to tables of its own.

All but ``assemble`` run once per wave (a slice of the prompts), so that memory stays flat on engines that
keep collections in memory, and a killed run repeats at most a wave of free work. ``annotate`` and
``compare`` run where the protocol asks for them. What a stage could not do is a Failure row; frames
travel by reference.
"""

import dataclasses
import functools
import gc
import operator
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import apache_beam as beam

from annotators.base import AnnotatorSpec, Resources
from pipeline.clips import obtain_clip, take_frames
from pipeline.generators.base import GeneratorSpec, Tools
from pipeline.generators.made import Made
from pipeline.media.guard import limit_child
from pipeline.media.options import FramesOptions
from pipeline.preference.assembly import assemble_shard
from pipeline.preference.rules import Rules
from pipeline.preference.shards import Shard
from pipeline.protocol import ProtocolOptions
from pipeline.transforms.counting import Counted
from pipeline.transforms.judging import Annotate, Compare
from pipeline.transforms.making import MakeClips
from pipeline.transforms.pool import Isolated
from pipeline.transforms.tables import ReadTable, WriteTable
from schemas import (
    Annotation,
    Clip,
    Comparison,
    Failure,
    FrameSet,
    Lineup,
    Rubric,
    Video,
)
from schemas.layout import Layout
from schemas.tables import key_of

Files = tuple[str, ...]  # paths or addresses


class Out(NamedTuple):
    """Where a pipeline writes its tables, and the first prompt of every shard of them but the first."""

    folder: str
    cuts: tuple[str, ...] = ()


# seconds beyond frames.timeout_s until a child process is ended: what keeps the deadline by itself
# (a fetch, the ffmpeg program) can say first what was wrong
GRACE_S = 5.0
SHARD_S = 3600.0  # a shard takes seconds and waits for nothing: longer than this, it hangs


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """What the pipelines need to know of the configuration."""

    layout: Layout
    generators: Mapping[str, GeneratorSpec]
    made: Made  # clips that were made before
    tools: Tools
    frames: FramesOptions
    annotators: Sequence[AnnotatorSpec]
    rubrics: Sequence[Rubric]  # by which clips are scored
    comparing: Sequence[Rubric]  # by which clips are compared
    protocol: ProtocolOptions
    resources: Resources
    rules: Rules
    withdrawn: frozenset[str]  # contents that are kept nowhere
    progress: str  # folder for the workers' counts
    processes: int  # child processes per worker; 0: as many as its machine has cores


def collect(p: beam.Pipeline, recipe: Recipe, clips: Files, out: Out) -> None:
    """Clip -> Video -> FrameSet."""
    obtain = functools.partial(
        obtain_clip, layout=recipe.layout, options=recipe.frames, withdrawn=recipe.withdrawn
    )
    take = functools.partial(take_frames, layout=recipe.layout, options=recipe.frames)
    isolated = functools.partial(
        Isolated,
        key=key_of,
        processes=recipe.processes,
        timeout_s=recipe.frames.timeout_s + GRACE_S,
        progress=recipe.progress,
        initializer=functools.partial(limit_child, recipe.frames),
    )
    images = recipe.layout.frames if recipe.frames.publish else None

    planned = p | "ReadClips" >> ReadTable(Clip, clips)
    supplied = planned | "Supplied" >> beam.Filter(lambda clip: clip.path is not None)
    to_make = planned | "ToMake" >> beam.Filter(lambda clip: clip.path is None)
    obtained, not_obtained = supplied | "ObtainClips" >> isolated(obtain, stage="video")
    made, not_made = to_make | "MakeClips" >> MakeClips(
        recipe.generators, recipe.made, recipe.tools, recipe.processes, recipe.progress
    )
    videos = (obtained, made) | "Videos" >> beam.Flatten()
    frames, no_frames = videos | "TakeFrames" >> isolated(take, stage="frames")

    videos | "WriteVideos" >> WriteTable(Video, *out)
    frames | "WriteFrames" >> WriteTable(FrameSet, *out, images=images)
    (
        (not_obtained, not_made, no_frames)
        | "Failures" >> beam.Flatten()
        | "WriteFailures" >> WriteTable(Failure, *out)
    )


def annotate(p: beam.Pipeline, recipe: Recipe, frames: Files, out: Out) -> None:
    """FrameSet x annotator x rubric x draw -> Annotation."""
    taken = p | "ReadFrames" >> ReadTable(FrameSet, frames, spread=False)
    annotations, failures = taken | "Annotate" >> Annotate(
        recipe.annotators, recipe.rubrics, recipe.resources, recipe.progress
    )

    annotations | "WriteAnnotations" >> WriteTable(Annotation, *out)
    failures | "WriteFailures" >> WriteTable(Failure, *out)


def compare(p: beam.Pipeline, recipe: Recipe, frames: Files, lineups: Files, out: Out) -> None:
    """Lineup of a prompt's FrameSets x annotator -> Comparison."""
    taken = p | "ReadFrames" >> ReadTable(FrameSet, frames, spread=False)
    listed = p | "ReadLineups" >> ReadTable(Lineup, lineups, spread=False)
    comparisons, failures = {"frames": taken, "lineups": listed} | "Compare" >> Compare(
        recipe.annotators, recipe.comparing, recipe.protocol, recipe.resources, recipe.progress
    )

    comparisons | "WriteComparisons" >> WriteTable(Comparison, *out)
    failures | "WriteFailures" >> WriteTable(Failure, *out)


def assemble(p: beam.Pipeline, recipe: Recipe, shards: Sequence[Shard], out: str) -> None:
    """Annotations and comparisons of a shard of prompts -> Score -> Preference.

    A shard's rows are written by the process that makes them: there are more of them than of anything
    else, and none has to meet another.
    """
    work = functools.partial(assemble_shard, rules=recipe.rules, out=out)
    ordered = p | "Shards" >> beam.Create(shards) | "Spread" >> beam.Reshuffle()
    if len(shards) == 1:  # not worth a process of its own, which takes seconds to start
        ordered | "JudgeAndWrite" >> beam.ParDo(Counted(work, "assemble", recipe.progress))
        return
    _, failures = ordered | "JudgeAndWrite" >> Isolated(
        work,
        key=operator.attrgetter("name"),
        stage="assemble",
        processes=recipe.processes,
        timeout_s=SHARD_S,
        progress=recipe.progress,
        initializer=gc.disable,  # rows by the ten thousand, and none in a circle
    )

    failures | "WriteFailures" >> WriteTable(Failure, out)
