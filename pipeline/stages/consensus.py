"""What the consensus must learn from all clips of a run, before any prompt is judged."""

import dataclasses
from collections.abc import Collection

from pipeline.dataset.parquet import read_columns, read_rows
from pipeline.people import people_of
from pipeline.preference.consensus import MARK_COLUMNS, keyed_mark
from pipeline.preference.fit import fit, points_of
from pipeline.waves import Waves
from schemas import HumanRating, Video


def learn(run: Waves, numbers: Collection[int] | None = None) -> tuple[str, ...]:
    """Put what was learned into the rules that the pipelines follow; mostly there is nothing to learn.

    From the clips of every wave, or of those named: before a gate, of no others. Returns notes on what
    was learned, which are said.
    """
    config, rules = run.config, run.recipe.rules
    if not config.consensus.needs_fit:
        return ()
    columns = read_columns(run.wave_files("annotate", "annotations", numbers), MARK_COLUMNS)
    people: list[HumanRating] = []
    if config.consensus.method == "human_weights":
        videos = list(read_rows(Video, run.wave_files("collect", "videos", numbers)))
        left_out = set(config.audit.leave_out_generators) if config.audit else set()
        rated = people_of(config, videos).ratings
        people = [rating for rating in rated if rating.generator not in left_out]
    fitted = fit(
        map(keyed_mark, columns),
        config.consensus,
        people,
        config.audit.dimensions if config.audit else {},
        points_of(run.plan.rubrics),
    )
    for note in fitted.notes:
        run.say(f"consensus: {note}")
    run.recipe = dataclasses.replace(run.recipe, rules=dataclasses.replace(rules, fitted=fitted))
    return fitted.notes
