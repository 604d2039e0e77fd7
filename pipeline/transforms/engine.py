"""Which engine runs a pipeline: Beam's options, checked, and one call that waits for the end."""

import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.runners.runner import PipelineState

from annotators.base import AnnotatorSpec
from pipeline.progress import Counts
from pipeline.transforms import dataflow, runners, stage_options, worker_start
from pipeline.transforms.counting import counts_of
from pipeline.transforms.flags import refuse_unknown
from pipeline.transforms.hints import hints_of
from pipeline.transforms.launcher import servers_apart, sparing
from pipeline.transforms.lost import EngineError, LostWorkerError, said_of
from schemas.options import SetupError

DEFAULT_RUNNER = (
    "FnApiRunner"  # DirectRunner may switch engines by graph and network; this one never
)
_log = logging.getLogger(__name__)


class Engine:
    """Beam with the options of the command line.

    Attributes:
        runner: the runner's name, as Beam spells it.
        workers: worker processes that share a machine.
        remote: whether workers are on other machines, so that nothing they need may lie on this one.
        ran: the engine that ran the last pipeline: ``DirectRunner`` chooses one by itself.
    """

    def __init__(self, flags: Sequence[str]) -> None:
        refuse_unknown(flags)
        refuse_unknown(stage_options.flags_of(flags))
        named = any(flag == "--runner" or flag.startswith("--runner=") for flag in flags)
        self._flags = [*flags, *([] if named else [f"--runner={DEFAULT_RUNNER}"])]
        options = self._options()
        self.runner = runners.name_of(options)
        self.workers = runners.workers_of(options)
        self.remote = runners.is_remote(options)
        self.ran = self.runner
        self._home: str | None = None
        self._result: Any = None  # of the pipeline that is under way
        servers_apart()
        logging.getLogger("apache_beam").setLevel(logging.WARNING)
        # it warns of every job server that it ends when it should
        logging.getLogger("apache_beam.utils.subprocess_server").setLevel(logging.ERROR)

    def require(self, home: str | None = None, annotators: Sequence[AnnotatorSpec] = ()) -> None:
        """Refuse what is known to fail, before any work is done. Raises ``SetupError``.

        ``home``: the address of the output folder; None where it is a local one. ``annotators``: those
        that will work, which may ask for machines of their own.
        """
        options, hints = self._options(), hints_of(annotators)
        self._home = home
        if self.runner == "DataflowRunner":
            dataflow.require(options, home, hints)
        runners.require(options)
        try:
            beam.Pipeline(options=options)  # Beam's own checks, which it makes when one is begun
        except (ValueError, ImportError, AttributeError) as error:
            raise SetupError(f"Beam options: {' '.join(str(error).split())}") from error

    def run(
        self, build: Callable[[beam.Pipeline], None], name: str = "pipeline"
    ) -> dict[str, Counts]:
        """Build one pipeline, run it, wait; ``name``: its stage and wave, as in ``annotate-00003``. Returns
        what was counted, by stage.

        An interrupt cancels the job where it runs elsewhere, and goes on. Raises :class:`EngineError`
        where the engine says that it failed, :class:`LostWorkerError` where a worker has gone.
        """
        options = self._options(name.partition("-")[0])
        if self.runner == "DataflowRunner":
            dataflow.prepare(options, name, self._home)
        runner = sparing(options) if self.runner == DEFAULT_RUNNER else None
        p = beam.Pipeline(runner=runner, options=options)
        build(p)
        try:
            with _interrupts_kept():
                self._result = p.run()
            self._note_engine()
            state = self._result.wait_until_finish()
            counted = self.counts()
        except KeyboardInterrupt:
            self.cancel()
            raise
        except Exception as error:
            self.cancel()  # a job that nobody waits for would write what nobody reads
            if said := said_of(error):
                raise LostWorkerError(self.runner, said) from error
            raise
        finally:
            self._result = None
        if state is not None and state != PipelineState.DONE:
            raise EngineError(f"{self.runner} ended in state {state}; its own log says why")
        return counted

    def counts(self) -> dict[str, Counts]:
        """What the job that is under way has counted so far, from any thread; nothing where there is none,
        or where the engine does not tell."""
        try:
            return counts_of(self._result.metrics()) if self._result is not None else {}
        except Exception as error:  # counting is no reason to end a job
            _log.info("%s: no counters: %s", self.runner, error)
            return {}

    def cancel(self) -> None:
        """End the job that is under way, from any thread; nothing happens where there is none, or where
        it runs in this process and so ends with it. What cannot be cancelled is said in the log."""
        result = self._result
        try:
            if result is not None and not PipelineState.is_terminal(result.state):
                result.cancel()
        except NotImplementedError:  # in this process
            return
        except Exception as error:
            _log.warning("%s: the job could not be cancelled: %s", self.runner, error)

    def _options(self, stage: str | None = None) -> PipelineOptions:
        own = stage_options.flags_of(self._flags, stage) if stage else []
        options = PipelineOptions([*self._flags, *own])
        worker_start.attach(options)
        # pickling the main module's state would pull the launcher into every worker
        options.view_as(SetupOptions).save_main_session = False
        return options

    def _note_engine(self) -> None:
        """Beam says at a level that nobody reads to what engine it switched."""
        if self.runner not in runners.SWITCHING:
            return
        found = runners.engine_of(self._result)
        if found != self.ran:
            _log.warning("%s ran this pipeline on %s", self.runner, found)
        self.ran = found


@contextlib.contextmanager
def _interrupts_kept() -> Iterator[None]:
    """A job server that Beam starts takes interrupts for itself, and would end before its job does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) not in (before, signal.SIG_DFL):
            signal.signal(signal.SIGINT, before)
