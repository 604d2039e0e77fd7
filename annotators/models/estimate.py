"""How many tokens a request will count, estimated: no tokenizer is needed, and none is exact.

Which tokenizer a judge uses is often secret, and a vocabulary is megabytes to fetch; so text is cut as
the tokenizers of GPT-4o and later cut it before they look anything up (runs of letters, digits by
three, runs of signs, a blank going with the word after it), and each piece counts what such pieces
count on average. Averages fitted to counts that OpenAI has published: the announcement of GPT-4o
(one greeting in many languages, 16 of them used), the cookbook's page on counting tokens, and the
tokenizer page. English comes out a few percent above those counts, as do the languages together; a
single sentence is up to a quarter off.
"""

import functools
import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from annotators.models.images import ImageRule

# Around each message, and the opening of the reply (OpenAI's cookbook: 3 a message, its role 1, then 3)
PER_MESSAGE, REPLY = 4, 3
# Where no rule is known: an image of 768 x 1536 px at high detail of gpt-4o, the most that model
# counts for any format up to 2:1; patches of 32 px (173 for a frame of 512 x 288) stay far below.
# gpt-4o-mini counts more, but is known.
UNKNOWN_IMAGE = 1105

_PIECES = re.compile(
    r"(?P<word>[A-Za-z]++(?:'(?:s|t|re|ve|m|ll|d)\b)?+(?![\u00aa-\u024f\u1e00-\u1eff]))"
    r"|(?P<latin>[A-Za-z\u00aa-\u00af\u00b2-\u00ba\u00c0-\u024f\u1e00-\u1eff]+)"  # accents
    r"|(?P<digits>[0-9]+)"
    r"|(?P<line>\s*[\r\n]\s*)"
    r"|(?P<gap>[^\S\r\n]{2,}|[^\S\r\n](?=[0-9]|$))"  # one blank before anything else goes with it
    r"|[^\S\r\n]"
    r"|(?P<signs>[!-/:-@\[-`{-~]+)"
    r"|(?P<greek>[\u0370-\u052f\u1f00-\u1fff]+)"  # and Cyrillic
    r"|(?P<arabic>[\u0590-\u08ff]+)"  # and Hebrew
    r"|(?P<indic>[\u0900-\u0dff]+)"
    r"|(?P<han>[\u3400-\u9fff\U00020000-\U0003ffff])"
    r"|(?P<syllable>[\u3040-\u30ff\uac00-\ud7af])"  # kana and Hangul
    r"|(?P<emoji>[\U0001f000-\U0001faff])"
    r"|(?P<other>.)",
    re.DOTALL,
)
_LETTERS = {"latin": 3.0, "greek": 3.4, "arabic": 2.6, "indic": 2.5}  # to a token, of a word
_EACH = {"han": 0.8, "syllable": 0.7, "emoji": 3.0}  # one by one; whatever is not named counts 1


@functools.lru_cache(512)  # the words of a rubric are counted once, not for every clip
def text_tokens(text: str) -> int:
    """Tokens of a text, as an estimate."""
    pieces = ((piece.lastgroup, piece.end() - piece.start()) for piece in _PIECES.finditer(text))
    return math.ceil(round(sum(_weight(kind, n) for kind, n in pieces if kind), 6))


def _weight(kind: str, length: int) -> float:
    """What a piece of so many characters counts on average."""
    match kind:
        case "word":
            return 1 + max(0, length - 7) / 5  # most words up to there are one token
        case "digits":
            return math.ceil(length / 3)
        case "signs":
            return math.ceil(length / 2)
        case _ if kind in _LETTERS:
            return max(1.0, length / _LETTERS[kind])
        case _:
            return _EACH.get(kind, 1.0)


def request_tokens(
    system: str,
    user: str,
    reply_schema: dict[str, Any] | None,
    sizes: Sequence[tuple[int, int]],
    rule: ImageRule | None,
    detail: str,
) -> int:
    """Input tokens of a request with images of these sizes (width, height in px), as an estimate.

    Without a rule every image counts ``UNKNOWN_IMAGE``: enough to pace requests by tokens, no ground
    for a cap in dollars.
    """
    schema = "" if reply_schema is None else json.dumps(reply_schema)
    words = sum(text_tokens(text) for text in (system, user, schema))
    return words + 2 * PER_MESSAGE + REPLY + _image_tokens(sizes, rule, detail)


def _image_tokens(sizes: Sequence[tuple[int, int]], rule: ImageRule | None, detail: str) -> int:
    if rule is None:
        return UNKNOWN_IMAGE * len(sizes)
    return sum(n * rule.tokens(*size, detail) for size, n in Counter(sizes).items())
