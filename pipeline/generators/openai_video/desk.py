"""What the threads of a process share: the client, the word to stop, and a pause that a server asked for."""

import threading
import time
from collections import defaultdict
from weakref import WeakKeyDictionary

from annotators.chat.descriptors import make_room
from annotators.chat.errors import LONGEST_HINT_S
from annotators.chat.spec import key_of
from annotators.judge.gate import Gate
from annotators.ledger import Ledger
from pipeline.generators.base import GenerationError, Tools
from pipeline.generators.openai_video.service import Service
from pipeline.generators.openai_video.spec import OpenAIVideoSpec
from schemas import Reason
from schemas.options import SetupError

# by ledger: another run has another one, and begins anew though an earlier one was stopped
_desks: WeakKeyDictionary[Ledger, dict[str, "Desk"]] = WeakKeyDictionary()
_opening = threading.Lock()


class Desk:
    """Where one generator's clips are asked for. ``gate`` shut: nothing more is bought."""

    def __init__(self, spec: OpenAIVideoSpec) -> None:
        who = f"generator {spec.name}"
        make_room(who, spec.concurrency)
        key = key_of(who, spec.way)
        form = spec.request == "form"
        self.service = Service(spec.way, key, connections=spec.concurrency, form=form)
        self._stopped = threading.Event()
        self.gate = Gate(on_shut=lambda why: self._stopped.set())
        # creating the same twice at a time is left out: a lost job could not be told from the other
        self.turns: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._not_before = 0.0

    def sleep(self, seconds: float) -> None:
        """Wait before buying, no longer than anything may be bought. Raises ``Unanswered`` then."""
        self._stopped.wait(max(seconds, 0.0))
        self.gate.check()

    def pause(self, seconds: float) -> None:
        """No new job of any thread for so long: the server said so to one of them."""
        until = time.monotonic() + min(seconds, LONGEST_HINT_S)
        self._not_before = max(self._not_before, until)

    def keep_pause(self) -> None:
        """Wait for the end of the pause. Raises ``Unanswered`` where nothing may be bought."""
        self.sleep(self._not_before - time.monotonic())


def desk_of(spec: OpenAIVideoSpec, tools: Tools) -> Desk:
    """The desk of a generator in this process and run.

    Raises :class:`GenerationError` where a worker lacks the key that the launcher has.
    """
    with _opening:
        desks = _desks.setdefault(tools.ledger, {})
        name = spec.model_dump_json()
        if name not in desks:
            try:
                desks[name] = Desk(spec)
            except SetupError as error:
                raise GenerationError(str(error), Reason.AUTHENTICATION) from error
        return desks[name]
