"""Frames -> comparisons: clips of a prompt against each other, in both orders."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotators.base import AnnotatorSpec, Question
from pipeline import check, graph
from pipeline.books import Book
from pipeline.dataset.parquet import read_columns, read_rows, write_rows
from pipeline.preference.assembly import marks_in
from pipeline.preference.close import close_pairs
from pipeline.protocol import compared, comparing, lineups_of_prompt
from pipeline.stages.judging import compact, fingerprint_of_rows, held, prepare, shape
from pipeline.stages.shards import shards_in
from pipeline.state import fingerprint
from pipeline.waves import Waves
from schemas import FrameSet, Lineup
from schemas.ids import sha256_hex

Close = Mapping[str, Mapping[str, set[tuple[str, str]]]]  # prompt -> rubric -> pairs


def compare(
    run: Waves, collected: str, annotated: str, numbers: Collection[int] | None = None
) -> str:
    """Every wave, or those named. Returns the fingerprint of the rows of all.

    ``collected``: what the clips were made from; ``annotated``: the rows that say which are close,
    ``collected`` where none are.
    """
    plan, protocol = run.plan, run.config.protocol
    judges = comparing(plan.annotators, protocol)
    close = _close(run, run.numbers(numbers)) if protocol.kind == "tie_band" else {}
    lists = {number: _list(run, number, judges, close) for number in run.numbers(numbers)}
    made_from = _made_from(run, collected, annotated, lists, judges)
    _expect(run, judges, lists.values())
    with held(run, judges):
        open_waves = run.open_waves("compare", made_from)

        def questions(annotator: AnnotatorSpec) -> Iterator[Question]:
            for number in open_waves:
                clips = {f.video_id: f for f in read_rows(FrameSet, run.kept(number))}
                for lineup in read_rows(Lineup, [lists[number]]):
                    if lineup.draw < annotator.draws:
                        shown = [clips[video] for video in lineup.video_ids]
                        yield compared(lineup, shown, plan.comparing)

        if open_waves:
            # before a batch of all waves is sent
            run.watch("compare", open_waves[0], made_from[open_waves[0]])
            prepare(run, judges, questions)
        for number, listed in lists.items():
            _wave(run, number, made_from[number], listed, judges)
    made = fingerprint(annotated, list(made_from.values())) if run.first else made_from[0]
    return fingerprint_of_rows(run, made, "compare", "comparisons")


def _made_from(
    run: Waves,
    collected: str,
    annotated: str,
    lists: Mapping[int, Path],
    judges: Sequence[AnnotatorSpec],
) -> dict[int, str]:
    """What each wave follows from. Without a gate whatever is said in any wave counts for all of them;
    with one, the waves before it must not follow from those after it, so each follows from its own
    work list, which the annotations are in."""
    who = [shape(a) for a in judges]
    rubrics = [rubric.sha256 for rubric in run.plan.comparing]
    digests = {number: sha256_hex(path.read_bytes()) for number, path in lists.items()}
    if not run.first:
        made = fingerprint(annotated, who, rubrics, list(digests.values()))
        return dict.fromkeys(lists, made)
    base = fingerprint(collected, who, rubrics)
    return {number: run.made_of(fingerprint(base, own), number) for number, own in digests.items()}


def _close(run: Waves, numbers: Collection[int]) -> Close:
    """The pairs inside the tie band, by the rubric that asks for the dimension."""
    files = run.wave_files("annotate", "annotations", numbers)
    rubric_of = {d.name: rubric.name for rubric in run.plan.comparing for d in rubric.dimensions}
    found: dict[str, dict[str, set[tuple[str, str]]]] = defaultdict(lambda: defaultdict(set))
    for shard in shards_in(run.plan, annotations=files):
        for prompt_id, dimension, pair in close_pairs(marks_in(shard), run.recipe.rules):
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


def _expect(run: Waves, judges: list[AnnotatorSpec], lists: Collection[Path]) -> None:
    n_dimensions = {rubric.name: len(rubric.dimensions) for rubric in run.plan.comparing}
    owed = [
        (draw, n_dimensions[rubric]) for rubric, draw in read_columns(lists, ("rubric", "draw"))
    ]
    run.display.expect(
        {f"compare/{a.annotator_id}": sum(n for draw, n in owed if draw < a.draws) for a in judges}
    )


def _wave(run: Waves, number: int, made: str, listed: Path, judges: list[AnnotatorSpec]) -> None:
    frames = run.kept(number)

    def build(out: graph.Out) -> Callable[[Any], None]:
        return lambda p: graph.compare(
            p, run.recipe, run.home.offer(frames), run.home.offer([listed]), out
        )

    owed = list(check.owed_comparisons(read_rows(Lineup, [listed]), judges, run.plan.comparing))

    def books(out: Path) -> list[Book]:
        return [check.compare_book(owed, out)]

    run.wave("compare", number, made, build, books, len(owed), compact(run, "comparisons"))
