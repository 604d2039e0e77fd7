"""A dataset in the format of another trainer or benchmark: `export`."""

import argparse
import signal
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.verbs.words import COLUMNS, guarded, parser
from schemas import SPLITS
from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.formats.writing import Writer

LIST = "list"


def export(argv: Sequence[str]) -> int:
    """Write a finished dataset as somebody else's loader reads it."""
    arguments = _parser().parse_args(argv)

    def work() -> int:
        if arguments.format == LIST:
            print(formats())
            return 0
        if arguments.dataset is None or (arguments.output is None and not arguments.dry_run):
            raise SetupError("give the dataset's folder and --output OUT; --dry-run needs no OUT")
        return _export(arguments)

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: nothing is left
    try:
        return guarded(work, interrupted="interrupted; nothing was left behind")
    finally:
        signal.signal(signal.SIGTERM, before)


def _parser() -> argparse.ArgumentParser:
    p = parser(
        "export",
        "Write a dataset in the format of another trainer or benchmark. What the format cannot say is "
        "told first; what is written is held to the rules of the format's own loader and read back. "
        "OUT is there whole or not at all; OUT/export.json tells what it was made from.",
        "videoprefer export out/demo --format videoalign --output out/videoalign",
        "videoprefer export out/demo --format videodpo --dry-run",
    )
    p.epilog = f"{p.epilog}\n\nformats:\n{formats()}"
    p.add_argument(
        "dataset", nargs="?", type=Path, metavar="DIR", help="folder of a finished dataset"
    )
    p.add_argument(
        "--format", required=True, metavar="F", help=f"one of those below; {LIST!r} prints them"
    )
    p.add_argument("--output", type=Path, metavar="OUT", help="a new folder")
    p.add_argument(
        "--dimension",
        action="append",
        default=[],
        metavar="THEIRS=OURS",
        help="which of our dimensions stands for one of theirs; may be repeated",
    )
    p.add_argument(
        "--split", nargs="+", default=list(SPLITS), choices=SPLITS, help="default: all of them"
    )
    p.add_argument(
        "--picture",
        choices=("middle", "first", "last"),
        default="middle",
        help="which frame stands for a clip in formats of pictures",
    )
    p.add_argument(
        "--link",
        action="store_true",
        help="hard links to the dataset's files instead of copies, where the disk has them: one file under "
        "two names, so that changing it here changes the dataset",
    )
    p.add_argument("--dry-run", action="store_true", help="say what would be written, and stop")
    p.add_argument(
        "--replace",
        action="store_true",
        help="replace an earlier export of the same dataset and format",
    )
    return p


def formats() -> str:
    """Every format with what it is, its unit, and what it cannot say."""
    from pipeline.formats.writers import WRITERS, brought

    lines = [_line(writer) for writer in WRITERS.values()]
    for plugin, found in brought().items():
        if isinstance(found, SetupError):
            lines.append(f"{plugin.name}: {found}")
        else:
            lines.append(f"{_line(found)} From {plugin.owner}.")
    return "\n".join(
        textwrap.fill(line, COLUMNS, initial_indent="  ", subsequent_indent="      ")
        for line in lines
    )


def _line(writer: "Writer") -> str:
    said = f"{writer.name}: {writer.what}. Unit: {writer.unit}."
    return said + (f" Cannot say: {writer.cannot}." if writer.cannot else "")


def _export(arguments: argparse.Namespace) -> int:
    from pipeline.export.export import export as write
    from pipeline.formats.writing import Choice, ExportError

    choice = Choice(
        dimensions=_dimensions(arguments.dimension),
        splits=tuple(split for split in SPLITS if split in arguments.split),
        picture=arguments.picture,
        media="link" if arguments.link else "copy",
    )
    try:
        exported = write(
            arguments.dataset,
            arguments.format,
            arguments.output,
            choice,
            dry_run=arguments.dry_run,
            replace=arguments.replace,
        )
    except ExportError as error:
        print(f"stopped, nothing was left behind: {error}")
        return 1
    for rule, n in exported.checked.items():
        if n:
            print(f"held for {n:>9,}: {rule}")
    print(f"written: {exported.output}" if exported.written else "dry run: nothing was written")
    return 0


def _dimensions(texts: Sequence[str]) -> dict[str, str]:
    """``--dimension THEIRS=OURS``."""
    found: dict[str, str] = {}
    for text in texts:
        theirs, _, ours = (part.strip() for part in text.partition("="))
        if not theirs or not ours:
            raise SetupError(
                f"--dimension {text}: expected THEIRS=OURS, for example VQ=video_quality"
            )
        if theirs in found:
            raise SetupError(f"--dimension {text}: {theirs} was given before")
        found[theirs] = ours
    return found
