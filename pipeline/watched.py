"""A pipeline that is watched while it runs: counted, shown, and stopped in good order."""

import contextlib
import dataclasses
import functools
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from annotators import stopping
from pipeline.counters import agreed, summed
from pipeline.progress import EVERY_S, Counts, Watch, read_counts
from pipeline.side_by_side import aside
from pipeline.state import fresh
from pipeline.transforms.launcher import obeyed, unsent

if TYPE_CHECKING:
    from pipeline.waves import Waves

IN_PROCESS = ("FnApiRunner", "DirectRunner")  # engines that are this process, and its workers
REMOTE_EVERY_S = 10.0  # between two questions to a service that counts

Build = Callable[[Any], None]


def run_watched(run: "Waves", build: Callable[[], Build], wave: str) -> dict[str, Counts]:
    """Run a pipeline, with ``run.recipe`` counting into a folder of its own while ``build`` is called.

    Returns the counts per stage. What was bought is entered in ``run.counters`` whatever happens.
    """
    engine, folder = run.engine, fresh(run.progress / wave)
    recipe = run.recipe
    # workers elsewhere count for the service alone
    run.recipe = dataclasses.replace(recipe, progress="" if engine.remote else str(folder))
    read = engine.counts if engine.remote else functools.partial(read_counts, folder)
    told: dict[str, Counts] = {}
    try:
        with _heeded(run, folder), _shown(run, read), unsent(_apart(run)):
            try:
                told = engine.run(build(), wave)
            except Exception:
                if stopping.stopped():  # it died of the same signal, and waited for nobody
                    _settle(run)
                raise
    finally:
        run.recipe = recipe
        counts = agreed(told, read_counts(folder))
        run.counted = summed([run.counted, counts])
        run.counters.spent(wave, counts)
        shutil.rmtree(folder, ignore_errors=True)
    return counts


def _settle(run: "Waves") -> None:
    """Wait until nothing is on the wire and the last of it is counted; who interrupts limits how long."""
    while run.on_the_wire():
        time.sleep(0.1)
    time.sleep(2 * EVERY_S)


@contextlib.contextmanager
def _heeded(run: "Waves", folder: Path) -> Iterator[None]:
    """An interrupt reaches the workers of this machine; a job elsewhere is cancelled."""
    with contextlib.ExitStack() as stack:
        if run.engine.remote:
            cancel = run.engine.cancel
            stack.enter_context(stopping.on_stop(lambda why: aside(cancel)))
        stack.enter_context(obeyed(folder))
        yield


def _apart(run: "Waves") -> set[signal.Signals]:
    """A terminal's signal is the launcher's alone, and no job server's that it starts."""
    return set() if run.engine.runner in IN_PROCESS else {signal.SIGINT}


def _shown(run: "Waves", read: Callable[[], dict[str, Counts]]) -> Watch:
    every_s = REMOTE_EVERY_S if run.engine.remote else 1.0
    return Watch(lambda: summed([run.counted, read()]), run.show, every_s)
