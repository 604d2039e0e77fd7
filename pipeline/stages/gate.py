"""What people rated is judged first, and nothing else until ``audit.require`` is met by it.

The first waves (:mod:`pipeline.gate` says which clips are in them) go through the stages that a run goes
through: collected, checked among each other, annotated, compared where the protocol compares. Their
scores and pairs follow from the functions that ``assemble`` follows, their audit is the one at the end
of a run. What a consensus must learn it learns here from these clips alone, people's weights in folds of
their prompts as ever; so with a fitted consensus the numbers at the end, of all clips, are not quite
these. A clip of theirs that the checks leave out later counted here.

Until the gate is met no clip of another wave is read, made or asked about. It is kept when it is met and
held anew where anything it rests on has changed, or its failures are taken up again.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pipeline.audit.files import audit_run
from pipeline.audit.result import AuditResult, AuditRow, rows_of, told
from pipeline.dataset.parquet import parts, read_columns, read_rows, write_rows
from pipeline.gate import RequirementError, clips_told, required
from pipeline.people import people_of, rating_files
from pipeline.preference.consensus import MARK_COLUMNS, keyed_mark
from pipeline.preference.prompts import judge_prompt
from pipeline.preference.votes import RANKING_COLUMNS, keyed_ranking
from pipeline.publish import publish_tables
from pipeline.report.audit_page import named_clips, places_of_run, write_audit_page
from pipeline.stages.annotate import annotate
from pipeline.stages.check import check_first
from pipeline.stages.collect import collect
from pipeline.stages.compare import compare
from pipeline.stages.consensus import learn
from pipeline.stages.judging import shape
from pipeline.state import fingerprint, fresh, shape_of
from pipeline.waves import Waves
from schemas import SPLITS, Preference, Prompt, Score, Video
from schemas.layout import Layout
from schemas.tables import to_row

T = TypeVar("T")
STAGE = "gate"


def gate(run: Waves) -> None:
    """Hold the gate, unless it is held or there is none. ``run.gate`` says what it came to.

    Raises :class:`~pipeline.gate.RequirementError` where a requirement is not met, with the audit of the
    first waves in ``audit.json`` and on its page.
    """
    if not run.first or not required(run.config):
        return
    made = _made_from(run)
    if run.order.judged is not None and not run.is_whole(STAGE, made):
        return  # every clip is judged, and what is required has changed: the audit of all will say
    run.gate = run.once(STAGE, made, lambda: _hold(run))
    run.say(f"gate: met by {clips_told(run.order.first)}: {'; '.join(run.gate['said'])}")
    run.books.clear()  # all waves enter theirs, these once more


def _made_from(run: Waves) -> str:
    """Everything that the gate follows from; known before anything is asked."""
    config, plan = run.config, run.plan
    assert config.audit is not None
    return fingerprint(
        STAGE,
        sorted(run.order.first),
        [to_row(clip) for clip in plan.clips if clip.video_id in run.order.first],
        [shape(annotator) for annotator in plan.annotators],
        [rubric.sha256 for rubric in (*plan.rubrics, *plan.comparing)],
        config.generators and [shape_of(spec) for spec in config.generators.pool],
        config.frames.model_dump(mode="json"),
        config.checks.model_dump(mode="json"),
        config.protocol.model_dump(),
        config.consensus.model_dump(),
        config.preferences.model_dump(),
        config.audit.model_dump(mode="json"),
        rating_files(config.audit),
    )


def _hold(run: Waves) -> dict[str, Any]:
    """What the gate came to, once it is met."""
    assert run.config.audit is not None
    run.say(
        f"gate: {clips_told(run.order.first)} before {_others(run):,} others, which wait for "
        "audit.require"
    )
    _judge(run)
    layout = Layout(run.layout.work / STAGE)
    if not _assemble(run, layout):
        raise RequirementError(_why(run, ["none of them has a score"]))
    result = _audited(run, layout)
    if result.unmet:
        run.again("audit")  # of an earlier run: what it wrote is written over
        result.write(run.layout.audit)
        where = (
            f"all numbers are in {run.layout.audit} and on the page {_page(run, layout, result)}"
        )
        raise RequirementError(_why(run, [*result.unmet, where]))
    rows = [
        (asked, row) for asked in run.config.audit.require for row in rows_of(asked, result.rows)
    ]
    return {
        "clips": len(run.order.first),
        "others": _others(run),
        "said": [f"{told(row)}, {asked.limit} required" for asked, row in rows],
        "requirements": [
            {**asked.model_dump(exclude={"annotator", "statistic", "dimension"}), **_plain(row)}
            for asked, row in rows
        ],
    }


def _page(run: Waves, layout: Layout, result: AuditResult) -> Path:
    """The audit's page of the first waves, over that of an earlier run; its path."""
    found = places_of_run(layout.root, named_clips(result.details))
    places = {video: dataclasses.replace(one, layout=run.layout) for video, one in found.items()}
    return write_audit_page(run.layout.root, result.table, result.details, places)


