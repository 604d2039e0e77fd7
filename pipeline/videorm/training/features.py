"""Frozen parts of the towers are passed once; what comes out is kept on disk.

A folder of features is named by the SHA-256 of everything they depend on, a row in it by what was
encoded. Anything else is another name, so a wrong one is missed and never mixed in.
"""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.videorm.data.clips import Clips
from pipeline.videorm.data.frames import StreamedClips
from pipeline.videorm.model.towers import weights_sha256
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.training.feature_store import EncodedClips, ShardWriter, Shelf, places

Progress = Callable[[int, int], None]  # done, in all; of what was not there already
FORMAT = 1  # of the folders; raise it when what is computed changes
AHEAD = 2  # batches of clips that are read while one is encoded
BATCH_PROMPTS = 64
# of a tower's configuration: what the weights do not say and the features depend on
_CONFIG = (
    "hidden_act", "num_attention_heads", "layer_norm_eps", "image_size", "patch_size",
    "max_position_embeddings", "eos_token_id",
)  # fmt: skip


def encode_clips(
    model: VideoRM,
    clips: Clips,
    rows: Sequence[int] | NDArray[np.int64] | None,
    depth: int,
    folder: Path,
    *,
    device: torch.device,
    dtype: torch.dtype = torch.float16,
    batch_clips: int = 16,
    progress: Progress | None = None,
) -> EncodedClips:
    """Clips that have come to ``depth`` of the model's trunk, with the same rows and ids.

    Pixels of ``rows`` (None: all) are passed through the frozen part once; what ``folder`` has of
    them already is not passed again, and two rows of the same frames are one. ``batch_clips`` go
    through together, fewer once the device's memory has not sufficed. Kept in ``dtype``: float16
    unless a tower has activations beyond its range. Computed in bfloat16 on a GPU, in float32 elsewhere
    and where float32 is kept. The model is moved to ``device`` where anything is to be encoded.

    Raises ValueError for a depth that is not frozen and for values that ``dtype`` does not hold,
    RuntimeError where one clip alone does not fit the device.
    """
    frozen = model.frozen_depth
    if frozen is None or not 0 <= depth <= frozen:
        raise ValueError(f"depth {depth}: frozen is the image tower to {frozen}; the rest learns")
    wanted = np.arange(len(clips.keys)) if rows is None else np.asarray(rows, np.int64)
    n_frames = clips.read(wanted[:1])[0].shape[1] if len(wanted) else 0
    about = _about_clips(model, depth, n_frames, device, dtype)
    home = folder / _name(about)
    there = places(home)
    if isinstance(clips, StreamedClips):
        wanted = clips.in_order(wanted)
    missing: dict[str, int] = {}  # by key: two rows of the same frames are one
    for row in wanted.tolist():
        if clips.keys[row] not in there:
            missing.setdefault(clips.keys[row], row)
    if missing:
        encoder = _Encoder(model, depth, device, dtype, batch_clips)
        with ShardWriter(home, about) as writer, _evaluating(model, device):
            _encode_all(encoder, clips, missing, writer, progress)
    return EncodedClips(video_ids=clips.video_ids, keys=clips.keys, depth=depth, folder=home)


def encode_texts(
    model: VideoRM, prompts: Sequence[str], folder: Path, *, device: torch.device
) -> dict[str, Tensor]:
    """Embeddings (D,) float32 on the CPU, by prompt, of a frozen text tower.

    Kept in ``folder`` by token ids, so a prompt's features do not depend on what else was asked.
    Raises ValueError where the text tower learns.
    """
    if not model.text_is_frozen:
        raise ValueError("the text tower learns: its embeddings change with every step")
    about = _about_texts(model)
    home = folder / _name(about)
    key_of = {prompt: _key(model.encode([prompt])) for prompt in dict.fromkeys(prompts)}
    there = places(home)
    missing = {key: prompt for prompt, key in key_of.items() if key not in there}
    if missing:
        with ShardWriter(home, about) as writer, _evaluating(model, device):
            for keys in _chunks(list(missing), BATCH_PROMPTS):
                tokens = model.encode([missing[key] for key in keys]).to(device)
                with torch.inference_mode():
                    values = model.trunk.texts(tokens).float().cpu()
                writer.add(keys, values, torch.zeros((len(keys), 0), dtype=torch.bool))
    shelf = Shelf(home)
    return {prompt: shelf.read([key])[0][0] for prompt, key in key_of.items()}


