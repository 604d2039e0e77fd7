"""Subjects, questions and answers -> the plain values that are shown."""

import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence

from annotators.base import Question, owed_key
from annotators.judge.frames import read_frames
from annotators.judge.request import requested
from pipeline.preview.ask import Answer, Chat
from pipeline.preview.choose import Subject
from pipeline.preview.together import Together, best_first, names_of, together
from pipeline.preview.view import Exchange, Frame, Item, Mark, Row, Seen, Shown, Turn, Words
from pipeline.preview.words import NONE, NOT_SENT, count, plural, times, usd
from prompts.letters import letters
from schemas import HARMLESS, Annotation, Comparison, Failure, FrameSet, Settings
from schemas.store import Store


def item_of(
    subject: Subject,
    frames: Mapping[str, FrameSet | Failure],
    questions: Sequence[Question],
    answers: Sequence[Answer],
    store: Store,
    note: str = "",
) -> Item:
    """Everything to show of one item. ``questions``: one, or one in each order; none where too few
    clips have frames. Raises ``Unanswered`` where a frame is gone."""
    rubric, first = subject.rubric, subject.clips[0]
    what = {"pointwise": "clip", "pairwise": "pair", "listwise": "list"}[rubric.protocol]
    names = names_of([(clip.video_id, clip.generator) for clip in subject.clips])
    told = [answer for answer in answers if answer.chat is not None]
    # of the first judge that is asked in words: mostly the others are told the same
    words = [_words(answer, names) for answer in told if answer.spec is told[0].spec]
    return Item(
        prompt=first.prompt,
        simulated=any(clip.simulated for clip in subject.clips),
        rubric=f"{rubric.name} version {rubric.version}",
        what=what,
        clips=list(_seen(subject, frames, questions, store)),
        note=note,
        words=words,
        answers=[
            _shown(list(own), names, words)
            for _, own in itertools.groupby(answers, key=lambda a: a.spec.annotator_id)
        ],
    )


def _seen(
    subject: Subject,
    frames: Mapping[str, FrameSet | Failure],
    questions: Sequence[Question],
    store: Store,
) -> Iterator[Seen]:
    """The clips in the order in which they are first shown, then those without frames."""
    called = [_letters(question) for question in questions]
    place = {video: n for n, video in enumerate(called[0])} if called else {}
    for clip in sorted(subject.clips, key=lambda c: place.get(c.video_id, len(place))):
        found = frames[clip.video_id]
        lost = f"{found.reason}: {found.message}" if isinstance(found, Failure) else ""
        taken = None if isinstance(found, Failure) else found
        yield Seen(
            clip=clip,
            letters=tuple(names[clip.video_id] for names in called if clip.video_id in names),
            frames=taken,
            why_no_frames=lost,
            pictures=_pictures(taken, store) if taken else [],
        )


def _letters(question: Question) -> dict[str, str]:
    """By video_id, in the order shown; empty where there is one clip."""
    videos = [clip.video_id for clip in question.clips]
    return dict(zip(videos, letters(len(videos)))) if question.others else {}


def _pictures(frames: FrameSet, store: Store) -> list[Frame]:
    jpegs = read_frames(store, frames.jpeg_sha256)
    return [
        Frame(index=index, time_s=time_s, jpeg=jpeg)
        for index, time_s, jpeg in zip(frames.indices, frames.times_s, jpegs, strict=True)
    ]


def _words(answer: Answer, names: Mapping[str, str]) -> Words:
    assert answer.chat is not None, "asked of judges that are told something"
    request = answer.chat.request
    return Words(
        system=request.system,
        user=request.user,
        captions=[
            (caption, f"{plural(n, 'frame')} of {names[clip.video_id]}")
            for (caption, n), clip in zip(request.captions, answer.question.clips)
        ],
    )


def _shown(answers: Sequence[Answer], names: Mapping[str, str], words: Sequence[Words]) -> Shown:
    spec = answers[0].spec
    costs = [outcome.cost_usd for answer in answers for outcome in answer.outcomes]
    known = [cost for cost in costs if cost is not None]
    return Shown(
        annotator_id=spec.annotator_id,
        kind=spec.kind,
        turns=[_turn(answer, names, words[n : n + 1]) for n, answer in enumerate(answers)],
        together=list(_together(answers, names)),
        cost_usd=sum(known) if len(known) == len(costs) else None,
    )


def _together(answers: Sequence[Answer], names: Mapping[str, str]) -> Iterator[Together]:
    if not answers[0].question.others or not any(answer.outcomes for answer in answers):
        return
    orders = [[clip.video_id for clip in answer.question.clips] for answer in answers]
    rows = [o for answer in answers for o in answer.outcomes if isinstance(o, Comparison)]
    for dimension in answers[0].question.rubric.dimensions:
        own = [row for row in rows if row.dimension == dimension.name]
        yield together(dimension.name, orders, own, names)


def _turn(answer: Answer, names: Mapping[str, str], told: Sequence[Words]) -> Turn:
    own = [] if answer.chat is None else [_words(answer, names)]
    by_key = {
        owed_key(answer.question, answer.spec.annotator_id, dimension.name): dimension.name
        for dimension in answer.question.rubric.dimensions
    }
    called = {video: f"{a} {names[video]}" for video, a in _letters(answer.question).items()}
    return Turn(
        shown=", ".join(called.values()),
        words=own[0] if own and own != list(told) else None,
        marks=[
            _failed(outcome, by_key) if isinstance(outcome, Failure) else _said(outcome, called)
            for outcome in answer.outcomes
        ],
        exchange=None if answer.chat is None else _exchange(answer, answer.chat),
    )


def _said(row: Annotation | Comparison, called: Mapping[str, str]) -> Mark:
    said = row.rationale or ""
    if isinstance(row, Comparison):
        order = best_first(row, called)
        return Mark(dimension=row.dimension, score=None, order=order, said=said)
    return Mark(
        dimension=row.dimension,
        score=row.score,
        low=row.scale_low,
        high=row.scale_high,
        said=said,
    )


def _failed(row: Failure, by_key: Mapping[str, str]) -> Mark:
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
    cost = usd(answer.outcomes[0].cost_usd) if answer.outcomes else NONE
    cap = (chat.request.settings.max_output_tokens or 0) * (chat.request.settings.choices or 1)
    if worst is None:  # it runs here, for nothing
        estimated, ratio, at_most = NONE, "", usd(0.0)
    else:
        estimated = count(worst.input_tokens)
        ratio = "" if used_in is None else times(used_in / worst.input_tokens)
        at_most = usd(worst.usd) + (" at most" if worst.usd is not None else "")
    return [
        ("input tokens", estimated, count(used_in), ratio),
        ("output tokens", f"{count(cap)} at most", count(used_out), ""),
        ("cost", at_most, cost, ""),
    ]
