"""Batch judges on a loopback server, for the tests of them; and a run that kills itself.

``python tests/batch_run.py FOLDER BASE_URL STEP`` prepares once for every moment at which it can be
killed (every STEP-th): a child process is ended there, and another one goes on from what it left.
"""

import dataclasses
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from questions import QUALITY, frame_set, question, resources

from annotators.base import Question, Resources
from annotators.batch import OpenAIBatchSpec, money, prepare, service, state
from annotators.chat import errors
from annotators.chat.spec import Endpoint
from annotators.journal import Journal
from annotators.ledger import Budget, Ledger
from annotators.models import Price

PRICE = Price(input_usd_per_million=1.0, output_usd_per_million=5.0)
KILLED = 17  # exit code of a process that was killed on purpose


def spec_for(base_url: str, **changes: object) -> OpenAIBatchSpec:
    """A judge that waits for nothing."""
    given = {"model": "judge", "base_url": base_url, "price": PRICE, "poll_s": 0.01, **changes}
    return OpenAIBatchSpec.model_validate(given)


def place_in(folder: Path, budget: Budget = Budget()) -> Resources:  # noqa: B008 (frozen)
    """Stores, a ledger on disk and a folder for state."""
    ledger = Ledger(folder / "ledger", ["judge"], budget)
    return dataclasses.replace(resources(folder), ledger=ledger, work=folder / "work")


def questions_in(place: Resources, n: int, prefix: str = "v", draws: int = 1) -> list[Question]:
    """Questions about clips of their own."""
    clips = [frame_set(f"{prefix}{i}", store=place.frames) for i in range(n)]
    return [question(clip, rubric=QUALITY, draw=k) for clip in clips for k in range(draws)]


class Killer:
    """Ends this process at the ``at``-th of the moments at which something changes somewhere."""

    def __init__(self, at: int) -> None:
        self._left = at

    def moment(self) -> None:
        """One such moment."""
        if self._left == 0:
            os._exit(KILLED)
        self._left -= 1

    def around(self, owner: Any, name: str) -> None:
        """Both sides of a function are moments."""
        original = getattr(owner, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            self.moment()
            result = original(*args, **kwargs)
            self.moment()
            return result

        setattr(owner, name, watched)

    def around_async(self, owner: Any, name: str) -> None:
        """Both sides of a coroutine are moments."""
        original = getattr(owner, name)

        async def watched(*args: Any, **kwargs: Any) -> Any:
            self.moment()
            result = await original(*args, **kwargs)
            self.moment()
            return result

        setattr(owner, name, watched)


def arm(at: int) -> None:
    """Kill this process at one moment of a run."""
    killer = Killer(at)
    for name in ("upload", "create", "retrieve", "download", "delete"):
        killer.around_async(service.Service, name)
    for owner, name in (
        (state, "write_json"),
        (state.Shelf, "new"),
        (Journal, "put"),
        (money.Money, "reserve"),
        (money.Money, "settle"),
    ):
        killer.around(owner, name)


def _in_child(work: Callable[[], None]) -> int:
    """The exit code of a child process that does the work."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no thread runs here yet
        child = os.fork()
    if not child:
        try:
            work()
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _prepare(folder: Path, base_url: str, name: str, at: int | None) -> None:
    place = place_in(folder)
    questions = questions_in(place, 3, f"{name}-")
    place.ledger.begin()
    if at is not None:
        arm(at)
    prepare.prepare(spec_for(base_url, shard_requests=2), lambda: questions, place, lambda _: None)


def _load(base_url: str) -> None:
    """Everything that is imported late, once and not in every child."""
    client = service.Service(
        Endpoint(base_url=base_url), "none", Path("none"), timeout_s=1, max_attempts=1
    )._client
    assert client.files
    assert client.batches


def main() -> None:
    """Kill at every moment there is, and go on after each."""
    os.environ["OPENAI_API_KEY"] = "sk-test"
    errors.FIRST_WAIT_S = 0.01
    root, base_url, step, at, code = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), 0, KILLED
    _load(base_url)
    while code == KILLED:
        name = f"k{at}"
        code = _in_child(lambda: _prepare(root / name, base_url, name, at))  # noqa: B023
        if code == KILLED:
            again = _in_child(lambda: _prepare(root / name, base_url, name, None))  # noqa: B023
            if again:
                raise SystemExit(f"killed at moment {at}, it did not go on")
        at += step
    if code:
        raise SystemExit(f"failed at moment {at}")
    print(at)


if __name__ == "__main__":
    main()