class _Encoder:
    """Pixels of some clips -> what they are at ``depth``, in parts that the device's memory holds."""

    def __init__(
        self, model: VideoRM, depth: int, device: torch.device, dtype: torch.dtype, most: int
    ) -> None:
        self.model, self.depth, self.device, self.dtype = model, depth, device, dtype
        self.most = most  # clips at a time

    def __call__(self, pixels: Tensor, valid: Tensor) -> Tensor:
        """uint8 (B, T, C, H, W) and bool (B, T) -> (B, T, ...) on the CPU; zeros where padded."""
        parts: list[Tensor] = []
        start = 0
        while start < len(pixels):
            part = slice(start, start + self.most)
            made = self._or_too_many(pixels[part], valid[part])
            if made is None:
                self.most = len(pixels[part]) // 2
                torch.cuda.empty_cache()
            else:
                parts.append(made)
                start += self.most
        return torch.cat(parts)

    def _or_too_many(self, pixels: Tensor, valid: Tensor) -> Tensor | None:
        try:
            with torch.inference_mode(), _precision(self.device, self.dtype):
                return self._passed(pixels.to(self.device).float() / 255, valid.to(self.device))
        except torch.OutOfMemoryError as error:
            if len(pixels) == 1:
                raise RuntimeError(
                    f"one clip of {pixels.shape[1]} frames does not fit the memory of {self.device}; "
                    "take fewer frames (videorm.frames) or a smaller trunk"
                ) from error
            return None  # what failed is freed once this has returned

    def _passed(self, pixels: Tensor, valid: Tensor) -> Tensor:
        trunk, shift = self.model.trunk, self.model.config.shift
        if self.depth == trunk.n_blocks:
            out = trunk.frames(pixels, valid, shift)
        else:
            out = trunk.passed(pixels, valid, shift, None, self.depth)
        there = valid.view(*valid.shape, *[1] * (out.ndim - 2))
        out = torch.where(there, out, 0).to(self.dtype)
        if not bool(out.isfinite().all()):
            raise ValueError(
                f"features of depth {self.depth} are not finite in {self.dtype}: keep them in float32"
            )
        return out.cpu()


def _encode_all(
    encoder: _Encoder,
    clips: Clips,
    missing: dict[str, int],
    writer: ShardWriter,
    progress: Progress | None,
) -> None:
    done = 0
    chunks = _chunks(list(missing), encoder.most)
    for keys, pixels, valid in _read_ahead(clips, missing, chunks):
        writer.add(keys, encoder(pixels, valid), valid)
        done += len(keys)
        if progress:
            progress(done, len(missing))


def _read_ahead(
    clips: Clips, row_of: dict[str, int], chunks: Iterable[list[str]]
) -> Iterator[tuple[list[str], Tensor, Tensor]]:
    """Clips of each chunk; a thread reads the next ones meanwhile."""
    waiting: deque[tuple[list[str], Future[tuple[Tensor, Tensor]]]] = deque()
    with ThreadPoolExecutor(1) as pool:
        for keys in chunks:
            rows = np.array([row_of[key] for key in keys], np.int64)
            waiting.append((keys, pool.submit(clips.read, rows)))
            if len(waiting) > AHEAD:
                first, future = waiting.popleft()
                yield first, *future.result()
        for keys, future in waiting:
            yield keys, *future.result()


def _chunks(keys: list[str], size: int) -> Iterator[list[str]]:
    return (keys[i : i + size] for i in range(0, len(keys), size))


def _computed(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    narrow = device.type == "cuda" and dtype != torch.float32
    return torch.bfloat16 if narrow else torch.float32


def _precision(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[Any]:
    computed = _computed(device, dtype)
    narrow = computed != torch.float32
    return torch.autocast(device.type, computed) if narrow else nullcontext()


@contextmanager
def _evaluating(model: VideoRM, device: torch.device) -> Iterator[None]:
    """The model on a device and in evaluation mode for as long as the block runs."""
    training = model.training
    model.to(device).eval()
    try:
        yield
    finally:
        model.train(training)


def _about_clips(
    model: VideoRM, depth: int, frames: int, device: torch.device, dtype: torch.dtype
) -> dict[str, Any]:
    trunk, shift = model.trunk, model.config.shift
    blocks = [i for i in sorted(shift.blocks) if i < depth] if shift.fraction else []
    parts = [*trunk.entrance(), *trunk.blocks[:depth]]
    parts += trunk.exits() if depth == trunk.n_blocks else []
    return {
        "format": FORMAT,
        "kind": trunk.config.model_type,
        "weights": weights_sha256(parts),
        "tower": _settings(trunk.config.vision_config),
        "fit": model.config.fit,
        "frames": frames,  # the picked ones are in each clip's key, how many it is padded to is not
        "depth": depth,
        "shift": {"fraction": shift.fraction, "placement": shift.placement, "blocks": blocks}
        if blocks
        else None,
        "computed": str(_computed(device, dtype)),
        "stored": str(dtype),
    }


def _about_texts(model: VideoRM) -> dict[str, Any]:
    trunk = model.trunk
    return {
        "format": FORMAT,
        "kind": f"{trunk.config.model_type} text",
        "weights": weights_sha256(trunk.text_parts()),
        "tower": _settings(trunk.config.text_config),
    }


def _settings(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in _CONFIG if hasattr(config, name)}


def _name(about: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _key(tokens: Tensor) -> str:
    """Of one prompt: what the tower is given, whatever the tokenizer."""
    return hashlib.sha256(np.ascontiguousarray(tokens.numpy()).tobytes()).hexdigest()
