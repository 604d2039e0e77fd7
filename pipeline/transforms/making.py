"""Planned clips through their generators: batches of one generator, in child processes or threads."""

import dataclasses
import zlib
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from typing import Any

import apache_beam as beam
import pebble

from annotators.shared import cores
from annotators.stopping import stopped
from pipeline.generators.base import GenerationError, GeneratorSpec, Tools
from pipeline.generators.lanes import Lane, opened
from pipeline.generators.made import Made
from pipeline.generators.make import STAGE, Outcome, failure_of, taken_up
from pipeline.transforms.counting import Counting
from pipeline.transforms.launcher import heed
from pipeline.transforms.outputs import FAILURES, at_end, sorted_out
from schemas import STOPS_RUN, Clip, Failure, Reason

_STOPPING = {*STOPS_RUN, Reason.NOT_ATTEMPTED}  # the last: a cap of the budget is reached
SHARES = 256  # of what any worker may make: more than there are workers
Batch = tuple[GeneratorSpec, tuple[Clip, ...]]


@dataclasses.dataclass
class MakeClips(beam.PTransform):
    """Clip -> Video or Failure. Returns (videos, failures).

    A lane's clips go to one worker of each machine, for what it bears at a time (``concurrency``, a
    GPU with one model) is meant for the machine. There they are sorted by generator, so that a model
    is loaded once and used for all of them. Different lanes work at the same time.
    """

    generators: Mapping[str, GeneratorSpec]
    made: Made
    tools: Tools
    processes: int
    progress: str

    def expand(self, clips: beam.PCollection) -> Any:
        done = (
            clips
            | "Lane" >> beam.Map(_keyed, dict(self.generators), self.tools.ledger.machines)
            | "Together" >> beam.GroupByKey()
            | STAGE >> beam.ParDo(_MakeFn(self)).with_outputs(FAILURES, main="videos")
        )
        return done.videos, done.failures


def _keyed(clip: Clip, generators: Mapping[str, GeneratorSpec], machines: int) -> tuple[str, Clip]:
    spec = generators[clip.generator]
    share = zlib.crc32(clip.video_id.encode()) % (SHARES if spec.anywhere else machines)
    return f"{spec.lane} {share}", clip


class _MakeFn(beam.DoFn):
    def __init__(self, how: MakeClips) -> None:
        self._generators, self._made, self._tools = how.generators, how.made, how.tools
        self._processes, self._progress = how.processes, how.progress

    def setup(self) -> None:
        self._lanes: dict[str, Lane] = {}
        heed(self._progress)
        self._counting = Counting(STAGE, self._progress)
        # an account's fault: what follows would fail, too
        self._stop: GenerationError | None = None

    def start_bundle(self) -> None:
        self._waiting: dict[str, list[Clip]] = defaultdict(list)

    def process(self, keyed: tuple[str, Iterable[Clip]]) -> None:
        for clip in keyed[1]:
            self._waiting[clip.generator].append(clip)

    def finish_bundle(self) -> Iterator[Any]:
        for outcome in self._outcomes(list(self._batches())):
            self._counting.count(outcome)
            yield at_end(sorted_out(outcome))
        self._counting.flush()
        self._tools.ledger.rest()

    def teardown(self) -> None:
        for lane in self._lanes.values():
            lane.close()

    def _batches(self) -> Iterator[Batch]:
        for name, clips in sorted(self._waiting.items()):
            spec = self._generators[name]
            # clips of equal settings can share a call of the model
            clips.sort(key=lambda clip: (clip.settings or "", clip.video_id))
            for start in range(0, len(clips), spec.batch):
                yield spec, tuple(clips[start : start + spec.batch])

    def _outcomes(self, batches: Sequence[Batch]) -> Iterator[Outcome]:
        """Of every clip. No more is handed to a lane than it works on: what is not begun can stop."""
        lanes = {name: self._lane(name) for name in sorted({spec.lane for spec, _ in batches})}
        queues = {name: deque(b for b in batches if b[0].lane == name) for name in lanes}
        working: dict[Future[list[Outcome]], Batch] = {}
        free = Counter({name: lane.at_once for name, lane in lanes.items()})
        while True:
            self._heed()
            for name, queue in queues.items():
                while queue and free[name] and not self._stop:
                    spec, clips = queue.popleft()
                    free[name] -= 1
                    future = lanes[name].submit(self._work(spec, clips), spec, clips)
                    working[future] = spec, clips
            if not working:
                break
            for future in wait(working, return_when=FIRST_COMPLETED).done:
                spec, clips = working.pop(future)
                free[spec.lane] += 1
                yield from self._finished(future, spec, clips)
        for spec, clips in (batch for queue in queues.values() for batch in queue):
            yield from self._unmade(spec, clips, _not_attempted(self._stop))

    def _lane(self, name: str) -> Lane:
        """Opened once; the smallest number of its generators holds for all of them."""
        if name not in self._lanes:
            several = [spec for spec in self._generators.values() if spec.lane == name]
            at_once = min(spec.at_once(self._processes or cores()) for spec in several)
            self._lanes[name] = opened(several[0].place, at_once)
        return self._lanes[name]

    def _work(self, spec: GeneratorSpec, clips: Sequence[Clip]) -> tuple[Any, ...]:
        return spec, clips, self._made, self._tools

    def _finished(
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
        except Exception as fault:
            said = f"a fault of this program: {type(fault).__name__}: {fault}"
            error = GenerationError(said, Reason.INTERNAL)
        else:
            self._look(outcomes)
            return outcomes
        return self._unmade(spec, clips, error)

    def _unmade(
        self, spec: GeneratorSpec, clips: Sequence[Clip], error: GenerationError
    ) -> list[Outcome]:
        """Failures, but for those clips that were kept before: what a batch that died had finished."""
        found = taken_up(spec, clips, self._made)
        return [found.get(clip.video_id) or failure_of(clip, error) for clip in clips]

    def _heed(self) -> None:
        """A run that is to stop begins no clip; those in the making are awaited."""
        if why := stopped():
            self._stop = self._stop or GenerationError(why, Reason.NOT_ATTEMPTED)

    def _look(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if isinstance(outcome, Failure) and outcome.reason in _STOPPING:
                self._stop = self._stop or GenerationError(outcome.message, outcome.reason)


def _not_attempted(why: GenerationError | None) -> GenerationError:
    return GenerationError(
        f"not made, because the run was stopped ({why}); the same command resumes it",
        Reason.NOT_ATTEMPTED,
    )
