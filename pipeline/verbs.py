"""The commands beside `run`. Each imports what it needs: an audit works without torch and Beam."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from schemas.options import SetupError


def _parser(verb: str, what: str, example: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        prog=f"videoprefer {verb}",
        description=what,
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _guarded(work: Callable[[], int]) -> int:
    try:
        return work()
    except SetupError as error:
        print(f"refused: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 3


def preview(argv: Sequence[str]) -> int:
    """A few questions of a run, asked and shown in full."""
    p = _parser(
        "preview",
        "Look before paying: check everything as `run` does, put a few questions to every annotator, "
        "and show what was sent and what came back, on the terminal and as DIR/preview/index.html: "
        "the very frames and words, settings, reply, verdict, tokens and cost, and what the whole "
        "run would cost. What is paid for is kept: asking again is free, and so is a later "
        "`run --output DIR` for these questions. A judge of kind openai-batch is asked at once.",
        "videoprefer preview --config judge --set sources.0.path=clips/manifest.csv "
        "--output out/judged",
    )
    p.add_argument("--config", required=True, metavar="NAME_OR_FILE", help="as for `run`")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )
    p.add_argument(
        "--output",
        type=Path,
        default=Path("out/preview"),
        metavar="DIR",
        help="where frames, paid replies and the page go; that of the run to come, or out/preview",
    )
    p.add_argument(
        "--items",
        type=_items,
        default=5,
        metavar="N",
        help="questions to each annotator: one clip and one rubric each, different clips of as many "
        "generators as there are, the rubrics in turn and each at least once; default: 5",
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

    return _guarded(work)


def _items(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; expected 1 or more")
    return int(text)


def canary(argv: Sequence[str]) -> int:
    """How far words in frames and prompt move the judges of a configuration."""
    p = _parser(
        "canary",
        "A study: have every annotator judge a few clips as they are, with words of praise, of blame "
        "and of nothing written onto their frames, and with praise and blame behind their prompts, and "
        "tell by how much that moves its scores. Writes OUT/canary.json and OUT/canary/index.html. "
        "What is paid for is kept and counts towards budget: of OUT; asking again is free. No table of "
        "a run is touched. Recorded annotators are left out.",
        "videoprefer canary --config judge --set sources.0.path=clips/manifest.csv "
        "--output out/canary --estimate",
    )
    p.add_argument("--config", required=True, metavar="NAME_OR_FILE", help="as for `run`")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override one key of the configuration; may be repeated",
    )
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
        type=_items,
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

    return _guarded(work)


def audit(argv: Sequence[str]) -> int:
    """Recorded scores or a run's scores against human ratings."""
    p = _parser(
        "audit",
        "Hold a run's scores, or a table of recorded scores, against human ratings. "
        "Writes OUT/audit.json and prints the headline rows.",
        "videoprefer audit --annotations out/mine --ratings ratings.csv --output out/audit",
    )
    p.add_argument("--annotations", required=True, type=Path, metavar="DIR_OR_TABLE")
    p.add_argument("--ratings", required=True, type=Path, action="append", metavar="FILE")
    p.add_argument("--output", required=True, type=Path, metavar="OUT")
    p.add_argument(
        "--dimension",
        action="append",
        default=[],
        metavar="OURS=THEIRS[,THEIRS]",
        help="which human dimensions answer for one of ours; default: the same name",
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.audit.files import audit_files
        from pipeline.audit.options import AuditOptions

        options = AuditOptions(dimensions=dict(map(_answer, arguments.dimension)))
        result = audit_files(arguments.annotations, arguments.ratings, arguments.output, options)
        for note in result.notes:
            print(f"note: {note}")
        for row in result.rows:
            if row.slice == "all":
                print(
                    f"{row.dimension:<20} {row.annotator:<16} {row.statistic:<36} "
                    f"{_number(row.value, row.low, row.high)}  n={row.n_items}, "
                    f"{row.n_raters} raters"
                )
        print(f"{len(result.rows)} rows: {arguments.output / 'audit.json'}")
        return 0

    return _guarded(work)


def _answer(text: str) -> tuple[str, list[str]]:
    ours, equals, theirs = text.partition("=")
    if not equals or not theirs:
        raise SetupError(
            f"--dimension {text}: expected OURS=THEIRS, for example "
            "video_quality=static_quality,temporal_quality"
        )
    return ours, theirs.split(",")


def train(argv: Sequence[str]) -> int:
    """A VideoRM from a dataset folder."""
    p = _parser(
        "train",
        "Train and validate a VideoRM on the preferences of a dataset folder.",
        "videoprefer train --data out/demo --output out/videorm --set epochs=4",
    )
    p.add_argument("--data", required=True, type=Path, metavar="DIR")
    p.add_argument("--output", required=True, type=Path, metavar="M")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="an option of the videorm block, for example seed=1 or trunk=PATH",
    )
    arguments = p.parse_args(argv)

    def work() -> int:
        import yaml
        from pydantic import ValidationError

        from pipeline.display import Display
        from pipeline.videorm.experiment import train_and_validate
        from pipeline.videorm.options import VideoRMOptions

        given = dict(text.partition("=")[::2] for text in arguments.set)
        try:
            options = VideoRMOptions(**{k: yaml.safe_load(v) for k, v in given.items()})
        except ValidationError as error:
            raise SetupError(f"--set: {error}") from error
        display = Display()
        metrics = train_and_validate(arguments.data, arguments.output, options, display.training)
        display.close()
        _print_accuracy(metrics)
        return 0

    return _guarded(work)


