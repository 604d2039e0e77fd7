"""The command `study`: which settings of a judge agree best with people."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from pipeline.verbs.words import add_configuration, parser


def study(argv: Sequence[str]) -> int:
    """Frames, temperature, draws, rubrics and judges against the people of a configuration."""
    p = parser(
        "study",
        "Try settings of a judge on the clips that people rated: frames per clip, temperature, draws, "
        "rubrics, judges, as `study:` of the configuration says; without it frames 4, 6, 8, 10 and "
        "temperature 0.3, 0.5, 0.7, 0.9, one at a time, as VideoPrefer does. Every point is a run in "
        "OUT/points; replies and budget are shared. Writes OUT/study.json and OUT/index.html: accuracy "
        "with intervals along each setting, cost per point, and the cheapest point within one standard "
        "error of the best. Run it again with the same arguments to go on: nothing is bought twice. "
        "Other options are handed to Apache Beam. Exit codes are those of `run`.",
        "videoprefer study --config demo --output out/study --set limit=40",
    )
    add_configuration(p)
    p.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="where points, paid replies and results go; a folder of its own",
    )
    p.add_argument(
        "--estimate",
        action="store_true",
        help="say what all points would ask for, and what that would cost, then stop",
    )
    p.add_argument(
        "--rebuild",
        action="store_true",
        help="go on in OUT with another configuration; paid replies are reused",
    )
    arguments, flags = p.parse_known_args(argv)
    return _study(arguments, flags)


def _study(arguments: argparse.Namespace, flags: Sequence[str]) -> int:
    from pipeline.command import guarded
    from pipeline.display import Display
    from pipeline.study.command import Ask
    from pipeline.study.command import study as work

    asked = Ask(
        config=arguments.config,
        overrides=arguments.set,
        output=arguments.output,
        estimate=arguments.estimate,
        rebuild=arguments.rebuild,
        flags=flags,
    )
    display = Display()
    return guarded(lambda interrupts: work(asked, display, interrupts), display)
