"""The rewards of one clip after another, from a trained VideoRM: what the ``videorm`` judge does."""

import functools
import threading

import torch
from safetensors import SafetensorError

from annotators.base import Annotator, Outcome, Question, Resources
from annotators.embedding.files import content_hash
from annotators.embedding.held import hold
from annotators.embedding.measured import Measured, measured_row
from annotators.embedding.pictures import Unmeasured, read_jpegs
from annotators.loading import computing
from pipeline.videorm.data.frames import pick, stack_clip
from pipeline.videorm.judge import VideoRMSpec
from pipeline.videorm.model.video_rm import VideoRM
from schemas import Dimension, FrameSet, Reason
from schemas.options import SetupError
from schemas.store import Store

Rewards = dict[str, float]  # by dimension


class Scorer:
    """A VideoRM on its device. One clip at a time."""

    def __init__(self, model: VideoRM, device: torch.device, name: str) -> None:
        self.model, self.name = model.to(device), name
        self._device, self._lock = device, threading.Lock()

    def rewards(self, prompt: str, jpegs: list[bytes]) -> Rewards:
        """The reward of a clip for each head. Raises ``OSError`` for a JPEG that is none."""
        config = self.model.config
        pixels, valid = stack_clip(jpegs, config.frames, config.image_size, config.fit)
        clip, mask = (torch.from_numpy(a).to(self._device)[None] for a in (pixels, valid))
        with self._lock, computing(), torch.inference_mode():
            (row,) = self.model.score([prompt], clip, mask).tolist()
        return dict(zip(config.dimensions, row, strict=True))


def open_videorm(spec: VideoRMSpec, resources: Resources) -> Annotator:
    """The annotator, scoring on threads of its own with the process's one copy of the model."""
    heads = spec.config()["dimensions"]
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
    gpu = spec.device == "auto" and torch.cuda.is_available()
    device = "cuda" if gpu else "cpu" if spec.device == "auto" else spec.device
    try:
        model = VideoRM.from_pretrained(spec.files[0].parent)
        return Scorer(model, torch.device(device), content_hash(spec.files))
    except (RuntimeError, AssertionError, TypeError, KeyError, SafetensorError) as error:
        raise SetupError(
            f"annotator {spec.annotator_id}: cannot load {spec.model} on device {spec.device!r}: "
            f"{error}"
        ) from error


def _refusal(heads: list[str], dimension: str) -> str | None:
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
        scale=None,
        n_frames=len(pick(len(question.frames.jpeg_sha256), scorer.model.config.frames)),
        model=scorer.name,
        rationale=None,
    )
