"""The child process that trains one arm: ``python -m pipeline.videorm.training.child JOB ARM OUTPUT``."""

import dataclasses
import json
import os
import pickle
import sys
import threading
from pathlib import Path
from typing import Any, cast

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.options import Arm, VideoRMOptions
from pipeline.videorm.training.result import leave
from pipeline.videorm.training.train import train_arm
from schemas.options import SetupError


def _end_with_parent() -> None:
    sys.stdin.read()  # returns when the other end is closed, also by a kill
    os._exit(1)


def main(job: Path, arm: Arm, output: Path) -> int:
    """Train ``arm`` as JOB says; progress as JSON lines on stdout, the result under JOB/ARM."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    channel = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever a library prints goes to stderr, not into the channel

    def progress(row: dict[str, Any]) -> None:
        channel.write(json.dumps(row) + "\n")

    with open(job / "corpus.pickle", "rb") as file:  # of the parent's making, moments ago
        corpus = cast(Corpus, pickle.load(file))
    options = VideoRMOptions.model_validate_json((job / "options.json").read_text())
    try:
        result = leave(train_arm(corpus, options, arm, output, progress), corpus, job / arm)
    except SetupError as error:
        (job / arm / "setup_error.txt").write_text(str(error))
        return 2
    told = {k: v for k, v in dataclasses.asdict(result).items() if k != "folder"}
    (job / arm / "result.json").write_text(json.dumps(told, allow_nan=False))
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), cast(Arm, sys.argv[2]), Path(sys.argv[3])))
