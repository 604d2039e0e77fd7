"""What the configuration can say about frames. Imports neither PyAV nor numpy."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.options import Options

MOST_JPEG_PX = 65_500  # libjpeg's JPEG_MAX_DIMENSION, a little below what the format has room for


class FramesOptions(Options):
    """The ``frames:`` block: which frames are taken, how they are kept, and what is too large."""

    # uniform: round(linspace(0, n - 1, count)), by frame number; segment_centres: the middle of each
    # of `count` segments; random_per_segment: one drawn from each; fps: so many a second; key_frames;
    # first_middle_last: three
    policy: Literal[
        "uniform",
        "segment_centres",
        "random_per_segment",
        "fps",
        "key_frames",
        "first_middle_last",
    ] = "uniform"
    # frames per clip, for fps and key_frames at most; a shorter clip gives its own, fewer
    count: int = Field(default=8, ge=1, le=256)
    fps: float | None = Field(default=None, gt=0, le=1000, allow_inf_nan=False)  # of policy fps
    seed: int = 0  # of random_per_segment
    # columns of one picture with all the frames, which judges of the kinds openai, openai-batch and
    # transformers are shown instead of them
    montage: int | None = Field(default=None, ge=1, le=16)
    # longer side of a JPEG at most; never enlarged
    long_side_px: int = Field(default=512, ge=16, le=MOST_JPEG_PX)
    jpeg_quality: int = Field(default=85, ge=1, le=95)  # Pillow's scale; beyond 95 only size grows
    # auto: what suits the file, PyAV as a rule, then the ffmpeg program
    decoder: Literal["auto", "pyav", "decord", "ffmpeg"] = "auto"
    publish: bool = True  # whether the frames table carries the JPEGs
    max_bytes: int = Field(default=256 * 2**20, ge=1)  # of the clip's file, which is held in memory
    max_pixels: int = Field(default=4096 * 2304, ge=1)  # of one frame, before scaling
    max_frames: int = Field(default=18_000, ge=1)  # five minutes at 60 frames a second
    max_streams: int = Field(default=32, ge=1)  # of the clip's file, sound and subtitles included
    # of a child process while it decodes, beside what it holds before
    max_memory_bytes: int = Field(default=4 * 2**30, ge=2**28)
    timeout_s: float = Field(
        default=60.0, gt=0
    )  # for one clip; the caller ends the child process then

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if (self.policy == "fps") != (self.fps is not None):
            raise ValueError("policy: fps and fps: (frames per second) go together")
        if self.seed and self.policy != "random_per_segment":
            raise ValueError("seed: only policy random_per_segment draws")
        if self.montage and self._montage_side_px > MOST_JPEG_PX:
            raise ValueError(
                f"montage: {self.montage} columns for {self.most} frames of {self.long_side_px} pixels "
                f"make a picture of up to {self._montage_side_px} pixels a side, and a JPEG has "
                f"{MOST_JPEG_PX} at most; take fewer frames, a lower long_side_px or other columns"
            )
        return self

    @property
    def _montage_side_px(self) -> int:
        """Longer side of a montage at most."""
        columns = min(self.montage or 1, self.most)
        return max(columns, -(-self.most // columns)) * self.long_side_px

    @property
    def most(self) -> int:
        """Frames of a clip at most."""
        return 3 if self.policy == "first_middle_last" else self.count

    @property
    def shown(self) -> int:
        """Pictures that a judge who is sent any is sent for a clip, at most."""
        return 1 if self.montage else self.most

    @property
    def policy_name(self) -> str:
        """The policy as a FrameSet records it, for example ``uniform-8`` or ``fps-2-at-most-16``."""
        if self.policy == "first_middle_last":
            return self.policy
        if self.policy == "fps":
            return f"fps-{self.fps:g}-at-most-{self.count}"
        drawn = f"-seed-{self.seed}" if self.policy == "random_per_segment" else ""
        return f"{self.policy}-{self.count}{drawn}"
