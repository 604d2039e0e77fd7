"""What a run keeps for itself, without the withdrawn clips: batches, sentinels, values of hooks, pages.

Each function may be called again after a kill: what is clean already is not touched.
"""

import dataclasses
import json
import os
import re
import shutil
import time
import uuid
from collections.abc import Callable, Container, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from annotators.batch.state import ERRORS, INPUT, OUTPUT, TICKETS
from pipeline.dataset.withdraw.facts import Facts
from pipeline.dataset.withdraw.stores import Gone
from pipeline.sentinels.record import Record, decode, encode
from pipeline.state import write_json
from schemas.ids import canonical_json, sha256_hex
from schemas.layout import Layout
from schemas.store import TEMPORARY, Store

# a line of a batch that names no request of it: counted, and otherwise nothing
BLANK = {OUTPUT: b'{"custom_id":""}\n', ERRORS: b'{"custom_id":""}\n', INPUT: b"", TICKETS: b""}
PAGES = {"preview": "preview", "canary": "canary"}  # folder -> the command that makes it anew
OLD_S = 3600.0  # of a temporary file in a journal that others may write to
SEARCHED_BYTES = 64 << 20  # of a file that is read for names


def take_batches(layout: Layout, facts: Facts, gone: Gone, *, dry: bool) -> None:
    """Requests and replies of batches that are not read yet; a shard that is read keeps neither."""
    n = 0
    for folder in sorted((layout.work / "annotators" / "batch").glob("*/[0-9]*")):
        keys = _batch_keys(folder / TICKETS, facts)
        for name in (OUTPUT, ERRORS, INPUT, TICKETS) if keys else ():
            if not dry:
                _filter_lines(folder / name, partial(_names_key, keys=keys), BLANK[name])
        n += len(keys)
    for notes in sorted((layout.work / "annotators" / "batch").glob("*/notes.jsonl")):
        if not dry:
            _filter_lines(notes, partial(_names_key, keys=facts.replies - facts.kept), b"")
    if n:
        gone.others.append(f"{n} requests of batches that are not read yet")
        gone.beyond.append(f"{n} requests of a batch lie with its server until it deletes them")


def _batch_keys(tickets: Path, facts: Facts) -> frozenset[str]:
    if not tickets.is_file():
        return frozenset()
    with tickets.open("rb") as file:
        asked = (json.loads(line) for line in file if line.strip())
        return frozenset(a["key"] for a in asked if facts.shown(a["key"], a["request"]))


def _names_key(line: bytes, keys: Container[str]) -> bool:
    try:
        said = json.loads(line)
        return said.get("custom_id", said.get("key")) in keys
    except (ValueError, AttributeError):
        return False


def _filter_lines(path: Path, hit: Callable[[bytes], bool], instead: bytes) -> None:
    """Replace the lines that are hit, if any, and the file with them at once."""
    if not path.is_file():
        return
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    found = False
    with path.open("rb") as file, temporary.open("wb") as out:
        for line in file:
            is_hit = bool(line.strip()) and hit(line)
            found |= is_hit
            out.write(instead if is_hit else line)
    if found:
        os.replace(temporary, path)
    else:
        temporary.unlink()


def take_nsfw(
    layout: Layout, hook: str | None, shown: Iterable[tuple[str, ...]], *, dry: bool
) -> None:
    """What the hook said of them; ``shown``: the JPEGs of each clip, in order."""
    if hook is None or dry:
        return
    keys = {sha256_hex(canonical_json([hook, *frames]).encode()) for frames in shown}

    def hit(line: bytes) -> bool:
        try:
            return json.loads(line)[0] in keys
        except (ValueError, IndexError, TypeError, KeyError):
            return False

    _filter_lines(layout.work / "check" / "nsfw.jsonl", hit, b"")


def take_sentinels(
    layout: Layout, history: str | None, facts: Facts, gone: Gone, *, dry: bool
) -> None:
    """Readings of sentinels out of the history, a record at a time."""
    roots = {str(layout.root / "sentinels"), history or str(layout.root / "sentinels")}
    n = 0
    for store in map(Store, sorted(roots)):
        for name in [name for name in store.names() if name.endswith(".json")]:
            data = store.get(name)
            record = None if data is None else decode(data)
            if record is not None and any(r.video_id in facts.ids for r in record.readings):
                n += 1
                if not dry:
                    _put_over(store, name, encode(_without(record, facts)))
    if n:
        gone.others.append(f"readings of sentinels in {n} records of their history")


