"""What a request may cost before it is sent, and what a reply did cost, by the server's own count."""

from annotators.base import Question
from annotators.chat.completion import Completion
from annotators.chat.spec import ChatSpec
from annotators.journal import Request
from annotators.ledger import Amount
from annotators.models import Price, request_tokens


def worst_case(spec: ChatSpec, question: Question, request: Request, ratio: float = 1.0) -> Amount:
    """The estimated input, times ``ratio`` (what estimates were off by so far), and a whole output."""
    frames, settings = question.frames, request.settings
    size = (frames.frame_width_px, frames.frame_height_px)
    estimate = request_tokens(
        request.system,
        request.user,
        request.reply_schema if request.reply_format == "json_schema" else None,
        [size] * len(request.frames),
        spec.image_tokens,
        settings.image_detail or "auto",
    )
    tokens_in, tokens_out = round(estimate * ratio), settings.max_output_tokens or 0
    usd = None if spec.price is None else spec.price.cost_usd(tokens_in, tokens_out)
    return Amount(input_tokens=tokens_in, output_tokens=tokens_out, usd=usd)


def used(price: Price | None, completion: Completion) -> Amount | None:
    """What a reply cost; None where the server did not count its tokens."""
    tokens = completion.input_tokens, completion.output_tokens
    if tokens[0] is None or tokens[1] is None:
        return None
    usd = None if price is None else price.cost_usd(*tokens, completion.cached_tokens)
    return Amount(input_tokens=tokens[0], output_tokens=tokens[1], usd=usd)
