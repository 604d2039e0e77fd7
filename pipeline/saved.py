"""What a run that stops has saved, and how it goes on: the last lines that a person reads."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from annotators.ledger import Spent
from pipeline.running import Run, stages_of, wave_name


def saved(run: Run, command: str) -> str:
    """Waves that are whole, replies that are kept, money, and the command that resumes the run."""
    waves = ", ".join(
        f"{stage} {sum(map(run.was_whole, _waves(run, stage)))} of {len(run.waves)}"
        for stage in stages_of(run.config.protocol)
        if stage != "check"
    )
    spent = sum(run.spent().values(), Spent())
    kept = spent.requests - spent.lost_requests
    lost = f", {spent.lost_requests} of unknown fate" if spent.lost_requests else ""
    unknown = " and an unknown sum" if spent.unpriced else ""
    return "\n".join(
        [
            f"saved    waves that are whole: {waves}",
            f"         bought by this run: {kept} replies{lost}, for ${spent.usd:.4f}{unknown}",
            f"resume   {command}",
        ]
    )


def _waves(run: Run, stage: str) -> list[str]:
    return [wave_name(stage, number) for number in range(len(run.waves))]


def command_of(verb: str, argv: Sequence[str]) -> str:
    """The command line as it was given, to be given again."""
    if Path(sys.argv[0]).name == "videoprefer":
        program = [_typed(sys.argv[0]), verb]
    else:
        module = ["pipeline.run"] if verb == "run" else ["pipeline", verb]
        program = [sys.orig_argv[0], "-m", *module]
    return shlex.join([*program, *argv])


def _typed(script: str) -> str:
    """Its name alone where a shell finds it by that, else the path by which it was called."""
    found = shutil.which("videoprefer")
    known = found and os.path.exists(script) and os.path.samefile(found, script)
    return "videoprefer" if known else script
