"""The tokens of a model as bytes, and the grammars that a reply can be held to."""

import functools
import json
from collections.abc import Sequence
from typing import Any

import llguidance
import llguidance.hf

from annotators.local.held import HeldReply
from annotators.local.skeleton import strings_of
from schemas.options import SetupError

WIDTH = 32  # tokens to a word of a mask


class Vocabulary:
    """What every token says. Making one takes a second for a large vocabulary; keep it."""

    def __init__(self, tokenizer: Any, ends: Sequence[int]) -> None:
        self.tokenizer, self.ends = tokenizer, tuple(ends)
        try:
            self._tokens = llguidance.hf.from_tokenizer(tokenizer, eos_token=list(ends))
        except Exception as error:
            raise SetupError(
                f"the tokenizer {type(tokenizer).__name__} cannot be read by llguidance ({error}); "
                "choose a model with a fast tokenizer (tokenizer.json)"
            ) from error

    @property
    def size(self) -> int:
        """Tokens that a grammar knows; a model may have more, or fewer."""
        return self._tokens.vocab_size

    @functools.cached_property
    def quotes(self) -> list[int]:
        """Tokens that begin with the quotation mark that ends a JSON string."""
        return [token for token in range(self.size) if self.raw(token).startswith(b'"')]

    def raw(self, token: int) -> bytes:
        """The bytes that a token stands for; none for one beyond the tokenizer's vocabulary."""
        return self._tokens.decode_bytes([token]) if token < self.size else b""

    def text(self, tokens: Sequence[int]) -> str:
        """What the tokens say, without those that only steer."""
        return self.tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )

    def held(self, schema: dict[str, Any], cap: int) -> HeldReply:
        """A reply that is to fit a schema within so many tokens. Raises ValueError for a schema that
        cannot be kept to."""
        matcher = llguidance.LLMatcher(self._tokens, _grammar(json.dumps(schema)), log_level=0)
        if matcher.is_error():
            raise ValueError(f"the reply cannot be held to its schema: {matcher.get_error()}")
        return HeldReply(matcher, strings_of(schema), cap)


@functools.lru_cache(maxsize=256)
def _grammar(schema: str) -> str:
    """One blank after each colon and comma, as most models write JSON: where a model expects a blank and
    is given none, its probabilities of the levels of a scale are those of a surprise."""
    return llguidance.LLMatcher.grammar_from_json_schema(
        schema,
        defaults={"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "},
    )
