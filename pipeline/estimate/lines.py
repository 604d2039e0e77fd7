"""One annotator of an estimate: its requests, their tokens, what they cost and how long they take.

The function that bounds a request's cost while a run goes on is asked here for every question, so
the sum is what the run may spend, not a sample's mean.
"""

import dataclasses
import json
import math
from collections.abc import Hashable, Sequence

from annotators.base import AnnotatorSpec, Question
from annotators.chat.cost import worst_case
from annotators.chat.request import request_of
from annotators.chat.spec import ChatSpec, OpenAISpec
from annotators.journal import Journal
from annotators.ledger import Amount
from annotators.models import request_tokens
from pipeline.estimate.assumptions import LATENCY_S, OUTPUT_TOKENS, REPLY_BYTES
from pipeline.estimate.clips import Clips
from pipeline.estimate.result import Line
from schemas import FrameSet, Rubric


def line_of(
    spec: AnnotatorSpec, rubrics: Sequence[Rubric], clips: Clips, journal: Journal | None
) -> tuple[Line, int]:
    """The annotator's line, and the bytes its replies will take in the journal."""
    n_questions = (len(clips.known) + len(clips.coming)) * len(rubrics) * spec.draws
    if not isinstance(spec, ChatSpec):
        return Line(annotator_id=spec.annotator_id, questions=n_questions), 0
    sums = _Sums(spec)
    for frames, taken in clips.frame_sets():
        for rubric in rubrics:
            question = Question(frames=frames, rubric=rubric, draw=0)
            paid = 0 if journal is None or not taken else _paid(spec, question, journal)
            sums.add(question, spec.draws - paid)
    return sums.line(n_questions), sums.n_bytes


def _paid(spec: ChatSpec, question: Question, journal: Journal) -> int:
    """How many draws of a question have a reply that counts."""
    return sum(
        _answered(spec, dataclasses.replace(question, draw=draw), journal)
        for draw in range(spec.draws)
    )


def _answered(spec: ChatSpec, question: Question, journal: Journal) -> bool:
    attempt = 0
    while journal.known(key := request_of(spec, question, attempt=attempt).key):
        if not journal.is_set_aside(key):
            return True
        attempt += 1
    return False


class _Sums:
    """What one annotator's requests come to."""

    def __init__(self, spec: ChatSpec) -> None:
        self._spec = spec
        self._requests = self._text = self._images = self._output = self._likely = 0
        self._costs: dict[Hashable, tuple[Amount, int]] = {}
        self._image_tokens: dict[tuple[int, int, int], int] = {}
        self.n_bytes = 0

    def add(self, question: Question, times: int) -> None:
        worst, n_bytes = self._cost_of(question)
        images = self._images_of(question.frames)
        self._requests += times
        self._images += times * images
        self._text += times * (worst.input_tokens - images)
        self._output += times * worst.output_tokens
        self._likely += times * likely_output(self._spec, len(question.rubric.dimensions))
        self.n_bytes += times * n_bytes

    def _cost_of(self, question: Question) -> tuple[Amount, int]:
        """At most, and bytes in the journal. Clips of one prompt often differ in nothing that counts:
        times as long when written have as many digits, so as many tokens."""
        frames, rubric = question.frames, question.rubric
        times = tuple(None if t is None else len(f"{t:.2f}") for t in frames.times_s)
        size = frames.frame_width_px, frames.frame_height_px
        same = rubric.name, frames.prompt, times, size
        if same not in self._costs:
            request = request_of(self._spec, question)
            words = len(request.system) + len(request.user) + len(json.dumps(request.reply_schema))
            worst = worst_case(self._spec, question, request)
            self._costs[same] = worst, words + REPLY_BYTES
        return self._costs[same]

    def _images_of(self, frames: FrameSet) -> int:
        """Tokens of one request's frames; clips of one size have the same."""
        n, size = len(frames.indices), (frames.frame_width_px, frames.frame_height_px)
        if (n, *size) not in self._image_tokens:
            rule, detail = self._spec.image_tokens, self._spec.image_detail
            with_them = request_tokens("", "", None, [size] * n, rule, detail)
            without = request_tokens("", "", None, [], rule, detail)
            self._image_tokens[n, *size] = with_them - without
        return self._image_tokens[n, *size]

    def line(self, n_questions: int) -> Line:
        spec, sent = self._spec, self._text + self._images
        price = spec.price
        seconds, limit = duration_s(spec, self._requests, sent + self._output)
        return Line(
            annotator_id=spec.annotator_id,
            questions=n_questions,
            requests=self._requests,
            paid=n_questions - self._requests,
            text_tokens=self._text,
            image_tokens=self._images,
            output_at_most=self._output,
            output_likely=self._likely,
            usd_at_most=None if price is None else price.cost_usd(sent, self._output),
            usd_likely=None if price is None else price.cost_usd(sent, self._likely),
            seconds=seconds,
            limit=limit,
        )


def likely_output(spec: ChatSpec, n_dimensions: int) -> int:
    """Output tokens of an average reply; of a model that reasons they may be as many as allowed."""
    if _reasons(spec):
        return spec.max_output_tokens
    return min(OUTPUT_TOKENS * n_dimensions, spec.max_output_tokens)


def _reasons(spec: ChatSpec) -> bool:
    return (spec.effort or spec.capabilities.default_effort or "none") != "none"


def duration_s(spec: ChatSpec, requests: int, tokens: int) -> tuple[float | None, str]:
    """Seconds until all requests are answered, and which limit makes it so.

    The largest of rounds of concurrent requests x latency, requests / (requests per minute), and
    tokens / (tokens per minute); limits of several endpoints add up. ``tokens`` count whole outputs, as the
    limits do. A batch has no such time: None.
    """
    if not isinstance(spec, OpenAISpec):
        return None, "batches: each within the provider's window, mostly 24 h"
    if not requests:
        return 0.0, "nothing to ask for"
    ways = spec.ways
    per_minute = math.fsum(way.requests_per_minute or math.inf for way in ways)
    tokens_per_minute = math.fsum(way.tokens_per_minute or math.inf for way in ways)
    return max(
        (math.ceil(requests / (spec.concurrency * len(ways))) * LATENCY_S, "concurrency"),
        (requests / per_minute * 60, "requests_per_minute"),
        (tokens / tokens_per_minute * 60, "tokens_per_minute"),
    )
