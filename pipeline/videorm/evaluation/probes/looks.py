"""What can be seen of a clip without knowing what it shows, and what its file says."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.videorm.data.tables import read_columns
from schemas import FrameSet
from schemas.layout import Layout

MOVES = 1.0  # levels of 255 between neighbouring frames, on average: less is compression
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of R, G, B
MEASURED = ("motion", "brightness", "saturation", "sharpness")
OF_FILE = ("length", "resolution")
LOOKS = (*OF_FILE, *MEASURED)


def looks_of(frames: NDArray[np.uint8]) -> dict[str, float]:
    """Of frames (T, H, W, 3), each the mean over frames.

    motion: mean absolute difference of neighbouring frames, in levels of 255; brightness: mean luma;
    saturation: (max - min) / max of a pixel's channels, 0 where it is black (HSV); sharpness:
    variance of the luma's Laplacian (Pech-Pacheco et al. 2000, ICPR), 0 for frames of
    less than 3 x 3 pixels.
    """
    values = frames.astype(np.float32)
    light = values @ np.array(LUMA, np.float32)
    most, least = frames.max(axis=-1), frames.min(axis=-1)
    return {
        "motion": float(np.abs(np.diff(values, axis=0)).mean()) if len(frames) > 1 else 0.0,
        "brightness": float(light.mean()),
        "saturation": float(((most - least) / np.maximum(most, 1)).mean()),
        "sharpness": float(_laplacian(light).var(axis=(1, 2)).mean()) if light[0].size else 0.0,
    }


def _laplacian(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """(T, H, W) -> (T, H - 2, W - 2), kernel 0 1 0 / 1 -4 1 / 0 1 0."""
    if min(light.shape[1:]) < 3:
        return np.zeros((len(light), 1, 1), np.float32)
    up, down, left, right = (
        light[:, :-2, 1:-1],
        light[:, 2:, 1:-1],
        light[:, 1:-1, :-2],
        light[:, 1:-1, 2:],
    )
    return up + down + left + right - 4 * light[:, 1:-1, 1:-1]


def files_of(folders: Sequence[Path], video_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    """``length`` in seconds and ``resolution`` in pixels of each clip's file, by video_id.

    From the frames table: the frames themselves may be fewer and smaller. What is not known of a
    clip is missing.
    """
    wanted, found = set(video_ids), {}
    for folder in folders:
        columns = ("video_id", "duration_s", "width_px", "height_px")
        for row in read_columns(Layout(folder).table("frames"), FrameSet, columns).to_pylist():
            if row["video_id"] in wanted:
                known = {"resolution": float(row["width_px"] * row["height_px"])}
                if row["duration_s"] is not None:
                    known["length"] = float(row["duration_s"])
                found[row["video_id"]] = known
    return found
