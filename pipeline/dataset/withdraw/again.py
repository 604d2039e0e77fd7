"""What follows from the tables, made anew after rows went: scores of their prompts, audit, card, report.

A withdrawal leaves the folder as the same command would make it of the clips that remain. The scores and
preferences of a prompt that lost a clip follow from what is still said of its others: with scores on
their own nothing changes for them; where clips were compared, a share of comparisons won does. What a
consensus learned from all clips (weights of people, error rates, standardised scales) is learned anew.
The reward model alone stays as it was trained, and says so, until the next run trains it anew.
"""

import dataclasses
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit.files import audit_run
from pipeline.audit.ratings import People
from pipeline.config import Config
from pipeline.dataset.finish import describe
from pipeline.dataset.parquet import parts, publish, read_columns, read_rows, write_rows
from pipeline.dataset.reassemble import reassemble, rules_of
from pipeline.dataset.version import dataset_version
from pipeline.dataset.withdraw.facts import Facts
from pipeline.dataset.withdraw.work import scrubbed
from pipeline.dataset.withdrawn import noted
from pipeline.final import table_counts
from pipeline.health.names import JUDGES
from pipeline.health.write import write_judges
from pipeline.report.write import write_report
from pipeline.state import fresh, write_json
from schemas import SPLITS, HumanRating, HumanVote, Preference, Prompt, Score
from schemas.ids import prompt_id
from schemas.layout import Layout
from schemas.tables import key_of

# pages and files that name clips and are written from the tables, or not at all
WRITTEN = ("README.md", "croissant.json", "checksums.sha256", "media/metadata.parquet")


def score_again(layout: Layout, config: Config, facts: Facts) -> None:
    """Scores and preferences of the prompts that lost a clip; of all where the consensus learns."""
    rules = rules_of(layout)
    everything = config.consensus.needs_fit
    split_of = dict(_splits(layout))
    listed = read_rows(Prompt, parts(layout.table("prompts")))
    prompts = [
        dataclasses.replace(prompt, split=prompt.split or split_of.get(prompt.prompt_id))
        for prompt in listed
        if everything or prompt.prompt_id in facts.prompts
    ]
    out = fresh(layout.work / "withdraw")
    reassemble(layout, rules, prompts, out)
    tables: list[tuple[type, Path, Path]] = [(Score, layout.table("scores"), out / "scores")]
    for split in SPLITS:
        made = out / split / "preferences"
        tables.append((Preference, layout.table("preferences", split), made))
    for record, table, new in tables:
        if everything:
            publish(parts(new), table, record)
        else:
            _put(record, table, list(read_rows(record, parts(new))), facts.prompts)


def _splits(layout: Layout) -> Iterator[tuple[str, str]]:
    """Of every prompt with pairs: tables of the first schema give a prompt's split nowhere else."""
    for split in SPLITS:
        for (prompt,) in read_columns(parts(layout.table("preferences", split)), ("prompt_id",)):
            yield prompt, split


def _put(record: type, table: Path, rows: Sequence[Any], prompts: Iterable[str]) -> None:
    """Rows of some prompts in place of those that stand in a table; a file without them stays."""
    wanted = set(prompts)
    held = {path: _of(record, path, wanted) for path in parts(table)}
    there: list[Any] = sorted((row for own in held.values() for row in own), key=key_of)
    if there == sorted(rows, key=key_of):
        return
    change: list[Path] = [path for path, own in held.items() if own] or [next(iter(held))]
    for path in change:
        held_there: Iterator[Any] = read_rows(record, [path])
        others = (row for row in held_there if row.prompt_id not in wanted)
        write_rows(record, itertools.chain(others, rows if path == change[0] else ()), path)


def _of(record: type, path: Path, prompts: set[str]) -> list[Any]:
    found = {prompt for (prompt,) in read_columns([path], ("prompt_id",))}
    if found.isdisjoint(prompts):
        return []
    rows: Iterator[Any] = read_rows(record, [path])
    return [row for row in rows if row.prompt_id in prompts]


def audit_again(
    layout: Layout, config: Config, facts: Facts, record: Mapping[str, Any]
) -> str | None:
    """The audit of the clips that remain; returns a sentence where it cannot be made here."""
    if not layout.audit.is_file() and not layout.audit_details.is_file():
        return None
    note = _said_of_people(layout, record)
    for path in (layout.audit, layout.audit_details):
        path.unlink(missing_ok=True)
    if config.audit is None or note is None:
        return "audit.json: removed; the next run, or `videoprefer audit`, makes it anew"
    people = People(
        ratings=list(read_rows(HumanRating, parts(layout.table("human_ratings")))),
        votes=list(read_rows(HumanVote, parts(layout.table("human_votes")))),
        scales={dimension: tuple(scale) for dimension, scale in note["scales"].items()},
        notes=scrubbed(list(note["notes"]), facts.named),
    )
    if not people.ratings and not people.votes:
        return "audit.json: removed, for no rating or vote is left"
    audit_run(layout, config.audit, people).result.write(layout.audit)
    return None


