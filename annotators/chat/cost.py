"""What a request may cost before it is sent, and what a reply did cost, by the server's own count."""

from annotators.base import Question
from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from annotators.judge.completion import Completion
from annotators.ledger import Amount
from annotators.models import Price, request_tokens


def estimated_input(spec: ChatSpec, question: Question, request: Request) -> int:
    """Input tokens of a request, as far as they can be told before the server counts them."""
    sizes = [clip.picture_px for clip in question.clips for _ in clip.pictures]
    return request_tokens(
        request.system,
        "".join([request.user, *(words for words, _ in request.captions)]),
        request.reply_schema if request.reply_format == "json_schema" else None,
        sizes,
        spec.image_tokens,
        request.settings.image_detail or "auto",
    )


def with_whole_output(spec: ChatSpec, request: Request, input_tokens: int) -> Amount:
    """What a request of so many input tokens uses if its replies are as long as they may be."""
    tokens_out = (request.settings.max_output_tokens or 0) * (request.settings.choices or 1)
    usd = None if spec.price is None else spec.price.cost_usd(input_tokens, tokens_out)
    return Amount(input_tokens=input_tokens, output_tokens=tokens_out, usd=usd)


def worst_case(spec: ChatSpec, question: Question, request: Request) -> Amount:
    """The estimated input and a whole output."""
    return with_whole_output(spec, request, estimated_input(spec, question, request))


def used(price: Price | None, completion: Completion) -> Amount | None:
    """What a reply cost; None where the server did not count its tokens."""
    tokens = completion.input_tokens, completion.output_tokens
    if tokens[0] is None or tokens[1] is None:
        return None
    usd = None if price is None else price.cost_usd(*tokens, completion.cached_tokens)
    return Amount(input_tokens=tokens[0], output_tokens=tokens[1], usd=usd)
