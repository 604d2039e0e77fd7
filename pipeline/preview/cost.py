"""What the few replies cost, and what that says about the whole run."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from annotators.chat.spec import ChatSpec
from annotators.ledger import Spent
from pipeline.estimate import Estimate
from pipeline.estimate.figures import plural, usd
from pipeline.preview.ask import Answer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One chat judge's replies on show, and the run's remaining requests at their mean."""

    annotator_id: str
    asked: int  # questions
    estimated: int  # input tokens at most, of the questions whose reply was counted
    counted: int  # input tokens, by the server
    output: int  # output tokens, likewise
    replies: int  # that the server counted
    cost_usd: float | None  # of all that was paid for these questions, whenever it was
    bought: Spent  # now
    to_come: int  # requests that the whole run has still to pay for
    replies_to_come: int = 0  # that these ask for
    at_most: bool = False  # how many there are only scores can tell: these are all pairs
    usd_at_most: float | None = None  # of those, estimated with whole outputs
    input_to_come: int | None = None  # estimated tokens of those, times the ratio
    output_to_come: int | None = None
    usd_to_come: float | None = None

    @property
    def paid_now(self) -> str:
        """What was bought, in words."""
        return paid_now(self.bought)

    @property
    def requests_to_come(self) -> str:
        """How many, in words."""
        return f"{'up to ' if self.at_most else ''}{plural(self.to_come, 'request')}"

    @property
    def ratio(self) -> float | None:
        """Input tokens counted per estimated one."""
        return self.counted / self.estimated if self.estimated else None


def paid_now(spent: Spent) -> str:
    """What was bought, in words."""
    if not spent.unpriced:
        return f"{plural(spent.requests, 'request')}, {usd(spent.usd)}"
    if spent.unpriced == spent.requests:
        return f"{plural(spent.requests, 'request')} of unknown cost"
    unknown = plural(spent.unpriced, "request")
    return f"{plural(spent.requests, 'request')}, {usd(spent.usd)} and {unknown} of unknown cost"


def measure(
    annotators: Sequence[ChatSpec],
    answers: Iterable[Answer],
    estimate: Estimate,
    bought: Mapping[str, Spent],
) -> list[Measured]:
    """One line per chat judge of the run."""
    answers = list(answers)
    lines = {line.annotator_id: line for line in estimate.lines}
    measured = []
    for spec in annotators:
        name = spec.annotator_id
        own = _sums([answer for answer in answers if answer.spec.annotator_id == name], name)
        line = lines[name]
        sent = line.text_tokens + line.image_tokens
        own = dataclasses.replace(
            own,
            bought=bought.get(name, Spent()),
            to_come=line.requests,
            replies_to_come=line.replies,
            at_most=line.least is not None and line.least.requests < line.requests,
            usd_at_most=line.usd_at_most,
        )
        measured.append(_projected(own, spec, sent))
    return measured


def _sums(answers: Sequence[Answer], name: str) -> Measured:
    estimated = counted = output = replies = 0
    for answer in answers:
        completion = answer.chat.completion if answer.chat else None
        worst = answer.chat.worst if answer.chat else None
        if answer.chat is None or worst is None:
            continue
        if completion is None or completion.input_tokens is None:
            continue
        estimated += worst.input_tokens
        counted += completion.input_tokens
        output += completion.output_tokens or 0
        replies += answer.chat.replies
    costs = [outcome.cost_usd for answer in answers for outcome in answer.outcomes]
    known = [cost for cost in costs if cost is not None]
    return Measured(
        annotator_id=name,
        asked=len(answers),
        estimated=estimated,
        counted=counted,
        output=output,
        replies=replies,
        cost_usd=sum(known) if len(known) == len(costs) else None,
        bought=Spent(),
        to_come=0,
    )


def _projected(own: Measured, spec: ChatSpec, sent: int) -> Measured:
    """``sent``: the input tokens that the run's remaining requests are estimated at."""
    if own.ratio is None:
        return own
    input_tokens = round(sent * own.ratio)
    output_tokens = round(own.replies_to_come * own.output / own.replies)
    price = spec.price
    return dataclasses.replace(
        own,
        input_to_come=input_tokens,
        output_to_come=output_tokens,
        usd_to_come=None if price is None else price.cost_usd(input_tokens, output_tokens),
    )