def _others(run: Waves) -> int:
    """How many clips wait."""
    return len(run.plan.clips) - len(run.order.first)


def _plain(row: AuditRow) -> dict[str, Any]:
    names = ("annotator", "statistic", "dimension", "value", "low", "high", "n_items", "n_raters")
    return {name: getattr(row, name) for name in names}


def _why(run: Waves, found: Iterable[str]) -> str:
    failed = " `videoprefer retry` takes up what failed." if run.failures() else ""
    return (
        f"audit.require is not met by {clips_told(run.order.first)}: {'; '.join(found)}. Nothing was "
        f"asked about the {_others(run):,} others.{failed} Take another judge, rubric or consensus and "
        "go on here with --rebuild: every paid reply is reused; or ask for less in audit.require: the "
        "same command goes on where it stopped"
    )


def _judge(run: Waves) -> None:
    """The first waves through every stage that asks."""
    collected = annotated = collect(run, run.first)
    check_first(run)
    if run.config.protocol.scores:
        annotated = annotate(run, collected, run.first)
        learn(run, run.first)
    if run.config.protocol.compares:
        compare(run, collected, annotated, run.first)


def _audited(run: Waves, layout: Layout) -> AuditResult:
    """The audit of the first waves, whose tables lie below ``layout`` as those of a run do."""
    options = run.config.audit
    assert options is not None
    people = people_of(run.config, read_rows(Video, parts(layout.table("videos"))))
    note = f"a gate: of {clips_told(run.order.first)} alone, before {_others(run):,} others"
    people = dataclasses.replace(people, notes=[note, *people.notes])
    return audit_run(layout, options, people).result


def _assemble(run: Waves, layout: Layout) -> int:
    """Scores and pairs of the first waves, and every table, below ``layout``; how many scores."""
    out = fresh(layout.work)
    here = {clip.prompt_id for number in run.first for clip in run.waves[number]}
    prompts = [prompt for prompt in run.plan.prompts if prompt.prompt_id in here]
    scores: list[Score] = []
    pairs: dict[str, list[Preference]] = {split: [] for split in SPLITS}
    marks = _by_prompt(map(keyed_mark, _read(run, "annotate", "annotations", MARK_COLUMNS)))
    said = _by_prompt(map(keyed_ranking, _read(run, "compare", "comparisons", RANKING_COLUMNS)))
    for prompt in prompts:
        key = prompt.prompt_id
        found, preferences = judge_prompt(prompt, marks[key], run.recipe.rules, said[key])
        scores += found
        for one in preferences:
            pairs[one.split].append(one)
    listed = write_rows(Prompt, prompts, out / "prompts.parquet")
    write_rows(Score, scores, out / "scores" / "part-00000.parquet")
    for split, own in pairs.items():
        write_rows(Preference, own, out / split / "preferences" / "part-00000.parquet")
    publish_tables(run, [listed], out, layout, run.first)
    return len(scores)


def _read(
    run: Waves, stage: str, table: str, columns: tuple[str, ...]
) -> Iterator[tuple[Any, ...]]:
    return read_columns(run.wave_files(stage, table, run.first), columns)


def _by_prompt(keyed: Iterable[tuple[str, T]]) -> dict[str, list[T]]:
    found: dict[str, list[T]] = defaultdict(list)
    for key, one in keyed:
        found[key].append(one)
    return found
