"""Complete runs become one complete dataset: the first grows by the others.

Every row of every run is in the output, the same as a row there, or left out by a rule that is said and
counted; what is written is read back and held against that. The output is complete when ``run.json`` is
there: it is written last, and a merge that was interrupted starts over.
"""

import dataclasses
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.books import BooksError
from pipeline.dataset.finish import describe
from pipeline.dataset.merge.books import check_books, counts_of, lost_pairs, require_balanced
from pipeline.dataset.merge.config import MergeRules, learned, merge_rules
from pipeline.dataset.merge.files import (
    bring_clips,
    bring_frames,
    bring_notes,
)
from pipeline.dataset.merge.judges import CHOICES
from pipeline.dataset.merge.people import any_audit, audit_merged, people_record
from pipeline.dataset.merge.prompts import Prompts, merged_prompts
from pipeline.dataset.merge.record import merged_record
from pipeline.dataset.merge.replies import bring_journals, take_out_withdrawn
from pipeline.dataset.merge.scales import check_scales
from pipeline.dataset.merge.sources import Source, check_output, open_sources
from pipeline.dataset.merge.tables import Chosen, choose
from pipeline.dataset.merge.union import Counts
from pipeline.dataset.merge.write import write_tables
from pipeline.dataset.parquet import parts, publish, write_rows
from pipeline.dataset.reassemble import reassemble
from pipeline.dataset.version import dataset_version
from pipeline.dataset.withdrawn import NOTHING, refuse_pending, write_withdrawn
from pipeline.health.write import write_judges
from pipeline.home.place import layout_of
from pipeline.preference.decision import write_decision
from pipeline.report.write import write_report
from pipeline.state import fresh, locked, write_json
from schemas import SPLITS, Preference, Prompt, Score
from schemas.layout import Layout
from schemas.options import SetupError

Say = Callable[[str], None]
CLAIM = "merge.json"  # in the work folder, while a merge is under way
KEPT = ("work",)  # of an output that is begun anew

__all__ = ["CHOICES", "BooksError", "MergePlan", "merge", "plan_merge"]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class MergePlan:
    """What a merge would do; nothing is written for it."""

    sources: Sequence[Source]
    rules: MergeRules
    chosen: Chosen
    prompts: Prompts
    people: Mapping[str, Any]
    counts: Mapping[str, Sequence[Counts]]


def plan_merge(
    folders: Sequence[Path],
    output: Path,
    *,
    on_conflict: str = "refuse",
    settings: Sequence[str] = (),
    say: Say = print,
) -> MergePlan:
    """Read the runs and decide about every row. Raises :class:`SetupError` for whatever cannot be merged."""
    if len(folders) < 2:
        raise SetupError("merge: one folder is a dataset already; name two or more")
    if on_conflict not in CHOICES:
        raise SetupError(f"--on-conflict {on_conflict}: expected one of {', '.join(CHOICES)}")
    sources = open_sources(folders)
    check_output(output, sources)
    _check_empty(layout_of(output))
    for source in sources:
        refuse_pending(source.layout)
    rules = merge_rules(sources, settings)
    people = people_record(sources)
    chosen = choose(sources, on_conflict, say)
    check_scales(sources, rules, chosen)
    prompts = merged_prompts(sources, chosen.parts["videos"], rules.rules.splits)
    counts = {"prompts": prompts.counts, **counts_of(chosen)}
    require_balanced(sources, counts)
    return MergePlan(
        sources=sources,
        rules=rules,
        chosen=chosen,
        prompts=prompts,
        people=people,
        counts=counts,
    )


def merge(plan: MergePlan, output: Path, *, link: bool = True, say: Say = print) -> dict[str, Any]:
    """Write what was planned into ``output``; returns the record that is its run.json.

    ``link``: clips, pictures and replies are hard links where the file system allows. Raises
    :class:`SetupError` where the folder holds anything else, :class:`BooksError` where what was written
    is not what was chosen.
    """
    layout = layout_of(output)
    _check_empty(layout)
    with locked(layout):
        _begin(layout, plan)
        staged = fresh(layout.work / "merge")
        notes = _bring(plan, layout, link, say)
        _write_tables(plan, layout, staged, say)
        record = _record(plan, layout, output.name, notes)
        _finish(plan, layout, record, say)
        _end(layout, record)
    return record


