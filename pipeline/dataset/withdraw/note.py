"""What a withdrawal notes before it deletes anything: one that was killed goes on from there."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from pipeline.config import Config
from pipeline.dataset.version import dataset_version
from pipeline.dataset.withdraw.books import marks_after, record_after
from pipeline.dataset.withdraw.facts import Facts, gather_facts
from pipeline.dataset.withdraw.rows import Rewriter
from pipeline.dataset.withdrawn import PENDING, Withdrawn
from pipeline.state import CLAIM, RECORD, claimed
from schemas.layout import Layout


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a withdrawal must know to the end, noted before anything is deleted."""

    facts: Facts
    tombstones: Withdrawn
    record: dict[str, Any] | None  # of a run that came to its end
    complete: bool  # it met its requirements, too: run.json was there
    books: dict[str, Any]  # of the record, after it
    marks: dict[str, Any]  # notes of marks, after it
    model: (
        int  # clips that the reward model, where there is one, has learned from and that are gone
    )

    def plain(self) -> dict[str, Any]:
        """As JSON values, which :func:`pending_in` reads."""
        found = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        entries = [dataclasses.asdict(entry) for entry in self.tombstones.entries]
        told = {"entries": entries, "versions": list(self.tombstones.versions)}
        return {**found, "facts": self.facts.plain(), "tombstones": told}


def pending_in(layout: Layout) -> Note | None:
    """What an interrupted withdrawal noted; None where there is none."""
    path = layout.work / PENDING
    if not path.is_file():
        return None
    said = json.loads(path.read_text("utf-8"))
    told = said["tombstones"]
    return Note(
        **{
            **said,
            "facts": Facts.read(said["facts"]),
            "tombstones": Withdrawn.of(told["entries"], told["versions"]),
        }
    )


def note_on(layout: Layout, tombstones: Withdrawn) -> Note:
    """What a withdrawal of these clips from a folder must know, read from it as it is now."""
    facts = gather_facts(layout, tombstones)
    rows = Rewriter(facts.ids)
    record = _record(layout)
    version = _version(layout, record)
    if facts.here and version is not None and version not in tombstones.versions:
        versions = (*tombstones.versions, version)
        tombstones = dataclasses.replace(tombstones, versions=versions)
    return Note(
        facts=facts,
        tombstones=tombstones,
        record=record,
        complete=layout.run.is_file(),
        books=record_after(layout, record["books"], rows, facts.ids) if record else {},
        marks=marks_after(layout, rows, facts.ids),
        model=_known_to_model(layout) + len(facts.here),
    )


def _record(layout: Layout) -> dict[str, Any] | None:
    for path in (layout.run, layout.work / RECORD):
        if path.is_file():
            record: dict[str, Any] = json.loads(path.read_text("utf-8"))
            return record
    return None


def _version(layout: Layout, record: Mapping[str, Any] | None) -> str | None:
    if record is None:
        return None
    return record.get("dataset_version") or dataset_version(layout)


def _known_to_model(layout: Layout) -> int:
    path = layout.videorm / "metrics.json"
    return int(json.loads(path.read_text()).get("withdrawn", 0)) if path.is_file() else 0


def config_of(layout: Layout, record: Mapping[str, Any] | None) -> Config | None:
    """Of the run; None where the folder no longer says, or says it as this version does not read it."""
    try:
        if (layout.work / CLAIM).is_file():
            return claimed(layout)[1]
        if record is not None:
            return Config.model_validate({k: v for k, v in record["config"].items() if k != "name"})
    except ValidationError:
        return None
    return None
