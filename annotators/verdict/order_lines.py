"""Answers about several videos in text: alone on a line, behind a word for a verdict, in a numbered list.

``Video B is better.`` counts where it sums up, or where it is the first or the last sentence: in
between it may be about one point of many.
"""

import re
from collections.abc import Iterator

from annotators.verdict.mentions import Names
from annotators.verdict.objects import is_quotation
from annotators.verdict.order_sentences import sentences
from annotators.verdict.orders import (
    NAME,
    NOUN,
    ODD,
    TURNED,
    Answer,
    Order,
    Said,
    answer_of,
    letter_of,
    worst_first,
)
from annotators.verdict.tables import rows

_MOST_LINES = 2000
_WORDS = (
    r"best\s+to\s+worst|verdict|choice|answer|decision|winner|vote|preference|preferred|better|best|selection|pick"
    r"|ranking|order|ranked|conclusion|result"
)
_VERDICT = re.compile(
    r"(?:^[ \t>#*_\-•\u2600-\u27bf\U0001f300-\U0001faff]{0,12}(?:\d[.)]\s)?|[.!?][\s*_]{1,4})"
    r"(?:(?:therefore|so|thus|hence|overall|and),?\s)?"
    r"(?:(?:my|the|final|overall|your|is|ranked|videos?|from)\s){0,3}"
    rf"(?P<word>{_WORDS})(?:\s(?:order|{NOUN}|one|choice|overall)){{0,2}}"
    r"(?:\s(?:of|for)\s(?:the|all)\s(?:\w+\s)?videos)?"
    r"(?P<how>[\s,]{0,2}\(?(?:from\s)?(?:best|worst|highest|lowest)[^()\n:]{1,30}\)?)?"
    r"[\s*_`]{0,6}(?:(?:is|would\sbe)\s*:?|[:=]|-+>|→|—|–|-(?=\s))[\s*_`]*(?P<value>[^\n]*)",
    re.IGNORECASE,
)
_MARKED = re.compile(r"\\boxed\{\s*([^{}\n]{1,60})\}|\[\[([^\[\]\n]{1,60})\]\]?(?!\()")
_FORM = re.compile(
    r"\W*(?:your\b.*|(?:final\s+)?(?:label|verdict|choice|answer|ranking)|\.{2,}|…|x|_+)\W*", re.I
)
_UNSAID = re.compile(
    r"\b(?:not|never|n?either)\s+(?:(?:choose|pick|say|give|be|select|vote\s+for)\s+)?[\s*_`'\"“]*\Z"
    r"|(?:^|[.!?]\s)\W{0,3}(?:if|unless|had)\s[^.!?\n]{0,100}\Z",
    re.IGNORECASE,
)
_UNMEANT = re.compile(r"[\s*_`]{0,4}(?:would|could|might|may|is\s+what|if|unless)\b|\s?\?", re.I)
_HEADING = re.compile(rf"[\s>#*_\-•]*(?:\d[.)]\s*)?(?P<name>{NAME})[\s*_]*(?:[:.–—-]|\Z)")
_ITEM = re.compile(
    rf"[\s>#*_\-•(]*(?P<sure>(?i:rank(?:ed)?|place|no\.?)\s*)?#?(?P<number>\d{{1,2}})"
    rf"(?P<nth>st|nd|rd|th)?(?i:\s+(?:place|rank|best))?[\s*_]*[.:)\-–—=]+[\s*_]*(?P<name>{NAME})"
    r"[\s*_]*(?P<why>\Z|[-–—:,(.;]\s*.+)"
)
_SURE_REASON = re.compile(  # `Model A - while soft` may open a description of it
    rf"{NAME}[*_]*,?\s+(?:because|since)\b|\W*[A-Z]\W+(?!.*\b[A-HJ-Z]\b).*\Z"
)
_LAST = re.compile(r"\b(?:final|overall)\b", re.IGNORECASE)
_WHY = re.compile(r"\b(?:rationale|reason(?:ing)?|explanation|justification)\b\W+", re.IGNORECASE)
_PLACE = re.compile(
    rf"[\s>#*_\-•]*(?P<name>{NAME})[\s*_]*[:=\-–—]+[\s*_]*(?:(?i:rank(?:ed)?|place|position)\s*#?(?P<a>\d{{1,2}})"
    r"|(?P<b>\d{1,2})(?:st|nd|rd|th))(?i:\s+place)?[\s*_.]*\Z"
)
_RANKS = re.compile(
    r"\b(?:rank(?:ing|ed|s)?|order|best\s+to\s+worst|worst\s+to\s+best|from\s+(?:the\s+)?best)\b",
    re.I,
)


