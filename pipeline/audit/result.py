"""What an audit comes to: rows, notes, scope, and the requirements that are not met."""

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.audit.disagreements import Disagreement
from pipeline.audit.names import ALL, RESERVED
from pipeline.audit.options import Requirement

DETAILS = "audit_details.json"  # beside audit.json


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One number. ``value``, ``low`` and ``high`` are None where undefined.

    ``statistic`` is a name of :data:`pipeline.audit.names.STATISTICS`; ``slice`` is ``all`` or
    ``attribute=value``, for example ``generator=NAME`` (clips of it, or pairs with a clip of it on
    either side). ``n_items`` counts clips; for ``pair_*`` and ``*_tie_share`` pairs of clips, those tied
    in the target left out of accuracies; for their ``_loo`` kind pairs times raters left out; for
    choices and replies questions asked. ``n_raters`` is 0 where no person is behind a number.
    ``annotator`` is ``a & b`` for the ``error_correlation`` of two, ``jury`` for all of them together,
    ``rater NAME`` for one person.
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
    """Rows, notes on how they came about, their scope, and the requirements that are not met.

    ``disagreements`` are the pairs on which annotators and people differ most, ``alt_test`` the single
    tests behind the alternative annotator test's rows.
    """

    rows: tuple[AuditRow, ...]
    notes: tuple[str, ...]
    scope: Mapping[str, Any]
    unmet: tuple[str, ...]
    disagreements: tuple[Disagreement, ...] = ()
    alt_test: tuple[Mapping[str, Any], ...] = ()

    @property
    def table(self) -> list[dict[str, Any]]:
        """The rows as ``audit.json`` holds them."""
        return [dataclasses.asdict(row) for row in self.rows]

    @property
    def details(self) -> dict[str, Any]:
        """Everything else, as ``audit_details.json`` holds it."""
        content = dataclasses.asdict(self)
        return {name: value for name, value in content.items() if name != "rows"}

    def write(self, path: Path) -> None:
        """Write the rows, a JSON list, to ``path``, and all else beside it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path.with_name(DETAILS), self.details)
        _write(path, self.table)


def _write(path: Path, content: Any) -> None:
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def rows_of(requirement: Requirement, rows: Iterable[AuditRow]) -> list[AuditRow]:
    """The rows that a requirement is about: one per dimension, over everything."""
    return [
        row
        for row in rows
        if (row.statistic, row.annotator, row.slice)
        == (requirement.statistic, requirement.annotator, ALL)
        and requirement.dimension in (None, row.dimension)
    ]


def unmet(requirement: Requirement, rows: Sequence[AuditRow]) -> list[str]:
    """Why a requirement is not met, one sentence per dimension; empty if it is.

    A number that is undefined, or was not computed at all, does not meet it.
    """
    asked = rows_of(requirement, rows)
    if not asked:
        of = f" on {requirement.dimension}" if requirement.dimension else ""
        others = {
            r.annotator for r in rows if (r.statistic, r.slice) == (requirement.statistic, ALL)
        }
        judges = sorted(others - {*RESERVED})
        of += f" (it was of {', '.join(judges)})" if judges else ""
        return [
            f"{requirement.statistic} of {requirement.annotator}{of} was not measured; "
            f"{requirement.limit} is required"
        ]
    return [
        f"{told(row)}; {requirement.limit} is required"
        for row in asked
        if not requirement.met_by(getattr(row, requirement.bound))
    ]


def told(row: AuditRow) -> str:
    """A row in words: value, interval and number of items."""
    what = f"{row.statistic} of {row.annotator} on {row.dimension} is "
    if row.value is None:
        return f"{what}undefined (n {row.n_items})"
    interval = "" if row.low is None else f" [{row.low:.4f}, {row.high:.4f}]"
    return f"{what}{row.value:.4f}{interval} (n {row.n_items})"
