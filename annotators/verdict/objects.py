"""The objects of a reply: JSON in fences or prose, what passes for JSON, and XML, as pairs."""

import ast
import dataclasses
import json
import re
import warnings
from typing import Any

_LONGEST = 8000  # characters of an object that is not strict JSON; a rationale has 60 words
_DEEPEST = 20
_ATTEMPTS = 20
_OPENS = re.compile(r"\{\s*(?:[\"'}]|\w+\"?\s*:|\Z)")
_COMMENTS = re.compile(
    r"(\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\\n])*')|//[^\n]*|/\*.{0,200}?\*/", re.DOTALL
)
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][\w-]{0,40})\s?>")
# An answer may be wrapped in these; in anything else (`example`, `frame_3`) it is about that.
_NEUTRAL = """
    verdict answer result results response output outputs evaluation evaluations assessment review
    judgement judgment final final_answer final_verdict data json reply score scores rating ratings
    video clip root properties dimensions overall arguments"""
WRAPPERS = frozenset(_NEUTRAL.split())
# What a clip shows is material, and what an example shows is no answer either.
_QUOTES = re.compile(
    r"\b(?:says?|said|saying|reads?|reading|caption(?:ed|s)?|subtitles?|sign|overlay|overlaid|watermark|"
    r"on-screen|banner|written|displays?|displayed|contains?\s+the\s+text|example|e\.g\.|for\s+instance|"
    r"such\s+as|sample)\b[^.!?{}\n]{0,60}\n?\s*[\"'“`>]*\s*\Z"
    r"|\b(?:not|never|(?:would|could|might)\s+(?:be|have\s+been)|can['’]?t\s+give)\s*:?\s*\Z",
    re.IGNORECASE,
)
_HYPOTHETICAL = re.compile(
    r"[ \t*`]{0,4}(?:if|unless|would|could|might|is\s+what)\b", re.IGNORECASE
)


class Pairs(list[tuple[str, Any]]):
    """An object as its pairs: a repeated field is two answers, not the last one."""


_DECODER = json.JSONDecoder(object_pairs_hook=Pairs, parse_int=float, strict=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The outermost objects of a text, the text without them, and whether one was cut off."""

    objects: tuple[Pairs, ...]
    rest: str
    cut: bool


def is_quotation(before: str) -> bool:
    """Whether the words before a place say that something else is quoted there."""
    return _QUOTES.search(before[-160:]) is not None


def take_json(text: str, *, strict: bool) -> Taken:
    """The JSON objects of a text. Unless strict, also single quotes, comments, names and commas as
    Python and JavaScript allow them; of what then still is no object, each field on a line."""
    objects, rest, at, cut, attempts = [], [], 0, False, 0
    while attempts < _ATTEMPTS and (opening := _OPENS.search(text, at)):
        start = opening.start()
        value, end, ended = _decode(text, start)
        attempts += value is None
        if value is None and not strict:
            value, end, ended = _lenient(text, start)
        if ended:
            cut = True
            break
        if value is None:
            rest.append(text[at:end] if strict or end == start + 1 else _fields(text[at:end]))
        else:
            rest.append(text[at:start] + "\n")
            quoted = is_quotation(text[max(0, start - 160) : start])
            if not quoted and not _HYPOTHETICAL.match(text, end):
                objects.append(value)
        at = end
    return Taken(objects=tuple(objects), rest="".join(rest) + text[at:], cut=cut)


def whole_json(text: str) -> Pairs | None:
    """The object, or the objects of the list, that the whole text is; None where it is not."""
    try:
        value = _DECODER.decode(text.strip().lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str) and value.lstrip().startswith("{"):
        return whole_json(value)
    if isinstance(value, Pairs):
        return value
    listed = isinstance(value, list) and any(isinstance(one, Pairs) for one in value)
    return Pairs([("results", value)]) if listed else None


def take_xml(text: str) -> Taken:
    """The XML elements of a text that is not more than prose with a tag or two in it."""
    open_tags: list[tuple[str, Pairs, int, int]] = []
    found, rest, at = Pairs(), [], 0
    for tag in _TAG.finditer(text):
        name = tag["name"].lower()
        if not tag["close"]:
            open_tags.append((name, Pairs(), tag.start(), tag.end()))
        elif open_tags and open_tags[-1][0] == name:
            _, inner, start, content = open_tags.pop()
            value = inner or text[content : tag.start()]
            if not open_tags:
                rest.append(text[at:start] + "\n")
                at = tag.end()
            if isinstance(value, str) and ":" in value and not open_tags:
                rest.append(f"{value}\n" if name in WRAPPERS else "\n")
            else:
                (open_tags[-1][1] if open_tags else found).append((name, value))
    objects = (found,) if found else ()
    cut = bool(open_tags) and not text[open_tags[-1][3] :].strip("0123456789./ \n")
    return Taken(objects=objects, rest="".join(rest) + text[at:], cut=cut)


def _decode(text: str, start: int) -> tuple[Pairs | None, int, bool]:
    """The object, where it ends, and whether the text ended first."""
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        ended = error.msg.startswith("Unterminated string") or not text[error.pos :].strip()
        return None, start + 1, ended and error.pos > start + 1
    except (ValueError, RecursionError):
        return None, len(text), False
    return value, end, False


def _lenient(text: str, start: int) -> tuple[Pairs | None, int, bool]:
    depth, segment = 0, text[start : start + _LONGEST]
    for brace in re.finditer(r"[{}]", segment):
        depth += 1 if brace[0] == "{" else -1
        if depth > _DEEPEST:
            break
        if depth == 0:
            return _literal(segment[: brace.end()]), start + brace.end(), False
    return None, start + 1, len(segment) < _LONGEST


def _literal(segment: str) -> Pairs | None:
    """A Python or JavaScript literal; nothing of it is run."""
    source = _COMMENTS.sub(lambda found: found[1] or " ", segment)
    if source.count("[") + source.count("(") > _DEEPEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            tree = ast.parse(source, mode="eval").body
        value = _value(tree, source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return value if isinstance(value, Pairs) else None


def _value(node: ast.expr, source: str) -> Any:
    if isinstance(node, ast.Dict):
        keys = [_value(key, source) if key else "" for key in node.keys]
        return Pairs([(str(k), _value(v, source)) for k, v in zip(keys, node.values)])
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, source) for item in node.elts]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    return ast.get_source_segment(source, node) or ""


def _fields(text: str) -> str:
    return re.sub(r"([{,])\s*(?=[\"']?\w{1,40}[\"']?\s*:)", r"\1\n", text)
