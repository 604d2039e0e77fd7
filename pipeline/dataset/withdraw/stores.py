"""Bytes of withdrawn clips out of the stores: media, frames, notes of generators, the journal.

Bytes that another clip holds too, a black frame say, stay: they are that clip's.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotators.journal.remove import Removed, remove
from pipeline.config import Config, journal_of
from pipeline.dataset.withdraw.facts import Facts
from pipeline.generators.made import note_name
from pipeline.generators.openai_video.notes import ROOM
from pipeline.generators.openai_video.spec import OpenAIVideoSpec
from schemas.ids import canonical_json, sha256_hex
from schemas.layout import Layout
from schemas.store import Store, blob_name


@dataclasses.dataclass(slots=True, kw_only=True)
class Gone:
    """What went, or would go, and what could not be reached; for the last lines a person reads."""

    rows: dict[str, int] = dataclasses.field(default_factory=dict)  # of the published tables
    media: int = 0
    frames: int = 0
    notes: int = 0
    replies: int = 0
    others: list[str] = dataclasses.field(default_factory=list)  # sentences
    beyond: list[str] = dataclasses.field(default_factory=list)  # what could not be reached

    @property
    def found(self) -> bool:
        """Whether anything was there."""
        return bool(self.rows or self.media or self.frames or self.notes or self.replies)


def take_media(layout: Layout, facts: Facts, gone: Gone, *, dry: bool) -> None:
    """The clips' files in the run's own store, whatever their suffix."""
    for sha256 in sorted(facts.contents):
        for name in layout.media.names(sha256[:2]):
            if name.rsplit("/", 1)[-1].startswith(sha256):
                gone.media += 1
                _delete(layout.media, name, dry)
    away = [uri for uri in sorted(facts.uris) if not uri.startswith("media/")]
    gone.beyond += [f"the clip itself where it came from: {uri}" for uri in away]


def take_frames(layout: Layout, facts: Facts, gone: Gone, *, dry: bool) -> None:
    """JPEGs and montages that show no other clip."""
    for sha256 in sorted(facts.alone):
        name = blob_name(sha256, ".jpg")
        if layout.frames.exists(name):
            gone.frames += 1
            _delete(layout.frames, name, dry)


def take_notes(
    layout: Layout, config: Config | None, facts: Facts, gone: Gone, *, dry: bool
) -> None:
    """What generators noted of them, so that no note brings the bytes back."""
    own = Store(f"{layout.generated.root}/clips")
    for name in list(own.names()):
        if (_said(own, name) or {}).get("sha256") in facts.contents:
            gone.notes += 1
            _delete(own, name, dry)
    pool = config.generators if config is not None else None
    jobs = Store(f"{layout.generated.root}/jobs")
    if pool is not None and pool.store is not None:
        _shared(Store(pool.store), {spec.kind for spec in pool.pool}, facts, gone, dry)
        jobs = Store(f"{pool.store.rstrip('/')}/jobs")
    for name in _jobs(config, facts):
        if jobs.exists(name):
            gone.notes += 1
            _delete(jobs, name, dry)


def _shared(store: Store, kinds: set[str], facts: Facts, gone: Gone, dry: bool) -> None:
    """Clips in a store that several runs share: found by what shaped them, for it may be large."""
    notes = Store(f"{store.root}/clips")
    for kind in sorted(kinds):
        for prompt, settings, seed in facts.made:
            name = note_name(_made_key(kind, prompt, settings, seed))
            said = _said(notes, name)
            if said is not None and said.get("sha256") in facts.contents:
                gone.notes += 1
                _delete(notes, f"bytes/{said['name']}", dry)
                _delete(notes, name, dry)
    gone.beyond.append(
        f"other runs that took the clips from the shared store {store.root} have copies of their own"
    )


def _made_key(kind: str, prompt: str, settings: str, seed: int | None) -> str:
    """As :func:`pipeline.generators.made.key_of` makes it."""
    asked = {"kind": kind, "prompt": prompt, "seed": seed, "settings": json.loads(settings)}
    return sha256_hex(canonical_json(asked).encode())


def _jobs(config: Config | None, facts: Facts) -> Iterator[str]:
    """Notes of paid jobs, by which a service would hand the clip out again."""
    if config is None or config.generators is None:
        return
    urls = {s.way.url for s in config.generators.pool if isinstance(s, OpenAIVideoSpec)}
    for url in sorted(urls):
        for prompt, settings, seed in facts.made:
            asked = {
                "server": url,
                "settings": json.loads(settings),
                "seed": seed,
                "prompt": prompt,
            }
            key = sha256_hex(canonical_json(asked).encode())
            yield from (f"{ROOM}/{key[:2]}/{key}{end}" for end in (".json", ".settled", ".failed"))


def _said(store: Store, name: str) -> dict[str, Any] | None:
    try:
        said = json.loads(store.get(name) or b"null")
    except ValueError:
        return None  # a damaged note counts as none to the generators, too
    return said if isinstance(said, dict) else None


def journals(layout: Layout, config: Config | None) -> list[Store]:
    """Where replies about a folder's clips lie: its own journal, and the one it shares, if any."""
    own = Store(str(layout.root / "journal"))
    used = own if config is None else journal_of(config, layout)
    return [own] if used.root == own.root else [own, used]


def is_shared(layout: Layout, store: Store) -> bool:
    """Whether a journal lies outside the folder, where other runs may use it."""
    return "://" in store.root or not Path(store.root).resolve().is_relative_to(layout.root)


def take_replies(store: Store, facts: Facts, gone: Gone, *, dry: bool) -> Removed:
    """Every paid reply about the clips, alone or among others; the ledger keeps what it cost."""
    removed = remove(store, facts.shown, dry=dry, also=facts.replies - facts.kept)
    gone.replies += removed.loose + removed.packed
    return removed


def _delete(store: Store, name: str, dry: bool) -> None:
    if not dry:
        store.delete(name)
