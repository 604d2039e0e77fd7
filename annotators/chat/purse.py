"""The money of one annotator: reserved before a request is sent, settled by the server's own count."""

from annotators.base import Question, Resources
from annotators.chat.cost import estimated_input, used, with_whole_output
from annotators.chat.gate import Gate
from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from annotators.judge.completion import Completion
from annotators.judge.gate import not_attempted
from annotators.ledger import RESERVED, Amount, OverBudget
from annotators.told import Told

# of estimated input tokens: beyond it an estimate, and a cap that rests on it, is wrong
DRIFT = 0.25
DRIFT_FROM = 10  # replies, below which a ratio says little
WAIT_S = 0.05  # until what is in flight may have settled


class Purse:
    """One annotator's account in the ledger."""

    def __init__(self, spec: ChatSpec, resources: Resources, gate: Gate) -> None:
        self._spec, self._ledger, self._gate = spec, resources.ledger, gate
        self._told = resources.told
        self._account = spec.annotator_id

    def worst(self, question: Question, request: Request) -> tuple[Amount, int]:
        """What the request may cost at most, as the replies so far corrected the estimate, and the
        input tokens as estimated without them."""
        ratio, n = self._ledger.ratio(self._account)
        estimate = estimated_input(self._spec, question, request)
        expected = round(estimate * ratio) if n >= DRIFT_FROM else estimate
        return with_whole_output(self._spec, request, expected), estimate

    async def reserve(self, worst: Amount, purpose: str = "") -> None:
        """Wait until the caps allow it. Raises ``Unanswered`` (not attempted) where they never will."""
        try:
            while self._ledger.reserve(self._account, worst, purpose) is not RESERVED:
                await self._gate.sleep(WAIT_S)
        except OverBudget as error:
            self._gate.shut(str(error))
            raise not_attempted(str(error)) from error

    def settle(
        self,
        worst: Amount,
        completion: Completion | None,
        purpose: str = "",
        took_ms: float | None = None,
    ) -> None:
        """Book a reply; without one, or without the server's count, at the worst case."""
        amount = None if completion is None else used(self._spec.price, completion)
        entered = self._ledger.settle(self._account, worst, amount, purpose)
        self._told(
            Told(
                requests=entered.requests,
                input_tokens=entered.input_tokens,
                output_tokens=entered.output_tokens,
                usd=entered.usd,
                request_ms=took_ms,
            )
        )

    def release(self, worst: Amount, purpose: str = "") -> None:
        """Nothing was billed."""
        self._ledger.release(self._account, worst, purpose)

    def compare(self, estimate: int, completion: Completion) -> None:
        """Note how far an estimate was off; a cap that rests on wrong ones stops the run."""
        if completion.input_tokens is None:
            return
        self._ledger.estimated(self._account, estimate, completion.input_tokens)
        ratio, n = self._ledger.ratio(self._account)
        capped = self._ledger.capped and self._spec.image_tokens is not None
        if capped and n >= DRIFT_FROM and abs(ratio - 1) > DRIFT:
            self._gate.shut(
                f"{self._spec.model} counts {ratio:.2f} times the input tokens that the estimate and "
                f"so the budget rest on ({n} replies): its rule for images or its size limits are "
                "not what the table of models says. Look at one reply's usage with `preview`, then "
                "set image_tokens: of the annotator, or leave it unknown with a cap in requests"
            )
