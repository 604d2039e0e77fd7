"""A model that runs here: what it will be asked, free of charge and in a time that nobody knows."""

import json

from annotators.base import Question
from annotators.judge.request import request_of
from annotators.judge.spec import JudgeSpec
from pipeline.estimate.assumptions import REPLY_BYTES
from pipeline.estimate.result import Line


class Here:
    """Questions, images and output of one such judge, added up."""

    def __init__(self, spec: JudgeSpec) -> None:
        self.spec = spec
        self.questions = self._replies = self._images = self._output = 0
        self._words: dict[tuple[str, str, int], int] = {}
        self.n_bytes = 0

    def add(self, question: Question, choices: int, times: int) -> None:
        """So many questions for so many replies each."""
        replies = times * choices
        self._replies += replies
        self._images += times * sum(len(clip.pictures) for clip in question.clips)
        self._output += replies * self.spec.output_cap(question.rubric)
        self.n_bytes += times * (self._words_of(question) + choices * REPLY_BYTES)

    def _words_of(self, question: Question) -> int:
        """Characters of a request; clips of one prompt differ by a few digits at most."""
        same = question.rubric.sha256, question.frames.prompt, len(question.clips)
        if same not in self._words:
            request = request_of(self.spec, question)
            captions = sum(len(words) for words, _ in request.captions)
            schema = json.dumps(request.reply_schema)
            self._words[same] = len(request.system) + len(request.user) + captions + len(schema)
        return self._words[same]

    def line(self) -> Line:
        """The sums."""
        return Line(
            annotator_id=self.spec.annotator_id,
            way="here",
            questions=self.questions,
            replies=self._replies,
            paid=self.questions - self._replies,
            images=self._images,
            output_at_most=self._output,
        )
