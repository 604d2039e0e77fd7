"""Whether a checkpoint is of this training: the same data and everything that decides the result."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import Arm, VideoRMOptions

# how the work is done, not what comes out of it
HOW: dict[str, Any] = {
    "arms": True,
    "device": True,
    "threads": True,
    "track": True,
    "save_trunk": True,
    "cache": True,
    "overall": True,
    "data": {"memory_gb", "workers"},
    "training": {"checkpoint_seconds", "accumulate", "compile", "gradient_checkpointing"},
}
READ = ("train", "validation")  # splits that decide the result
ARRAYS = ("scores", "dimension", "a", "b", "label", "margin", "share", "weight")


def fingerprint(corpus: Corpus, options: VideoRMOptions, arm: Arm, model: VideoRM) -> str:
    """64 hex digits. Not of it: the device, the number of processes, and how a batch is divided."""
    whole = hashlib.sha256()
    said = options.model_dump(mode="json", exclude=HOW)
    header = [arm, said, corpus.dimensions, corpus.most_frames, model.config.trunk_sha256]
    whole.update(json.dumps(header, sort_keys=True).encode())
    for split in READ:
        for group in corpus.groups.get(split, ()):
            for piece in _pieces(split, group, corpus.clips.keys):
                whole.update(piece)
    return whole.hexdigest()


def _pieces(split: str, group: Group, keys: tuple[str, ...]) -> Iterator[bytes]:
    clips = [keys[row] for row in group.rows]
    yield json.dumps([split, group.prompt_id, group.prompt, clips]).encode()
    for name in ARRAYS:
        array = getattr(group, name)
        yield f"{name} {array.shape} {array.dtype}".encode()
        yield array.tobytes()
