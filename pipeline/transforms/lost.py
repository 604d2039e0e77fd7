"""What an engine says when it did not bring a pipeline to its end; needs no Beam."""

KEPT = "Everything paid for is kept; run the same command again to go on"
# FnApiRunner's workers, Prism's, Flink's, Dataflow's (which tries a bundle four times by itself)
LOST = (
    "Channel closed prematurely",
    "SDK worker disconnected",
    "SDK harness sdk-",
    "The worker lost contact with the service",
    "lost worker",
)


class EngineError(RuntimeError):
    """An engine says that it did not bring a pipeline to its end."""


class LostWorkerError(EngineError):
    """A worker process has gone in the middle of its work: killed, out of memory, crashed."""

    def __init__(self, runner: str, said: str) -> None:
        super().__init__(
            f"{runner} lost a worker process ({said}): out of memory, as a rule, or killed. {KEPT}; "
            "with concurrency.processes or the number of workers lowered, where memory was short."
        )


def said_of(error: BaseException) -> str | None:
    """What of an engine's error says that a worker has gone; None where it says something else."""
    said = str(error)
    return next((words for words in LOST if words in said), None)
