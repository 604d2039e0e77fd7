"""One question to an annotator about pictures at hand: for its test, or to see what it says."""

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from annotators.base import AnnotatorSpec, Outcome, Question, Resources
from prompts import load_rubric
from schemas import FrameSet
from schemas.ids import prompt_id, sha256_hex
from schemas.store import Store, blob_name

FPS = 8.0


def try_out(
    spec: AnnotatorSpec,
    pictures: Sequence[Image.Image],
    *,
    prompt: str = "a red ball rolls",
    rubric: str = "videoprefer/video_quality",
) -> list[Outcome]:
    """What the annotator says of a clip with these frames: an outcome per dimension of the rubric.

    ``pictures``: RGB, of one size, in the order of time, taken for all frames of a clip of 8 a second.
    They reach the annotator as a run's do, as JPEGs (quality 95) in a store. Nothing is left behind.
    """
    with tempfile.TemporaryDirectory() as folder:
        resources = Resources(
            frames=Store(f"{folder}/frames"), journal=Store(f"{folder}/journal"), work=Path(folder)
        )
        question = Question(
            frames=_frames(pictures, prompt, resources.frames), rubric=load_rubric(rubric), draw=0
        )
        with spec.hold(resources):
            annotator = spec.open(resources)
            try:
                return list(annotator.submit(question).result())
            finally:
                annotator.close()


def _frames(pictures: Sequence[Image.Image], prompt: str, store: Store) -> FrameSet:
    width, height = pictures[0].size
    n = len(pictures)
    return FrameSet(
        video_id="clip",
        prompt_id=prompt_id(prompt),
        prompt=prompt,
        generator="generator",
        policy=f"uniform-{n}",
        decoder="pictures",
        indices=tuple(range(n)),
        times_s=tuple(i / FPS for i in range(n)),
        jpeg_sha256=tuple(_put(picture, store) for picture in pictures),
        n_frames_in_clip=n,
        fps=FPS,
        duration_s=n / FPS,
        width_px=width,
        height_px=height,
        frame_width_px=width,
        frame_height_px=height,
    )


def _put(picture: Image.Image, store: Store) -> str:
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    digest = sha256_hex(file.getvalue())
    store.put(blob_name(digest, ".jpg"), file.getvalue())
    return digest
