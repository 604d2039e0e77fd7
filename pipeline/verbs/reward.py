"""The reward model: `train` and `score`."""

import argparse
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.verbs.evaluation import print_metrics
from pipeline.verbs.training import check_data, options_of
from pipeline.verbs.words import answers_of, check_folder, count, dimension_option, guarded, parser
from schemas.options import SetupError

if TYPE_CHECKING:
    from pipeline.videorm.score_files import Asked

GO_ON = "interrupted; run the same command again, and the training goes on where it was saved last"


def train(argv: Sequence[str]) -> int:
    """A VideoRM from one dataset folder or several."""
    arguments = _train_parser().parse_args(argv)
    first = int(os.environ.get("RANK", "0")) == 0  # under torchrun one process speaks for all

    def work() -> int:
        from pipeline.display import Display

        options = options_of(arguments)
        answers = answers_of(arguments.dimension)
        check_data(arguments.data)
        check_folder(arguments.output)
        from pipeline.videorm.card import write_card  # torch loads only here
        from pipeline.videorm.experiment import train_and_validate

        display = Display()
        try:
            metrics = train_and_validate(
                arguments.data,
                arguments.output,
                options,
                display.training if first else None,
                answers,
            )
        finally:
            display.close()
        if first:
            card = write_card(arguments.output, metrics, options, arguments.data)
            _print_trained(metrics, arguments.output, card)
        return 0

    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: saved, and told
    try:
        return guarded(work, interrupted=GO_ON, quiet=not first)
    finally:
        signal.signal(signal.SIGTERM, before)


def _train_parser() -> argparse.ArgumentParser:
    from pipeline.videorm.options import ARMS
    from pipeline.videorm.presets import preset_names

    p = parser(
        "train",
        "Train and validate a VideoRM on the preferences of a dataset folder, or of several. Writes "
        "the model, its card (README.md) and metrics.json to M; run it again with the same arguments "
        "to go on. Exit codes are those of `run`.",
        "videoprefer train --data out/demo --output out/videorm --set training.epochs=4",
        "torchrun --nproc-per-node 4 -m pipeline train --data out/mine --output out/videorm "
        "--preset videorm-default",
    )
    p.add_argument(
        "--data",
        required=True,
        action="append",
        type=Path,
        metavar="DIR",
        help="the output folder of a run, or a dataset that one published; may be repeated",
    )
    p.add_argument("--output", required=True, type=Path, metavar="M", help="folder of the model")
    p.add_argument(
        "--preset",
        choices=preset_names(),
        help="values for what is not said; default: videorm-tiny, for clips of programs",
    )
    p.add_argument(
        "--labels",
        choices=("machine", "human", "both"),
        help="whose preferences: the annotators' (default), the ratings and votes of people, or both",
    )
    dimension_option(p)
    p.add_argument(
        "--arm",
        action="append",
        choices=ARMS,
        help="what is trained, the first is the model; may be repeated; default: videorm, per_frame",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="an option of the videorm block, for example training.epochs=4, head.kind=lstm or "
        "trunk=PATH; the value is YAML",
    )
    return p


def _print_trained(metrics: Mapping[str, Any], output: Path, card: Path) -> None:
    print_metrics(metrics)
    print(f"\nmodel: {output}")
    print(f"card:  {card}")
    if metrics.get("preset") == "videorm-tiny":
        print(
            "videorm-tiny is for clips of programs and for tests, it knows nothing of real footage; "
            "train on real clips with --preset videorm-default"
        )


def score(argv: Sequence[str]) -> int:
    """Rewards of clips, ranked within each prompt."""
    arguments = _score_parser().parse_args(argv)

    def work() -> int:
        from pipeline.videorm.score_files import check_output

        asked = _asked(arguments)
        if arguments.output is not None:
            check_output(arguments.output)
        if not any(one.path.is_file() for one in asked):
            raise SetupError(f"{asked[0].path}: no such file{_others(len(asked) - 1)}")
        from pipeline.videorm.score import load_model

        model = load_model(arguments.model, arguments.device)
        return _score(arguments, model, asked)

    return guarded(work)


def _score_parser() -> argparse.ArgumentParser:
    p = parser(
        "score",
        "Score clips with a VideoRM; prints JSON lines, best first within a prompt. `overall` weighs "
        "the dimensions as the model's config.json says, and rank is by it. Rewards compare within one "
        "model and one prompt only. A clip that cannot be read gets no score: it is named, the others "
        "are scored, and the exit code is 1 (2 where no clip could be scored).",
        "videoprefer score --model out/demo/videorm --prompt 'a red circle moving left on a "
        "black background' a.mp4 b.mp4",
        "videoprefer score --model out/videorm --prompts clips.csv --best 1 --output best.csv",
    )
    p.add_argument("--model", required=True, type=Path, metavar="M")
    p.add_argument("--prompt", metavar="TEXT", help="what the clips were made for")
    p.add_argument(
        "--prompts",
        type=Path,
        metavar="FILE",
        help="instead of --prompt and clips: a table with columns prompt, video (relative to the "
        "table's folder) and, where given, generator",
    )
    p.add_argument("--best", type=count, metavar="N", help="only the N best of each prompt")
    p.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write to FILE (.jsonl, .csv or .parquet) instead of printing",
    )
    p.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1; default: auto")
    p.add_argument("--batch", type=count, default=8, metavar="N", help="clips at once; default: 8")
    p.add_argument("clips", nargs="*", metavar="CLIP")
    return p


def _asked(arguments: argparse.Namespace) -> "list[Asked]":
    from pipeline.videorm.score_files import Asked, read_asked

    if arguments.prompts is not None:
        if arguments.prompt is not None or arguments.clips:
            raise SetupError("--prompts: names prompts and clips itself; leave the others out")
        return read_asked(arguments.prompts)
    if arguments.prompt is None or not arguments.clips:
        raise SetupError("score: give --prompt TEXT and clips, or --prompts FILE")
    return [Asked(prompt=arguments.prompt, clip=c, path=Path(c)) for c in arguments.clips]


def _print_rows(rows: "Sequence[Mapping[str, Any]]") -> None:
    """As JSON lines, as many as are read: `score ... | head -1` is no failure."""
    try:
        for row in rows:
            print(json.dumps(row, ensure_ascii=False))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end


def _score(arguments: argparse.Namespace, model: Any, asked: "Sequence[Asked]") -> int:
    from pipeline.display import Display
    from pipeline.progress import Counts
    from pipeline.videorm.score_files import rank_rows, score_files, write_rows

    display = Display()
    display.expect({"score": len(asked)})

    def progress(done: int, failed: int) -> None:
        display.show({"score": Counts(done=done, failed=failed)})

    try:
        shown = progress if len(asked) > arguments.batch else None
        answers = list(score_files(model, asked, batch_clips=arguments.batch, progress=shown))
    finally:
        display.close()
    faults = [answer.fault for answer in answers if answer.fault is not None]
    for fault in faults:
        print(f"no score: {fault}", file=sys.stderr)
    rows = rank_rows(answers, arguments.best)
    if arguments.prompts is None:
        rows = [{name: row[name] for name in row if name != "prompt"} for row in rows]
    if not rows:
        return 2
    if arguments.output is None:
        _print_rows(rows)
    else:
        write_rows(arguments.output, rows)
        print(f"{len(rows)} rows: {arguments.output}", file=sys.stderr)
    return 1 if faults else 0


def _others(n: int) -> str:
    return f", nor are the {n} other clips" if n > 1 else ", nor is the other clip" if n else ""
