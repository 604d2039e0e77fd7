"""Clips that were made before, by what shaped them: none is made, or paid for, a second time.

A note per clip says which bytes it is; the bytes lie in the run's media store under their digest, and
beside the note as well where the store is shared between runs. Bytes come first and the note last, so
that a kill leaves a note only of what is there.
"""

import dataclasses
import json

from pipeline.media.ingest import stored_name
from schemas import Clip
from schemas.ids import canonical_json, sha256_hex
from schemas.store import Store


def key_of(kind: str, clip: Clip) -> str:
    """SHA-256 of everything that shapes a generated clip: kind, prompt, settings and seed.

    The settings hold model and revision (:meth:`GeneratorSpec.draw_settings`); the generator's name is
    not part of it, so that one that is renamed keeps its clips.
    """
    asked = {
        "kind": kind,
        "prompt": clip.prompt,
        "seed": clip.seed,
        "settings": json.loads(clip.settings or "{}"),
    }
    return sha256_hex(canonical_json(asked).encode())


@dataclasses.dataclass(frozen=True, slots=True)
class Made:
    """The clips of a run that are made. Pickles by paths.

    Args:
        notes: where the notes lie.
        media: the run's media store.
        shared: whether ``notes`` is for several runs, and holds the bytes, too.
        withdrawn: SHA-256 of clips that their owners took back: such bytes are kept nowhere.
    """

    notes: Store
    media: Store
    shared: bool = False
    withdrawn: frozenset[str] = frozenset()

    def noted(self, key: str) -> bool:
        """Whether a clip was made; its bytes are not looked at."""
        return self.notes.exists(note_name(key))

    def get(self, key: str) -> bytes | None:
        """The clip's bytes, None if it is still to be made. Damaged bytes, or a damaged note, count as
        none."""
        note = self.notes.get(note_name(key))
        if note is None:
            return None
        try:
            said = json.loads(note)
            where, sha256 = str(said["name"]), said["sha256"]
        except (ValueError, KeyError, TypeError):
            self.notes.delete(note_name(key))
            return None
        for store, name in self._places(where):
            data = store.get(name)
            if data is not None and sha256_hex(data) == sha256:
                return data
            store.delete(name)  # what is damaged would keep the right bytes from being put
        self.notes.delete(note_name(key))
        return None

    def put(self, key: str, clip: Clip, data: bytes) -> None:
        """Keep a clip that has just been made: on disk when this returns."""
        name = stored_name(data)
        for store, place in self._places(name):
            store.put(place, data, durable=True)
        note = {
            "name": name,
            "sha256": sha256_hex(data),
            "generator": clip.generator,
            "prompt": clip.prompt,
            "seed": clip.seed,
            "settings": json.loads(clip.settings or "{}"),
        }
        self.notes.put(note_name(key), canonical_json(note).encode(), durable=True)

    def _places(self, name: str) -> list[tuple[Store, str]]:
        shared = [(self.notes, f"bytes/{name}")] if self.shared else []
        return [(self.media, name), *shared]


def note_name(key: str) -> str:
    """Where the note of a clip lies, by :func:`key_of`."""
    return f"{key[:2]}/{key}.json"
