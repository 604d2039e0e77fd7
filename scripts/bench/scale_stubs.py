"""What does no work in `scale.py`: a reader of clips, a decoder and a judge. Everything else is a run's own.

A clip is a name: all rows of the manifest name one small file. Its content, as the tables have it, is a
digest of the clip's id, so no two clips are the same; its frames are eight small JPEGs that all clips share,
with measurements of its own, so that every check has something to look at. The judge answers at once, with as
many words and numbers in a row as a paid one gives.
"""

import functools
import hashlib
import io
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from annotators.base import Annotator, AnnotatorSpec, Outcome, Question, Resources
from schemas import Annotation, Clip, FrameSet, Settings, Video
from schemas.layout import Layout
from schemas.store import blob_name

N_FRAMES = 8
WORDS = (
    "The clip shows what the text asks for from the second frame on; colours hold, motion is smooth, and the "
    "subject keeps its shape, though one edge flickers between the fifth frame and the sixth. Its ending is "
    "abrupt, and the background drifts a little to the left."
)
SETTINGS = Settings(temperature=0.3, max_output_tokens=1024, image_detail="low")


@functools.cache
def jpegs() -> tuple[bytes, ...]:
    """Eight small pictures, each of one colour."""
    from PIL import Image

    found = []
    for i in range(N_FRAMES):
        data = io.BytesIO()
        Image.new("RGB", (64, 36), (16 * i, 64, 128)).save(data, "JPEG")
        found.append(data.getvalue())
    return tuple(found)


@functools.cache
def digests() -> tuple[str, ...]:
    """Of those pictures."""
    return tuple(hashlib.sha256(data).hexdigest() for data in jpegs())


def put_frames(layout: Layout) -> None:
    """The pictures, in the store of a run."""
    for data, sha256 in zip(jpegs(), digests(), strict=True):
        layout.frames.put(blob_name(sha256, ".jpg"), data)


def obtain(clip: Clip, **_: Any) -> Video:
    """In the place of `pipeline.clips.obtain_clip`: reads nothing."""
    assert clip.path is not None
    return Video(
        video_id=clip.video_id,
        prompt_id=clip.prompt_id,
        prompt=clip.prompt,
        generator=clip.generator,
        uri=clip.path,
        sha256=hashlib.sha256(clip.video_id.encode()).hexdigest(),
        n_bytes=1_000_000,
        source=clip.source,
        licence=clip.licence,
    )


def take(video: Video, *, decode_ms: float = 0.0, **_: Any) -> FrameSet:
    """In the place of `pipeline.clips.take_frames`: decodes nothing, for as long as it is told to."""
    own = hashlib.shake_128(video.video_id.encode()).digest(8 * N_FRAMES)
    end = time.process_time() + decode_ms / 1000
    while time.process_time() < end:
        pass
    return FrameSet(
        video_id=video.video_id,
        prompt_id=video.prompt_id,
        prompt=video.prompt,
        generator=video.generator,
        policy=f"uniform-{N_FRAMES}",
        decoder="none",
        indices=tuple(range(0, 8 * N_FRAMES, 8)),
        times_s=tuple(float(i) for i in range(N_FRAMES)),
        jpeg_sha256=digests(),
        n_frames_in_clip=8 * N_FRAMES,
        fps=8.0,
        duration_s=float(N_FRAMES),
        width_px=1280,
        height_px=720,
        frame_width_px=64,
        frame_height_px=36,
        luma_mean=own[0] / 2 + 60,
        black_frames=0.0,
        motion=own[1] / 20 + 1,
        letterbox=0.0,
        perceptual_hash=tuple(own[8 * i : 8 * i + 8].hex() for i in range(N_FRAMES)),
    )


class StubSpec(AnnotatorSpec):
    """A judge that answers at once."""

    kind: str = "stub"
    model: str = "judge-that-does-nothing"

    def open(self, resources: Resources) -> Annotator:
        """Ready at once."""
        return StubJudge(self)


class StubJudge:
    """Scores by the ids of clip and dimension."""

    in_flight = 64

    def __init__(self, spec: StubSpec) -> None:
        self.annotator_id, self._model = spec.annotator_id, spec.model

    def submit(self, question: Question) -> "Future[Sequence[Outcome]]":
        """One annotation per dimension; the future is done."""
        future: Future[Sequence[Outcome]] = Future()
        future.set_result([self._said(question, d) for d in question.rubric.dimensions])
        return future

    def close(self) -> None:
        """Nothing is held."""

    def _said(self, question: Question, dimension: Any) -> Annotation:
        frames, rubric = question.frames, question.rubric
        asked = f"{frames.video_id} {dimension.name} {question.draw}"
        own = hashlib.sha256(asked.encode()).digest()
        return Annotation(
            video_id=frames.video_id,
            dimension=dimension.name,
            annotator_id=self.annotator_id,
            draw=question.draw,
            prompt_id=frames.prompt_id,
            generator=frames.generator,
            score=float(dimension.low + own[0] % int(dimension.high - dimension.low + 1)),
            scale_low=float(dimension.low),
            scale_high=float(dimension.high),
            n_frames=len(frames.jpeg_sha256),
            model=self._model,
            rationale=f"{own.hex()[:16]} {WORDS}",
            rubric=rubric.name,
            rubric_version=rubric.version,
            rubric_sha256=rubric.sha256,
            requested=SETTINGS,
            effective=SETTINGS,
            input_tokens=2_000 + own[1],
            output_tokens=60 + own[2] // 4,
            cost_usd=0.0,
        )
