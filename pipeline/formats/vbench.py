"""How VBench names a sampled clip after its prompt, and how the prompt is found again.

``<prompt>-<index>.mp4``: the stem without a final ``-<digits>`` is the prompt, and without one the
whole stem is (Vchitect/VBench, ``vbench/__init__.py`` and ``prompts/README.md``; Video-Bench writes
``_<index>``). File systems take no ``/`` and at most 255 bytes, so a name may be an altered or a cut
prompt; VBench-2.0 cuts at 180 characters itself. A suite's texts tell what was meant.
"""

import re
import unicodedata
from collections.abc import Iterable

MOST_BYTES = 255  # of a file's name
# A tool that cuts leaves room for its index and suffix, and drops a letter that no longer fits.
_NEAR = 15


def split_name(stem: str, separator: str = "-") -> tuple[str, int | None]:
    """Prompt and index of a file's name without its suffix; None where no index ends it."""
    match = re.fullmatch(rf"(.+){re.escape(separator)}([0-9]+)", stem, re.DOTALL)
    text, index = (match[1], int(match[2])) if match else (stem, None)
    return unicodedata.normalize("NFC", text).strip(), index


class Suite:
    """Finds which prompt of a suite a file is named after.

    Args:
        texts: the suite's prompts.
        cut: how many characters of a prompt the names keep; None: all that the file system takes.
    """

    def __init__(self, texts: Iterable[str], cut: int | None = None) -> None:
        self._texts = {unicodedata.normalize("NFC", text).strip(): text for text in texts}
        self._cut: dict[str, list[str]] = {}
        self._altered: dict[str, list[str]] = {}
        for plain in self._texts:
            _put(self._altered, _letters(plain), plain)
            if cut is not None:
                _put(self._cut, _letters(plain[:cut]), plain)

    def __len__(self) -> int:
        return len(self._texts)

    def find(self, name: str, separator: str = "-") -> tuple[str, int | None] | None:
        """Prompt and index of a file's name; None where it fits no prompt, or several.

        The same text comes before the same letters and digits in their order (whatever stands
        between), those before a cut text, and those before a prefix, which counts only in a name as
        long as a file system takes. In each step a final index is one if what precedes it fits.
        """
        stem = name.rpartition(".")[0]
        readings = [split_name(stem, separator), (split_name(stem, "\0")[0], None)]
        for step in (self._same, self._alike, self._shortened):
            for text, index in readings:
                found = step(text)
                if found is not None:
                    return self._texts[found], index
        if len(name.encode()) >= MOST_BYTES - _NEAR:
            found = self._begun(readings[0][0])
            if found is not None:
                return self._texts[found], readings[0][1]
        return None

    def _same(self, text: str) -> str | None:
        return text if text in self._texts else None

    def _alike(self, text: str) -> str | None:
        return _only(self._altered.get(_letters(text), []))

    def _shortened(self, text: str) -> str | None:
        return _only(self._cut.get(_letters(text), []))

    def _begun(self, text: str) -> str | None:
        start = _letters(text)
        return _only(
            [p for letters, ps in self._altered.items() if letters.startswith(start) for p in ps]
        )


def _letters(text: str) -> str:
    """The text with one blank for the signs that a file system or a tool might have changed.

    What is not ASCII stays, punctuation aside: a vowel sign or an emoji may be all that tells two
    prompts apart.
    """
    return " ".join("".join(c if _stays(c) else " " for c in text).split())


def _stays(letter: str) -> bool:
    return letter.isalnum() if letter.isascii() else unicodedata.category(letter)[0] not in "PZC"


def _put(index: dict[str, list[str]], letters: str, text: str) -> None:
    if letters:  # a text of nothing but signs is only itself
        index.setdefault(letters, []).append(text)


def _only(texts: list[str]) -> str | None:
    return texts[0] if len(texts) == 1 else None
