"""What came of the rounds, beside the goals, the floor and the plain page."""

from explorer_rounds import Shown, Times
from rich import box
from rich.table import Table

FIRST_PAINT_MS, FILTERED_MS = 1000, 100  # the goals
OPENING = {
    "first_paint": "first paint",
    "first_contentful_paint": "first contentful paint",
    "stands": "the list stands",
}
MIB = "heap"


def goal_of(what: str) -> int | None:
    """Milliseconds that something may take, None where no goal was set."""
    if what in OPENING:
        return FIRST_PAINT_MS if what != "stands" else None
    return None if what in (MIB, "nothing", "a prompt opened") else FILTERED_MS


def floor_of(what: str, floor: Times) -> float | None:
    """What the same takes on an empty page: a paint after nothing was done, where there is nothing else."""
    return floor.median(what) if what in OPENING or what == MIB else floor.median("nothing")


def table(page: Shown, times: Times, floor: Times, plain: Times | None, scale: float) -> Table:
    """One page: median and worst, over the goal, over the floor, and over the plain page."""
    shown = Table(box=box.SIMPLE_HEAD, title=page.name, title_justify="left", padding=(0, 1, 0, 0))
    for name in (
        "",
        "n",
        "median",
        "worst",
        "of the goal",
        "of an empty page",
        "of one big page",
        "says",
    ):
        shown.add_column(name, justify="left" if name in ("", "says") else "right", no_wrap=True)
    for what, values in times.values.items():
        median, worst, goal = times.median(what), times.worst(what), goal_of(what)
        beside = (
            plain.median(what) if plain and what != MIB else None
        )  # its heap lies outside JavaScript's
        if beside is not None and what not in ("first_paint", "first_contentful_paint"):
            beside *= scale
        unit = "MiB" if what == MIB else "ms"
        shown.add_row(
            OPENING.get(what, what), str(len(values)), f"{median:,.1f} {unit}", f"{worst:,.1f} {unit}",
            _share(median, goal), _share(median, floor_of(what, floor)), _share(median, beside),
            times.said.get(what, "")[:34],
        )  # fmt: skip
    return shown


def _share(value: float | None, of: float | None) -> str:
    if value is None or not of:
        return ""
    share = value / of
    return f"{share:.2f}" if share >= 0.1 else f"{share:.1g}"


def verdicts(page: Shown, times: Times) -> list[str]:
    """The goals in one line each: medians, and the worst filter."""
    said = []
    for what in ("first_paint", "first_contentful_paint"):
        if (median := times.median(what)) is not None:
            met = "met" if median <= FIRST_PAINT_MS else "NOT MET"
            said.append(
                f"{page.name}: {OPENING[what]} {median:,.0f} ms; goal {FIRST_PAINT_MS} ms {met}"
            )
    lists = {what: times.median(what) for what in times.values if goal_of(what) == FILTERED_MS}
    known = {what: median for what, median in lists.items() if median is not None}
    if known:
        slowest = max(known, key=lambda what: known[what])
        met = "met" if known[slowest] <= FILTERED_MS else "NOT MET"
        said.append(
            f"{page.name}: the slowest filter ({slowest}) {known[slowest]:,.0f} ms; "
            f"goal {FILTERED_MS} ms {met}"
        )
    return said
