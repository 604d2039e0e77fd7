"""Taking clips out of a run's folder for good: tables, stores, journal, pages, and a tombstone.

Order makes it safe to kill. What is to go is noted in ``work/withdraw.json``, then the tombstone is
written and ``run.json`` leaves; every step after that may be done twice; ``run.json`` comes back last, and
the note goes. Until then a run on the folder is refused, and `withdraw` goes on where it stopped.
"""

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.clip_checks.made_from import without_the_gone
from pipeline.config import Config
from pipeline.dataset.parquet import parts
from pipeline.dataset.whole import check_readable
from pipeline.dataset.withdraw import again, work
from pipeline.dataset.withdraw.facts import Facts
from pipeline.dataset.withdraw.find import sought
from pipeline.dataset.withdraw.note import Note, config_of, note_on, pending_in
from pipeline.dataset.withdraw.rows import Rewriter
from pipeline.dataset.withdraw.stores import (
    Gone,
    is_shared,
    journals,
    take_frames,
    take_media,
    take_notes,
    take_replies,
)
from pipeline.dataset.withdraw.work import scrubbed
from pipeline.dataset.withdrawn import PENDING, withdrawn, write_withdrawn
from pipeline.state import CLAIM, RECORD, Marks, locked, refuse_copy, write_json
from schemas import SPLITS
from schemas.layout import PUBLISHED, Layout
from schemas.options import SetupError
from schemas.store import TEMPORARY, Store

