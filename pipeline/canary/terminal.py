"""The study on a terminal: what will be bought, then one table per judge and one sentence each."""

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.canary.ask import ToBuy
from pipeline.canary.shift import Replies, Row
from pipeline.canary.study import Study, amount, money
from pipeline.canary.variants import VARIANTS
from pipeline.preview.words import NONE, count, plain, plural, usd


def say_to_buy(bills: Sequence[ToBuy], say: Callable[[str], None]) -> None:
    """What the questions come to, before the first of them is sent."""
    for bill in bills:
        asked = plural(bill.questions, "question")
        if bill.worst is None:
            new = f", {count(bill.requests)} of them new" if bill.requests else ""
            text = f"{asked}{new}, free"
        else:
            tokens = bill.worst.input_tokens + bill.worst.output_tokens
            text = (
                f"{asked}, {plural(bill.requests, 'request')} to send: at most {count(tokens)} tokens, "
                f"{usd(bill.worst.usd)}"
            )
        say(plain(f"canary: {bill.annotator_id}: {text}"))


def print_study(study: Study, page: Path, console: Console | None = None) -> None:
    """Tables, notes, cost, where the page is, and the sentences last."""
    out = console or Console(highlight=False)
    if study.stopped:
        out.print(Text(plain(f"stopped: {study.stopped}. The same command goes on.")))
    for judge in dict.fromkeys(reply.annotator for reply in study.replies):
        out.print()
        out.rule(Text(plain(judge)), align="left")
        for dimension in dict.fromkeys(r.dimension for r in study.rows if r.annotator == judge):
            own = [r for r in study.rows if (r.annotator, r.dimension) == (judge, dimension)]
            out.print(_table(dimension, own))
        _print_replies(out, [reply for reply in study.replies if reply.annotator == judge])
    out.print()
    for note in study.notes:
        out.print(Text(plain(f"note: {note}")))
    out.print(Text(f"paid now: {money(study.paid)}"))
    out.print(Text(f"page: {page}"), soft_wrap=True)
    out.print()
    for told in study.sentences:
        out.print(Text(plain(told)))


def _table(dimension: str, rows: Sequence[Row]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
    table.title = Text(plain(dimension))
    for head in ("", "mean or shift", "clips", "moved"):
        table.add_column(head, justify="right" if head else "left")
    for row in sorted(rows, key=_place):
        name = f"{row.variant} - {row.minus}" if row.minus else row.variant
        moved = NONE if row.moved is None else f"{row.moved:.0%}"
        table.add_row(name, amount(row), str(row.n_clips), moved)
    return table


def _place(row: Row) -> tuple[bool, int]:
    return bool(row.minus), 0 if row.minus else VARIANTS.index(row.variant)


def _print_replies(out: Console, replies: Sequence[Replies]) -> None:
    for reply in replies:
        if reply.refused or reply.failed or reply.silent:
            out.print(
                Text(
                    f"{reply.variant}: of {plural(reply.questions, 'question')} {reply.refused} "
                    f"refused, {reply.failed} failed, {reply.silent} without anything to say"
                )
            )
