"""What the commands share: how they read their arguments, and how they end."""

import argparse
import contextlib
import os
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from schemas.options import SetupError

COLUMNS = 80  # of a terminal


def parser(verb: str, what: str, example: str, *more: str) -> argparse.ArgumentParser:
    """The arguments of a verb, with what it does and a runnable example, or several."""
    return argparse.ArgumentParser(
        prog=f"videoprefer {verb}",
        description=textwrap.fill(what, COLUMNS),
        epilog="example:\n" + "\n".join(f"  {_continued(one)}" for one in (example, *more)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _continued(example: str) -> str:
    """The command as it is typed, over several lines where it is long: broken before an option."""
    words = example.replace(" --", "\n--").split("\n")
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + len(word) < COLUMNS - 8:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return " \\\n      ".join(lines)


def add_configuration(p: argparse.ArgumentParser) -> None:
    """``--config`` and ``--set``, as `run` has them."""
    p.add_argument("--config", required=True, metavar="NAME_OR_FILE", help="as for `run`")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )


def guarded(
    work: Callable[[], int], *, interrupted: str = "interrupted", quiet: bool = False
) -> int:
    """The exit code of the work; 2 where it is refused, 3 where it is ``interrupted``.

    SIGTERM is an interrupt like any other. ``quiet``: nothing is said of either, for another process
    says the same.
    """
    try:
        with _terminable():
            return work()
    except SetupError as error:
        said, code = f"refused: {error}", 2
    except KeyboardInterrupt:
        said, code = interrupted, 3
    if not quiet:
        print(said, file=sys.stderr)
    return code


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM is what Ctrl-C is, as a service stops a program: what is paid for is kept, too."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def check_folder(folder: Path) -> None:
    """Raise :class:`SetupError` where no folder can be made: before an hour of work, not after."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise SetupError(f"--output {folder}: {there} is a file; name a folder")
    if not os.access(there, os.W_OK):
        raise SetupError(f"--output {folder}: {there} may not be written to; name another folder")


def dimension_option(p: argparse.ArgumentParser) -> None:
    """``--dimension``, which :func:`answers_of` reads."""
    p.add_argument(
        "--dimension",
        action="append",
        default=[],
        metavar="OURS=THEIRS[,THEIRS]",
        help="which human dimensions answer for one of ours; default: the same name",
    )


def answers_of(texts: Sequence[str]) -> dict[str, list[str]]:
    """``--dimension OURS=THEIRS[,THEIRS]``: which human dimensions answer for one of ours."""
    found: dict[str, list[str]] = {}
    for text in texts:
        ours, _, rest = text.partition("=")
        theirs = [name.strip() for name in rest.split(",")]
        if not ours.strip() or not all(theirs):
            raise SetupError(
                f"--dimension {text}: expected OURS=THEIRS, for example "
                "video_quality=static_quality,temporal_quality"
            )
        if ours.strip() in found:
            raise SetupError(
                f"--dimension {text}: {ours.strip()} was given before; name all that answer for it at "
                "once, parted by commas"
            )
        found[ours.strip()] = theirs
    return found


def count(text: str) -> int:
    """An argument that counts something: 1 or more."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; expected 1 or more")
    return int(text)


def number(value: float | None, low: float | None, high: float | None) -> str:
    """A figure with its interval, where it has one."""
    if value is None:
        return "undefined"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"
