"""The work that every contestant does, and how it is measured. Standard library only: the contestants
that are other projects run in environments of their own.

A contestant is a script that is started with the arguments of :class:`Work`, does that work, and
prints one line of JSON, its :class:`Measured`.
"""

import argparse
import base64
import dataclasses
import gc
import json
import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MODEL = "gpt-4o-mini"  # one that price lists know; the server answers to any name
SYSTEM = "You judge short videos. " * 60  # about as long as a rubric with five described levels
USER = "The text that the video was made from: {prompt}\nHere are its frames in order. " + "." * 300
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
        "rationale": {"type": "string"},
    },
    "required": ["score", "rationale"],
    "additionalProperties": False,
}
RESPONSE_FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "verdict", "strict": True, "schema": SCHEMA},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """A clip's frames as files; each lies under the SHA-256 of its bytes."""

    video_id: str
    prompt: str
    sha256: tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """``calls`` requests: clip after clip, ``draws`` of each, ``concurrency`` in flight."""

    frames: str  # the folder of the clips
    calls: int
    latency_s: float  # what the server waits
    draws: int = 1
    concurrency: int = 256
    images: int = 8  # pictures a request
    url: str = ""  # of the interface, with /v1
    folder: str = ""  # an empty one, for whatever the contestant writes

    def clips(self) -> list[Clip]:
        """As many clips as the calls need."""
        n_clips = -(-self.calls // self.draws)
        rows = json.loads((Path(self.frames) / "clips.json").read_text())[:n_clips]
        return [Clip(**{**row, "sha256": tuple(row["sha256"])[: self.images]}) for row in rows]

    def items(self) -> Iterator[tuple[Clip, int]]:
        """Each call's clip and draw."""
        pairs = ((clip, draw) for clip in self.clips() for draw in range(self.draws))
        return (pair for pair, _ in zip(pairs, range(self.calls), strict=False))

    def path(self, sha256: str) -> str:
        """The file of a frame."""
        return f"{self.frames}/{sha256[:2]}/{sha256}.jpg"

    def data_url(self, sha256: str) -> str:
        """A frame, read and spelled as a URL."""
        with open(self.path(sha256), "rb") as file:
            return "data:image/jpeg;base64," + base64.b64encode(file.read()).decode()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a contestant says of itself; the server knows the rest."""

    answered: int  # replies that became results
    seconds: float
    cpu_s: float  # of the process and of the processes it started, user and system
    peak_mib: float  # resident, of the largest of them
    versions: dict[str, str]


def arguments() -> Work:
    """The work as the command line describes it."""
    parser = argparse.ArgumentParser()
    for field in dataclasses.fields(Work):
        missing = field.default is dataclasses.MISSING
        parser.add_argument(
            f"--{field.name}",
            type=field.type if isinstance(field.type, type) else str,
            required=missing,
            default=None if missing else field.default,
        )
    return Work(**vars(parser.parse_args()))


def measure(do: Callable[[], int], versions: dict[str, str]) -> None:
    """Time ``do``, which returns how many results it got, and print the line.

    Imports and the opening of clients come before, so they are in neither number; processes that
    ``do`` starts are in both.
    """
    gc.collect()
    cpu, start = _cpu_s(), time.monotonic()
    answered = do()
    measured = Measured(
        answered=answered,
        seconds=time.monotonic() - start,
        cpu_s=_cpu_s() - cpu,
        peak_mib=max(_peak_kib(), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024,
        versions=versions,
    )
    print("\n" + json.dumps(dataclasses.asdict(measured)), flush=True)
    os._exit(0)  # clients that linger are not waited for; what they bought has been counted


def _cpu_s() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
