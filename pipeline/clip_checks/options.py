"""What the configuration can say about clip checks. Imports neither numpy nor Pillow."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.options import Options

Check = Literal["black", "frozen", "too_short", "letterbox", "near_duplicate", "nsfw"]


class NsfwOptions(Options):
    """``nsfw:`` of the checks: a function of one's own, asked about every clip."""

    # package.module:function, called with the JPEGs of a clip's frames (a list of bytes); gives a
    # number in 0..1, or None where it cannot say
    hook: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$")
    threshold: float = Field(0.5, ge=0, le=1)  # at least this is not safe for work


class ChecksOptions(Options):
    """The ``checks:`` block: from where on a clip is flagged, and which flags leave a clip out.

    Nothing is left out unless ``leave_out`` says so; the flags stand in the table ``clip_checks``
    either way.
    """

    leave_out: tuple[Check, ...] = ()
    black_frames: float = Field(0.9, gt=0, le=1)  # black: at least this share of the frames is
    # frozen: luma (0..255) changes by no more from one sampled frame to the next. A held picture with
    # its grain, encoded, gives 0.2 at most; of 155 real and generated clips the stillest gave 0.38
    frozen_motion: float = Field(0.25, ge=0)
    min_frames: int = Field(8, ge=1)  # too_short: fewer frames in the clip,
    min_duration_s: float = Field(0.5, ge=0)  # or less time, where it is known
    letterbox: float = Field(0.1, gt=0, le=1)  # at least this share of the picture is bars
    # near_duplicate: at most so many of 64 bits differ on average over the frames. Copies of clips at
    # half the size or at a low bit rate differ in 0 to 5, other clips in 19 or more (140 of FETV)
    near_duplicate_bits: float = Field(5.0, ge=0, lt=32)
    nsfw: NsfwOptions | None = None

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if len(set(self.leave_out)) < len(self.leave_out):
            raise ValueError("leave_out: names a check twice")
        if "nsfw" in self.leave_out and self.nsfw is None:
            raise ValueError("leave_out: nsfw needs a hook that tells; give nsfw: {hook: ...}")
        return self
