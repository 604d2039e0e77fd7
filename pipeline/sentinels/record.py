"""What one judge said on one occasion: a small JSON file of the history."""

import dataclasses
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from annotators.base import Outcome, Question
from annotators.judge.request import request_of, requested
from annotators.judge.spec import JudgeSpec
from schemas import Annotation, Failure, Reason
from schemas.ids import canonical_json, sha256_hex

FORMAT = 1
# what the judge made of the question; other reasons say something of the way to it
JUDGES_WORD = frozenset(
    {
        Reason.REFUSAL,
        Reason.CONTENT_FILTER,
        Reason.TRUNCATED,
        Reason.NO_ANSWER,
        Reason.SEVERAL_ANSWERS,
        Reason.OFF_SCALE,
        Reason.MISSING_DIMENSION,
        Reason.CONTRADICTION,
        Reason.NO_DISTRIBUTION,
    }
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One score, or the judge's word that there is none (a refusal, say: ``reason``).

    ``question`` stands for all that was asked: scores to equal ones compare. ``words`` is a digest of
    the rationale: two draws with the same scores and words may be one reply, sent twice by a cache.
    """

    video_id: str
    dimension: str
    draw: int
    score: float | None
    question: str
    reason: str | None = None
    words: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One occasion of one judge. Occasions sort by the time at which they began."""

    occasion: str
    time: str  # UTC, ISO 8601
    run: str
    wave: str
    annotator: str
    model: str  # as it was asked for
    requested: dict[str, Any]
    draws: int
    models: tuple[str, ...]  # that the replies name
    system_fingerprints: tuple[str, ...]  # likewise
    scales: dict[str, tuple[float, float]]  # ends, by dimension
    readings: tuple[Reading, ...]
    n_replies: int  # asked for; each answers every dimension of a rubric
    failures: dict[str, int]  # reason -> scores that are missing

    @property
    def questions(self) -> frozenset[str]:
        """All that was asked and answered."""
        return frozenset(reading.question for reading in self.readings)


def question_id(spec: JudgeSpec, question: Question) -> str:
    """First 16 hex digits of the key of the request, of draw 0 and no occasion.

    The key covers model, words, rubric, settings and the bytes of the frames (the number of draws,
    too, where one request asks for all): two occasions whose ids are equal asked the same. The server
    is no part of it: a judge that moved to another one under its name is one that may have changed.
    """
    return request_of(spec, dataclasses.replace(question, draw=0, occasion="")).key[:16]


def shelf(spec: JudgeSpec) -> str:
    """The folder of the history that holds what can be compared with this judge's replies."""
    ways = (spec.reply_format, spec.score, spec.levels)
    asked = (spec.interface, spec.model, *ways, dataclasses.asdict(requested(spec)))
    word = "".join(c if c.isalnum() or c in "-._" else "-" for c in spec.model).lstrip(".")
    return f"{word[:60]}-{sha256_hex(canonical_json(asked).encode())[:12]}"


def record_of(
    spec: JudgeSpec,
    answers: Iterable[tuple[Question, Sequence[Outcome]]],
    *,
    occasion: str,
    time: str,
    run: str,
    wave: str,
) -> Record:
    """The record of one judge's answers."""
    answers = list(answers)
    said = [o for _, outcomes in answers for o in outcomes if isinstance(o, Annotation)]
    failed = Counter(
        str(o.reason) for _, outcomes in answers for o in outcomes if isinstance(o, Failure)
    )
    return Record(
        occasion=occasion,
        time=time,
        run=run,
        wave=wave,
        annotator=spec.annotator_id,
        model=spec.model,
        requested={k: v for k, v in dataclasses.asdict(requested(spec)).items() if v is not None},
        draws=spec.draws,
        models=tuple(sorted({o.model for o in said if o.model})),
        system_fingerprints=tuple(
            sorted({o.system_fingerprint for o in said if o.system_fingerprint})
        ),
        scales={
            d.name: (float(d.low), float(d.high)) for q, _ in answers for d in q.rubric.dimensions
        },
        readings=tuple(r for q, outcomes in answers for r in _readings(spec, q, outcomes)),
        n_replies=len(answers),
        failures=dict(sorted(failed.items())),
    )


def _readings(
    spec: JudgeSpec, question: Question, outcomes: Sequence[Outcome]
) -> Iterator[Reading]:
    """Outcomes come in the order of the rubric's dimensions."""
    asked = question_id(spec, question)
    for dimension, outcome in zip(question.rubric.dimensions, outcomes, strict=True):
        bare = Reading(
            video_id=question.frames.video_id,
            dimension=dimension.name,
            draw=question.draw,
            score=None,
            question=asked,
        )
        if isinstance(outcome, Annotation):
            words = None if outcome.rationale is None else _digest(outcome.rationale)
            yield dataclasses.replace(bare, score=outcome.score, words=words)
        elif isinstance(outcome, Failure) and outcome.reason in JUDGES_WORD:
            yield dataclasses.replace(bare, reason=str(outcome.reason))


def _digest(text: str) -> str:
    return sha256_hex(text.encode())[:8]


def encode(record: Record) -> bytes:
    """As the history holds it: JSON that sorts its keys."""
    return (canonical_json({"format": FORMAT, **dataclasses.asdict(record)}) + "\n").encode()


def decode(data: bytes) -> Record:
    """The record in a file. Raises ValueError, KeyError or TypeError for anything else."""
    content = json.loads(data)
    if content.pop("format") != FORMAT:
        raise ValueError(f"expected format {FORMAT}")
    content["readings"] = tuple(Reading(**reading) for reading in content["readings"])
    content["scales"] = {name: (low, high) for name, (low, high) in content["scales"].items()}
    for name in ("models", "system_fingerprints"):
        content[name] = tuple(content[name])
    return Record(**content)
