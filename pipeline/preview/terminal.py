"""The preview on a terminal, in 80 columns; long texts are folded, the page has all of them."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.preview.cost import Measured
from pipeline.preview.view import Exchange, Item, Mark, Preview, Seen, Shown, Turn
from pipeline.preview.words import (
    NOT_SENT,
    WATCHED,
    asked,
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
        what = "" if item.what == "clip" else f", {asked(item.what)}"
        out.rule(Text(plain(f"{n} of {len(shown.items)}: {item.rubric}{what}")), align="left")
        _print_item(out, item, seen)
    out.print()
    out.rule("cost", align="left")
    for name, paid in shown.made if shown.sent else ():
        out.print(Text(plain(f"{name}, paid now: {paid}\n")))
    for measured in shown.measured if shown.sent else ():
        _print_cost(out, measured)
    if shown.watched:
        out.print(Text(f"{WATCHED}\n"))
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


def _print_item(out: Console, item: Item, seen: set[str]) -> None:
    lines = _Lines(out)
    lines.add("prompt", item.prompt, lines=4, style="bold")
    for clip in item.clips:
        _add_clip(lines, clip)
    if item.note:
        lines.add("note", item.note)
    for words in item.words:
        if words.system not in seen or words is item.words[0]:
            lines.add("system", "as above" if words.system in seen else words.system)
        if words is item.words[0] or words.user != item.words[0].user:
            lines.add("user", words.user)
        seen.add(words.system)
    for answer in item.answers:
        _add_answer(lines, answer)
    out.print(lines.grid)


def _add_clip(lines: _Lines, seen: Seen) -> None:
    made = f"{seen.clip.generator}, {seen.clip.video_id}"
    label = f"{', then '.join(seen.letters)}: " if seen.letters else ""
    if (frames := seen.frames) is None:
        lines.add("clip", made)
        lines.add("no frames", seen.why_no_frames, style="red")
        return
    lines.add(
        "video" if label else "clip",
        f"{label}{made}; {len(frames.indices)} of {plural(frames.n_frames_in_clip, 'frame')}, "
        f"{frames.frame_width_px} x {frames.frame_height_px} px",
    )
    taken = (f"{picture.index} ({seconds(picture.time_s)})" for picture in seen.pictures)
    lines.add("frames", ", ".join(taken))


def _add_answer(lines: _Lines, answer: Shown) -> None:
    lines.add("", "")
    lines.add("annotator", answer.annotator_id, style="bold")
    for n, turn in enumerate(answer.turns):
        if turn.shown:
            lines.add("other" if n else "first", f"order: {turn.shown}", style="bold")
        _add_turn(lines, turn)
    for one in answer.together:
        style = {None: "red", True: "green", False: "yellow"}[one.agreed]
        lines.add("together", f"{one.dimension}: {one.said}", style=style)
    if answer.together and answer.cost_usd is not None:
        lines.add("cost", f"{usd(answer.cost_usd)} for both orders")


def _add_turn(lines: _Lines, turn: Turn) -> None:
    exchange = turn.exchange
    if exchange is not None:
        given = [f"{name} {sent}" for name, _, sent in exchange.settings if sent != NOT_SENT]
        lines.add("sent with", ", ".join([*given, exchange.reply_format]))
    if turn.words is not None:
        lines.add("system", turn.words.system)
    for mark in turn.marks:
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
    lines = _Lines(out)
    lines.add("annotator", measured.annotator_id, style="bold")
    lines.add("paid now", measured.paid_now)
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
        f"{measured.requests_to_come.replace('request', 'more request')}{_for_replies(measured)}: "
        f"{count(measured.input_to_come)} tokens in, "
        f"{count(measured.output_to_come)} out, {usd(measured.usd_to_come)}"
    )


def _for_replies(measured: Measured) -> str:
    shared = measured.replies_to_come != measured.to_come
    return f" for {measured.replies_to_come:,} replies" if shared else ""
