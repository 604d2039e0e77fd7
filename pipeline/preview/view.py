"""What is shown of each item, in plain values: the page and the terminal draw the same."""

import dataclasses
import json
from collections.abc import Sequence

from annotators.base import owed_key
from annotators.judge.frames import read_frames
from annotators.judge.request import requested
from pipeline.preview.ask import Answer, Chat
from pipeline.preview.cost import Measured
from pipeline.preview.words import NONE, NOT_SENT, count, times, usd
from schemas import HARMLESS, Annotation, Clip, Comparison, Failure, FrameSet, Rubric, Settings
from schemas.store import Store

Row = tuple[str, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A frame as sent."""

    index: int
    time_s: float | None
    jpeg: bytes


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
    """One request to a chat judge and its reply."""

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
class Shown:
    """One annotator's answer."""

    annotator_id: str
    kind: str
    marks: list[Mark]
    exchange: Exchange | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A clip and a rubric."""

    clip: Clip
    rubric: str
    frames: FrameSet | None
    why_no_frames: str
    pictures: list[Frame]
    system: str  # empty where no chat judge is asked
    user: str
    answers: list[Shown]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """Everything there is to show."""

    name: str
    sent: bool
    simulated: bool
    items: list[Item]
    measured: list[Measured]
    estimate: str
    stopped: str  # why it ended early; empty: it did not


def item_of(
    clip: Clip, rubric: Rubric, frames: FrameSet | Failure, answers: Sequence[Answer], store: Store
) -> Item:
    """Everything to show of one item. Raises ``Unanswered`` where a frame is gone."""
    chats = [answer.chat for answer in answers if answer.chat is not None]
    taken = None if isinstance(frames, Failure) else frames
    return Item(
        clip=clip,
        rubric=f"{rubric.name} version {rubric.version}",
        frames=taken,
        why_no_frames=f"{frames.reason}: {frames.message}" if isinstance(frames, Failure) else "",
        pictures=_pictures(taken, store) if taken else [],
        system=chats[0].request.system if chats else "",
        user=chats[0].request.user if chats else "",
        answers=[_shown(answer) for answer in answers],
    )


def _pictures(frames: FrameSet, store: Store) -> list[Frame]:
    jpegs = read_frames(store, frames.jpeg_sha256)
    return [
        Frame(index=index, time_s=time_s, jpeg=jpeg)
        for index, time_s, jpeg in zip(frames.indices, frames.times_s, jpegs, strict=True)
    ]


def _shown(answer: Answer) -> Shown:
    by_key = {
        owed_key(answer.question, answer.spec.annotator_id, dimension.name): dimension.name
        for dimension in answer.question.rubric.dimensions
    }
    return Shown(
        annotator_id=answer.spec.annotator_id,
        kind=answer.spec.kind,
        marks=[
            _failed(outcome, by_key) if isinstance(outcome, Failure) else _said(outcome)
            for outcome in answer.outcomes
        ],
        exchange=None if answer.chat is None else _exchange(answer, answer.chat),
    )


def _said(row: Annotation | Comparison) -> Mark:
    if isinstance(row, Comparison):
        best_first = sorted(zip(row.ranking, row.video_ids, strict=True))
        order = " > ".join(video_id for _, video_id in best_first)
        return Mark(dimension=row.dimension, score=None, order=order, said=row.rationale or "")
    return Mark(
        dimension=row.dimension,
        score=row.score,
        low=row.scale_low,
        high=row.scale_high,
        said=row.rationale or "",
    )


def _failed(row: Failure, by_key: dict[str, str]) -> Mark:
    return Mark(
        dimension=by_key.get(row.key, row.key),
        score=None,
        said=row.message,
        reason=row.reason,
        harmless=row.reason in HARMLESS,
    )


def _exchange(answer: Answer, chat: Chat) -> Exchange:
    completion, request = chat.completion, chat.request
    # how draws share requests is nothing that a block asks for in so many words
    as_sent = {name: getattr(chat.sent, name) for name in ("choices", "logprobs")}
    asked = dataclasses.replace(requested(chat.spec), **as_sent)
    reply = completion.text or completion.refusal if completion else None
    return Exchange(
        model=request.model,
        answered_by=(completion and completion.model) or "",
        settings=_settings(asked, chat.sent),
        reply_format=request.reply_format,
        schema=json.dumps(request.reply_schema, indent=2),
        numbers=_numbers(answer, chat),
        key=chat.entry.key if chat.entry else request.key,
        reply=(reply or "") if completion else None,
        body=chat.entry.body if chat.entry else "",
        finish=(completion and completion.finish_reason) or "",
        again=chat.asked_again,
        replies=chat.replies,
    )


def _settings(asked: Settings, sent: Settings) -> list[Row]:
    def shown(value: object) -> str:
        return NOT_SENT if value is None else str(value)

    return [
        (name.replace("_", " "), shown(getattr(asked, name)), shown(getattr(sent, name)))
        for name in (field.name for field in dataclasses.fields(Settings))
    ]


def _numbers(answer: Answer, chat: Chat) -> list[Row]:
    worst, completion = chat.worst, chat.completion
    used_in = completion.input_tokens if completion else None
    used_out = completion.output_tokens if completion else None
    ratio = "" if used_in is None else times(used_in / worst.input_tokens)
    cost = usd(answer.outcomes[0].cost_usd) if answer.outcomes else NONE
    return [
        ("input tokens", count(worst.input_tokens), count(used_in), ratio),
        ("output tokens", f"{count(worst.output_tokens)} at most", count(used_out), ""),
        ("cost", usd(worst.usd) + (" at most" if worst.usd is not None else ""), cost, ""),
    ]
