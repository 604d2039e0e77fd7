"""Questions about made-up clips whose frames lie in a store, for the tests of annotators."""

from pathlib import Path

from annotators.base import Question, Resources
from prompts import load_rubric
from schemas import FrameSet, Rubric
from schemas.ids import sha256_hex
from schemas.store import Store, blob_name

QUALITY = load_rubric("videoprefer/video_quality")


def resources(folder: Path) -> Resources:
    """Frames and journal below a folder."""
    return Resources(frames=Store(str(folder / "frames")), journal=Store(str(folder / "journal")))


def jpegs(video_id: str, n_frames: int) -> list[bytes]:
    """The bytes that stand for a clip's frames: no annotator of these tests looks inside."""
    return [f"jpeg {i} of {video_id}".encode() for i in range(n_frames)]


def frame_set(
    video_id: str,
    *,
    store: Store | None = None,
    n_frames: int = 2,
    prompt: str = "a red ball rolls",
    prompt_id: str = "p0",
    generator: str = "g0",
) -> FrameSet:
    """A clip's frames, put into the store where one is given."""
    pictures = jpegs(video_id, n_frames)
    for picture in pictures if store else ():
        store.put(blob_name(sha256_hex(picture), ".jpg"), picture)
    return FrameSet(
        video_id=video_id, prompt_id=prompt_id, prompt=prompt, generator=generator,
        policy=f"uniform-{n_frames}", decoder="test", indices=tuple(range(n_frames)),
        times_s=tuple(i / 8 for i in range(n_frames)),
        jpeg_sha256=tuple(sha256_hex(picture) for picture in pictures),
        n_frames_in_clip=n_frames, fps=8.0, duration_s=n_frames / 8, width_px=64, height_px=64,
        frame_width_px=64, frame_height_px=64,
    )  # fmt: skip


def question(frames: FrameSet, *, rubric: Rubric = QUALITY, draw: int = 0) -> Question:
    """One question, about quality unless told."""
    return Question(frames=frames, rubric=rubric, draw=draw)
