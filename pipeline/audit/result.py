"""What an audit comes to: rows, notes, scope, and the requirements that are not met."""

import dataclasses
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.audit.names import ALL
from pipeline.audit.options import Requirement


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One number. ``value``, ``low`` and ``high`` are None where undefined.

    ``statistic`` is a name of :data:`pipeline.audit.names.STATISTICS`; ``slice`` is ``all`` or
    ``generator=NAME`` (clips of it, or pairs with a clip of it on either side). ``n_items`` counts
    clips; for ``pair_*`` and ``*_tie_share`` pairs of clips, those tied in the target left out
    of accuracies; for their ``_loo`` kind pairs times raters left out. ``annotator`` is ``a & b`` for
    the ``error_correlation`` of two, ``jury`` for all of them together, over pairs not tied in the
    target.
    """

    annotator: str
    statistic: str
    dimension: str
    slice: str
    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_raters: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditResult:
    """Rows, notes on how they came about, their scope, and the requirements that are not met."""

    rows: tuple[AuditRow, ...]
    notes: tuple[str, ...]
    scope: Mapping[str, Any]
    unmet: tuple[str, ...]

    def write(self, path: Path) -> None:
        """Write ``{"rows": [...], "notes": [...], "scope": {...}, "unmet": [...]}`` as JSON."""
        content = dataclasses.asdict(self)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
            encoding="utf-8",
        )


def unmet(requirement: Requirement, rows: Iterable[AuditRow]) -> list[str]:
    """Why a requirement is not met, one sentence per dimension; empty if it is.

    A number that is undefined, or was not computed at all, does not meet it.
    """
    asked = [
        row
        for row in rows
        if (row.statistic, row.annotator, row.slice)
        == (requirement.statistic, requirement.annotator, ALL)
        and requirement.dimension in (None, row.dimension)
    ]
    what = f"{requirement.statistic} of {requirement.annotator}"
    if not asked:
        of = f" on {requirement.dimension}" if requirement.dimension else ""
        return [f"{what}{of} was not measured; at least {requirement.at_least:g} is required"]
    return [
        f"{what} on {row.dimension} is {'undefined' if row.value is None else f'{row.value:.4f}'}; "
        f"at least {requirement.at_least:g} is required"
        for row in asked
        if row.value is None or row.value < requirement.at_least
    ]
