"""What the configuration can say about frames. Imports neither PyAV nor numpy."""

from typing import Literal

from pydantic import Field

from schemas.options import Options


class FramesOptions(Options):
    """The ``frames:`` block: which frames are taken, how they are kept, and what is too large."""

    policy: Literal["uniform"] = "uniform"  # round(linspace(0, n - 1, count)), by frame number
    count: int = Field(
        default=8, ge=1, le=256
    )  # frames per clip; a shorter clip gives its own, fewer
    long_side_px: int = Field(default=512, ge=16)  # longer side of a JPEG at most; never enlarged
    jpeg_quality: int = Field(default=85, ge=1, le=95)  # Pillow's scale; beyond 95 only size grows
    decoder: Literal["auto", "pyav", "ffmpeg"] = "auto"  # auto: PyAV, then the ffmpeg program
    publish: bool = True  # whether the frames table carries the JPEGs
    max_bytes: int = Field(default=256 * 2**20, ge=1)  # of the clip's file, which is held in memory
    max_pixels: int = Field(default=4096 * 2304, ge=1)  # of one frame, before scaling
    max_frames: int = Field(default=18_000, ge=1)  # five minutes at 60 frames a second
    timeout_s: float = Field(
        default=60.0, gt=0
    )  # for one clip; the caller ends the child process then

    @property
    def policy_name(self) -> str:
        """The policy as a FrameSet records it, for example ``uniform-8``."""
        return f"{self.policy}-{self.count}"