def evaluate(argv: Sequence[str]) -> int:
    """A trained VideoRM on the test split of a dataset folder."""
    p = _parser(
        "evaluate",
        "Hold a VideoRM against the test split of a dataset folder: its labels, "
        "and its human ratings where there are any.",
        "videoprefer evaluate --model out/demo/videorm --data out/demo",
    )
    p.add_argument("--model", required=True, type=Path, metavar="M")
    p.add_argument("--data", required=True, type=Path, metavar="DIR")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.videorm.evaluate import evaluate as measure

        _print_accuracy(measure(arguments.model, arguments.data))
        return 0

    return _guarded(work)


def _print_accuracy(metrics: dict[str, Any]) -> None:
    for row in metrics["accuracy"]:
        print(
            f"{row['arm']:<14} against {row['against']:<10} {row['dimension']:<18} "
            f"{_number(row['value'], row['low'], row['high'])}  {row['n_pairs']} pairs of "
            f"{row['n_prompts']} prompts"
        )
    for row in metrics["differences"]:
        print(
            f"{row['arm']} minus {row['minus']}, against {row['against']}, {row['dimension']}: "
            f"{_number(row['value'], row['low'], row['high'])}"
        )


def _number(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def score(argv: Sequence[str]) -> int:
    """Rewards of clips under one prompt, best first."""
    p = _parser(
        "score",
        "Score clips of one prompt with a VideoRM; prints JSON lines, best first. "
        "Rewards compare within one model and one prompt only.",
        "videoprefer score --model out/demo/videorm --prompt 'a red circle moving left on a "
        "black background' a.mp4 b.mp4",
    )
    p.add_argument("--model", required=True, type=Path, metavar="M")
    p.add_argument("--prompt", required=True)
    p.add_argument("clips", nargs="+", metavar="CLIP")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.media.clip_frames import jpegs_of
        from pipeline.videorm.score import score_clips

        frames = [jpegs_of(clip) for clip in arguments.clips]
        rewards = score_clips(arguments.model, arguments.prompt, frames)
        rows = [
            {"clip": clip, "mean": sum(r.values()) / len(r), **r}
            for clip, r in zip(arguments.clips, rewards, strict=True)
        ]
        for row in sorted(rows, key=lambda row: -row["mean"]):
            print(json.dumps(row))
        return 0

    return _guarded(work)


def report(argv: Sequence[str]) -> int:
    """The pages of a finished run, drawn anew."""
    p = _parser("report", "Draw the pages of a finished run anew.", "videoprefer report out/demo")
    p.add_argument("run", type=Path, metavar="DIR")
    p.add_argument("--prompts", type=int, default=None, help="prompts shown; 0: all of them")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.report.options import ReportOptions
        from pipeline.report.write import write_report
        from schemas.layout import Layout

        layout = Layout(arguments.run)
        if not layout.run.is_file():
            raise SetupError(
                f"{layout.run}: not there, so {arguments.run} is not a complete run; "
                "run it to the end first"
            )
        record = json.loads(layout.run.read_text())
        options = ReportOptions(**record["config"]["report"])
        if arguments.prompts is not None:
            options = options.model_copy(update={"prompts": arguments.prompts})
        print(write_report(layout.root, options, record))
        return 0

    return _guarded(work)
