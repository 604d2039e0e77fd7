"""Planned clips through their generators: batches of one generator, in child processes or threads."""

import dataclasses
import multiprocessing
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    CancelledError,
    Future,
    ThreadPoolExecutor,
    TimeoutError,
    as_completed,
)
from typing import Any

import apache_beam as beam
import pebble

from pipeline.generators.base import GenerationError, GeneratorSpec, Tools
from pipeline.generators.made import Made
from pipeline.generators.make import STAGE, Outcome, failure_of, make, taken_up
from pipeline.progress import Ticker
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import STOPS_RUN, Clip, Failure, Reason

_STOPPING = {*STOPS_RUN, Reason.NOT_ATTEMPTED}  # the last: a cap of the budget is reached
Batch = tuple[GeneratorSpec, tuple[Clip, ...]]


@dataclasses.dataclass
class MakeClips(beam.PTransform):
    """Clip -> Video or Failure. Returns (videos, failures).

    A bundle's clips are sorted by generator, so that a model is loaded once and used for all of
    them. Generators of different lanes work at the same time.
    """

    generators: Mapping[str, GeneratorSpec]
    made: Made
    tools: Tools
    processes: int
    progress: str

    def expand(self, clips: beam.PCollection) -> Any:
        done = clips | STAGE >> beam.ParDo(_MakeFn(self)).with_outputs(FAILURES, main="videos")
        return done.videos, done.failures


class _MakeFn(beam.DoFn):
    def __init__(self, how: MakeClips) -> None:
        self._generators, self._made, self._tools = how.generators, how.made, how.tools
        self._processes, self._progress = how.processes, how.progress

    def setup(self) -> None:
        self._lanes: dict[str, Any] = {}
        self._ticker = Ticker(self._progress, STAGE)
        self._counters = {
            name: beam.metrics.Metrics.counter(STAGE, name) for name in ("done", "failed")
        }
        self._stop: GenerationError | None = (
            None  # an account's fault: what follows would fail, too
        )

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[Clip]] = defaultdict(list)

    def process(self, clip: Clip) -> None:
        self._waiting[clip.generator].append(clip)

    def finish_bundle(self) -> Iterator[Any]:
        waiting = {self._submit(batch): batch for batch in self._batches()}
        for future in as_completed(waiting):
            for outcome in self._outcomes(future, *waiting[future]):
                failed = isinstance(outcome, Failure)
                self._counters["failed" if failed else "done"].inc()
                self._ticker.add(done=not failed, failed=failed)
                yield at_end(sorted_out(outcome))
            if self._stop:
                for other in waiting:
                    if not other.running():  # what has begun is finished: it may be paid
                        other.cancel()
        self._ticker.flush()

    def teardown(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _batches(self) -> Iterator[Batch]:
        for name, clips in sorted(self._waiting.items()):
            spec = self._generators[name]
            clips.sort(key=lambda clip: clip.video_id)
            for start in range(0, len(clips), spec.batch):
                yield spec, tuple(clips[start : start + spec.batch])

    def _submit(self, batch: Batch) -> "Future[list[Outcome]]":
        spec, clips = batch
        if spec.lane not in self._lanes:
            several = [g for g in self._generators.values() if g.lane == spec.lane]
            at_once = min(generator.at_once(self._processes) for generator in several)
            self._lanes[spec.lane] = _LANES[spec.place](at_once)
        work = (spec, clips, self._made, self._tools)
        return self._lanes[spec.lane].submit(work, spec.timeout_s * len(clips))

    def _outcomes(
        self, future: "Future[list[Outcome]]", spec: GeneratorSpec, clips: Sequence[Clip]
    ) -> list[Outcome]:
        try:
            outcomes = future.result()
        except TimeoutError:
            error = GenerationError(
                f"gave no clip within {spec.timeout_s:g} s each and was ended; raise its timeout_s",
                Reason.TIMEOUT,
            )
        except pebble.ProcessExpired as died:
            error = GenerationError(
                f"the child process died with exit code {died.exitcode}; out of memory, as a rule",
                Reason.CRASHED,
            )
        except CancelledError:
            error = GenerationError(
                f"not made, because the run was stopped ({self._stop}); the same command resumes it",
                Reason.NOT_ATTEMPTED,
            )
        except Exception as fault:
            said = f"a fault of this program: {type(fault).__name__}: {fault}"
            error = GenerationError(said, Reason.INTERNAL)
        else:
            self._look(outcomes)
            return outcomes
        # what a batch that died had finished is kept
        found = taken_up(spec, clips, self._made)
        return [found.get(clip.video_id) or failure_of(clip, error) for clip in clips]

    def _look(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Failure) and outcome.reason in _STOPPING:
                self._stop = self._stop or GenerationError(outcome.message, outcome.reason)


class _Processes:
    """Child processes: a generator that hangs or dies costs one batch."""

    def __init__(self, at_once: int) -> None:
        self._pool = pebble.ProcessPool(
            max_workers=at_once, context=multiprocessing.get_context("forkserver")
        )

    def submit(self, work: tuple[Any, ...], timeout_s: float) -> "Future[list[Outcome]]":
        return self._pool.schedule(make, args=work, timeout=timeout_s)

    def close(self) -> None:
        self._pool.close()  # type: ignore[no-untyped-call]
        self._pool.join()


class _Threads:
    """Threads, for generators that only wait and keep their own deadlines."""

    def __init__(self, at_once: int) -> None:
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="generator")

    def submit(self, work: tuple[Any, ...], timeout_s: float) -> "Future[list[Outcome]]":
        return self._pool.submit(make, *work)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


_LANES: dict[str, Callable[[int], Any]] = {"processes": _Processes, "threads": _Threads}
