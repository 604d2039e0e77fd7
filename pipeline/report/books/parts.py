"""What an account's money bought, in parts that add up to what was spent.

Two records are laid beside each other. The ledger knows what was spent, by account and purpose, and what
was lost; it knows nothing of verdicts. The rows of the tables know what each verdict cost when its reply
was bought, which may have been before, or in another folder that shares the journal. So the parts of an
account are: its verdicts by what they came to, what was lost, sentinels, the canary; and the difference,
which is a line of its own: money for verdicts that the tables do not hold, or, below zero, verdicts that
were paid for before. The parts add up to what was spent, to a millionth of a dollar.
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from annotators.ledger import CANARY, SENTINELS
from pipeline.report.books.costs import KINDS, Cost

Record = Mapping[str, Any]
LOST, CLIPS, FAILED_CLIPS, ELSEWHERE, CACHED = (
    "lost",
    "clips",
    "failed_clips",
    "elsewhere",
    "cached",
)
DUST = 5e-7  # USD: records are rounded to millionths
ORDER = (*KINDS, FAILED_CLIPS, CLIPS, SENTINELS, CANARY, LOST, ELSEWHERE, CACHED)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What some of an account's money bought: ``n`` of ``unit``; ``usd`` None: nobody knows.

    ``unknown``: how many of the ``n`` state no cost. Their money stands in another part.
    """

    part: str  # one of ORDER
    reason: str | None = None
    usd: float | None
    n: int = 0
    unit: str | None = None
    unknown: int = 0


def split(own: Mapping[str, Record], costs: Iterable[Cost]) -> list[Part]:
    """The parts of one judge's money. ``own``: purpose -> what the ledger holds of it.

    Their sum is that of ``own``, unless that is unknown: then only counts are told.
    """
    costs, spent = list(costs), list(own.values())
    unknown = any(one["usd"] is None for one in spent)
    parts = [
        Part(
            part=c.kind,
            reason=c.reason,
            usd=None if unknown and c.unknown == c.verdicts else c.usd,
            n=c.verdicts,
            unit="verdict",
            unknown=c.unknown,
        )
        for c in costs
    ]
    parts += [_purpose(name, own[name], unknown) for name in (SENTINELS, CANARY) if name in own]
    if lost := sum(one.get("lost_requests", 0) for one in spent):
        usd = None if unknown else sum(one.get("lost_usd", 0.0) for one in spent)
        parts.append(Part(part=LOST, usd=usd, n=lost, unit="request"))
    if not unknown:
        parts += rest_of(sum(one["usd"] for one in spent), parts)
    return [part for part in parts if part.n or part.usd]


def _purpose(name: str, one: Record, unknown: bool) -> Part:
    usd = None if unknown else one["usd"] - one.get("lost_usd", 0.0)
    return Part(part=name, usd=usd, n=one["requests"] - one.get("lost_requests", 0), unit="request")


def rest_of(spent: float, parts: Sequence[Part]) -> list[Part]:
    """What the parts leave over, or what of them was paid before; nothing where they add up."""
    rest = spent - sum(part.usd or 0.0 for part in parts)
    if abs(rest) < DUST:
        return []
    return [Part(part=ELSEWHERE if rest > 0 else CACHED, usd=rest)]


def clip_parts(spent: Record, failed: tuple[float, int]) -> list[Part]:
    """The parts of what generators were asked for; ``failed``: what clips that failed cost, how many."""
    unknown, (usd, n) = spent["usd"] is None, failed
    lost, n_lost = spent["lost_usd"], spent["lost_requests"]
    made = None if unknown else spent["usd"] - lost - usd
    parts = [
        Part(part=FAILED_CLIPS, usd=usd, n=n, unit="clip"),
        Part(part=CLIPS, usd=made, n=spent["requests"] - n_lost - n, unit="request"),
        Part(part=LOST, usd=None if unknown else lost, n=n_lost, unit="request"),
    ]
    return [part for part in parts if part.n or part.usd]


def both(one: Part, other: Part) -> Part:
    """Two parts of the same kind as one; an unknown cost makes the sum unknown."""
    usd = None if one.usd is None or other.usd is None else one.usd + other.usd
    n, unknown = one.n + other.n, one.unknown + other.unknown
    return dataclasses.replace(one, usd=usd, n=n, unknown=unknown)


def plain(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """As the page reads them, in the order of ``ORDER``, the dearest reason first."""
    ordered = sorted(parts, key=lambda p: (ORDER.index(p.part), -(p.usd or 0.0), p.reason or ""))
    return [dataclasses.asdict(part) for part in ordered]


def cost_of(parts: Iterable[Record]) -> float | None:
    """All that it cost, whenever it was paid: the parts without what was paid before."""
    costs = [part["usd"] for part in parts if part["part"] != CACHED]
    return None if any(usd is None for usd in costs) else sum(costs)


def sums(spent: Iterable[Record]) -> dict[str, Any]:
    """Money of several records together; one unknown makes ``usd`` unknown."""
    spent = [whole(one) for one in spent]
    counts = ("requests", "input_tokens", "output_tokens", "lost_requests")
    unknown = any(one["usd"] is None for one in spent)
    return {
        "usd": None if unknown else sum(one["usd"] for one in spent),
        **{name: sum(one.get(name) or 0 for one in spent) for name in counts},
        "lost_usd": sum(one["lost_usd"] or 0.0 for one in spent),
    }


def whole(money: Record) -> dict[str, Any]:
    """Counts of a record that may lack some."""
    return {"requests": 0, "lost_requests": 0, "lost_usd": 0.0, "usd": None, **money}