def in_text(text: str, names: Names, n_clips: int) -> Iterator[Said]:
    """Every place of a text without objects that answers."""
    lines = [line for line in rows(text) if line.strip()][:_MOST_LINES]
    only = names.only.name if names.only else None
    about, opened = only, False
    for at, line in enumerate(lines):
        heading = re.sub(r"^[\W\d_]+|[\W_]+$", "", line[:200])
        if names.dimension(heading) or (names.is_other(heading) and not letter_of(heading)):
            named = names.dimension(heading)
            about, opened = (named.name if named else None), True
            continue
        last = only if _LAST.search(line[:60]) else about
        yield from _in_line(line, lines[at + 1 : at + 2], names, n_clips, last or about)
    if not opened:
        for answer in _by_position(lines, n_clips):
            yield Said(dimension=only, answer=answer)


def concluded(rationale: str, n_clips: int) -> Iterator[Answer]:
    """Which video the words of a rationale put first, where they plainly do."""
    yield from sentences(rationale, n_clips, sure=True)
    for line in rationale.split("\n") if "[[" in rationale else ():
        yield from _marked(line, n_clips)


def _in_line(
    line: str, following: list[str], names: Names, n_clips: int, about: str | None
) -> Iterator[Said]:
    key, value = _split(line)
    named = names.dimension(key)
    if named or (key and names.is_other(key) and not letter_of(key)):
        answer = answer_of(value, n_clips) or _marked_in(value, n_clips)
        if answer:
            yield Said(dimension=named.name if named else None, answer=answer)
        return
    for answer in _marked(line, n_clips):
        yield Said(dimension=about, answer=answer)
    for found in _VERDICT.finditer(line):
        for answer in _behind(found, line, following, n_clips):
            yield Said(dimension=about, answer=answer)


def _split(line: str) -> tuple[str, str]:
    """``Motion: A``: what stands before the first colon, and behind it."""
    parts = re.split(r"[:=]", line[:400], maxsplit=1)
    key = re.sub(r"^\W{0,12}\d[.)]", "", parts[0]).strip(" \t>#*_-•`")
    return (key, parts[1].strip(" \t*_`")) if len(parts) == 2 and len(key) <= 60 else ("", "")


def _marked(line: str, n_clips: int) -> Iterator[Answer]:
    """Answers in double brackets or a box, wherever they stand."""
    for found in _MARKED.finditer(line):
        inner, before = found[1] or found[2], line[max(0, found.start() - 160) : found.start()]
        unmeant = _UNSAID.search(before) or _UNMEANT.match(line, found.end())
        if not (unmeant or is_quotation(before) or _FORM.fullmatch(inner)):
            yield answer_of(inner, n_clips) or ODD


def _marked_in(value: str, n_clips: int) -> Answer | None:
    return next(_marked(value, n_clips), None)


