"""What the commands share: how they read their arguments, and how they end."""

import argparse
import sys
import textwrap
from collections.abc import Callable

from schemas.options import SetupError

COLUMNS = 80  # of a terminal


def parser(verb: str, what: str, example: str) -> argparse.ArgumentParser:
    """The arguments of a verb, with what it does and a runnable example."""
    return argparse.ArgumentParser(
        prog=f"videoprefer {verb}",
        description=textwrap.fill(what, COLUMNS),
        epilog=f"example:\n  {_continued(example)}",
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


def guarded(work: Callable[[], int]) -> int:
    """The exit code of the work; 2 where it is refused, 3 where it is interrupted."""
    try:
        return work()
    except SetupError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 3


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
