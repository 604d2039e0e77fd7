"""How an estimate reads in a terminal: a block per annotator, one for all, what rests on what."""

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pipeline.estimate.figures import duration, size, span, usd

if TYPE_CHECKING:
    from pipeline.estimate.result import Estimate, Line

Row = tuple[str, str, str]  # name, value, what is behind it
NAME = 14  # columns


def text_of(found: "Estimate", together: "Line", width: int | None = 80) -> str:
    """All of it; ``together``: the lines as one. A line is broken where it is wider than ``width``;
    None: only rows of a block, at 80."""
    lines = [*found.making, *found.lines, *found.watching]
    if sum(line.asks for line in lines) > 1:
        lines.append(together)
    disk = found.disk
    after = [
        f"disk*: {size(disk.total)} (clips {size(disk.clips)}, frames {size(disk.frames)}, "
        f"journal {size(disk.journal)}, tables {size(disk.tables)})",
        *(f"* assumed: {figure}" for figure in found.assumed),
        *(f"note: {note}" for note in found.notes),
    ]
    blocks = [text for line in lines for text in _block(line)]
    return "\n".join(
        [
            *(part for text in found.heading for part in _broken(text, width)),
            *blocks,
            "",
            *(part for text in after for part in _broken(text, width)),
        ]
    )


def _broken(text: str, width: int | None) -> list[str]:
    if width is None:
        return [text]
    return textwrap.wrap(
        text, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _block(line: "Line") -> list[str]:
    if line.way == "made":
        return ["", line.annotator_id, *_rows(_made(line))]
    if line.way == "here":
        return ["", f"{line.annotator_id} (it runs here)", *_rows(_here(line))]
    if not line.asks:
        return ["", f"{line.annotator_id}: free"]
    return ["", line.annotator_id, *_rows(_remote(line))]


def _rows(rows: Iterator[Row]) -> list[str]:
    return [text for row in rows for text in _row(*row)]


def _row(name: str, value: str, more: str) -> list[str]:
    """What is behind a value goes to a line of its own where it does not fit."""
    start = f"  {name:<{NAME}}{value}"
    if not more:
        return [start]
    whole = f"{start}  ({more})"
    return [whole] if len(whole) <= 80 else [start, f"{'':<{NAME + 2}}({more})"]


def _made(line: "Line") -> Iterator[Row]:
    yield "clips", f"{line.questions:,}", f"{line.paid:,} more are there" if line.paid else ""
    if line.usd_at_most == 0:
        yield "cost", "free", ""
    else:
        yield (
            "cost",
            "unknown" if line.usd_at_most is None else f"{usd(line.usd_at_most)} at most",
            "",
        )
    yield "time", "unknown", "a progress bar tells once it runs"


def _here(line: "Line") -> Iterator[Row]:
    least = line.least or line

    def between(name: str) -> str:
        return span(f"{getattr(least, name):,}", f"{getattr(line, name):,}")

    answered = f"{line.paid:,} more {'is' if line.paid == 1 else 'are'} answered already"
    yield "questions", between("replies"), answered if line.paid else ""
    if not line.replies:
        return
    yield "images", between("images"), ""
    yield "output tokens", between("output_at_most"), "at most"
    yield "cost", "free", ""
    yield "time", "unknown", "a progress bar tells once it runs"


def _remote(line: "Line") -> Iterator[Row]:
    least = line.least or line

    def between(name: str) -> str:
        return span(f"{getattr(least, name):,}", f"{getattr(line, name):,}")

    yield "requests", between("requests"), line.remark or _requests(least, line)
    if not line.requests:
        return
    sorts = f"{line.text_tokens:,} of text*, {line.image_tokens:,} of images"
    yield "input tokens", between("input_tokens"), sorts if least is line else f"at most {sorts}"
    yield "output tokens", between("output_at_most"), f"at most; {between('output_likely')} likely*"
    yield "cost", _cost(least, line), ""
    yield "time", span(duration(least.seconds), duration(line.seconds)) + "*", line.limit


def _cost(least: "Line", line: "Line") -> str:
    if line.usd_at_most is None:
        return "unknown"
    most = span(usd(least.usd_at_most), usd(line.usd_at_most))
    return f"{most} at most, {span(usd(least.usd_likely), usd(line.usd_likely))} likely*"


def _requests(least: "Line", line: "Line") -> str:
    """What is behind their number: replies that share one, and questions that need none."""
    paid = f"{line.paid:,} more {'is' if line.paid == 1 else 'are'} paid already"
    if line.choices == 1:
        return paid if line.paid else ""
    replies = f"{span(f'{least.replies:,}', f'{line.replies:,}')} replies"
    shared = f"{replies}, up to {line.choices} in each"
    return f"{shared}; {paid}" if line.paid else shared
