"""One of several processes that train, and one that is killed: ``videorm_process.py OUT OPTIONS [DIE_AT]``.

Writes what the first process made to OUT: weights.safetensors and curve.json. With DIE_AT it kills itself,
as a machine that fails would, after that many steps of this process.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from videorm_training import corpus, curve, small

from pipeline.videorm.training import trainer
from pipeline.videorm.training.train import train_arm


def die_at(steps: int) -> None:
    """SIGKILL in the middle of the step after ``steps``."""
    real, done = trainer.Trainer.step, [0]

    def step(self: Any, *given: Any) -> Any:
        if done[0] == steps:
            os.kill(os.getpid(), signal.SIGKILL)
        done[0] += 1
        return real(self, *given)

    trainer.Trainer.step = step  # type: ignore[method-assign]


def main(out: Path, options: dict[str, Any], kill: int | None) -> None:
    """Train, and leave what came out."""
    if kill is not None:
        die_at(kill)
    trained = train_arm(corpus(), small(**options), "videorm", out)
    if os.environ.get("RANK", "0") == "0":
        save_file(trained.model.state_dict(), out / "weights.safetensors")
        (out / "curve.json").write_text(json.dumps(curve(trained)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]) if sys.argv[3:] else None)
