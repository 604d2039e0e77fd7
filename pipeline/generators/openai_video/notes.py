"""Notes of paid jobs: a run that was killed asks for the old job instead of paying for a new one."""

import dataclasses
import json
import os

from annotators.ledger import Ledger
from pipeline.generators.base import GenerationError, Tools
from pipeline.generators.openai_video.spec import OpenAIVideoSpec
from schemas import Clip, Reason
from schemas.ids import canonical_json, sha256_hex

ROOM = "openai-video"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """A job that was created earlier. ``owed``: its cost is still open in this ledger."""

    job_id: str
    owed: bool


class Notes:
    """The notes of one clip: ``openai-video/ab/abcd....json``.

    The key is made of everything that shapes the clip, and of the server: an id means nothing at
    another one, or another clip.
    """

    def __init__(self, spec: OpenAIVideoSpec, clip: Clip, tools: Tools) -> None:
        asked = {
            "server": spec.way.url,
            "settings": json.loads(clip.settings or "{}"),
            "seed": clip.seed,
            "prompt": clip.prompt,
        }
        self.key = sha256_hex(canonical_json(asked).encode())
        self._store, self._url = tools.jobs, spec.way.url
        self._ledger = _name(tools.ledger)
        self._job = f"{ROOM}/{self.key[:2]}/{self.key}.json"
        self._settled = f"{ROOM}/{self.key[:2]}/{self.key}.settled"
        self._failed = f"{ROOM}/{self.key[:2]}/{self.key}.failed"

    def job(self) -> Noted | None:
        """The job of this clip, None if there is none."""
        note = self._store.get(self._job)
        if note is None:
            return None
        try:
            said = json.loads(note)
            job_id, ledger = str(said["id"]), said["ledger"]
        except (ValueError, KeyError, TypeError) as error:
            raise GenerationError(
                f"the note of its job cannot be read: {self._store.path(self._job)}; delete it, and "
                "the clip is asked for, and paid, anew",
                Reason.INTERNAL,
            ) from error
        owed = ledger == self._ledger and not self._store.exists(self._settled)
        return Noted(job_id=job_id, owed=owed)

    def put(self, job_id: str) -> None:
        """Note a job; on disk when this returns."""
        note = {"id": job_id, "server": self._url, "ledger": self._ledger}
        self._store.put(self._job, canonical_json(note).encode(), durable=True)
        self._store.put(_taken(self._url, job_id), b"")

    def settle(self) -> None:
        """Note that the ledger knows what the job cost."""
        self._store.put(self._settled, b"")

    def fail(self, error: GenerationError) -> None:
        """Note that the job was paid and came to nothing; on disk when this returns."""
        said = {"message": str(error), "reason": error.reason, "cost_usd": error.cost_usd}
        self._store.put(self._failed, canonical_json(said).encode(), durable=True)

    def failed(self) -> GenerationError | None:
        """What was paid for nothing; None where there is no such note, or it cannot be read: then the
        job, which is noted, too, is looked at again."""
        note = self._store.get(self._failed)
        try:
            said = json.loads(note or b"null")
            return said and GenerationError(
                str(said["message"]), Reason(said["reason"]), cost_usd=said["cost_usd"]
            )
        except (ValueError, KeyError, TypeError):
            return None

    def forget(self) -> None:
        """The job is of no use any more: the clip may be asked for anew."""
        self._store.delete(self._job)
        self._store.delete(self._settled)
        self._store.delete(self._failed)

    def taken(self, job_id: str) -> bool:
        """Whether any clip has, or had, this job."""
        return self._store.exists(_taken(self._url, job_id))


def _taken(url: str, job_id: str) -> str:
    digest = sha256_hex(f"{url}\n{job_id}".encode())
    return f"{ROOM}/taken/{digest[:2]}/{digest}"


def _name(ledger: Ledger) -> str:
    """Which ledger it is; one without a file is known as long as its process lives."""
    return f"memory {os.getpid()} {id(ledger)}" if ledger.path is None else str(ledger.path)