def _behind(
    found: re.Match[str], line: str, following: list[str], n_clips: int
) -> Iterator[Answer]:
    """What stands behind a word for a verdict, or on the next line where nothing does."""
    before = line[: found.start("word")]
    value = found["value"].strip()
    if not value.strip(" *_`:") and following:
        value = following[0].strip()
        if _ITEM.match(value) or (_HEADING.match(value) and ":" in value):
            return
    if _MARKED.search(value) or is_quotation(before):
        return
    answer = answer_of(value, n_clips, ranked=_RANKS.search(found[0]) is not None)
    if answer is None and re.fullmatch(rf"\W*(?:{NOUN}\s*)?\d\W*", value):
        answer = ODD
    if answer is None:
        answer = next(sentences(value, n_clips), None)
    if answer and value.endswith("?"):
        return
    if answer:
        yield TURNED if worst_first(found["how"] or "") else answer
    if why := _WHY.search(value):
        yield from concluded(value[why.end() :], n_clips)


def _by_position(lines: list[str], n_clips: int) -> Iterator[Answer]:
    """Answers that are so by where they stand: alone on a line, in a numbered list, in sentences that
    open the reply, end it or sum up."""
    ends = {0, len(lines) - 1}
    headed = {letter_of(_plain(found["name"])) for line in lines if (found := _HEADING.match(line))}
    for at, line in enumerate(lines):
        answer = _alone(line, n_clips, whole=len(lines) == 1)
        chain = isinstance(answer, Order) and len(answer.letters) > 1 and ">" in line
        if answer and (chain or (at in ends and len(headed) < 2)):
            yield answer
    yield from _numbered(lines, n_clips)
    yield from _placed(lines)
    yield from sentences("\n".join(lines), n_clips)


def _plain(name: str) -> str:
    return re.sub(r"[\"'“”‘’()\[\]*_]", "", name)


def _alone(line: str, n_clips: int, *, whole: bool) -> Answer | None:
    heading = _HEADING.match(line)
    colon = (
        heading and heading[0].rstrip(" *_").endswith(":") and heading.end() < len(line.rstrip())
    )
    if colon or _ITEM.match(line) or line.rstrip(" *_")[-1:] in ("?", ":"):
        return None
    if not whole and re.fullmatch(r"[\s\W]*[a-z][\s\W]*", line):
        return None
    if _MARKED.search(line):
        return None
    bare = line.lstrip(" >#-•\t")
    answer = answer_of(bare, n_clips, reasons=whole and _SURE_REASON.match(bare) is not None)
    several = isinstance(answer, Order) and len(answer.letters) > 1 and "," in line
    return answer if whole or not several else None


def _numbered(lines: list[str], n_clips: int) -> Iterator[Answer]:
    """Numbered lists that rank: headed by a word for it, by ordinals, or of bare letters with nothing
    before them. Two letters with numbers may be all that was shown."""
    runs: list[list[tuple[int, re.Match[str]]]] = []
    for at, line in enumerate(lines):
        if not (item := _ITEM.match(line)):
            continue
        if runs and int(item["number"]) == len(runs[-1]) + 1:
            runs[-1].append((at, item))
        elif int(item["number"]) == 1:
            runs.append([(at, item)])
    for run in runs:
        first = run[0][0]
        header = lines[first - 1] if first else ""
        ordinal = all(item["nth"] or item["sure"] for _, item in run)
        plainly = n_clips > 2 and first == 0 and all(not item["why"] for _, item in run)
        if len(run) > 1 and (ordinal or plainly or _RANKS.search(header)):
            letters = tuple(str(letter_of(_plain(item["name"]))) for _, item in run)
            yield TURNED if worst_first(header) else Order(letters=letters)


def _placed(lines: list[str]) -> Iterator[Answer]:
    """``Video A: 2nd``, ``Video B: 1st``."""
    places = {}
    for line in lines:
        if found := _PLACE.match(line):
            places[str(letter_of(_plain(found["name"])))] = int(found["a"] or found["b"])
    if len(places) > 1 and sorted(places.values()) == list(range(1, len(places) + 1)):
        yield Order(letters=tuple(sorted(places, key=lambda letter: places[letter])))
