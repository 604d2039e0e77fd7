"""Kind ``steadiness``: how little a clip's brightness jumps from one frame to the next."""

from typing import Literal

import numpy as np

from annotators.base import Annotator, AnnotatorSpec, Outcome, Question, Resources
from annotators.embedding.measured import Measured, measured_row
from annotators.embedding.pictures import decode
from schemas import Dimension, FrameSet


class Steadiness(AnnotatorSpec):
    kind: Literal["steadiness"] = "steadiness"
    only: str = "video_quality"  # the dimension that it answers for

    def open(self, resources: Resources) -> Annotator:
        def measure(frames: FrameSet) -> float:  # the largest jump of mean luma, of 255
            luma = [np.asarray(one.convert("L")).mean() for one in decode(resources.frames, frames)]
            return float(np.max(np.abs(np.diff(luma)), initial=0) / 255)

        def answer(asked: Question, of: Dimension, jump: float) -> Outcome:
            return measured_row(asked, of, self.annotator_id, score=of.high - jump * (of.high - of.low),
                                scale=(of.low, of.high), n_frames=len(asked.frames.indices),
                                model="steadiness-1", rationale=None)  # fmt: skip

        return Measured(self.annotator_id, measure=measure, answer=answer, close=lambda: None,
                        refuse=lambda of: None if of == self.only else f"only {self.only}")  # fmt: skip
