"""Asking people: `rate`."""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.verbs.words import count, guarded, parser

if TYPE_CHECKING:
    from pipeline.rating.ask import Ask, Written


def rate(argv: Sequence[str]) -> int:
    """A page and Label Studio's files by which people rate what they should of a run."""
    p = parser(
        "rate",
        "Choose clips or pairs of a finished run and write what people need to rate them, without "
        "telling who made what: OUT/rate.html (one page with the clips inside, opens from disk, "
        "gives a table that `audit --ratings` reads), Label Studio's tasks and configuration with "
        "OUT/clips, and for the analyst alone OUT/items.csv: what was chosen, and why. A share is drawn "
        "at random and stands for the run; the rest is what judges disagree on or find nearly tied, and "
        "figures over it are about hard cases only.",
        "videoprefer rate out/demo --output out/rating --items 40",
    )
    p.add_argument("run", type=Path, metavar="DIR", help="a complete run")
    p.add_argument("--output", required=True, type=Path, metavar="OUT")
    p.add_argument(
        "--mode", choices=("pairs", "clips"), default="pairs",
        help="which of two is better, or a score for each; default: pairs",
    )  # fmt: skip
    p.add_argument("--items", type=count, default=40, metavar="N", help="how many; default: 40")
    p.add_argument(
        "--random",
        type=_share,
        default=0.5,
        metavar="SHARE",
        help="share drawn at random, 0 to 1; agreement with the run's judges is measured on it; "
        "default: 0.5",
    )
    p.add_argument(
        "--dimension",
        action="append",
        default=[],
        metavar="NAME",
        help="ask about this one; may be repeated; default: all of the run's",
    )
    p.add_argument(
        "--rated",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="ratings or votes that exist: what is in them is not asked again; may be repeated",
    )
    p.add_argument("--seed", type=int, default=0, help="of everything drawn; default: 0")
    p.add_argument(
        "--url-prefix",
        metavar="PREFIX",
        help="what Label Studio puts before the names of the files in OUT/clips, as "
        "https://host/clips/; default: its local files, served from the folder that holds OUT",
    )
    p.add_argument(
        "--page-mb", type=_size, default=200, metavar="MB",
        help="the clips in the page take this much at most; default: 200",
    )  # fmt: skip
    p.add_argument("--no-page", action="store_true", help="Label Studio's files alone")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.rating.ask import Ask, ask_people

        ask = Ask(
            run=arguments.run,
            output=arguments.output,
            mode=arguments.mode,
            items=arguments.items,
            random_share=arguments.random,
            dimensions=arguments.dimension,
            seed=arguments.seed,
            url_prefix=arguments.url_prefix,
            page_mb=None if arguments.no_page else arguments.page_mb,
            rated=arguments.rated,
        )
        _tell(ask, ask_people(ask))
        return 0

    return guarded(work)


def _share(text: str) -> float:
    return _between(text, 0, 1)


def _size(text: str) -> float:
    return _between(text, 0, 10_000)


def _between(text: str, low: float, high: float) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low:g} to {high:g}")
    return value


def _tell(ask: "Ask", written: "Written") -> None:
    """What was written, and what to do next."""
    from pipeline.rating.items import REASONS

    asked = Counter(item.why for item in written.items if item.asked)
    parts = ", ".join(f"{asked[why]} by {why}" for why in REASONS if asked[why])
    print(f"{sum(asked.values())} {ask.mode}: {parts}")
    for note in written.notes:
        print(f"note: {note}")
    for file in written.files:
        print(file)
    out, parent = ask.output, ask.output.resolve().parent
    print("\nnext:")
    if ask.page_mb is not None:
        print(f"  give {out / 'rate.html'} to every rater; each sends back the CSV it downloads")
    print(
        "  or, in Label Studio: label_studio_config.xml as labelling configuration (Code), then import"
    )
    print("  label_studio_tasks.json; without --url-prefix it must run with")
    print("    LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true")
    print(f"    LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={parent}")
    print(f"  and the project needs a local files storage with the path {out.resolve() / 'clips'}")
    print(
        f"  then: videoprefer audit --annotations {ask.run} --ratings THEIR.csv \\\n"
        f"      --items {out / 'items.csv'} --output {out / 'audit'}\n"
        "  (--ratings once for every rater's file)"
    )
    print(
        f"  {out / 'items.csv'} is for you alone: it names the generators, and which items were drawn "
        "at\n  random; only on these is agreement that of the run"
    )
