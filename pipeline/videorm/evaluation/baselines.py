"""What a reward model must beat, from the very frames that it sees.

Image-text models frame by frame, the mean over frames taken; the first frame alone; and what the
shift does to a trunk that nothing adapted to it. Each gives a clip one number, which stands for every
dimension.
"""

import dataclasses
import io
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from annotators.embedding.checks import check_has_processor, check_is_clip
from annotators.embedding.metrics import METRICS, Metric
from annotators.embedding.pictures import letterbox
from annotators.embedding.spec import EmbeddingSpec
from annotators.embedding.towers import Towers, load
from pipeline.videorm.data.frames import pick
from pipeline.videorm.model.config import ShiftConfig
from pipeline.videorm.model.towers import load_weights, towers_sha256
from pipeline.videorm.model.trunk import NO_SHIFT, Trunk, trunk_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import Stacked, stack
from schemas.options import SetupError

PER_FRAME = "per_frame"
TSM_FRACTION = 0.125  # of the channels, from each neighbour: TSM's (arXiv 1811.08383)
ALIASES = {"clipscore": "clip_score", "hpsv2": "hps_v2", "pickscore": "pick_score"}
FIRST = "_first_frame"

Row = Sequence[float]  # a clip's score for each dimension


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A clip under its prompt: JPEG bytes of its frames, in the order of time, or the clip as a model
    sees it, where it was decoded before (that model's baselines can be asked, named ones cannot)."""

    video_id: str
    prompt: str
    jpegs: Sequence[bytes] = ()
    stacked: Stacked | None = None


Scorer = Callable[[Sequence[Shown]], Mapping[str, Sequence[Row]]]  # by name: a row per clip


def rewards_by(model: VideoRM, name: str, shift: ShiftConfig | None = None) -> Scorer:
    """The rewards of a model, ``shift`` in the place of its own. OSError for a JPEG that is none."""

    def score(clips: Sequence[Shown]) -> dict[str, list[Row]]:
        pixels, valid = seen(model, clips)
        with torch.inference_mode():
            frames = model.trunk.frames(pixels, valid, shift or model.config.shift)
            text = model.texts(_tokens(model, clips))
            rewards: list[Row] = model.readout(model.head(frames, valid), text).float().tolist()
        return {name: rewards}

    return score


def trunk_scorer(model: VideoRM) -> Scorer | None:
    """``trunk_frame_mean``, ``trunk_first_frame``, ``trunk_frame_mean_shifted``; None without a trunk.

    100 x the cosine of prompt and frame in the pretrained trunk as it was before any training; shifted
    where the model shifts, or in all blocks by TSM's eighth where it does not. Raises
    :class:`SetupError` where blocks were trained and the trunk itself is no longer where it was.
    """
    if model.config.trunk is None:
        return None
    trunk = pretrained(model)
    shift = trunk_shift(model)

    def score(clips: Sequence[Shown]) -> dict[str, list[Row]]:
        pixels, valid = seen(model, clips)
        with torch.inference_mode():
            text = trunk.texts(_tokens(model, clips))
            plain = cosines(trunk.frames(pixels, valid, NO_SHIFT), text)
            moved = cosines(trunk.frames(pixels, valid, shift), text)
        found = {
            "trunk_frame_mean": frame_mean(plain, valid),
            f"trunk{FIRST}": plain[:, 0],
            "trunk_frame_mean_shifted": frame_mean(moved, valid),
        }
        return {name: _alike(100 * values, model) for name, values in found.items()}

    return score


def shifted_control(models: Mapping[str, VideoRM]) -> Scorer | None:
    """``per_frame_shifted``: the per-frame arm with the shift of another switched on, although it
    learned without; None where there is no such pair of arms."""
    control = models.get(PER_FRAME)
    shifts = [m.config.shift for m in models.values() if m.config.shift.blocks]
    if control is None or not shifts or control.config.shift.blocks:
        return None
    return rewards_by(control, f"{PER_FRAME}_shifted", shifts[0])


def named_scorer(given: str, model: VideoRM, device: str = "auto") -> Scorer:
    """``METRIC=MODEL``: CLIPScore, HPS v2 or PickScore of a folder or hub id, the mean over frames; of
    CLIPScore also the first frame. Raises :class:`SetupError` for another metric or no model."""
    name, _, source = given.partition("=")
    metric = ALIASES.get(name, name)
    if metric not in METRICS:
        raise SetupError(f"--baseline {given}: no such metric; there are {', '.join(METRICS)}")
    spec = EmbeddingSpec.model_validate(
        {"metric": metric, "model": source or None, "device": device}
    )
    check_is_clip(f"--baseline {metric}", spec.model, spec.revision)
    check_has_processor(f"--baseline {metric}", spec.source)
    towers = load(spec.model, spec.revision, spec.source, spec.device, spec.dtype)

    def score(clips: Sequence[Shown]) -> dict[str, list[Row]]:
        values = [
            frame_scores(METRICS[metric], towers, clip, model.config.frames) for clip in clips
        ]
        found = {metric: [_repeated(float(np.mean(v)), model) for v in values]}
        if metric == "clip_score":
            found[metric + FIRST] = [_repeated(v[0], model) for v in values]
        return found

    return score


def frame_scores(metric: Metric, towers: Towers, clip: Shown, frames: int) -> list[float]:
    """The metric of each frame that the model sees. OSError for a JPEG that is none."""
    chosen = [clip.jpegs[i] for i in pick(len(clip.jpegs), frames)]
    pictures = [Image.open(io.BytesIO(jpeg)).convert("RGB") for jpeg in chosen]
    if metric.letterbox:
        pictures = [letterbox(picture) for picture in pictures]
    cosine = towers.look(pictures, clip.prompt, frames).cosines
    return [metric.score(c, towers.logit_scale) for c in cosine]


def seen(model: VideoRM, clips: Sequence[Shown]) -> tuple[Tensor, Tensor]:
    """Pixels (B, T, 3, S, S) in [0, 1] and valid (B, T) on the model's device."""
    device = next(model.parameters()).device
    stacked = [clip.stacked or stack(model, clip.jpegs) for clip in clips]
    pixels = torch.from_numpy(np.stack([array for array, _ in stacked])).to(device).float() / 255
    return pixels, torch.from_numpy(np.stack([mask for _, mask in stacked])).to(device)


def cosines(frames: Tensor, text: Tensor) -> Tensor:
    """(B, T) of frame embeddings (B, T, D) with the prompt of their clip (B, D)."""
    return torch.einsum("btd,bd->bt", F.normalize(frames, dim=-1), F.normalize(text, dim=-1))


def frame_mean(values: Tensor, valid: Tensor) -> Tensor:
    """(B,) mean over the frames that are there, of (B, T)."""
    return (values * valid).sum(dim=1) / valid.sum(dim=1)


def pretrained(model: VideoRM) -> Trunk:
    """The trunk before any training: the model's own where nothing of it learned."""
    config = model.config
    assert config.trunk is not None
    if towers_sha256(model.trunk.towers) == config.trunk_sha256:
        return model.trunk
    towers = load_weights(config.trunk)
    if towers_sha256(towers) != config.trunk_sha256:
        raise SetupError(
            f"baseline trunk: the towers at {config.trunk!r} are not those that training began with "
            "(another SHA-256); put those back"
        )
    return trunk_of(towers.to(next(model.parameters()).device)).eval()


def trunk_shift(model: VideoRM) -> ShiftConfig:
    """The model's own, or TSM's in every block where it has none."""
    if model.config.shift.blocks:
        return model.config.shift
    blocks = tuple(range(model.trunk.n_blocks))
    return ShiftConfig(fraction=TSM_FRACTION, placement="branch", blocks=blocks)


def _tokens(model: VideoRM, clips: Sequence[Shown]) -> Tensor:
    return model.encode([clip.prompt for clip in clips]).to(next(model.parameters()).device)


def _alike(values: Tensor, model: VideoRM) -> list[Row]:
    return [_repeated(value, model) for value in values.float().tolist()]


def _repeated(value: float, model: VideoRM) -> Row:
    return [value] * len(model.config.dimensions)
