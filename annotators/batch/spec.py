"""Kind ``openai-batch``: the judge of kind ``openai``, asked through the provider's Batch API."""

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, Literal, Self

from pydantic import Field

from annotators.base import Annotator, Question, Resources
from annotators.chat.spec import ChatSpec
from annotators.models import ModelTable, Price
from schemas import Rubric
from schemas.options import SetupError

MOST_REQUESTS, MOST_BYTES = 50_000, 200_000_000  # of one file, at OpenAI


class OpenAIBatchSpec(ChatSpec):
    """A judge that answers within a day, for less.

    ``price`` is what the batch costs; one from the table of models is multiplied by its factor for
    batches. Replies are the same as those of kind ``openai`` and share its journal.
    """

    batch: ClassVar[bool] = True

    kind: Literal["openai-batch"] = "openai-batch"
    shard_requests: int = Field(MOST_REQUESTS, ge=1, le=MOST_REQUESTS)  # of one batch
    shard_bytes: int = Field(MOST_BYTES, ge=1, le=MOST_BYTES)  # of one file, as encoded
    # input tokens that the account may have waiting (estimated); None: all batches are sent at once
    enqueued_tokens: int | None = Field(None, ge=1)
    rounds: int = Field(3, ge=1)  # batches a request is put into before it is given up
    poll_s: float = Field(10, gt=0)  # seconds between looks at a batch, at first; six times at last
    transfers: int = Field(4, ge=1, le=64)  # files that are written, sent or read at the same time

    def resolved(self, models: ModelTable) -> Self:
        """As for every judge; the table's price is that of requests answered at once."""
        found = super().resolved(models)
        facts = models.facts(self.model)
        if self.price or facts is None or facts.price is None:
            return found
        return found.model_copy(update={"price": _times(facts.price, facts.batch_factor)})

    def check(self, rubrics: Sequence[Rubric], n_images: int) -> None:
        """As for every judge; a batch lies with one account, and is sent at no rate."""
        who = f"annotator {self.annotator_id}"
        if len(self.ways) > 1:
            raise SetupError(f"{who}: a batch lies with one account; give one endpoint")
        way = self.ways[0]
        if way.requests_per_minute is not None or way.tokens_per_minute is not None:
            raise SetupError(
                f"{who}: batches have no limits per minute; remove requests_per_minute and "
                "tokens_per_minute, and set enqueued_tokens where the account has such a limit"
            )
        super().check(rubrics, n_images)

    def prepare(
        self,
        questions: Callable[[], Iterable[Question]],
        resources: Resources,
        say: Callable[[str], None],
    ) -> None:
        """Every question's reply into the journal, through batches. Takes up to days.

        May be killed at any time: the next call goes on and buys nothing twice. Raises
        :class:`~annotators.base.RunStopped` where it cannot go on now.
        """
        from annotators.batch.prepare import prepare

        prepare(self, questions, resources, say)

    def open(self, resources: Resources) -> Annotator:
        """Reads what :meth:`prepare` left."""
        from annotators.batch.annotator import BatchAnnotator

        return BatchAnnotator(self, resources)


def _times(price: Price, factor: float) -> Price:
    return Price(
        **{name: usd * factor for name, usd in price.model_dump(exclude_none=True).items()}
    )
