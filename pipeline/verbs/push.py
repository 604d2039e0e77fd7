"""Publishing: `push`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.verbs.words import guarded, parser
from schemas.options import SetupError

INTERRUPTED = 3  # exit code: ended early, and the same command goes on


def push(argv: Sequence[str]) -> int:
    """A complete run's folder as a dataset on the Hub."""
    from pipeline.dataset.push.files import DEFAULT_PARTS, PARTS

    p = parser(
        "push",
        "Publish the folder of a complete run as a dataset on the Hugging Face Hub: card, tables and "
        "clips. Killed and started again, it sends what is missing; of a newer version it sends what "
        "changed and deletes what is gone, in one commit. The token comes from HF_TOKEN or from "
        "`hf auth login`, the Hub's address from HF_ENDPOINT.",
        "videoprefer push out/demo my-lab/my-preferences --private",
        "videoprefer push out/demo my-lab/my-preferences --without media --dry-run",
    )
    p.add_argument("run", type=Path, metavar="DIR")
    p.add_argument("repo", metavar="OWNER/NAME", help="is made where it is not there yet")
    p.add_argument("--private", action="store_true", help="only you and your organisation see it")
    p.add_argument("--revision", default="main", metavar="BRANCH", help="default: main")
    p.add_argument("--message", metavar="TEXT", help="of the commit; the version is added to it")
    what = "; ".join(f"{part}: {said}" for part, said in PARTS.items())
    p.add_argument(
        "--include",
        action="append",
        default=[],
        choices=sorted(set(PARTS) - DEFAULT_PARTS),
        help=f"send this part, too; may be repeated. {what}",
    )
    p.add_argument(
        "--without",
        action="append",
        default=[],
        choices=sorted(PARTS),
        help="leave this part here; what the Hub has of it stays, but for what is gone here",
    )
    p.add_argument(
        "--dry-run", action="store_true", help="say what would be sent, and send nothing"
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.dataset.push.hub import Interrupted
        from pipeline.dataset.push.push import PushOptions
        from pipeline.dataset.push.push import push as publish
        from schemas.layout import Layout

        both = sorted(set(arguments.include) & set(arguments.without))
        if both:
            raise SetupError(f"--include {both[0]} and --without {both[0]}: keep one of the two")
        options = PushOptions(
            repo=arguments.repo,
            branch=arguments.revision,
            private=arguments.private,
            message=arguments.message,
            parts=(DEFAULT_PARTS | set(arguments.include)) - set(arguments.without),
            dry_run=arguments.dry_run,
        )
        try:
            done = publish(Layout(arguments.run.expanduser().resolve()), options, _say)
        except Interrupted as error:
            print(f"stopped: {error}. The same command goes on with it", file=sys.stderr)
            return INTERRUPTED
        if done.commit is not None:
            endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
            print(f"{endpoint}/datasets/{arguments.repo} is at version {done.version}")
        return 0

    return guarded(work, interrupted="interrupted; the same command goes on with it")


def _say(line: str) -> None:
    print(line, flush=True)
