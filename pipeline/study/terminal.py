"""The study on a terminal: one table, notes, where the page is, and the recommendation last."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.canary.study import money
from pipeline.preview.words import plain
from pipeline.study.result import Row, Study
from pipeline.study.words import costs, gap, interval, recommended


def print_study(study: Study, page: Path, console: Console | None = None) -> None:
    """Tables, notes, cost, where the page is, and the sentences last."""
    out = console or Console(highlight=False)
    out.print()
    out.rule(Text(plain(f"{study.name}: {study.statistic}, {study.dimension}")), align="left")
    out.print(_table(study))
    if study.ceiling:
        out.print(Text(f"a person against the others: {interval(_headline(study.ceiling))}"))
    out.print()
    for note in study.notes:
        out.print(Text(plain(f"note: {note}")))
    out.print(Text(f"paid now: {money(study.paid)}"))
    out.print(Text(f"page: {page}"), soft_wrap=True)
    out.print()
    for told in recommended(study):
        out.print(Text(plain(told)))


def _headline(rows: Sequence[Row]) -> Row:
    return rows[-1]


def _table(study: Study) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0))
    bare = any(result.scored < result.rated for result in study.results)
    heads = ["", "point", "value", "- best (SE)", *(["scored"] * bare), "per clip"]
    for head in heads:
        left = head in ("", "point")
        table.add_column(head, justify="left" if left else "right", no_wrap=head != "point")
    chosen = study.recommendation and study.recommendation.point
    for result in study.results:
        table.add_row(
            "*" if result.point.name == chosen else "",
            Text(plain(result.label)),
            interval(result.headline),
            gap(result.difference),
            *([f"{result.coverage:.0%}"] * bare),
            costs(result.cost),
        )
    return table
