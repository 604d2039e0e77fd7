"""An engine that loses elements in its shuffle and says nothing, as some engines do.

``--runner=lossy_runner.LossyRunner``; ``LossyRunner.loses`` says in which pipeline, and every how many.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar
from unittest import mock

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.runners.portability.fn_api_runner.execution import GroupingBuffer


class LossyRunner(FnApiRunner):
    """Loses every n-th element that is grouped, in the pipeline that has a step of that name."""

    loses: ClassVar[tuple[str, int]] = ("", 0)
    lost: ClassVar[int] = 0  # so far

    def run_pipeline(self, pipeline: beam.Pipeline, options: Any) -> Any:
        step, every = self.loses
        if step not in _steps(pipeline):
            return super().run_pipeline(pipeline, options)
        with _losing(every):
            return super().run_pipeline(pipeline, options)


def _steps(pipeline: beam.Pipeline) -> set[str]:
    found: set[str] = set()

    class Names(PipelineVisitor):
        def enter_composite_transform(self, node: Any) -> None:
            found.add(node.full_label)

    pipeline.visit(Names())
    return found


@contextmanager
def _losing(every: int) -> Iterator[None]:
    whole, seen = GroupingBuffer.append, 0

    def append(self: GroupingBuffer, data: bytes) -> None:
        nonlocal seen
        before = {key: len(values) for key, values in self._table.items()}
        whole(self, data)
        for key, values in list(self._table.items()):
            kept = values[: before.get(key, 0)]
            for value in values[before.get(key, 0) :]:
                seen += 1
                if seen % every:
                    kept.append(value)
                else:
                    LossyRunner.lost += 1
            self._table[key] = kept
            if not kept:  # the engine has never heard of it
                del self._table[key]

    with mock.patch.object(GroupingBuffer, "append", append):
        yield
