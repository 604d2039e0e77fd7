"""Text as a file can hold it."""

import re

_SURROGATE = re.compile(r"[\ud800-\udfff]")


def printable(text: str) -> str:
    """The text without halves of letters: JSON may name them, and UTF-8 cannot write them."""
    return _SURROGATE.sub("\ufffd", text)
