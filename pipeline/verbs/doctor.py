"""The environment, looked at before anything is asked of it: `doctor`."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.doctor.finding import Asked, Finding, ok, refused
from pipeline.verbs.words import guarded, parser
from schemas.options import SetupError

FAULTY = 2  # exit code: something is found before any work


def doctor(argv: Sequence[str]) -> int:
    """Check what a run needs, and say what to do. 0 where nothing fails, 2 otherwise."""
    arguments, flags = _parser().parse_known_args(argv)
    return guarded(
        lambda: _examined(arguments, flags), interrupted="interrupted; nothing was changed"
    )


def _parser() -> argparse.ArgumentParser:
    p = parser(
        "doctor",
        "Check this machine: Python, packages, ffmpeg, decoders, GPU, disks, memory and the Beam runner; "
        "with a configuration also its keys (by name alone), its room on disk and its stores. A line "
        "for each, with what to do where it is not well. Nothing is sent anywhere without --reach. "
        "Other options (--runner=..., --project=...) are Apache Beam's, as for `run`.",
        "videoprefer doctor --config demo --output out/demo",
        "videoprefer doctor --config my.yaml --output gs://bucket/run --reach --runner=DataflowRunner",
    )
    p.add_argument("--config", metavar="NAME_OR_FILE", help="as for `run`")
    p.add_argument("--output", metavar="DIR", help="as for `run`: a folder or an address")
    p.add_argument(
        "--working-copy",
        type=Path,
        metavar="FOLDER",
        help="as for `run`, with an address as output",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )
    p.add_argument(
        "--reach",
        action="store_true",
        help="also ask the servers for their models, and put a small object into the stores and delete it",
    )
    p.add_argument("--json", action="store_true", help="the same for programs")
    return p


def _examined(arguments: argparse.Namespace, flags: Sequence[str]) -> int:
    from pipeline.doctor.examine import examine

    asked, config = _asked(arguments, flags)
    found = [*config, *examine(asked)]
    failed = sum(one.state == "fail" for one in found)
    warned = sum(one.state == "warn" for one in found)
    if arguments.json:
        told = {"failed": failed, "warned": warned, "checks": [one.as_dict() for one in found]}
        print(json.dumps(told, indent=1, ensure_ascii=False))
    else:
        for one in found:
            print(one.line())
        print(f"\n{len(found)} checks: {failed} failed, {warned} to look at")
    sys.stdout.flush()
    return FAULTY if failed else 0


def _asked(arguments: argparse.Namespace, flags: Sequence[str]) -> tuple[Asked, list[Finding]]:
    """What to look at. What a run would be refused for is a finding, and the rest is still looked at."""
    from pipeline.config import load_config
    from pipeline.home.place import layout_of

    asked = Asked(flags=flags, reach=arguments.reach)
    found = []
    if arguments.config:
        try:
            config = load_config(arguments.config, arguments.set)
            asked = dataclasses.replace(
                asked, config=config, name=arguments.config, overrides=arguments.set
            )
            found.append(ok("configuration", f"{arguments.config} is valid"))
        except SetupError as error:
            found += [refused("configuration", line) for line in str(error).splitlines()]
    if arguments.output:
        try:
            layout = layout_of(arguments.output, arguments.working_copy)
            asked = dataclasses.replace(asked, place=layout.root, home=layout.home)
        except SetupError as error:
            found.append(refused("output", error, "name another"))
    return asked, found
