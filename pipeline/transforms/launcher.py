"""How workers in other processes of a machine learn that the launcher stops, or has gone.

Two small files in the folder that the workers' counts are written to: ``launcher`` says which process
it is, ``stop`` why nothing more is to be begun. A terminal's Ctrl-C and a service's stop are sent to workers,
too, which would end at once and lose what they have on the wire, so those signals are kept from them.
Workers on other machines see neither file: their job is cancelled or drained by its own service.
"""

import contextlib
import functools
import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import types
from collections.abc import Collection, Iterator
from pathlib import Path

from apache_beam.options.pipeline_options import DirectOptions, PipelineOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.transforms.environments import SubprocessSDKEnvironment
from apache_beam.utils import subprocess_server

from annotators import stopping
from annotators.shared import started
from pipeline.logs import with_fields

LOOK_EVERY_S = 0.2
VARIABLE = "VIDEOPREFER_LAUNCHER"  # its process id, in the environment of whatever it starts
_heeded: set[str] = set()
_lock = threading.Lock()


@contextlib.contextmanager
def obeyed(folder: Path) -> Iterator[None]:
    """While the block runs, workers that count into this folder stop when this process is to, and the
    process waits for them."""
    pid = os.getpid()
    os.environ[VARIABLE] = str(pid)
    (folder / "launcher").write_text(json.dumps({"pid": pid, "since": started(pid)}))
    stop = folder / "stop"
    with stopping.on_stop(lambda why: _write(stop, why)), stopping.awaiting():
        yield


def _write(stop: Path, why: str) -> None:
    temporary = stop.with_suffix(".tmp")
    temporary.write_text(why)
    os.replace(temporary, stop)


def servers_apart() -> None:
    """Job servers that Beam starts from now on are in sessions of their own, where no terminal's and no
    group's signal finds them: Go's programs and Java's take interrupts though they are blocked."""
    apart = functools.partial(subprocess.Popen, start_new_session=True)
    own = types.SimpleNamespace(**{**vars(subprocess), "Popen": apart})
    subprocess_server.subprocess = own  # of that module alone: nothing else is started otherwise


@contextlib.contextmanager
def unsent(numbers: Collection[int]) -> Iterator[None]:
    """Programs that an engine starts in the block are not ended by these signals; other threads of this
    process still hear of them. A mask is handed on to whatever is started, but for a shell's children."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def sparing(options: PipelineOptions) -> FnApiRunner | None:
    """The runner for worker processes that leave SIGINT and SIGTERM to the launcher, where these options
    ask for worker processes; they start what a worker starts without that (`children`).

    The same runner, and the same workers, as Beam would start for ``multi_processing``.
    """
    direct = options.view_as(DirectOptions)
    if direct.direct_running_mode != "multi_processing":
        return None
    direct.direct_running_mode = "in_memory"  # which leaves the environment as it is
    python = shlex.quote(sys.executable)
    command = f"trap '' INT TERM; exec {python} -m apache_beam.runners.worker.sdk_worker_main"
    return FnApiRunner(default_environment=SubprocessSDKEnvironment.from_command_string(command))


def heed(folder: str) -> None:
    """Called in workers: from now on the launcher is listened to, where it is there to be heard, and
    lines of the log carry their fields with them."""
    if os.environ.get(VARIABLE) == str(os.getpid()):
        return
    with_fields()
    path = Path(folder) / "launcher"
    with _lock:
        if not folder or folder in _heeded or not path.is_file():
            return
        _heeded.add(folder)
    launcher = json.loads(path.read_text())
    known = Path(folder), launcher["pid"], launcher["since"]
    threading.Thread(target=_heed, args=known, daemon=True, name="launcher").start()


def _heed(folder: Path, pid: int, since: int) -> None:
    while started(pid) == since and folder.is_dir():  # which the launcher removes in the end
        with contextlib.suppress(FileNotFoundError):
            stopping.stop((folder / "stop").read_text())
        time.sleep(LOOK_EVERY_S)
    if started(pid) == since:
        return
    if os.environ.get(VARIABLE) == str(pid):
        os._exit(1)  # nobody waits for what it does; what it bought so far is in the journal
    stopping.stop("the process that started the run has gone")  # a worker that serves others, too
