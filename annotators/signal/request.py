"""What a prompt asks for that can be measured: objects, their motion, and the background.

Only what a sentence says about a plain shape counts. "A man in a red shirt" names a colour, but of
a shirt that no measurement here can find; "some red somewhere" would be worse than no answer. So a
prompt is measurable where its subject is a shape ("two small red circles", "an object", and words
for everyday things such as "ball" or "box" with a colour before them), or where it names the
colour of the background. Everything else is left to annotators that know what a man is.
"""

import dataclasses
import re

from annotators.signal.words import (
    ANY,
    COLOUR,
    COUNT,
    EVERYDAY,
    FILLERS,
    MAY_FOLLOW,
    SHAPE,
    SIZE,
    either,
)

_ADJECTIVE = rf"(?:{either(COLOUR)}|{either(SIZE)}|{either(FILLERS)})"
_PHRASE = re.compile(
    rf"(?:(?P<count>\b(?:{either(COUNT)})|\b(?:a )?(?:pair|couple) of) )?"
    rf"(?P<adjectives>(?:\b{_ADJECTIVE}(?:,? and |, | ))*)"
    rf"(?P<noun>\b(?:{either(SHAPE)}|{either(EVERYDAY)}|{either(ANY)}))\b"
    # A noun right after makes the shape an adjective: "square dance", "star ship".
    rf"(?! (?!(?:{either(MAY_FOLLOW)})\b)[a-z]+(?<!ing)(?<!s)(?<!ed)(?<!ly)\b)"
)
_PREAMBLE = re.compile(
    r"(?:(?:an?|the|short|simple|2d|video|clip|animation|animated|movie|shot|footage|scene|picture|of"
    r"|in|which|where|there|is|are|we|see|showing|shows|featuring|with|containing|first)\b[ ,:]*)*"
)
_BACKGROUND = re.compile(
    rf"(?:\b(?:on|over|against|across|before|with|in front of) (?:an? |the )?"
    rf"(?:(?:{either(FILLERS)}) )*(?P<named>{either(COLOUR)})(?: colou?r(?:ed)?)?"
    rf" (?:{either(FILLERS)} )*(?:background|backdrop)\b"
    rf"|\b(?:background|backdrop) (?:is|in) (?:{either(FILLERS)} )*(?P<told>{either(COLOUR)})\b)"
    r",?"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happens: ``move`` (towards ``dx``, ``dy``; y down), ``grow``, ``shrink``,
    ``still``, or ``turn`` (from ``before`` to ``after``, colour names; "" where not said)."""

    kind: str
    dx: int = 0
    dy: int = 0
    before: str = ""
    after: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    """One group of like objects. None: not said. ``events`` in the order asked for."""

    count: int | None = None
    size: str | None = None
    colour: str | None = None
    shape: str | None = None
    events: tuple[Event, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a prompt asks for; empty where it names nothing that can be measured."""

    things: tuple[Thing, ...] = ()
    background: str | None = None

    def __bool__(self) -> bool:
        return bool(self.things or self.background)


_TOWARDS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_MOVE = {
    "left": r"left(?:wards?)?",
    "right": r"right(?:wards?)?",
    "up": r"up(?:wards?)?|ris(?:es?|ing)|ascend(?:s|ing)?|climb(?:s|ing)?",
    "down": r"down(?:wards?)?|fall(?:s|ing)?|drop(?:s|ping)?|descend(?:s|ing)?|sink(?:s|ing)?",
}
_BECOMING = r"(?:get(?:s|ting)?|becom(?:es?|ing)|grow(?:s|ing)?)"
_FROM = re.compile(  # "from left to right" names one movement, not two
    r"\b(?:from )?(?:the )?(?P<start>left|right|top|bottom)(?: side| edge)? to (?:the )?"
    r"(?P<end>left|right|top|bottom)(?: side| edge)?\b"
)
_EVENT = re.compile(
    "|".join(
        [
            rf"\b(?:turn|chang|fad|shift|morph)(?:s|es|e|ing)?(?: (?:its|their))?(?: colou?rs?)? "
            rf"(?:from (?P<before>{either(COLOUR)}) )?(?:in)?(?:to )?"
            rf"(?P<after>{either(COLOUR)})\b",
            rf"\b(?P<grow>{_BECOMING} (?:bigger|larger)|expand(?:s|ing)?|enlarg(?:es?|ing)"
            r"|inflat(?:es?|ing)|swell(?:s|ing)?|increas(?:es?|ing) in size)\b",
            rf"\b(?P<shrink>{_BECOMING} smaller|shrink(?:s|ing)?|contract(?:s|ing)?"
            r"|deflat(?:es?|ing)|decreas(?:es?|ing) in size)\b",
            r"\b(?P<grows>grow(?:s|ing)?)\b",
            r"\b(?P<still>still|static|stationary|motionless|not mov(?:e|ing)|in place|unmoving"
            r"|at rest|without moving)\b",
            *(
                rf"(?<!on the )(?<!at the )\b(?P<{name}>{pattern})\b"
                for name, pattern in _MOVE.items()
            ),
        ]
    )
)
_CAMERA = re.compile(r"\b(?:camera|panning|tilting|zooming)\b[^.,;]*")


def parse(prompt: str) -> Request:
    """What a prompt asks for, read by patterns; an empty request for one that is not measurable."""
    text = _CAMERA.sub(" ", " ".join(prompt.lower().split()).rstrip(".!"))
    found = _BACKGROUND.search(text)
    background = COLOUR[found["named"] or found["told"]] if found else None
    rest = " ".join(_BACKGROUND.sub(" ", text).split())
    return Request(things=_things(rest), background=background)


def _things(text: str) -> tuple[Thing, ...]:
    phrases = [m for m in _PHRASE.finditer(text) if _is_shape(m)]
    if not phrases or not _PREAMBLE.fullmatch(text[: phrases[0].start()].lstrip(" ,")):
        return ()
    ends = [m.start() for m in phrases[1:]] + [len(text)]
    return tuple(_inherit([_thing(m, text[m.end() : end]) for m, end in zip(phrases, ends)]))


def _is_shape(phrase: "re.Match[str]") -> bool:
    """Whether a phrase names a shape for certain: everyday words need a colour."""
    said = phrase["count"] or phrase["adjectives"]
    if phrase["noun"] in EVERYDAY:
        return _colour_in(phrase["adjectives"]) is not None
    return bool(said)


def _colour_in(adjectives: str) -> str | None:
    found = {COLOUR[word] for word in re.findall(rf"\b(?:{either(COLOUR)})\b", adjectives)}
    return found.pop() if len(found) == 1 else None  # "red and blue circles": not one colour


def _thing(phrase: "re.Match[str]", after: str) -> Thing:
    noun, adjectives = phrase["noun"], phrase["adjectives"]
    size = re.search(rf"\b(?:{either(SIZE)})\b", adjectives)
    return Thing(
        count=_count(phrase["count"], noun),
        size=SIZE[size[0]] if size else None,
        colour=_colour_in(adjectives),
        shape=SHAPE.get(noun) or EVERYDAY.get(noun),
        events=_events(after),
    )


def _count(word: str | None, noun: str) -> int | None:
    if word is None:
        return None
    if word.endswith(" of"):
        return 2
    return None if word == "the" and noun.endswith("s") else COUNT[word]


def _events(text: str) -> tuple[Event, ...]:
    ends = {"top": "up", "bottom": "down"}
    text = _FROM.sub(lambda m: ends.get(m["end"], m["end"]), text)
    events: list[Event] = []
    place = 0
    for m in _EVENT.finditer(text):
        event = _event(m)
        diagonal = (
            events
            and event.kind == events[-1].kind == "move"
            and event.dx * events[-1].dx + event.dy * events[-1].dy == 0
            and "then" not in text[place : m.start()]
        )
        if diagonal:
            last = events.pop()
            event = Event(kind="move", dx=last.dx + event.dx, dy=last.dy + event.dy)
        if not events or events[-1] != event:
            events.append(event)
        place = m.end()
    return tuple(events)


def _event(m: "re.Match[str]") -> Event:
    found = {name: value for name, value in m.groupdict().items() if value}
    if "after" in found:
        return Event(
            kind="turn",
            before=COLOUR[found["before"]] if "before" in found else "",
            after=COLOUR[found["after"]],
        )
    name = next(iter(found))
    if name in _TOWARDS:
        dx, dy = _TOWARDS[name]
        return Event(kind="move", dx=dx, dy=dy)
    return Event(kind="grow" if name == "grows" else name)


def _inherit(things: list[Thing]) -> list[Thing]:
    """ "A red circle and a blue square moving left": what has no event shares the next one's."""
    shared: tuple[Event, ...] = ()
    for i in reversed(range(len(things))):
        shared = things[i].events or shared
        things[i] = dataclasses.replace(things[i], events=shared)
    return things
