"""Contestant ``ours``: an open judge of this project, as a worker of the pipeline uses it.

Journal and frame checks are on: every reply is on disk before it counts.
"""

import threading
from concurrent.futures import Future
from typing import Any

import openai
from judging_work import MODEL, Clip, Work, arguments, measure

from annotators import OpenAISpec
from annotators.base import Question, Resources
from prompts import load_rubric
from schemas import Annotation, FrameSet
from schemas.store import Store

RUBRIC = "videoprefer/video_quality"


def ask_all(work: Work) -> int:
    """Ask everything; the number of annotations."""
    spec = OpenAISpec(
        model=MODEL, base_url=work.url, api_key_env=None, draws=work.draws,
        concurrency=work.concurrency,
    )  # fmt: skip
    resources = Resources(frames=Store(work.frames), journal=Store(f"{work.folder}/journal"))
    rubric = load_rubric(RUBRIC)
    annotator = spec.open(resources)
    window = threading.Semaphore(annotator.in_flight)
    answered = 0
    lock = threading.Lock()

    def done(future: "Future[Any]") -> None:
        nonlocal answered
        with lock:
            answered += all(isinstance(outcome, Annotation) for outcome in future.result())
        window.release()

    for clip, draw in work.items():
        window.acquire()
        question = Question(frames=frame_set(clip), rubric=rubric, draw=draw)
        annotator.submit(question).add_done_callback(done)
    for _ in range(annotator.in_flight):
        window.acquire()
    annotator.close()
    return answered


def frame_set(clip: Clip) -> FrameSet:
    """The frames of a made-up clip."""
    n_frames = len(clip.sha256)
    return FrameSet(
        video_id=clip.video_id, prompt_id=f"prompt-{clip.video_id}", prompt=clip.prompt,
        generator="bench", policy=f"uniform-{n_frames}", decoder="none",
        indices=tuple(range(n_frames)), times_s=tuple(i / 8 for i in range(n_frames)),
        jpeg_sha256=clip.sha256, n_frames_in_clip=n_frames, fps=8.0, duration_s=n_frames / 8,
        width_px=512, height_px=288, frame_width_px=512, frame_height_px=288,
    )  # fmt: skip


if __name__ == "__main__":
    work = arguments()
    measure(lambda: ask_all(work), {"openai": openai.__version__})