Say = Callable[[str], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the user asks for; see :func:`withdraw`."""

    names: Sequence[str] = ()
    prompts: Sequence[str] = ()
    reason: str | None = None
    date: str | None = None
    journal: str | None = None
    dry_run: bool = False


def withdraw(root: Path, asked: Asked, say: Say = print) -> Gone:
    """Take clips out of the folder of a run, complete or not; returns what went.

    ``asked.names`` and ``asked.prompts`` as in :func:`pipeline.dataset.withdraw.find.sought`; without
    either, whatever the tombstones name that is still here goes, and an interrupted withdrawal is ended.
    ``asked.journal``: a journal beside the one that the configuration names. Raises
    :class:`SetupError` for a folder that holds no run or is in use, for a table that cannot be read, for
    a clip that it does not hold, and :class:`~annotators.journal.JournalError` for a damaged journal entry.
    """
    layout = _layout(root)
    with locked(layout):
        pending = pending_in(layout)
        if pending is not None and not asked.dry_run:
            say("withdraw: going on where an earlier withdrawal was interrupted")
            done = _take(layout, pending, asked, say)
            if not asked.names and not asked.prompts:
                return done
        files = [path for own in _published(layout).values() for path in own]
        check_readable([*files, *_kept_by_the_run(layout)])
        tombstones = sought(layout, asked.names, asked.prompts, asked.reason, asked.date)
        note = note_on(layout, tombstones)
        if asked.dry_run:
            return _count(layout, note, asked)
        if not note.facts.here:
            write_withdrawn(layout, tombstones)
            return Gone()
        write_json(layout.work / PENDING, note.plain())
        return _take(layout, note, asked, say)


def _layout(root: Path) -> Layout:
    layout = Layout(root.expanduser().resolve())
    refuse_copy(layout.root)
    if not (layout.root / "tables").is_dir() and not (layout.work / CLAIM).is_file():
        raise SetupError(
            f"{layout.root}: holds no run (neither tables/ nor work/{CLAIM}); name the output folder of one"
        )
    return layout


def _take(layout: Layout, note: Note, asked: Asked, say: Say) -> Gone:
    config, facts, gone = config_of(layout, note.record), note.facts, Gone()
    write_withdrawn(
        layout, withdrawn(layout).joined(note.tombstones).with_versions(note.tombstones)
    )
    if note.record is not None:
        write_json(layout.work / RECORD, note.record)  # for what is made anew; run.json comes last
    layout.run.unlink(missing_ok=True)
    for name in again.WRITTEN:
        (layout.root / name).unlink(missing_ok=True)
    _take_rows(layout, facts, gone, dry=False)
    _take_files(layout, config, facts, gone, asked, say, dry=False)
    _mark(layout, note.marks, facts)
    work.take_splits(layout, facts)
    if note.record is not None and config is not None:
        _make_again(layout, config, note, gone, say)
    elif note.record is not None:
        how = "merge the runs" if note.record.get("merged_from") else "run the run's command"
        gone.others.append(
            "run.json, audit.json, judges.json, card and report: removed; their configuration cannot be "
            f"read, so {how} again to have them"
        )
        _drop_pages(layout)
    else:
        _drop_pages(layout)
    if of := [str(one["name"]) for one in (note.record or {}).get("merged_from") or ()]:
        gone.beyond.append(
            f"the runs that this dataset was merged of ({', '.join(of)}), which may hold the clips still: "
            "withdraw them there, too"
        )
    work.take_temporaries(layout)
    (layout.work / PENDING).unlink(missing_ok=True)
    return gone


def _take_rows(layout: Layout, facts: Facts, gone: Gone, *, dry: bool) -> None:
    rows = Rewriter(facts.ids)
    for name, files in _published(layout).items():
        n = sum(rows.count(path) if dry else rows.rewrite(path) for path in files)
        if n:
            gone.rows[name] = n
    for path in _kept_by_the_run(layout) if not dry else ():
        rows.rewrite(path)


def _published(layout: Layout) -> dict[str, list[Path]]:
    tables = {name: parts(layout.table(name)) for name in PUBLISHED}
    splits = (layout.table("preferences", split) for split in SPLITS)
    return {**tables, "preferences": [path for folder in splits for path in parts(folder)]}


def _kept_by_the_run(layout: Layout) -> list[Path]:
    """Tables of waves, work lists, what was assembled, what people said."""
    return [p for p in sorted(layout.work.rglob("*.parquet")) if not p.name.startswith(TEMPORARY)]


def _take_files(
    layout: Layout,
    config: Config | None,
    facts: Facts,
    gone: Gone,
    asked: Asked,
    say: Say,
    *,
    dry: bool,
) -> None:
    stores = journals(layout, config)
    if asked.journal is not None and all(store.root != asked.journal for store in stores):
        stores.append(Store(asked.journal))
    for store in stores:
        if is_shared(layout, store):
            say(
                f"journal {store.root}: other runs may use it; replies about these clips "
                f"{'would go' if dry else 'go'} there, too"
            )
        take_replies(store, facts, gone, dry=dry)
    take_media(layout, facts, gone, dry=dry)
    take_frames(layout, facts, gone, dry=dry)
    take_notes(layout, config, facts, gone, dry=dry)
    work.take_batches(layout, facts, gone, dry=dry)
    work.take_nsfw(layout, _hook(config), facts.frames, dry=dry)
    sentinels = config.sentinels if config is not None else None
    history = sentinels.history if sentinels is not None else None
    work.take_sentinels(layout, history, facts, gone, dry=dry)
    work.take_order(layout, facts, dry=dry)
    work.take_pages(layout, facts, gone, dry=dry)
    videorm = config.videorm if config is not None else None
    cache = videorm.cache.path if videorm is not None else None
    work.take_features(layout, cache, gone, dry=dry)


def _hook(config: Config | None) -> str | None:
    return config.checks.nsfw.hook if config is not None and config.checks.nsfw else None


def _mark(layout: Layout, notes: Mapping[str, Any], facts: Facts) -> None:
    """The books in the marks, and what the next run must not do anew.

    The mark of the checks follows from the frames that remain. What was compared stands: lists that are
    shorter now would be asked about, and paid, anew.
    """
    for path in sorted((layout.work / "done").glob("*.json")):
        held = json.loads(path.read_text())
        note = scrubbed(notes.get(path.stem, held["note"]), facts.named)
        if path.stem.startswith("compare-"):
            Marks(layout).let_stand(path.stem, note)
            continue
        made = held["fingerprint"]
        if path.stem == "check":
            made = without_the_gone(made, layout.work / "collect")
        if (note, made) != (held["note"], held["fingerprint"]):
            write_json(path, {**held, "fingerprint": made, "note": note})


def _make_again(layout: Layout, config: Config, note: Note, gone: Gone, say: Say) -> None:
    assert note.record is not None
    say("withdraw: scores, audit, card and report anew")
    again.score_again(layout, config, note.facts)
    if (told := again.audit_again(layout, config, note.facts, note.record)) is not None:
        gone.others.append(told)
    model = note.model if (layout.videorm / "metrics.json").is_file() else 0
    record = again.record_again(layout, note.record, note.books, note.facts, model)
    again.judges_again(layout, record, note.facts)
    if model:
        again.model_again(layout, config, note.facts, model)
        gone.beyond.append(
            f"the reward model in {layout.videorm}, which has learned from the clips; the next run "
            "trains it anew without them"
        )
    again.pages_again(layout, config, record)
    _status(layout, record)
    write_json(layout.work / RECORD, record)
    if note.complete:
        write_json(layout.run, record)
        (layout.work / RECORD).unlink(missing_ok=True)


def _status(layout: Layout, record: Mapping[str, Any]) -> None:
    if layout.status.is_file():
        held = json.loads(layout.status.read_text())
        said = {"books": record["books"], "failures": record["failures"], "message": None}
        write_json(layout.status, {**held, **said})


def _drop_pages(layout: Layout) -> None:
    """What an earlier run on the folder wrote from tables that held the clips."""
    for path in (layout.audit, layout.audit_details, layout.root / "judges.json", layout.status):
        path.unlink(missing_ok=True)
    work.drop(layout.report)


def _count(layout: Layout, note: Note, asked: Asked) -> Gone:
    """What would go; nothing is touched."""
    gone = Gone()
    _take_rows(layout, note.facts, gone, dry=True)
    config = config_of(layout, note.record)
    _take_files(
        layout, config, note.facts, gone, asked, lambda line: gone.others.append(line), dry=True
    )
    return gone
