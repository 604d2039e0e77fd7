"""The rewards of one clip after another, from a trained VideoRM: what the ``videorm`` judge does."""

import functools
import threading
from collections.abc import Sequence

from annotators.base import Annotator, Outcome, Question, Resources
from annotators.embedding.files import content_hash
from annotators.embedding.held import hold
from annotators.embedding.measured import Measured, measured_row
from annotators.embedding.pictures import Unmeasured, read_jpegs
from annotators.loading import computing
from pipeline.videorm.data.frames import pick
from pipeline.videorm.judge import VideoRMSpec
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import Rewards, load_model, rewards_of, stack
from schemas import Dimension, FrameSet, Reason
from schemas.options import SetupError
from schemas.store import Store


class Scorer:
    """A VideoRM on its device. One clip at a time."""

    def __init__(self, model: VideoRM, name: str) -> None:
        self.model, self.name = model, name
        self._lock = threading.Lock()

    def rewards(self, prompt: str, jpegs: list[bytes]) -> Rewards:
        """The reward of a clip for each head. Raises ``OSError`` for a JPEG that is none."""
        clip = stack(self.model, jpegs)
        with self._lock, computing():
            (rewards,) = rewards_of(self.model, [prompt], [clip])
        return rewards


def open_videorm(spec: VideoRMSpec, resources: Resources) -> Annotator:
    """The annotator, scoring on threads of its own with the process's one copy of the model."""
    heads = spec.config().dimensions
    scorer, release = hold((spec.kind, spec.model, spec.device), functools.partial(load, spec))
    return Measured(
        spec.annotator_id,
        measure=functools.partial(_measure, scorer, resources.frames),
        answer=functools.partial(_row, spec, scorer),
        refuse=functools.partial(_refusal, heads),
        close=release,
    )


def load(spec: VideoRMSpec) -> Scorer:
    """The model, named by its content. Raises :class:`SetupError` where it cannot be loaded."""
    folder = spec.files[0].parent
    try:
        return Scorer(load_model(folder, spec.device), content_hash(spec.files))
    except SetupError as error:
        raise SetupError(
            f"annotator {spec.annotator_id}: cannot load {spec.model}: {error}"
        ) from error


def _refusal(heads: Sequence[str], dimension: str) -> str | None:
    if dimension in heads:
        return None
    return f"this VideoRM has no head for {dimension}; it has {', '.join(heads)}"


def _measure(scorer: Scorer, store: Store, frames: FrameSet) -> Rewards:
    jpegs = read_jpegs(store, frames)
    try:
        return scorer.rewards(frames.prompt, jpegs)
    except OSError as error:
        raise Unmeasured(
            Reason.UNDECODABLE,
            f"clip {frames.video_id}: a frame in the frame store {store.root} is no picture that "
            f"can be decoded ({error}); delete it and collect again",
        ) from error


def _row(
    spec: VideoRMSpec, scorer: Scorer, question: Question, dimension: Dimension, rewards: Rewards
) -> Outcome:
    return measured_row(
        question,
        dimension,
        spec.annotator_id,
        score=rewards[dimension.name],
        scale=None,  # a regression's may lie beyond the ends of its scale: nothing is clipped
        n_frames=len(pick(len(question.frames.jpeg_sha256), scorer.model.config.frames)),
        model=scorer.name,
        rationale=None,
    )
