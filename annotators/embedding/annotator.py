"""The ``embedding`` annotator: cosines of the frames with the prompt, put on the metric's scale."""

import functools
import math

from annotators.base import Annotator, Outcome, Question, Resources
from annotators.embedding.held import hold
from annotators.embedding.measured import Measured, measured_row
from annotators.embedding.metrics import METRICS
from annotators.embedding.pictures import Unmeasured, decode, letterbox
from annotators.embedding.spec import EmbeddingSpec
from annotators.embedding.towers import Seen, Towers, load
from schemas import Dimension, FrameSet, Reason
from schemas.store import Store


def open_embedding(spec: EmbeddingSpec, resources: Resources) -> Annotator:
    """The annotator, measuring on threads of its own with the process's one copy of the model."""
    key = spec.model, spec.revision, spec.source, spec.device, spec.dtype
    towers, release = hold(key, functools.partial(load, *key))
    return Measured(
        spec.annotator_id,
        measure=functools.partial(look, spec, towers, resources.frames),
        answer=functools.partial(row, spec, towers),
        refuse=spec.refusal,
        close=release,
    )


def look(spec: EmbeddingSpec, towers: Towers, store: Store, frames: FrameSet) -> Seen:
    """The cosine of the prompt with every frame. Raises :class:`Unmeasured`."""
    pictures = decode(store, frames)
    if METRICS[spec.metric].letterbox:
        pictures = [letterbox(picture) for picture in pictures]
    seen = towers.look(pictures, frames.prompt, spec.batch_size)
    if not all(map(math.isfinite, seen.cosines)):
        raise Unmeasured(
            Reason.INTERNAL,
            f"the model gave no finite number for clip {frames.video_id}; "
            "with dtype float16 or bfloat16, set dtype: float32; else the weights are broken",
        )
    return seen


def row(
    spec: EmbeddingSpec, towers: Towers, question: Question, dimension: Dimension, seen: Seen
) -> Outcome:
    """The mean of the frames' scores."""
    metric = METRICS[spec.metric]
    scores = [metric.score(cosine, towers.logit_scale) for cosine in seen.cosines]
    return measured_row(
        question,
        dimension,
        spec.annotator_id,
        score=math.fsum(scores) / len(scores),
        scale=metric.scale,
        n_frames=len(scores),
        model=towers.name,
        rationale=_said(scores, seen),
    )


def _said(scores: list[float], seen: Seen) -> str:
    per_frame = "Per frame: " + ", ".join(f"{score:.4g}" for score in scores)
    if seen.shown_tokens < seen.tokens:
        return f"{per_frame}; the prompt was cut from {seen.tokens} to {seen.shown_tokens} tokens."
    return f"{per_frame}."
