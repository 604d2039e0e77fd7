"""The arguments of `run` and `retry`."""

import argparse
import textwrap
from pathlib import Path

from pipeline.config import recipe_names
from pipeline.logs import LEVELS
from schemas import Reason

EXAMPLE = """\
example:
  python -m pipeline.run --config demo --output out/demo
  python -m pipeline.run --config my.yaml --output out/mine --estimate
  python -m pipeline.run --config my.yaml --output out/mine \\
      --set annotators.0.temperature=0.5 --runner=FnApiRunner \\
      --direct_running_mode=multi_processing --direct_num_workers=2

exit codes: 0 complete; 1 failed; 2 refused before work started; 3 stopped
early, run the same command again to resume; 4 audit.require not met
"""


def parser() -> argparse.ArgumentParser:
    """Arguments of `run`; everything unknown to it goes to Beam."""
    p = argparse.ArgumentParser(
        prog="videoprefer run",
        epilog=EXAMPLE,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.fill(
            "From a configuration to an annotated preference dataset, a trained VideoRM, an audit and "
            "a report. Run it again with the same arguments to resume. Other options (--runner=..., "
            "--project=...) are handed to Apache Beam.",
            80,
        ),
    )
    p.add_argument(
        "--config",
        default="demo",
        metavar="NAME_OR_FILE",
        help=f"a recipe ({', '.join(recipe_names())}) or a YAML file; default: demo",
    )
    p.add_argument(
        "--output",
        required=True,
        metavar="DIR",
        help="folder for the dataset, the journal of paid replies, the model, the report; also an address "
        "(gs://BUCKET/FOLDER, s3://BUCKET/FOLDER), which workers on other machines need",
    )
    add_working_copy(p)
    add_log_level(p)
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )
    p.add_argument(
        "--estimate",
        action="store_true",
        help="say what would be asked for, and what it would cost, at most and likely; then stop",
    )
    p.add_argument(
        "--rebuild",
        action="store_true",
        help="go on in DIR with another configuration; paid replies are reused",
    )
    return p


def retry_parser() -> argparse.ArgumentParser:
    """Arguments of `retry`, likewise."""
    p = argparse.ArgumentParser(
        prog="videoprefer retry",
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description=textwrap.fill(
            "Take failures of a run up again and bring the run to its end. A paid reply that was of "
            "no use (a refusal, a cut) stays in the journal and is bought anew; clips that could not "
            "be read are read anew. Other options are handed to Apache Beam.",
            80,
        ),
        epilog="example:\n  videoprefer retry out/mine --reason refusal --reason no_answer",
    )
    p.add_argument("run", metavar="DIR", help="the run's output folder, or its address")
    add_working_copy(p)
    add_log_level(p)
    p.add_argument(
        "--reason",
        action="append",
        required=True,
        choices=sorted(reason.value for reason in Reason),
        metavar="REASON",
        help="of the failures to take up; may be repeated: " + ", ".join(sorted(Reason)),
    )
    return p


def add_log_level(p: argparse.ArgumentParser) -> None:
    """The option of commands that keep a log."""
    p.add_argument(
        "--log-level",
        choices=LEVELS,
        default="info",
        help="the least of the lines in DIR/log.jsonl (default: %(default)s)",
    )


def add_working_copy(p: argparse.ArgumentParser) -> None:
    """The option of commands that work at an address."""
    p.add_argument(
        "--working-copy",
        metavar="DIR",
        type=Path,
        help="where this machine keeps what the command itself needs of a DIR in an object store; "
        "default: a folder in the user's cache",
    )
