"""Frames -> comparisons: clips of a prompt against each other, in both orders."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec, Question
from pipeline import check, graph
from pipeline.books import Book
from pipeline.dataset.parquet import read_columns, read_rows, write_rows
from pipeline.preference.close import close_pairs
from pipeline.protocol import compared, comparing, lineups_of_prompt
from pipeline.stages.judging import compact, fingerprint_of_rows, held, prepare, shape
from pipeline.state import fingerprint
from pipeline.transforms.assemble import MARK_COLUMNS, keyed_mark
from pipeline.waves import Waves
from schemas import FrameSet, Lineup
from schemas.ids import sha256_hex

Close = Mapping[str, Mapping[str, set[tuple[str, str]]]]  # prompt -> rubric -> pairs


def compare(run: Waves, annotated: str) -> str:
    """Every wave. Returns the fingerprint of the rows."""
    plan, protocol = run.plan, run.config.protocol
    judges = comparing(plan.annotators, protocol)
    close = _close(run) if protocol.kind == "tie_band" else {}
    lists = [_list(run, number, judges, close) for number in range(len(run.waves))]
    made = fingerprint(
        annotated,
        [shape(a) for a in judges],
        [rubric.sha256 for rubric in plan.comparing],
        [sha256_hex(path.read_bytes()) for path in lists],
    )
    _expect(run, judges, lists)
    with held(run, judges):
        open_waves = run.open_waves("compare", made)

        def questions(annotator: AnnotatorSpec) -> Iterator[Question]:
            for number in open_waves:
                clips = {f.video_id: f for f in read_rows(FrameSet, run.kept(number))}
                for lineup in read_rows(Lineup, [lists[number]]):
                    if lineup.draw < annotator.draws:
                        shown = [clips[video] for video in lineup.video_ids]
                        yield compared(lineup, shown, plan.comparing)

        if open_waves:
            run.watch("compare", open_waves[0], made)  # before a batch of all waves is sent
            prepare(run, judges, questions)
        for number, listed in enumerate(lists):
            _wave(run, number, made, listed, judges)
    return fingerprint_of_rows(run, made, "compare", "comparisons")


def _close(run: Waves) -> Close:
    """The pairs inside the tie band, by the rubric that asks for the dimension."""
    files = run.wave_files("annotate", "annotations")
    marks = map(keyed_mark, read_columns(files, MARK_COLUMNS))
    rubric_of = {d.name: rubric.name for rubric in run.plan.comparing for d in rubric.dimensions}
    found: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for prompt_id, dimension, pair in close_pairs(marks, run.recipe.rules):
        found[prompt_id][rubric_of[dimension]].add(pair)
    return found


def _list(run: Waves, number: int, judges: list[AnnotatorSpec], close: Close) -> Path:
    """The work list of a wave: whatever has frames and is kept, in the orders it shall be shown."""
    by_prompt: dict[str, list[str]] = defaultdict(list)
    for prompt_id, video_id in read_columns(run.kept(number), ("prompt_id", "video_id")):
        by_prompt[prompt_id].append(video_id)
    draws = max(judge.draws for judge in judges)
    lineups = (
        lineup
        for (prompt_id, videos), rubric in itertools.product(by_prompt.items(), run.plan.comparing)
        for lineup in lineups_of_prompt(
            run.config.protocol,
            prompt_id,
            videos,
            rubric,
            draws,
            sorted(close.get(prompt_id, {}).get(rubric.name, ())),
        )
    )
    return write_rows(Lineup, lineups, run.layout.work / "plan" / f"lineups-{number:05d}.parquet")


def _expect(run: Waves, judges: list[AnnotatorSpec], lists: list[Path]) -> None:
    n_dimensions = {rubric.name: len(rubric.dimensions) for rubric in run.plan.comparing}
    owed = [
        (draw, n_dimensions[rubric]) for rubric, draw in read_columns(lists, ("rubric", "draw"))
    ]
    run.display.expect(
        {a.annotator_id: sum(n for draw, n in owed if draw < a.draws) for a in judges}
    )


def _wave(run: Waves, number: int, made: str, listed: Path, judges: list[AnnotatorSpec]) -> None:
    frames = run.kept(number)

    def build(out: Path) -> Callable[[Any], None]:
        return lambda p: graph.compare(
            p, run.recipe, tuple(map(str, frames)), (str(listed),), str(out)
        )

    owed = list(check.owed_comparisons(read_rows(Lineup, [listed]), judges, run.plan.comparing))

    def books(out: Path) -> list[Book]:
        return [check.compare_book(owed, out)]

    run.wave("compare", number, made, build, books, len(owed), compact(run, "comparisons"))