def _check_empty(layout: Layout) -> None:
    """Raise :class:`SetupError` for a folder with anything in it but what an interrupted merge left."""
    there = list(layout.root.iterdir()) if layout.root.is_dir() else []
    work = {path.name for path in layout.work.iterdir()} if layout.work.is_dir() else set()
    untouched = all(path == layout.work for path in there) and work <= {"lock"}
    if layout.run.is_file() or not (untouched or CLAIM in work):
        raise SetupError(
            f"--output {layout.root}: holds something else than a merge that was interrupted; name a new "
            "folder, or remove this one"
        )


def _begin(layout: Layout, plan: MergePlan) -> None:
    """Claim the folder, and remove what an interrupted merge left: links cost nothing to make again."""
    write_json(
        layout.work / CLAIM, {"merging": [str(source.layout.root) for source in plan.sources]}
    )
    for path in layout.root.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_json(layout.status, {"state": "merging", "message": None})


def _bring(plan: MergePlan, layout: Layout, link: bool, say: Say) -> list[str]:
    say("merge: clips, pictures and paid replies")
    n_clips = bring_clips(plan.sources, plan.chosen, layout, link)
    bring_frames(plan.sources, plan.chosen, layout, link)
    n_replies, notes = bring_journals(plan.sources, layout, link)
    bring_notes(plan.sources, plan.chosen, layout, link)
    if n := take_out_withdrawn(plan.sources, plan.chosen, layout):
        say(f"merge: {n} replies about clips that were withdrawn are left out")
    say(f"merge: {n_clips} clips and {n_replies} files of replies are in {layout.root}")
    gone = NOTHING
    for source in plan.sources:
        gone = gone.joined(source.withdrawn)
    write_withdrawn(layout, gone)
    return notes


def _write_tables(plan: MergePlan, layout: Layout, staged: Path, say: Say) -> None:
    images = plan.rules.publish_frames
    write_tables(plan.sources, plan.chosen, layout, staged, images=images, say=say)
    prompts = write_rows(Prompt, plan.prompts.rows, staged / "prompts.parquet")
    publish([prompts], layout.table("prompts"), Prompt)
    say("merge: scores and preferences anew")
    write_decision(layout, plan.prompts.decision)
    rules = dataclasses.replace(
        learned(plan.rules, plan.sources, layout),
        barred=frozenset(plan.prompts.decision.unpaired),
    )
    out = fresh(staged / "assembled")
    reassemble(layout, rules, plan.prompts.rows, out)
    publish(parts(out / "scores"), layout.table("scores"), Score)
    for split in SPLITS:
        publish(parts(out / split / "preferences"), layout.table("preferences", split), Preference)
    check_books(layout, plan.chosen, len(plan.prompts.rows))


def _record(plan: MergePlan, layout: Layout, name: str, notes: Sequence[str]) -> dict[str, Any]:
    record = merged_record(
        plan.sources,
        plan.rules,
        plan.counts,
        plan.chosen.renamed,
        plan.people,
        layout,
        name,
        [
            *plan.rules.notes,
            *plan.prompts.notes,
            *lost_pairs(plan.sources[0], layout, plan.prompts.decision.left_out),
            *notes,
            *not_known(plan),
        ],
    )
    return {**record, "dataset_version": dataset_version(layout)}


def not_known(plan: MergePlan) -> list[str]:
    """What a merge does not look into."""
    several = sum(bool(part.keep.any()) for part in plan.chosen.parts["videos"]) > 1
    return [
        "near duplicates among clips of different runs were not looked for: each clip's checks are those "
        "of its own run; clips with the same bytes are known, and keep their prompts in one split"
    ] * several


def _finish(plan: MergePlan, layout: Layout, record: Mapping[str, Any], say: Say) -> None:
    if any_audit(plan.sources) and plan.rules.audit is not None:
        say("merge: audit")
        audit_merged(layout, plan.rules.audit, plan.people)
    for note in write_judges(layout, record)["notes"]:
        say(f"judges: {note}")
    say("merge: card and report")
    write_report(layout.root, plan.rules.report, record)
    describe(layout, record)


def _end(layout: Layout, record: Mapping[str, Any]) -> None:
    """run.json last: it says that all of it is there. The work folder held nothing that is needed."""
    told = {
        "state": "complete",
        "message": None,
        "books": record["books"],
        "spend": record["spend"],
    }
    write_json(layout.status, told)
    write_json(layout.run, record)
    shutil.rmtree(layout.work / "merge", ignore_errors=True)
    (layout.work / CLAIM).unlink()
