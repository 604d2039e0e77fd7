"""The frames taken from clips, and what the clip checks found on them."""

from schemas.base import (
    check_at_least,
    check_finite,
    check_ids,
    check_names,
    check_sha256,
    record,
    refuse,
)


@record
class FrameSet:
    """The frames of a clip that a judge sees, by reference. Key: ``video_id``.

    ``jpeg_sha256`` names each JPEG in the frame store; ``indices`` are 0-based positions among the
    clip's ``n_frames_in_clip`` decodable frames; ``times_s`` are presentation times in seconds, None
    where the file has none. What was measured on the sampled frames is None where it was not:
    luma and its change are on a scale of 0 to 255.
    """

    video_id: str
    prompt_id: str
    prompt: str
    generator: str
    policy: str  # for example "uniform-8"
    decoder: str  # for example "pyav-index"
    indices: tuple[int, ...]
    times_s: tuple[float | None, ...]
    jpeg_sha256: tuple[str, ...]
    n_frames_in_clip: int
    fps: float | None
    duration_s: float | None
    width_px: int  # of the clip as shown (rotation applied)
    height_px: int
    frame_width_px: int  # of the JPEGs
    frame_height_px: int
    flags: tuple[str, ...] = ()  # quality flags, for example "fewer_frames_than_asked"
    simulated: bool = False
    montage_sha256: str | None = None  # one JPEG with all of the frames, where it was asked for
    montage_columns: int | None = (
        None  # frames in a row of it, from left to right and top to bottom
    )
    luma_mean: float | None = None  # mean luma of the frames
    black_frames: float | None = None  # share of the frames that are black
    motion: float | None = None  # mean absolute change of luma from frame to frame; None: one frame
    letterbox: float | None = None  # share of the picture's area in bars that stay black
    perceptual_hash: tuple[str, ...] = ()  # of each frame, 16 hexadecimal digits

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "prompt_id")
        check_names(self, "generator")
        check_at_least(
            self,
            1,
            "width_px",
            "height_px",
            "frame_width_px",
            "frame_height_px",
            "n_frames_in_clip",
        )
        check_finite(self, "fps", "duration_s", "luma_mean", "motion")
        check_finite(self, "black_frames", "letterbox")
        if self.montage_sha256 is not None:
            check_sha256(self, "montage_sha256")
        if (self.montage_sha256 is None) != (self.montage_columns is None):
            refuse(self, "montage_columns", "a number with a montage, and only with one")
        if self.perceptual_hash and len(self.perceptual_hash) != len(self.indices):
            refuse(self, "perceptual_hash", "one hash per frame, or none")
        if not self.indices or list(self.indices) != sorted(set(self.indices)):
            refuse(self, "indices", "distinct, ascending frame numbers, at least one")
        if not len(self.indices) == len(self.times_s) == len(self.jpeg_sha256):
            refuse(self, "jpeg_sha256", "one digest and one time per index")
        if self.indices[0] < 0 or self.indices[-1] >= self.n_frames_in_clip:
            refuse(self, "indices", f"numbers in [0, {self.n_frames_in_clip})")

    @property
    def pictures(self) -> tuple[str, ...]:
        """SHA-256 of each JPEG that a judge is sent: the montage, or else the frames."""
        return self.jpeg_sha256 if self.montage_sha256 is None else (self.montage_sha256,)

    @property
    def picture_px(self) -> tuple[int, int]:
        """Width and height of each of the ``pictures``."""
        if self.montage_columns is None:
            return self.frame_width_px, self.frame_height_px
        columns = min(self.montage_columns, len(self.indices))
        rows = -(-len(self.indices) // columns)
        return columns * self.frame_width_px, rows * self.frame_height_px


@record
class ClipCheck:
    """What the clip checks found on one clip that has frames. Key: ``video_id``.

    ``found`` holds the reason codes of the rules it meets (``black``, ``frozen``, ...), whether or
    not the configuration leaves such clips out; ``near_duplicate_of`` is the clip, first in the order
    of ids, that it all but repeats, ``near_duplicate_bits`` the mean number of bits of 64 in which
    their frames' perceptual hashes differ.
    """

    video_id: str
    prompt_id: str
    generator: str
    found: tuple[str, ...]
    left_out: bool  # not judged, by a rule of the configuration
    near_duplicate_of: str | None = None
    near_duplicate_bits: float | None = None
    across_prompts: bool | None = None  # whether the near duplicate is of another prompt
    across_splits: bool | None = None  # whether it is in another split
    nsfw: float | None = None  # what the hook gave, in 0..1; None: no hook, or it gave nothing

    def __post_init__(self) -> None:
        check_ids(self, "video_id", "prompt_id")
        check_names(self, "generator")
        check_finite(self, "near_duplicate_bits", "nsfw")
