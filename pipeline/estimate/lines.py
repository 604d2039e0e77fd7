"""One annotator of an estimate: its requests, their tokens, what they cost and how long they take.

The function that bounds a request's cost while a run goes on is asked here for every question, so
the sum is what the run may spend, not a sample's mean.
"""

import dataclasses
import json
import math
from collections.abc import Hashable, Iterable

from annotators.base import AnnotatorSpec, Question
from annotators.chat.cost import worst_case
from annotators.chat.spec import ChatSpec, OpenAISpec
from annotators.journal import Journal
from annotators.judge.request import request_of
from annotators.judge.spec import TOP_LOGPROBS, JudgeSpec
from annotators.ledger import Amount
from annotators.models import request_tokens
from pipeline.estimate.assumptions import ALTERNATIVE_BYTES, LATENCY_S, OUTPUT_TOKENS, REPLY_BYTES
from pipeline.estimate.here import Here
from pipeline.estimate.owed import owed
from pipeline.estimate.result import Line
from schemas import FrameSet, Rubric

Asked = Iterable[tuple[list[Question], bool]]  # the draws of every question; are its frames taken?


def line_of(spec: AnnotatorSpec, asked: Asked, journal: Journal | None) -> tuple[Line, int]:
    """The annotator's line, and the bytes its replies will take in the journal.

    ``asked``: clips on their own first, then those that are compared.
    """
    if isinstance(spec, ChatSpec):
        return _summed(_Sums(spec), asked, journal)
    if isinstance(spec, JudgeSpec):
        return _summed(Here(spec), asked, journal)
    n_questions = sum(len(draws) for draws, _ in asked)
    return Line(annotator_id=spec.annotator_id, questions=n_questions), 0


def _summed(sums: "_Sums | Here", asked: Asked, journal: Journal | None) -> tuple[Line, int]:
    """Where clips are judged on their own, which pairs follow only their scores can tell: the least
    is none of them."""
    least: Line | None = None
    compared = False
    for draws, taken in asked:
        if draws[0].others and sums.questions and not compared:
            least = sums.line()
        compared = bool(draws[0].others)
        sums.questions += len(draws)
        for choices, times in owed(sums.spec, draws, journal if taken else None).items():
            sums.add(draws[0], choices, times)
    return dataclasses.replace(sums.line(), least=least), sums.n_bytes


class _Sums:
    """What one annotator's requests come to."""

    def __init__(self, spec: ChatSpec) -> None:
        self.spec = spec
        self.questions = self._requests = self._replies = 0
        self._text = self._images = self._output = self._likely = 0
        self._costs: dict[Hashable, tuple[Amount, int]] = {}
        self._image_tokens: dict[tuple[int, int, int], int] = {}
        self._choices = 1
        self.n_bytes = 0

    def add(self, question: Question, choices: int, times: int) -> None:
        """So many requests for so many replies each: the input counts once in each of them."""
        worst, n_bytes = self._cost_of(question, choices)
        images = sum(map(self._images_of, question.clips))
        self._requests += times
        self._replies += times * choices
        self._choices = max(self._choices, choices)
        self._images += times * images
        self._text += times * (worst.input_tokens - images)
        self._output += times * worst.output_tokens
        self._likely += times * choices * likely_output(self.spec, question.rubric)
        self.n_bytes += times * n_bytes

    def _cost_of(self, question: Question, choices: int) -> tuple[Amount, int]:
        """At most, and bytes in the journal. Clips of one prompt often differ in nothing that counts:
        times as long when written have as many digits, so as many tokens."""
        clips = tuple(
            (
                *(None if t is None else len(f"{t:.2f}") for t in clip.times_s),
                clip.picture_px,
            )
            for clip in question.clips
        )
        same = question.rubric.sha256, question.frames.prompt, clips, choices
        if same not in self._costs:
            request = request_of(self.spec, question, alone=choices == 1)
            captions = sum(len(words) for words, _ in request.captions)
            words = len(request.system) + len(request.user) + len(json.dumps(request.reply_schema))
            n_bytes = words + captions + choices * self._reply_bytes(question.rubric)
            self._costs[same] = worst_case(self.spec, question, request), n_bytes
        return self._costs[same]

    def _reply_bytes(self, rubric: Rubric) -> int:
        if not self.spec.wants_distribution(rubric):
            return REPLY_BYTES
        tokens = likely_output(self.spec, rubric)
        return REPLY_BYTES + tokens * TOP_LOGPROBS * ALTERNATIVE_BYTES

    def _images_of(self, frames: FrameSet) -> int:
        """Tokens of one clip's frames; clips of one size have the same."""
        n, size = len(frames.pictures), frames.picture_px
        if (n, *size) not in self._image_tokens:
            rule, detail = self.spec.image_tokens, self.spec.image_detail
            with_them = request_tokens("", "", None, [size] * n, rule, detail)
            without = request_tokens("", "", None, [], rule, detail)
            self._image_tokens[n, *size] = with_them - without
        return self._image_tokens[n, *size]

    def line(self) -> Line:
        """The sums."""
        spec, sent = self.spec, self._text + self._images
        price = spec.price
        seconds, limit = duration_s(spec, self._requests, sent + self._output)
        return Line(
            annotator_id=spec.annotator_id,
            way="remote",
            questions=self.questions,
            requests=self._requests,
            replies=self._replies,
            choices=self._choices,
            paid=self.questions - self._replies,
            text_tokens=self._text,
            image_tokens=self._images,
            output_at_most=self._output,
            output_likely=self._likely,
            usd_at_most=None if price is None else price.cost_usd(sent, self._output),
            usd_likely=None if price is None else price.cost_usd(sent, self._likely),
            seconds=seconds,
            limit=limit,
        )


def likely_output(spec: ChatSpec, rubric: Rubric) -> int:
    """Output tokens of an average reply; of a model that reasons they may be as many as allowed."""
    if _reasons(spec):
        return spec.output_cap(rubric)
    return min(OUTPUT_TOKENS * len(rubric.dimensions), spec.output_cap(rubric))


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
