"""What one clip costs, in the ledger: reserved before a job is created, settled when it ends."""

from annotators.ledger import RESERVED, Ledger, OverBudget
from pipeline.generators.openai_video.desk import Desk
from pipeline.generators.openai_video.spec import OpenAIVideoSpec

WAIT_S = 0.05  # until what is in flight may have settled


class Till:
    """The account of one clip. ``open``: something is reserved for it now.

    ``lost``: calls that may have created a job, and so cost money, though none is known of.
    """

    def __init__(self, spec: OpenAIVideoSpec, ledger: Ledger) -> None:
        self._account, self._worst, self._ledger = spec.account, spec.worst, ledger
        self.open, self.lost = False, 0

    def reserve(self, desk: Desk) -> None:
        """Wait until the caps allow a job. Where they never will, nothing more is bought:
        ``Unanswered`` (not attempted)."""
        try:
            while self._ledger.reserve(self._account, self._worst) is not RESERVED:
                desk.sleep(WAIT_S)
        except OverBudget as error:
            desk.gate.shut(str(error))
            desk.gate.check()
        self.open = True

    def regain(self) -> None:
        """Reserve again what an earlier process had: it counts as lost, and is not."""
        self._ledger.regain(self._account, self._worst)
        self.open = True

    def release(self) -> None:
        """Nothing was billed."""
        if self.open:
            self._ledger.release(self._account, self._worst)
        self.open = False

    def settle(self, *, known: bool) -> None:
        """It cost its price; not ``known``: nobody knows, which counts as the price, and as lost."""
        if self.open:
            self._ledger.settle(self._account, self._worst, self._worst if known else None)
        self.open = False

    def lose(self) -> None:
        """A call came to no end."""
        self.settle(known=False)
        self.lost += 1

    def find(self) -> None:
        """What a call that came to no end had created was found."""
        self.regain()
        self.lost -= 1

    def for_nothing(self, cost_usd: float | None) -> float | None:
        """What a clip that failed cost: ``cost_usd``; where a call was lost, or a job goes on without
        us, nobody knows."""
        unknown = (self.open or self.lost) and self._worst.usd != 0.0
        return None if unknown else cost_usd
