"""The reward model: `train`, `evaluate` and `score`."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.verbs.words import guarded, number, parser
from schemas.options import SetupError


def train(argv: Sequence[str]) -> int:
    """A VideoRM from a dataset folder."""
    p = parser(
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

    return guarded(work)


def evaluate(argv: Sequence[str]) -> int:
    """A trained VideoRM on the test split of a dataset folder."""
    p = parser(
        "evaluate",
        "Hold a VideoRM against the test split of a dataset folder: its labels, "
        "and its human ratings where there are any.",
        "videoprefer evaluate --model out/demo/videorm --data out/demo",
    )
    p.add_argument("--model", required=True, type=Path, metavar="M")
    p.add_argument("--data", required=True, type=Path, metavar="DIR")
    arguments = p.parse_args(argv)

    def work() -> int:
        from pipeline.videorm.evaluation.evaluate import evaluate as measure

        _print_accuracy(measure(arguments.model, arguments.data))
        return 0

    return guarded(work)


def _print_accuracy(metrics: dict[str, Any]) -> None:
    for row in metrics["accuracy"]:
        print(
            f"{row['arm']:<14} against {row['against']:<10} {row['dimension']:<18} "
            f"{number(row['value'], row['low'], row['high'])}  {row['n_pairs']} pairs of "
            f"{row['n_prompts']} prompts"
        )
    for row in metrics["differences"]:
        print(
            f"{row['arm']} minus {row['minus']}, against {row['against']}, {row['dimension']}: "
            f"{number(row['value'], row['low'], row['high'])}"
        )


def score(argv: Sequence[str]) -> int:
    """Rewards of clips under one prompt, best first."""
    p = parser(
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

    return guarded(work)
