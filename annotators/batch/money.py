"""The money of a batch run: a whole shard is reserved at its worst case before it can cost anything."""

from collections.abc import Sequence

from annotators.base import Question
from annotators.batch.state import Shard, Step
from annotators.chat.cost import estimated_input, with_whole_output
from annotators.chat.purse import DRIFT, DRIFT_FROM
from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from annotators.ledger import RESERVED, Amount, Ledger, Spent


class Money:
    """One annotator's account in the ledger. Only one process prepares, so it alone uses it."""

    def __init__(self, spec: ChatSpec, ledger: Ledger) -> None:
        self._spec, self._ledger, self._account = spec, ledger, spec.annotator_id

    def worst(self, question: Question, request: Request) -> tuple[int, Amount]:
        """Estimated input tokens, and the worst case as the replies so far corrected it."""
        ratio, n = self._ledger.ratio(self._account)
        estimate = estimated_input(self._spec, question, request)
        expected = round(estimate * ratio) if n >= DRIFT_FROM else estimate
        return estimate, with_whole_output(self._spec, request, expected)

    def fits(self, worst: Amount) -> bool:
        """Whether so much could be reserved now. Raises ``OverBudget`` where it never can."""
        fits = self.reserve(worst)
        if fits:
            self._ledger.release(self._account, worst)
        return fits

    def reserve(self, worst: Amount) -> bool:
        """Reserve a shard; False where what is in flight must be settled first.

        Raises ``OverBudget`` where waiting would not help.
        """
        return self._ledger.reserve(self._account, worst) is RESERVED

    def settle(self, worst: Amount, used: Amount) -> None:
        """Book what came of a shard."""
        self._ledger.settle(self._account, worst, used)

    def resume(self, shards: Sequence[Shard]) -> bool:
        """Reserve again what an earlier process had in flight.

        The ledger counts what a dead process had reserved as billed, for nobody can know; here it is
        known. Whether a shard that was about to be booked (one at most) still has to be: if it was
        booked before the kill, fewer requests are lost than those of all shards together.
        """
        if not shards:
            return False
        # not all of the account: sentinels of it that were lost were sent one by one
        before = self._ledger.purposes().get(self._account, {}).get("", Spent())
        if before.reserved_requests:  # of an earlier run that was stopped, as nothing works yet
            self._ledger.begin()
        n_lost = before.lost_requests + before.reserved_requests
        unbooked = n_lost >= sum(shard.worst.requests for shard in shards)
        for shard in shards:
            if unbooked or shard.step is not Step.SETTLING:
                self._ledger.regain(self._account, shard.worst)
        return unbooked

    def compare(self, estimates: Sequence[tuple[int, int]]) -> str | None:
        """Note how far estimates were off; why a cap cannot rest on them, if it cannot."""
        for estimate, count in estimates:
            self._ledger.estimated(self._account, estimate, count)
        ratio, n = self._ledger.ratio(self._account)
        capped = self._ledger.capped and self._spec.image_tokens is not None
        if not capped or n < DRIFT_FROM or abs(ratio - 1) <= DRIFT:
            return None
        return (
            f"{self._spec.model} counts {ratio:.2f} times the input tokens that the estimate and so "
            f"the budget rest on ({n} replies); set image_tokens: of the annotator right, or cap "
            "the budget in requests"
        )
