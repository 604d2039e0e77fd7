"""The failures of a run that a person wants taken up again: where they stand, what they paid for."""

import dataclasses
import itertools
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pipeline.dataset.parquet import parts, read_rows
from schemas import Failure, Reason
from schemas.layout import Layout
from schemas.options import SetupError

# a clip that is read anew has to be judged anew; what the checks leave out is no failure to mend, and
# they look anew at whatever was read anew
DONE_ANEW = {
    "collect": ("collect", "annotate", "compare"),
    "annotate": ("annotate",),
    "compare": ("compare",),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What is to be done anew."""

    failures: tuple[Failure, ...]
    waves: frozenset[str]  # stage and wave, as they are marked: annotate-00003

    @property
    def replies(self) -> set[str]:
        """Keys of the paid replies that were of no use."""
        return {f.reply_key for f in self.failures if f.reply_key is not None}


def find_failed(
    layout: Layout, reasons: Sequence[Reason], stages: Sequence[str], n_waves: int
) -> TakenUp:
    """The failures with one of the reasons, of every wave of the run.

    ``stages`` and ``n_waves`` are the run's own: its folder may hold more, of an earlier
    configuration. A run that did not end by itself may have been stopped while it took them up: it has none
    left, and goes on. Raises :class:`SetupError` where one that did has none.
    """
    found: list[Failure] = []
    waves: set[str] = set()
    others: Counter[str] = Counter()
    asked = [stage for stage in stages if stage in DONE_ANEW]
    for stage, number in itertools.product(asked, range(n_waves)):
        failed = list(_failures(layout.work / stage / f"wave-{number:05d}"))
        wanted = [failure for failure in failed if failure.reason in reasons]
        others.update(failure.reason for failure in failed)
        waves.update(f"{name}-{number:05d}" for name in DONE_ANEW[stage] if wanted)
        found += wanted
    if not found and _ended(layout):
        there = ", ".join(f"{times} {reason}" for reason, times in sorted(others.items()))
        raise SetupError(
            f"{layout.home or layout.root}: no failure has one of the reasons {', '.join(reasons)}; "
            f"there are {there or 'none at all'}"
        )
    return TakenUp(failures=tuple(found), waves=frozenset(waves))


def _ended(layout: Layout) -> bool:
    """Whether the run came to an end by itself, be it that its requirements were not met."""
    if layout.run.exists():
        return True
    state = json.loads(layout.status.read_text())["state"] if layout.status.is_file() else None
    return state in ("complete", "unmet")


def _failures(wave: Path) -> list[Failure]:
    return list(read_rows(Failure, parts(wave / "failures")))
