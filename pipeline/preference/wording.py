"""When two prompts say the same: their words, and the set of tokens that is compared.

Case, punctuation, white space and the form of a character (NFKC) never make another prompt. Among
tokens, words that carry the grammar, the medium ("a video of") or a wish for quality ("4k, highly
detailed") do not count either, nor does a plural -s; order does not. What was measured on prompts of
VBench, FETV and GenAI-Bench stands in the documentation of :mod:`pipeline.preference.near_duplicates`.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator

APOSTROPHES = "'’ʼ`´"
_APOSTROPHE = {ord(sign): "'" for sign in APOSTROPHES}  # before NFKC, which parts "´" in two
_ARTICLES = ("a", "an", "the", "this", "that", "there", "some")
_LINKS = ("of", "on", "in", "at", "to", "by", "with", "and", "is", "are")
_MEDIUM = ("video", "videos", "footage", "clip")
SAY_NOTHING = frozenset((*_ARTICLES, *_LINKS, *_MEDIUM))
# what is appended to prompts so that the clip look good; phrases first, so that "high" alone stays
_QUALITY = re.compile(
    r"\b(?:(?:high|best|top|ultra|super|highest|good) (?:quality|resolution|definition|hd)"
    r"|(?:highly|ultra|hyper|extremely|very|super|finely|intricately) (?:detailed|realistic)"
    r"|full hd|sharp focus|award winning|trending artstation|trending on artstation"
    r"|(?:2|4|8|12|16)k|u?hd|fhd|hdr|(?:480|720|1080|1440|2160)p|(?:24|25|30|60|120) ?fps"
    r"|masterpiece|photorealistic|hyperrealistic|ultrarealistic|cinematic)\b"
)


def words_of(text: str) -> str:
    """A prompt's words alone: two texts that differ in case, punctuation, white space or the form of
    their characters are one prompt.

    A text of punctuation alone stays as it is, in NFKC and without white space at its ends.
    """
    folded = unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", text.translate(_APOSTROPHE)).casefold()
    )
    return " ".join(folded.translate(_SPOKEN).split()) or " ".join(folded.split())


class _Spoken(dict[int, str]):
    """Of a sign's code point what is heard of it; asked once per sign, as ``str.translate`` does."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        heard = sign
        if sign in APOSTROPHES or 0xFE00 <= code <= 0xFE0F:
            heard = ""  # "dog's" is a word, "close-up" are two; how an emoji is drawn says nothing
        elif not sign.isalnum() and unicodedata.category(sign)[0] in "PZC":
            # symbols speak, too: emoji, "+", "$"; punctuation, blanks and control signs part words
            heard = " "
        self[code] = heard
        return heard


_SPOKEN = _Spoken()


def tokens_of(text: str) -> frozenset[str]:
    """The words of a prompt that two prompts are compared by, as a set.

    Where nothing but words that do not count is said, all of them count. A sign of a script without
    blanks between words (Chinese, Japanese) is a token of its own.
    """
    words = words_of(text)
    kept = [w for w in _QUALITY.sub(" ", words).split() if w not in SAY_NOTHING]
    # interned: a hundred thousand prompts share few tokens
    return frozenset(sys.intern(t) for word in kept or words.split() for t in _tokens(word))


def _tokens(word: str) -> Iterator[str]:
    if word.isascii() or not any(unicodedata.east_asian_width(c) in "WF" for c in word):
        yield _singular(word)
    else:
        yield from word


def _singular(word: str) -> str:
    """Without the -s of a plural or of a verb: crude, the same for both sides of every comparison."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "shes", "ches", "xes", "zes")):
        return word[:-2]
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is"))
    return word[:-1] if plural else word
