"""The environments of the peers: one folder each, made when it is first wanted, from wheels only."""

import subprocess
import sys
import venv
from pathlib import Path

# What pip is asked for, and the interpreter of each contestant that is none of ours.
PACKAGES = {
    "krippendorff": ["krippendorff==0.9.0"],
    "pingouin": ["pingouin==0.7.0"],
    "evalica": ["evalica==0.4.2"],
    "choix": ["choix==0.4.1"],
    "scikit-learn": ["scikit-learn==1.9.1"],
    "scipy": ["scipy==1.17.1"],
}
OURS = "ours"


class NotInstalled(Exception):
    """A peer has no environment here; the message says why."""


def python_of(name: str, folder: Path) -> str:
    """The interpreter for a contestant; its environment is made if it is not there.

    Raises :class:`NotInstalled`, also for an environment that could not be made before.
    """
    if name == OURS:
        return sys.executable
    home = folder / name
    ready, python = home / "ready", home / "bin" / "python"
    if not ready.exists():
        print(f"installing {' '.join(PACKAGES[name])} in {home}", flush=True)
        venv.create(home, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
        done = subprocess.run([*command, *PACKAGES[name]], capture_output=True, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise NotInstalled(lines[-1] if lines else f"pip ended with {done.returncode}")
        ready.touch()
    return str(python)