def _without(record: Record, facts: Facts) -> Record:
    kept = tuple(r for r in record.readings if r.video_id not in facts.ids)
    return dataclasses.replace(record, readings=kept)


def _put_over(store: Store, name: str, data: bytes) -> None:
    """A record in place of an older one; on a local disk at once."""
    if store.local is None:
        store.delete(name)
        store.put(name, data, durable=True)
        return
    path = Path(store.local) / name
    temporary = path.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    temporary.write_bytes(data)
    os.replace(temporary, path)


def take_order(layout: Layout, facts: Facts, *, dry: bool) -> None:
    """Their ids out of the list of clips that were judged first."""
    path = layout.work / "order.json"
    if dry or not path.is_file():
        return
    held = json.loads(path.read_text())
    first = [video for video in held["first"] if video not in facts.ids]
    if first != held["first"]:
        write_json(path, {**held, "first": first})


def take_splits(layout: Layout, facts: Facts) -> None:
    """Their ids out of what is said of the splits."""
    path = layout.root / "splits.json"
    if path.is_file():
        held = json.loads(path.read_text("utf-8"))
        if (said := scrubbed(held, facts.named)) != held:
            write_json(path, said)


def take_pages(layout: Layout, facts: Facts, gone: Gone, *, dry: bool) -> None:
    """Pages that show them, and what a gate was held on: each is made anew by its command."""
    pattern = facts.named
    for name, verb in PAGES.items():
        paths = [layout.root / name, layout.root / f"{name}.json"]
        if any(named_in(path, pattern) for path in paths):
            gone.others.append(
                f"{name}/: shows them, so it goes; `videoprefer {verb}` makes it anew"
            )
            for path in paths if not dry else ():
                drop(path)
    unfinished = [layout.root / name for name in (".report-new", ".report-old")]
    for path in (layout.work / "gate", *unfinished):
        if path.exists() and not dry:
            drop(path)


def take_features(layout: Layout, cache: str | None, gone: Gone, *, dry: bool) -> None:
    """What frozen towers made of clips: the cache goes as a whole, the next training makes it anew."""
    folders = [path for path in sorted(layout.videorm.rglob("features")) if path.is_dir()]
    if folders:
        gone.others.append("videorm: the cache of features; the next training makes it anew")
    for folder in folders if not dry else ():
        drop(folder)
    if cache is not None and not Path(cache).resolve().is_relative_to(layout.videorm):
        gone.beyond.append(f"features of the clips in the cache {cache}: delete it by hand")


def take_temporaries(layout: Layout) -> None:
    """What killed runs left half written. In the journal, which others may write to, only old ones."""
    journal = layout.root / "journal"
    for at, folders, files in os.walk(layout.root, topdown=True):
        for name in [n for n in (*folders, *files) if n.startswith(TEMPORARY)]:
            path = Path(at) / name
            old = time.time() - path.stat().st_mtime > OLD_S
            if old or not path.is_relative_to(journal):
                drop(path)
        folders[:] = [name for name in folders if not name.startswith(TEMPORARY)]


def drop(path: Path) -> None:
    """Delete a file, or a folder with all that is in it; nothing where it is absent."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def named_in(path: Path, pattern: re.Pattern[str]) -> bool:
    """Whether a file, or any file of a folder, names one. Large files are not read."""
    files = [p for p in path.rglob("*") if p.is_file()] if path.is_dir() else [path]
    return any(_named_in(file, pattern) for file in files if file.is_file())


def _named_in(file: Path, pattern: re.Pattern[str]) -> bool:
    if pattern.search(file.name):
        return True
    if file.stat().st_size > SEARCHED_BYTES:
        return False
    return bool(pattern.search(file.read_bytes().decode("utf-8", "replace")))


def scrubbed(value: Any, pattern: re.Pattern[str]) -> Any:
    """A JSON value without whatever names one: items of lists, members of objects, rows about it."""
    if isinstance(value, dict):
        return {
            k: scrubbed(v, pattern)
            for k, v in value.items()
            if not pattern.search(k) and not _says(v, pattern)
        }
    if isinstance(value, list):
        return [
            scrubbed(one, pattern)
            for one in value
            if not _says(one, pattern) and not _is_row(one, pattern)
        ]
    return value


def _says(value: Any, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and bool(pattern.search(value))


def _is_row(value: Any, pattern: re.Pattern[str]) -> bool:
    """Whether a row of a list is about one: a member of it says so."""
    return isinstance(value, dict) and any(_says(one, pattern) for one in value.values())
