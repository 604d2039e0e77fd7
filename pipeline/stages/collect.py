"""Clips -> videos and frames."""

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from pipeline import check, graph
from pipeline.books import Book
from pipeline.dataset.parquet import write_rows
from pipeline.state import fingerprint, shape_of
from pipeline.waves import Waves
from schemas import Clip
from schemas.tables import to_row


def collect(run: Waves, numbers: Collection[int] | None = None) -> str:
    """Every wave, or those named. Returns the fingerprint of what all of them are made from."""
    plan, config = run.plan, run.config
    first = [sorted(run.order.first)] if run.order.first else []  # in which wave each clip is
    made = fingerprint(
        "collect",
        [to_row(clip) for clip in plan.named],
        config.generators and [shape_of(spec) for spec in config.generators.pool],
        config.frames.model_dump(mode="json"),
        config.wave_size,
        *first,
    )
    n_clips = sum(len(run.waves[number]) for number in run.numbers(numbers))
    run.display.expect({"video": n_clips, "frames": n_clips})
    for number in run.numbers(numbers):
        _wave(run, number, made, run.waves[number])
    return made


def _wave(run: Waves, number: int, made: str, clips: Sequence[Clip]) -> None:
    ids = [clip.video_id for clip in clips]
    listed = write_rows(Clip, clips, run.layout.work / "plan" / f"clips-{number:05d}.parquet")

    def build(out: graph.Out) -> Callable[[Any], None]:
        return lambda p: graph.collect(p, run.recipe, run.home.offer([listed]), out)

    def books(out: Path) -> list[Book]:
        return check.collect_books(ids, out)

    run.wave("collect", number, made, build, books, len(ids))
