"""Fills a draft with questions until a limit of the server, or the budget, says that it is full."""

import enum
import itertools
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from annotators.base import Question
from annotators.batch.money import Money
from annotators.batch.notes import Note, Notes
from annotators.batch.shards import Draft, Feed, Ticket, line_of
from annotators.batch.spec import OpenAIBatchSpec
from annotators.chat.wire import body_around, image_parts, shown
from annotators.journal import Request
from annotators.judge.frames import read_frames
from annotators.judge.gate import Unanswered
from annotators.ledger import Amount, OverBudget
from schemas import Reason
from schemas.options import SetupError
from schemas.store import Store

Item = tuple[Question, Request]
Line = tuple[Question, Request, bytes]
CLIPS = 32  # whose frames are read at the same time, and held: a store may be far away


class Full(enum.Enum):
    """Why a draft takes no more."""

    NO_MORE = enum.auto()  # questions
    LIMIT = enum.auto()  # of the server
    MONEY = enum.auto()  # what is in flight must be settled first


class Filler:
    """Fills drafts. Used by one thread at a time, until it is closed."""

    def __init__(self, spec: OpenAIBatchSpec, frames: Store, money: Money, notes: Notes) -> None:
        self._spec, self._frames = spec, frames
        # not in ``lines``: a generator that nobody ends would wait for these threads wherever it is
        # collected, and where that is a thread about to begin both wait for ever
        self._readers = ThreadPoolExecutor(CLIPS, "frames")
        self._money, self._notes = money, notes

    def lines(self, items: Iterable[Item]) -> Iterator[Line]:
        """The line for the server of each request. One that cannot be sent is noted and left out."""
        items = iter(items)
        while chunk := list(itertools.islice(items, CLIPS)):
            # draws share them, and clips that are compared come in several requests
            clips = dict.fromkeys(clip.pictures for question, _ in chunk for clip in question.clips)
            images = dict(zip(clips, self._readers.map(self._images, clips)))
            for question, request in chunk:
                try:
                    yield question, request, self._line(request, images)
                except Unanswered as error:
                    note = Note(key=request.key, reason=error.reason, message=error.message)
                    self._notes.add([note])

    def close(self) -> None:
        """Read no more frames."""
        self._readers.shutdown(wait=False, cancel_futures=True)

    def fill(self, draft: Draft, feed: Feed[Line]) -> Full:
        """Take requests from the feed until the draft is full.

        Raises ``OverBudget`` where not even one request fits under a cap any more, and
        :class:`SetupError` where ``enqueued_tokens`` is less than one request needs.
        """
        for question, request, line in feed:
            estimate, worst = self._money.worst(question, request)
            self._check(request, worst.input_tokens)
            if not draft.fits(line, worst):
                feed.give_back((question, request, line))
                return Full.LIMIT
            if not self._affordable(draft, worst):
                feed.give_back((question, request, line))
                return Full.MONEY
            draft.add(Ticket(request=request, worst=worst, estimate=estimate), line)
        return Full.NO_MORE

    def _images(self, sha256s: tuple[str, ...]) -> bytes | Unanswered:
        try:
            return image_parts(read_frames(self._frames, sha256s), self._spec.image_detail)
        except Unanswered as error:
            return error

    def _line(
        self, request: Request, images: Mapping[tuple[str, ...], bytes | Unanswered]
    ) -> bytes:
        """Raises :class:`Unanswered` for a request that cannot be sent."""

        def of(clip: tuple[str, ...]) -> bytes:
            found = images[clip]
            if isinstance(found, Unanswered):
                raise found
            return found

        line = line_of(request.key, body_around(self._spec, request, shown(request, of)))
        if len(line) > self._spec.shard_bytes:
            raise Unanswered(
                Reason.REJECTED,
                f"the request has {len(line)} bytes, more than a file of {self._spec.shard_bytes} "
                "(shard_bytes) may hold; take fewer or smaller frames",
            )
        return line

    def _check(self, request: Request, tokens: int) -> None:
        cap = self._spec.enqueued_tokens
        if cap is not None and tokens > cap:
            raise SetupError(
                f"annotator {self._spec.annotator_id}: one request needs {tokens} input tokens, more "
                f"than enqueued_tokens: {cap}; raise it to what the account may have waiting"
            )

    def _affordable(self, draft: Draft, worst: Amount) -> bool:
        """Whether the draft and one more request fit under the caps, now or later."""
        try:
            return self._money.fits(draft.worst + worst)
        except OverBudget:
            if not draft.keys:
                raise
            return False  # what the draft holds fits
