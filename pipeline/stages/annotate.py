"""Frames -> annotations: every clip on its own."""

from collections.abc import Callable, Collection, Iterator
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


def annotate(run: Waves, collected: str, numbers: Collection[int] | None = None) -> str:
    """Every wave, or those named. Returns the fingerprint of the rows of all."""
    plan = run.plan
    made = fingerprint(
        collected,
        [shape(a) for a in plan.annotators],
        [rubric.sha256 for rubric in plan.rubrics],
    )
    made_from = {number: run.made_of(made, number) for number in run.numbers(numbers)}
    n_clips = sum(len(run.waves[number]) for number in made_from) - len(run.left_out)
    run.display.expect(
        {
            f"annotate/{a.annotator_id}": n_clips * len(plan.scored) * a.draws
            for a in plan.annotators
        }
    )
    with held(run, plan.annotators):
        open_waves = run.open_waves("annotate", made_from)

        def questions(annotator: AnnotatorSpec) -> Iterator[Question]:
            for number in open_waves:
                for frames in read_rows(FrameSet, run.kept(number)):
                    yield from alone(frames, plan.rubrics, annotator.draws)

        if open_waves:
            # before a batch of all waves is sent
            run.watch("annotate", open_waves[0], made_from[open_waves[0]])
            prepare(run, plan.annotators, questions)
        for number, made_of_wave in made_from.items():
            _wave(run, number, made_of_wave)
    return fingerprint_of_rows(run, made, "annotate", "annotations")


def _wave(run: Waves, number: int, made: str) -> None:
    plan, frames = run.plan, run.kept(number)
    ids = [clip.video_id for clip in run.waves[number]]
    seen = {video for (video,) in read_columns(frames, ("video_id",))}

    def build(out: graph.Out) -> Callable[[Any], None]:
        return lambda p: graph.annotate(p, run.recipe, run.home.offer(frames), out)

    def books(out: Path) -> list[Book]:
        return [check.annotate_book(ids, seen, plan.annotators, plan.scored, out, run.left_out)]

    owed = len(seen) * len(plan.scored) * sum(a.draws for a in plan.annotators)
    run.wave("annotate", number, made, build, books, owed, compact(run, "annotations"))
