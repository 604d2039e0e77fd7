"""Frames -> annotations: every clip on its own."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec, Question
from pipeline import check, graph
from pipeline.books import Book
from pipeline.dataset.parquet import read_columns, read_rows
from pipeline.protocol import alone
from pipeline.stages.judging import compact, fingerprint_of_rows, held, prepare, shape
from pipeline.state import fingerprint
from pipeline.waves import Waves
from schemas import FrameSet


def annotate(run: Waves, collected: str) -> str:
    """Every wave. Returns the fingerprint of the rows."""
    plan = run.plan
    made = fingerprint(
        collected,
        [shape(a) for a in plan.annotators],
        [rubric.sha256 for rubric in plan.rubrics],
    )
    n_clips = len(plan.clips) - len(run.left_out)
    run.display.expect(
        {a.annotator_id: n_clips * len(plan.scored) * a.draws for a in plan.annotators}
    )
    with held(run, plan.annotators):
        open_waves = run.open_waves("annotate", made)

        def questions(annotator: AnnotatorSpec) -> Iterator[Question]:
            for number in open_waves:
                for frames in read_rows(FrameSet, run.kept(number)):
                    yield from alone(frames, plan.rubrics, annotator.draws)

        if open_waves:
            run.watch("annotate", open_waves[0], made)  # before a batch of all waves is sent
            prepare(run, plan.annotators, questions)
        for number in range(len(run.waves)):
            _wave(run, number, made)
    return fingerprint_of_rows(run, made, "annotate", "annotations")


def _wave(run: Waves, number: int, made: str) -> None:
    plan, frames = run.plan, run.kept(number)
    ids = [clip.video_id for clip in run.waves[number]]
    seen = {video for (video,) in read_columns(frames, ("video_id",))}

    def build(out: Path) -> Callable[[Any], None]:
        return lambda p: graph.annotate(p, run.recipe, tuple(map(str, frames)), str(out))

    def books(out: Path) -> list[Book]:
        return [check.annotate_book(ids, seen, plan.annotators, plan.scored, out, run.left_out)]

    owed = len(seen) * len(plan.scored) * sum(a.draws for a in plan.annotators)
    run.wave("annotate", number, made, build, books, owed, compact(run, "annotations"))
