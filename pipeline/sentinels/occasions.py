"""Which occasion a wave is judged on, kept in the run's work folder.

A wave that was killed goes on with its occasion, so the replies it has paid for are found in the
journal. A wave that was whole and is judged anew, and every other run, begins a new one.
"""

import dataclasses
import datetime
import json
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from pipeline.sentinels.compare import Finding
from pipeline.state import write_json

IsWhole = Callable[[str, str], bool]  # a wave's name, what it is made from


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """One look at the judges, before one wave."""

    wave: str
    made_from: str  # the fingerprint that marks the wave when it is whole
    occasion: str
    time: str  # UTC, ISO 8601, when it began
    done: bool = False  # the wave is whole: judged anew, it gets another occasion
    n_clips: int = 0
    findings: tuple[Finding, ...] = ()


class Occasions:
    """The last occasion of every wave of a run. ``is_whole`` asks the marks of the run."""

    def __init__(self, folder: Path, is_whole: IsWhole) -> None:
        self._folder = folder
        for found in self.all():  # a kill between the wave's mark and ours
            if not found.done and is_whole(found.wave, found.made_from):
                self.done(found.wave)

    def begin(self, wave: str, made_from: str) -> Occasion:
        """The occasion of a wave that is about to be judged: a stopped one, or a new one."""
        held = self._get(wave)
        if held is not None and not held.done and held.made_from == made_from:
            return held
        now = datetime.datetime.now(datetime.UTC)
        # the name sorts by time; its end keeps runs apart that begin at the same moment
        return self._put(
            Occasion(
                wave=wave,
                made_from=made_from,
                occasion=f"{now:%Y%m%dT%H%M%S.%fZ}-{uuid.uuid4().hex[:8]}",
                time=now.isoformat(timespec="seconds"),
            )
        )

    def note(self, occasion: Occasion, n_clips: int, findings: Iterable[Finding]) -> Occasion:
        """Keep what was found, on how many clips."""
        return self._put(dataclasses.replace(occasion, n_clips=n_clips, findings=tuple(findings)))

    def done(self, wave: str) -> None:
        """The wave is whole. Nothing happens if it had no occasion."""
        held = self._get(wave)
        if held is not None and not held.done:
            self._put(dataclasses.replace(held, done=True))

    def all(self) -> list[Occasion]:
        """The last occasion of every wave, by time."""
        found = (self._get(path.stem) for path in sorted(self._folder.glob("*.json")))
        return sorted((one for one in found if one), key=lambda one: one.occasion)

    def _get(self, wave: str) -> Occasion | None:
        path = self._path(wave)
        if not path.is_file():
            return None
        content = json.loads(path.read_text())
        return Occasion(**{**content, "findings": tuple(map(_finding, content["findings"]))})

    def _put(self, occasion: Occasion) -> Occasion:
        write_json(self._path(occasion.wave), dataclasses.asdict(occasion))
        return occasion

    def _path(self, wave: str) -> Path:
        return self._folder / f"{wave}.json"


def _finding(content: dict[str, Any]) -> Finding:
    lists = {name: tuple(value) for name, value in content.items() if isinstance(value, list)}
    return Finding(**{**content, **lists})
