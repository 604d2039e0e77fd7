"""Made-up clips for the benchmark: noise and a moving disc, eight JPEG frames of about 30 kB each."""

import hashlib
import io
import json
from pathlib import Path

FRAMES, WIDTH, HEIGHT, QUALITY, NOISE = 8, 512, 288, 75, 11.0


def make_clips(folder: Path, n_clips: int) -> None:
    """Make what is missing of the first ``n_clips`` clips; the same in every run.

    A frame lies where a store of frames looks for it, ``ab/ab12...jpg`` by the SHA-256 of its bytes.
    """
    index = folder / "clips.json"
    clips = json.loads(index.read_text()) if index.exists() else []
    if len(clips) >= n_clips:
        return
    print(f"making {n_clips - len(clips)} clips in {folder} (once)", flush=True)
    for number in range(len(clips), n_clips):
        names = [_keep(folder, jpeg) for jpeg in _frames(number)]
        video_id = f"clip-{number:05d}"
        clips.append(
            {"video_id": video_id, "prompt": f"ball number {number} rolls", "sha256": names}
        )
    index.write_text(json.dumps(clips))


def _keep(folder: Path, jpeg: bytes) -> str:
    sha256 = hashlib.sha256(jpeg).hexdigest()
    path = folder / sha256[:2] / f"{sha256}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg)
    return sha256


def _frames(number: int) -> list[bytes]:
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(number)
    noise = random.normal(128.0, NOISE, (HEIGHT, WIDTH, 1))
    colour = random.integers(0, 255, 3)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    found = []
    for frame in range(FRAMES):
        picture = np.repeat(np.roll(noise, 7 * frame, axis=1), 3, axis=2)
        disc = (x - 60 - 50 * frame) ** 2 + (y - HEIGHT // 2) ** 2 < 50**2
        picture[disc] = colour
        file = io.BytesIO()
        Image.fromarray(picture.clip(0, 255).astype("uint8")).save(file, "JPEG", quality=QUALITY)
        found.append(file.getvalue())
    return found
