"""The environments of the peers: one folder each, made when it is first wanted, from wheels only."""

import dataclasses
import subprocess
import sys
import venv
from pathlib import Path

# What pip is asked for. distilabel uses requests without asking for it.
PACKAGES = {
    "curator": ["bespokelabs-curator==0.1.31"],
    "distilabel": ["distilabel[openai,vision]==1.5.3", "requests"],
}


class NotInstalled(Exception):
    """A peer has no environment here; the message says why."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """A script and how it is started."""

    name: str
    script: str
    python: str | None = None  # None: of the environment ``peer``
    peer: str | None = None
    images: int = 8
    draws: bool = True  # whether it takes part where a clip is asked about several times


CONTESTANTS = {
    one.name: one
    for one in (
        Contestant(name="bare", script="judging_bare.py", python=sys.executable),
        Contestant(name="ours", script="judging_ours.py", python=sys.executable),
        Contestant(name="curator", script="judging_curator.py", peer="curator", draws=False),
        Contestant(
            name="distilabel", script="judging_distilabel.py", peer="distilabel", draws=False
        ),
        Contestant(
            name="distilabel-1",
            script="judging_distilabel.py",
            peer="distilabel",
            images=1,
            draws=False,
        ),
    )
}


def python_of(one: Contestant, folder: Path) -> str:
    """The interpreter for a contestant; its environment is made if it is not there.

    Raises :class:`NotInstalled`, also for an environment that could not be made before.
    """
    if one.peer is None:
        return one.python or sys.executable
    home = folder / one.peer
    ready, python = home / "ready", home / "bin" / "python"
    if not ready.exists():
        print(f"installing {' '.join(PACKAGES[one.peer])} in {home}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
        done = subprocess.run([*command, *PACKAGES[one.peer]], capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NotInstalled(lines[-1] if lines else f"pip ended with {done.returncode}")
        ready.touch()
    return str(python)
