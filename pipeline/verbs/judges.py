"""Looking at judges before a run: `preview` and `canary`."""

import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.verbs.words import add_configuration, count, guarded, parser

KEPT = "interrupted; every reply so far is kept, and the same command goes on with them"


def preview(argv: Sequence[str]) -> int:
    """A few questions of a run, asked and shown in full."""
    p = parser(
        "preview",
        "Look before paying: check everything as `run` does, put a few questions to every annotator, "
        "and show what was sent and what came back, on the terminal and as DIR/preview/index.html: "
        "the very frames and words, settings, reply, verdict, tokens and cost, and what the whole "
        "run would cost. Where clips are compared, a pair is asked in both orders, a list also in "
        "reverse, and what both come to is shown. What is paid for is kept: asking again is free, and "
        "so is a later `run --output DIR` for these questions. A judge of kind openai-batch is asked "
        "at once.",
        "videoprefer preview --config judge --set sources.0.path=clips/manifest.csv "
        "--output out/judged",
    )
    add_configuration(p)
    p.add_argument(
        "--output",
        type=Path,
        default=Path("out/preview"),
        metavar="DIR",
        help="where frames, paid replies and the page go; that of the run to come, or out/preview",
    )
    p.add_argument(
        "--items",
        type=count,
        default=5,
        metavar="N",
        help="items to look at: one clip, pair or list and one rubric each, of as many generators "
        "and prompts as there are, the rubrics in turn and each at least once; of a tie band half "
        "of them are pairs; default: 5",
    )
    p.add_argument(
        "--unsent",
        action="store_true",
        help="ask nobody: only the requests and their estimated cost",
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.preview import Ask
        from pipeline.preview import preview as look

        asked = Ask(
            config=arguments.config,
            overrides=arguments.set,
            output=arguments.output,
            items=arguments.items,
            unsent=arguments.unsent,
        )
        return look(asked, lambda line: print(line, file=sys.stderr, flush=True))

    return guarded(work, interrupted=KEPT)


def canary(argv: Sequence[str]) -> int:
    """How far words in frames and prompt move the judges of a configuration."""
    p = parser(
        "canary",
        "A study: have every annotator judge a few clips as they are, with words of praise, of blame "
        "and of nothing written onto their frames, and with praise and blame behind their prompts, and "
        "tell by how much that moves its scores. Writes OUT/canary.json and OUT/canary/index.html. "
        "What is paid for is kept and counts towards budget: of OUT; asking again is free. No table of "
        "a run is touched. Recorded annotators are left out.",
        "videoprefer canary --config judge --set sources.0.path=clips/manifest.csv "
        "--output out/canary --estimate",
    )
    add_configuration(p)
    p.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="where frames, paid replies and results go; may be the folder of a run, which then "
        "shares replies",
    )
    p.add_argument(
        "--clips",
        type=count,
        default=24,
        metavar="N",
        help="clips, chosen by hash, of as many prompts as there are; default: 24",
    )
    p.add_argument(
        "--estimate",
        "--unsent",
        dest="unsent",
        action="store_true",
        help="ask nobody: only say how many requests there would be, and what they may cost",
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.canary import Ask
        from pipeline.canary import canary as study

        asked = Ask(
            config=arguments.config,
            overrides=arguments.set,
            output=arguments.output,
            clips=arguments.clips,
            unsent=arguments.unsent,
        )
        return study(asked, lambda line: print(line, file=sys.stderr, flush=True))

    return guarded(work, interrupted=KEPT)
