"""What came out of a case, as a table for people, as rows for programs, and against the goal."""

from typing import Any

from audit_cases import Case
from audit_peers import OURS
from audit_rounds import Result
from rich import box
from rich.table import Table

COLUMNS = (
    "contestant",
    "version",
    "n",
    "best s",
    "CPU s",
    "ours is",
    "answer",
    "interval",
    "more MiB",
)


def measured(results: list[Result]) -> list[Result]:
    """Those that took a turn."""
    return [result for result in results if result.seconds and not result.why_not]


def gap(case: Case, result: Result, results: list[Result]) -> float | None:
    """How far the answer is from ours; None where it has none (estimated from a few resamples)."""
    ours = next((r for r in measured(results) if r.name == OURS), None)
    if ours is None or not result.answer:
        return None
    one, other = (answer[: case.compared] for answer in (result.answer, ours.answer))
    if len(one) != len(other):
        return float("inf")
    return max(abs(x - y) for x, y in zip(one, other))


def rows(case: Case, results: list[Result]) -> list[dict[str, Any]]:
    """One per contestant."""
    ours = next((r.best for r in measured(results) if r.name == OURS), None)
    return [
        {
            "case": case.name,
            "contestant": result.name,
            "version": result.version,
            "n": len(result.seconds),
            "seconds": result.seconds,
            "best_s": result.best if result.seconds else None,
            "over_ours": result.best / ours if ours and result.seconds else None,
            "cpu_s": result.cpu_s,
            "estimated": result.times > 1,
            "answer": result.answer,
            "gap": gap(case, result, results),
            "peak_mib": result.peak_mib,
            "more_mib": result.more_mib,
            "why_not": result.why_not,
        }
        for result in results
    ]


def table(case: Case, results: list[Result]) -> Table:
    """A case on the terminal."""
    found = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in COLUMNS:
        found.add_column(name, justify="left" if name == "contestant" else "right", no_wrap=True)
    for row, result in zip(rows(case, results), results):
        if not result.seconds:
            continue
        found.add_row(
            result.name,
            result.version,
            str(row["n"]),
            f"{'~' if row['estimated'] else ''}{result.best:.4g}",
            f"{min(result.cpu_s, default=0):.4g}",
            ""
            if result.name == OURS or not row["over_ours"]
            else f"{row['over_ours']:.1f}x faster",
            _answer(case, result, row["gap"]),
            _interval(case, result),
            "" if result.more_mib is None else f"{result.more_mib:.0f}",
        )
    found.caption = "\n".join(f"{r.name}: {r.why_not}" for r in results if r.why_not)
    found.caption_justify = "left"
    return found


def _answer(case: Case, result: Result, apart: float | None) -> str:
    if not result.answer:
        return "of a few only"
    if result.name == OURS or apart is None:
        return f"{result.answer[0]:.6f}"
    return "the same" if apart <= case.close else f"OTHER: {result.answer[0]:.6f}"


def _interval(case: Case, result: Result) -> str:
    """Of the first number; only cases of one number print it."""
    if case.compared != 1 or len(result.answer) < 3:
        return ""
    return f"{result.answer[1]:.4f}..{result.answer[2]:.4f}"


def verdict(case: Case, results: list[Result]) -> str | None:
    """Ours against the fastest of the others, in one line; None where there is nobody else."""
    ours = next((r for r in measured(results) if r.name == OURS), None)
    others = [r for r in measured(results) if r.name != OURS]
    if ours is None or not others:
        return None
    fastest = min(others, key=lambda r: r.best)
    ratio = fastest.best / ours.best
    met = ratio >= case.goal and (case.seconds is None or ours.best <= case.seconds)
    limit = f", at most {case.seconds:g} s" if case.seconds else ""
    other = [r.name for r in others if (gap(case, r, results) or 0) > case.close]
    by_cpu = f", {min(fastest.cpu_s) / min(ours.cpu_s):.1f} by processor time"
    return (
        f"{case.name}: {ours.best:.3g} s, {ratio:.1f} times as fast as {fastest.name}"
        f"{' (estimated)' if fastest.times > 1 else ''}{by_cpu}; goal {case.goal:g}{limit} "
        f"{'met' if met else 'NOT MET'}"
        + (f"; another number: {', '.join(other)}" if other else "")
    )
