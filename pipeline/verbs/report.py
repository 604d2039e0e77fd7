"""The pages of a finished run drawn anew, or of two runs side by side."""

import argparse
import contextlib
import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.verbs.words import check_folder, guarded, parser

KEPT = "interrupted; what was there before stays"


def report(argv: Sequence[str]) -> int:
    """The pages of one run, or the comparison of two."""
    p = _parser()
    arguments = p.parse_args(argv)
    if arguments.new is None:
        return guarded(lambda: _one(arguments), interrupted=KEPT)
    if arguments.prompts is not None:
        p.error("--prompts: is about the pages of one run; a comparison is of all pairs")
    return guarded(lambda: _two(arguments), interrupted=KEPT)


def _parser() -> argparse.ArgumentParser:
    p = parser(
        "report",
        "Draw the pages of a finished run anew; or, given two runs, a page that holds them side by side: "
        "two judges, two rubrics, two dates. Labels flipped, generators that gained, agreement with "
        "people, scores, cost, the health of the judges, and the flips to look at first. Two runs are "
        "only read; pages written to --output need nothing outside of it.",
        "videoprefer report out/demo",
        "videoprefer report out/demo --output out/demo-pages",
        "videoprefer report out/june out/july --output out/june-july",
    )
    p.add_argument("run", type=Path, metavar="DIR", help="folder of a finished run")
    p.add_argument(
        "new", type=Path, nargs="?", metavar="NEW", help="another: what changed from DIR to NEW"
    )
    p.add_argument(
        "--output",
        type=Path,
        metavar="OUT",
        help="where the pages go, with all that they show (default: DIR/report, which refers to the clips "
        "of DIR; of two runs ./compare-DIR-NEW)",
    )
    p.add_argument("--prompts", type=int, default=None, help="prompts shown; 0: all of them")
    return p


def _one(arguments: argparse.Namespace) -> int:
    from pipeline.report.options import ReportOptions
    from pipeline.report.write import write_report
    from pipeline.state import locked, record_of
    from schemas.layout import Layout

    layout = Layout(arguments.run)
    record = record_of(layout, pictures=False)
    options = ReportOptions(**record["config"]["report"])
    if arguments.prompts is not None:
        options = options.model_copy(update={"prompts": arguments.prompts})
    output: Path | None = arguments.output
    if output is not None:
        check_folder(output)
    with locked(layout) if output is None else contextlib.nullcontext():  # else it is only read
        print(write_report(layout.root, options, record, output=output))
    return 0


def _two(arguments: argparse.Namespace) -> int:
    from pipeline.report.compare.write import write_comparison

    output = arguments.output or default_output(arguments.run, arguments.new)
    check_folder(output)
    written = write_comparison(arguments.run, arguments.new, output)
    for sentence in written.findings:
        print(sentence)
    print(f"page: {written.page}")
    return 0


def default_output(old: Path, new: Path) -> Path:
    """``./compare-OLD-NEW``, of what tells the two folders apart."""
    from pipeline.report.compare.sides import called

    told = called(*(path.expanduser().resolve() for path in (old, new)))
    names = [re.sub(r"[^\w.-]+", "-", name) or "run" for name in told]
    return Path(f"compare-{'-'.join(names)}")