def _said_of_people(layout: Layout, record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Scales of human dimensions, and notes: of a merged dataset in its record, of a run in its marks."""
    if (people := record.get("people")) is not None:
        merged: Mapping[str, Any] = people
        return merged
    mark = layout.work / "done" / "human.json"
    if not mark.is_file():
        return None
    note = json.loads(mark.read_text())["note"]
    gate = (record.get("gate") or {}).get("said", ())
    told = [f"before the other clips were judged, {line}" for line in gate]
    return {**note, "notes": [*told, *note["notes"]]}


def record_again(
    layout: Layout, record: Mapping[str, Any], books: Mapping[str, Any], facts: Facts, model: int
) -> dict[str, Any]:
    """The run's record with its counts, books and version of now."""
    said = scrubbed({k: v for k, v in record.items() if k != "config"}, facts.named)
    counts = table_counts(layout)
    found = {
        **{name: said.get(name) for name in record},
        "config": record["config"],
        "tables": counts,
        "books": _settled(books, counts),
        "failures": failures_of(layout),
        "withdrawn": noted(layout),
        "dataset_version": dataset_version(layout),
    }
    if model:
        found["videorm_trained_with_withdrawn"] = model
    return found


def _settled(books: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    """Scores and preferences were made anew: what is not written of what is owed is owed upstream."""
    found = {stage: dict(book) for stage, book in books.items()}
    for stage in ("scores", "preferences"):
        if stage in found:
            book = found[stage]
            book["written"] = counts[stage]
            book["upstream"] = book["owed"] - book["written"] - book["failed"] - book["filtered"]
    return found


def failures_of(layout: Layout) -> dict[str, dict[str, int]]:
    """Failures of the published table: stage -> reason -> how many."""
    found: dict[str, dict[str, int]] = {}
    for stage, reason in read_columns(parts(layout.table("failures")), ("stage", "reason")):
        own = found.setdefault(stage, {})
        own[reason] = own.get(reason, 0) + 1
    return {stage: dict(sorted(own.items())) for stage, own in found.items()}


def judges_again(layout: Layout, record: Mapping[str, Any], facts: Facts) -> None:
    """``judges.json`` from the tables; what sentinels told of the judges stays."""
    path = layout.root / JUDGES
    held = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    write_judges(layout, record, scrubbed(held.get("sentinels"), facts.named))


def model_again(layout: Layout, config: Config, facts: Facts, trained: int) -> None:
    """The model's metrics without rows about the clips, its prompts, and a card that says what it saw."""
    path = layout.videorm / "metrics.json"
    if not path.is_file():
        return
    metrics = scrubbed(json.loads(path.read_text("utf-8")), facts.named)
    write_json(path, {**metrics, "withdrawn": trained})
    _forget_prompts(layout, facts)
    if config.videorm is not None:
        from pipeline.videorm.card import write_card

        audit = json.loads(layout.audit.read_text()) if layout.audit.is_file() else None
        write_card(
            layout.videorm,
            json.loads(path.read_text("utf-8")),
            config.videorm,
            [layout.root],
            {} if audit is None else {layout.root: audit},
        )


def _forget_prompts(layout: Layout, facts: Facts) -> None:
    """Prompts without a clip are no prompts that the model is known to have learned from."""
    from pipeline.videorm.evaluation.overlap import FILE

    path = layout.videorm / FILE
    if not path.is_file():
        return
    left = {prompt for (prompt,) in read_columns(parts(layout.table("videos")), ("prompt_id",))}
    texts = read_rows(Prompt, parts(layout.table("prompts")))
    gone = {
        prompt_id(p.text) for p in texts if p.prompt_id in facts.prompts and p.prompt_id not in left
    }
    lines = [line for line in path.read_text().splitlines() if line not in gone]
    part = path.with_name(f".{FILE}.part")
    part.write_text("".join(f"{line}\n" for line in lines))
    part.replace(path)


def pages_again(layout: Layout, config: Config, record: Mapping[str, Any]) -> None:
    """Card, description and checksums, and the report."""
    describe(layout, record)
    write_report(layout.root, config.report, record)
