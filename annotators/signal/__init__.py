"""Kind ``signal``: classical vision. Scores a clip from measurements on its frames alone."""

from annotators.signal.spec import SignalSpec

__all__ = ["SignalSpec"]
