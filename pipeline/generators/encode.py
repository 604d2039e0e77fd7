"""Frames as the bytes of a real video file: H.264 in MP4, the same bytes for the same frames."""

import io
from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

OPTIONS = {"preset": "ultrafast", "crf": "22", "threads": "1"}  # one thread: no race over bits
# For clips that a model made: what one sees in them should be the model's doing, not the encoder's. No
# looking ahead: x264 then reads memory it never wrote where pictures are small, and the same frames
# came out as other bytes in up to half of the calls (32 x 32 pixels, x264 of PyAV 18.1).
FINE = {
    "preset": "veryfast",
    "crf": "16",
    "threads": "1",
    "x264-params": "bframes=0:scenecut=0:rc-lookahead=0:mbtree=0:weightp=0",
}


def to_mp4(
    frames: NDArray[np.uint8], fps: int | Fraction, options: Mapping[str, str] = OPTIONS
) -> bytes:
    """An MP4 file of frames (T, height, width, 3) RGB uint8 at ``fps``, a frame for each of them.

    Colours are stored for every second pixel each way (yuv420p, what every player shows): of an odd
    height or width the last row or column is left out. Raises ``ValueError`` for frames of less than
    2 x 2 pixels.
    """
    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    if not len(frames) or not height or not width:
        raise ValueError(f"frames of shape {frames.shape} make no video")
    target = io.BytesIO()
    with av.open(target, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream("libx264", rate=fps, options=dict(options))
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            even = np.ascontiguousarray(frame[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(even, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()
