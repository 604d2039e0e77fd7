"""``videoprefer VERB``, the same as ``python -m pipeline VERB``."""

import os
import signal
import sys
from collections.abc import Callable, Sequence

from pipeline.local_folders import refused
from pipeline.owners import refuse_shadows

VERBS = {
    "run": "the main job: clips to annotations, preferences, VideoRM, report",
    "preview": "five items before the night: requests with frames, replies, cost",
    "canary": "how far words inside frames or prompt move a judge",
    "study": "which settings of a judge agree best with people, and what they cost",
    "retry": "take failures of chosen reasons up again",
    "rate": "what people need to rate clips or pairs of a run: a page, Label Studio's files",
    "audit": "hold recorded scores or a run's annotations against human ratings",
    "train": "train and validate a VideoRM on a dataset folder",
    "evaluate": "hold a VideoRM against the test split of a dataset folder",
    "score": "score clips with a VideoRM",
    "report": "draw the pages of a finished run anew, or hold two runs side by side",
    "export": "write a dataset in the format of another trainer or benchmark",
    "merge": "runs become one dataset: other judges, other clips, later dates",
    "diff": "what changed between two versions of a dataset",
    "withdraw": "take clips out of a dataset, everywhere",
    "push": "publish a dataset on the Hub, resumable",
    "doctor": "check this machine and a configuration before a run, and say what to do",
}

HELP = """usage: videoprefer VERB [options]    (videoprefer VERB --help shows an example)

{verbs}
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Find the verb and hand the rest on; exit codes are those of `run`."""
    if argv is None:
        return leaving(main(sys.argv[1:]))
    arguments = list(argv)
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(verbs="\n".join(f"  {v:<10}{what}" for v, what in VERBS.items())), end="")
        return 0 if arguments else 2
    if arguments[0] not in VERBS:
        print(
            f"videoprefer: no verb {arguments[0]!r}; there are: {', '.join(VERBS)}", file=sys.stderr
        )
        return 2
    if why := refused(arguments[0], arguments[1:]):
        print(f"refused: {why}", file=sys.stderr)
        return 2
    try:
        refuse_shadows()
        code = _command(arguments[0])(arguments[1:])
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # whoever read has enough, as `| head` has: no fault of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return 1
    except KeyboardInterrupt:  # while it is still loading: a command at work says more, by itself
        print("interrupted before work started", file=sys.stderr)
        return 3


def leaving(code: int) -> int:
    """The exit code of a process that is about to end with it, whatever signal comes meanwhile: engines
    take seconds to close, and a person has no more patience."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: os._exit(code))
    return code


def _command(verb: str) -> Callable[[Sequence[str]], int]:
    # each imports what it needs: `audit` must work without torch and Beam
    if verb in ("run", "retry"):
        from pipeline import command

        return getattr(command, {"run": "main"}.get(verb, verb))
    from pipeline import verbs

    return getattr(verbs, verb)


if __name__ == "__main__":
    sys.exit(main())
