"""One call, again after errors that may pass."""

import time
from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception

from annotators.chat import errors
from annotators.judge.gate import Unanswered
from pipeline.generators.base import GenerationError
from pipeline.generators.openai_video.desk import Desk
from pipeline.generators.openai_video.faults import may_pass, reason_of

T = TypeVar("T")


class Patience:
    """How long one clip's calls are repeated. ``until``: of ``time.monotonic``."""

    def __init__(self, desk: Desk, key: str, timeout_s: float) -> None:
        self._desk, self._key, self._timeout_s = desk, key, timeout_s
        self.renew()

    def renew(self) -> None:
        """The time begins now."""
        self.until = time.monotonic() + self._timeout_s

    @property
    def over(self) -> bool:
        """No time is left."""
        return time.monotonic() > self.until

    def repeat(
        self,
        what: str,
        attempt: Callable[[], T],
        *,
        most: int,
        sleep: Callable[[float], None] = time.sleep,
        busy_counts: bool = True,
    ) -> T:
        """What the call gives. Raises :class:`GenerationError` (of no cost) after the last attempt.

        ``busy_counts=False``: being turned away as one too many is no attempt; a server of clips takes
        no more jobs until one of them is done, which takes minutes.
        """
        counted = made = 0

        def gave_up(state: RetryCallState) -> bool:
            nonlocal counted, made
            error = state.outcome.exception() if state.outcome else None
            busy = error is not None and errors.is_rate_limit(error)
            counted, made = counted + (busy_counts or not busy), state.attempt_number
            return counted >= most or self.over

        retrying = Retrying(
            retry=retry_if_exception(may_pass),
            wait=errors.wait_for(f"{self._key} {what}"),
            stop=gave_up,
            sleep=sleep,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except (GenerationError, Unanswered):
            raise
        except Exception as error:
            said = errors.said(error, self._desk.service.key)
            if may_pass(error):
                said = f"gave up after {made} attempts: {said}"
            raise GenerationError(f"{what}: {said}", reason_of(error)) from error
