"""The preview on a terminal, in 80 columns; long texts are folded, the page has all of them."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.preview.cost import Measured
from pipeline.preview.view import Exchange, Item, Mark, Preview, Shown
from pipeline.preview.words import (
    NOT_SENT,
    count,
    fold,
    number,
    plain,
    plural,
    scale,
    seconds,
    times,
    usd,
)

LABEL = 10  # columns
LINES = 6  # of a long text
SHORT = {"input tokens": "tokens in", "output tokens": "tokens out"}


def print_preview(shown: Preview, page: Path, console: Console | None = None) -> None:
    """Everything in short, then where the page is."""
    out = console or Console(highlight=False)
    seen: set[str] = set()  # words that every item of a rubric shares are printed once
    for n, item in enumerate(shown.items, 1):
        out.print()
        out.rule(Text(plain(f"{n} of {len(shown.items)}: {item.rubric}")), align="left")
        _print_item(out, item, repeated=item.system in seen)
        seen.add(item.system)
    out.print()
    out.rule("cost", align="left")
    for measured in shown.measured if shown.sent else ():
        _print_cost(out, measured)
    out.print(Text("the whole run, estimated:"))
    for line in plain(shown.estimate).split("\n"):
        out.print(Text(line), soft_wrap="  " in line)  # the rows of a table are not folded
    out.print()
    if shown.stopped:
        out.print(Text(plain(f"stopped: {shown.stopped}. The same command goes on.")))
    elif not shown.sent:
        out.print(Text("Nothing was sent."))
    out.print(Text(f"page: {page}"), soft_wrap=True)


class _Lines:
    """Labels on the left, texts on the right."""

    def __init__(self, out: Console) -> None:
        self._width = max(out.width - LABEL - 1, 20)
        self.grid = Table.grid(padding=(0, 1, 0, 0))
        self.grid.add_column(width=LABEL, style="dim", overflow="fold")
        self.grid.add_column(overflow="fold")

    def add(self, label: str, text: str, *, lines: int = LINES, style: str = "") -> None:
        """A text in at most so many lines."""
        self.grid.add_row(Text(plain(label)), Text(fold(text, self._width, lines), style=style))


def _print_item(out: Console, item: Item, *, repeated: bool) -> None:
    lines = _Lines(out)
    lines.add("prompt", item.clip.prompt, lines=4, style="bold")
    lines.add("clip", _clip(item))
    if item.frames is None:
        lines.add("no frames", item.why_no_frames, style="red")
    else:
        taken = (f"{picture.index} ({seconds(picture.time_s)})" for picture in item.pictures)
        lines.add("frames", ", ".join(taken))
    if item.system:
        lines.add("system", "as above" if repeated else item.system)
        lines.add("user", item.user)
    for answer in item.answers:
        _add_answer(lines, answer)
    out.print(lines.grid)


def _clip(item: Item) -> str:
    made = f"{item.clip.generator}, {item.clip.video_id}"
    if (frames := item.frames) is None:
        return made
    return (
        f"{made}; {len(frames.indices)} of {plural(frames.n_frames_in_clip, 'frame')}, "
        f"{frames.frame_width_px} x {frames.frame_height_px} px"
    )


def _add_answer(lines: _Lines, answer: Shown) -> None:
    lines.add("", "")
    exchange = answer.exchange
    lines.add("annotator", answer.annotator_id, style="bold")
    if exchange is not None:
        given = [f"{name} {sent}" for name, _, sent in exchange.settings if sent != NOT_SENT]
        lines.add("sent with", ", ".join([*given, exchange.reply_format]))
    for mark in answer.marks:
        text = _verdict(mark)
        style = "" if mark.harmless else "red" if mark.reason else "green"
        lines.add("verdict", f"{mark.dimension}: {text}", style=style)
        if mark.said:
            lines.add("", mark.said)
    if exchange is not None:
        _add_exchange(lines, exchange)


def _verdict(mark: Mark) -> str:
    if mark.order:
        return mark.order
    if mark.score is None:
        return f"{'none' if mark.harmless else 'failed'}, {mark.reason}"
    bounds = scale(mark.low, mark.high)
    return number(mark.score) + (f" ({bounds})" if bounds else "")


def _add_exchange(lines: _Lines, exchange: Exchange) -> None:
    if exchange.reply is not None:
        lines.add("reply", exchange.reply or "(empty)")
        if exchange.replies > 1:
            lines.add("", f"the first of {exchange.replies} replies to one request, its draws")
        if exchange.again:
            lines.add(
                "", "asked again: an earlier reply was cut, or set aside; all are in the cost"
            )
    for name, estimated, counted, ratio in exchange.numbers:
        told = "" if exchange.reply is None else f"{counted} counted; "
        lines.add(SHORT.get(name, name), f"{told}estimated {estimated} {ratio}".rstrip())
    lines.add("journal", exchange.key)


def _print_cost(out: Console, measured: Measured) -> None:
    lines, spent = _Lines(out), measured.bought
    lines.add("annotator", measured.annotator_id, style="bold")
    unknown = f" and {plural(spent.unpriced, 'request')} of unknown cost" if spent.unpriced else ""
    lines.add("paid now", f"{plural(spent.requests, 'request')}, {usd(spent.usd)}{unknown}")
    shown = f"{plural(measured.asked, 'question')}, {usd(measured.cost_usd)}"
    lines.add("paid ever", f"{shown} for what is shown here")
    if measured.ratio is not None:
        lines.add(
            "ratio",
            f"{count(measured.counted)} input tokens counted, {count(measured.estimated)} estimated: "
            f"{times(measured.ratio)}",
        )
        lines.add("whole run", _projection(measured))
    out.print(lines.grid)
    out.print()


def _projection(measured: Measured) -> str:
    if not measured.to_come:
        return "every question is paid for"
    return (
        f"at this ratio and {count(measured.output / measured.replies)} output tokens a reply, "
        f"{plural(measured.to_come, 'more request')}{_for_replies(measured)}: "
        f"{count(measured.input_to_come)} tokens in, "
        f"{count(measured.output_to_come)} out, {usd(measured.usd_to_come)}"
    )


def _for_replies(measured: Measured) -> str:
    shared = measured.replies_to_come != measured.to_come
    return f" for {measured.replies_to_come:,} replies" if shared else ""
