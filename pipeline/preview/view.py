"""What is shown of each item, in plain values: the page and the terminal draw the same."""

import dataclasses

from pipeline.preview.cost import Measured
from pipeline.preview.together import Together
from schemas import Clip, FrameSet

Row = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame as sent."""

    index: int
    time_s: float | None
    jpeg: bytes


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A clip as it is looked at. ``letters``: by which it is called where several are compared, in
    the first order and in the other."""

    clip: Clip
    letters: Row
    frames: FrameSet | None
    why_no_frames: str
    pictures: list[Frame]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A request's words as sent. ``captions``: each stands before the frames of the clip named."""

    system: str
    user: str
    captions: list[Row]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What came of one dimension: a score, an order of several clips, or why there is none."""

    dimension: str
    score: float | None
    order: str = ""  # of the clips that were compared, best first
    low: float | None = None
    high: float | None = None
    said: str = ""  # the rationale, or the failure's message
    reason: str = ""  # of a failure
    harmless: bool = False  # a failure that is none: the annotator had nothing to say here


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request to a judge and its reply."""

    model: str  # asked for
    answered_by: str  # the snapshot, as the server says; empty: it does not
    settings: list[Row]  # name, as requested, as sent
    reply_format: str
    schema: str
    numbers: list[Row]  # name, estimated (output: the cap), counted by the server, ratio
    key: str  # in the journal: of the reply, or of the one to come
    reply: str | None  # its text, None where there is none
    body: str  # the whole response, as it lies in the journal
    finish: str
    again: bool  # earlier replies were cut or set aside
    replies: int  # that the request gave, or will ask for: draws share it

    @property
    def estimated(self) -> list[Row]:
        """What was known before sending."""
        return [row[:2] for row in self.numbers]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question to one annotator. ``shown``: the clips in their order; empty where it is one.
    ``words``: only where they are not those of the item, as with levels in an order of its own."""

    shown: str
    words: Words | None
    marks: list[Mark]
    exchange: Exchange | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One annotator's answers: one, or one in each order and what they come to together."""

    annotator_id: str
    kind: str
    turns: list[Turn]
    together: list[Together]
    cost_usd: float | None  # of all turns; None: unknown


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A clip and a rubric, or several clips that are compared by one."""

    prompt: str
    simulated: bool
    rubric: str
    what: str  # "clip", "pair" or "list"
    clips: list[Seen]
    note: str  # what a run does otherwise; empty: nothing
    words: list[Words]  # of every order; empty where no judge is asked in words
    answers: list[Shown]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Everything there is to show."""

    name: str
    sent: bool
    simulated: bool
    items: list[Item]
    measured: list[Measured]
    made: list[tuple[str, str]]  # by generator that is asked: what was bought now, in words
    estimate: str
    watched: bool  # sentinels add requests, which are not in what was measured
    stopped: str  # why it ended early; empty: it did not
