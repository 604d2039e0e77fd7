"""A reply without what only looks: invisible characters, other digits, markup, thoughts.

Everything here runs once over the text: replies are untrusted, and may be long.
"""

import re
import unicodedata

# Zero-width and bidirectional marks, byte order mark, soft hyphen, emoji variants and keycaps.
_UNSEEN = re.compile(
    "[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufe0e\ufe0f\u20e3]"
)
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_SIGNS = _FULL_WIDTH | {
    ord("【"): "[", ord("】"): "]", ord("−"): "-", ord("\u2028"): "\n", ord("\u2029"): "\n",
    ord("\x85"): "\n", ord("\x0b"): "\n", ord("\x0c"): "\n", ord("\r"): "\n",
}  # fmt: skip
_INLINE = re.compile(r"</?(?:b|i|u|em|strong|span|code|p|br|div|h[1-6])\s?/?>", re.IGNORECASE)
_STRUCK = re.compile(r"~~[^~\n]{1,40}~~|<(s|del)>[^<>\n]{1,40}</\1>", re.IGNORECASE)
_FENCE = re.compile(r"```(?:[A-Za-z][\w+.-]{0,20}(?=\s|\Z))?")  # ```4``` is a number in dress
_LATEX = re.compile(r"\\(?:text|mathbf|textbf|mathrm)\{([^{}\n]{0,60})\}")
_THOUGHT = re.compile(
    r"<(?P<close>/?)(?:think|thinking|thoughts?|reasoning|analysis|scratchpad|reflection)\s?>",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """The text as a reader sees it: ASCII digits and signs, one kind of line break, no markup that
    only dresses. What is struck out is gone: its writer took it back."""
    text = _UNSEEN.sub("", text.replace("\r\n", "\n")).translate(_SIGNS)
    text = re.sub(r"\d", lambda digit: str(unicodedata.decimal(digit[0])), text)
    return _LATEX.sub(r"\1", _INLINE.sub("", _STRUCK.sub("", _FENCE.sub("\n", text))))


def without_thoughts(text: str) -> tuple[str, bool]:
    """The text outside ``<think>`` blocks, and whether the last block was never closed.

    A closing tag without an opening one ends a thought that began in the request. A tag inside an
    open object is part of a quotation.
    """
    kept, at, depth, braces = "", 0, 0, 0
    for tag in _THOUGHT.finditer(text):
        between = text[at : tag.start()]
        if depth == 0:
            balance = braces + between.count("{") - between.count("}")
            if balance > 0:
                kept, at, braces = kept + text[at : tag.end()], tag.end(), balance
                continue
            kept, braces = ("" if tag["close"] else kept + between + "\n"), 0
        depth = max(0, depth - 1) if tag["close"] else depth + 1
        at = tag.end()
    return (kept if depth else kept + text[at:]), depth > 0
