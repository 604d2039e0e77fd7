"""A small finished dataset with pictures, for the tests of formats that hold frames instead of clips.

Three frames a clip, each a plain JPEG of a colour of its own. The scores of the judge and their mean:

=====  ==========  =========  ================  =============  =======
clip   split       generator  prompt_following  video_quality  overall
=====  ==========  =========  ================  =============  =======
k1     train       m1         3                 4              3.5
k2     train       m2         3                 2              2.5
k3     train       org/m3     5                 3              4
s1     validation  m1         2                 2              2
s2     validation  m2         3                 3              3
d1     test        m1         4                 2              3
d2     test        m2         1                 5              3
d3     test        org/m3     1                 1              1
=====  ==========  =========  ================  =============  =======
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from export_folder import DOG, JUDGED, KITE, Judged, write_dataset
from PIL import Image

from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.store import blob_name

SEA = "the sea at dawn"
PICTURED: Judged = {
    **{clip: JUDGED[clip] for clip in ("k1", "k2", "k3")},
    "s1": (SEA, "m1", (2, 2)),
    "s2": (SEA, "m2", (3, 3)),
    "d1": JUDGED["d1"],
    "d2": JUDGED["d2"],
    "d3": (DOG, "org/m3", (1, 1)),
}
SPLIT_OF = {KITE: "train", SEA: "validation", DOG: "test"}
N_FRAMES = 3


def jpeg(number: int, frame: int) -> bytes:
    """A frame: no two of different numbers are alike."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), (20 * number, 80 * frame, 255 - 20 * number)).save(buffer, "JPEG")
    return buffer.getvalue()


def write_pictured(
    root: Path,
    judged: Judged = PICTURED,
    *,
    splits: Mapping[str, str] = SPLIT_OF,
    alike: Mapping[str, str] | None = None,
    frames: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Path:
    """The folder, its frames in the store; a clip in ``alike`` has the frames of the other one."""
    looks = {clip: jpegs_of(judged, (alike or {}).get(clip, clip)) for clip in judged}
    told = {
        clip: {
            "policy": f"uniform-{N_FRAMES}",
            "indices": (0, 7, 15),
            "times_s": (0.0, 0.875, 1.875),
            "jpeg_sha256": tuple(map(sha256_hex, own)),
            **(frames or {}).get(clip, {}),
        }
        for clip, own in looks.items()
    }
    write_dataset(root, judged, splits=splits, frames=told, **more)
    for own in looks.values():
        for data in own:
            Layout(root).frames.put(blob_name(sha256_hex(data), ".jpg"), data)
    return root


def jpegs_of(judged: Judged, clip: str) -> list[bytes]:
    """The frames of a clip, in order of time."""
    return [jpeg(list(judged).index(clip), frame) for frame in range(N_FRAMES)]
