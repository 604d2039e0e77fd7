"""Records and failures as a DoFn hands them on."""

from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from schemas import Failure

FAILURES = "failures"


def sorted_out(outcome: Any) -> Any:
    """A record for the main output, a failure for the output of failures."""
    return beam.pvalue.TaggedOutput(FAILURES, outcome) if isinstance(outcome, Failure) else outcome


def at_end(output: Any) -> Any:
    """What ``finish_bundle`` must yield for an output: Beam wants its window named there."""
    if isinstance(output, beam.pvalue.TaggedOutput):
        return beam.pvalue.TaggedOutput(output.tag, GlobalWindows.windowed_value(output.value))
    return GlobalWindows.windowed_value(output)
