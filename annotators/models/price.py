"""What tokens cost."""

from pydantic import Field

from schemas.options import Options

TOKENS_PER_PRICE = 1_000_000


class Price(Options):
    """US dollars for a million tokens."""

    input_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    output_usd_per_million: float = Field(ge=0, allow_inf_nan=False)
    # of input that the server still held from an earlier request; None: no discount
    cached_input_usd_per_million: float | None = Field(None, ge=0, allow_inf_nan=False)

    def cost_usd(
        self, input_tokens: int | None, output_tokens: int | None, cached_tokens: int = 0
    ) -> float | None:
        """Dollars for these tokens; None where the server did not say how many.

        ``cached_tokens`` are part of ``input_tokens``, as servers report them.
        """
        if input_tokens is None or output_tokens is None:
            return None
        discount = self.cached_input_usd_per_million
        if discount is None:
            cached_tokens = discount = 0
        cached = min(cached_tokens, input_tokens)
        usd = (
            (input_tokens - cached) * self.input_usd_per_million
            + cached * discount
            + output_tokens * self.output_usd_per_million
        )
        return usd / TOKENS_PER_PRICE


def price_line(model: str) -> str:
    """The line of YAML that gives a model's price, its numbers to be filled in.

    It goes into the annotator's own block as it is, or below the model in a file of models.
    """
    fields = ", ".join(f"{name}: ..." for name, f in Price.model_fields.items() if f.is_required())
    return f"price: {{{fields}}}  # US dollars per million tokens of {model}"
