"""What stands at the entrance of what learns: pixels and words, or what frozen parts made of them."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.videorm.data.clips import Clips
from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.training.device import Compute
from pipeline.videorm.training.distributed import World, first_goes_first
from pipeline.videorm.training.features import encode_clips, encode_texts
from pipeline.videorm.training.reporting import Progress, counting
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Clips at some depth, and prompts as embeddings or, where the text tower learns, as token ids."""

    clips: Clips
    texts: Mapping[str, Tensor] | None = None  # (D,) by prompt, of a frozen text tower

    def text(self, model: VideoRM, prompts: Sequence[str]) -> Tensor:
        """Of prompts (P): token ids (P, L) or embeddings (P, D), on the CPU."""
        if self.texts is None:
            return model.encode(prompts)
        return torch.stack([self.texts[prompt] for prompt in prompts])


def inputs_of(
    corpus: Corpus,
    model: VideoRM,
    options: VideoRMOptions,
    output: Path,
    compute: Compute,
    world: World,
    progress: Progress | None = None,
) -> Inputs:
    """Pass what is frozen once, as far as ``cache.keep`` says, and keep what comes out.

    Raises :class:`SetupError` before the encoding where augmentation is asked for as well: what is
    kept was never moved or brightened.
    """
    if options.cache.keep == "none":
        return Inputs(clips=corpus.clips)
    depth, folder = kept_depth(model, options), cache_folder(options, output)
    if depth is not None:
        _refuse_augmentation(options)
    with first_goes_first(world):
        clips = corpus.clips
        if depth is not None:
            clips = encode_clips(
                model,
                clips,
                used_rows(corpus),
                depth,
                folder,
                device=compute.device,
                dtype=torch.float16 if compute.dtype == torch.bfloat16 else torch.float32,
                progress=_told(model, progress),
            )
        texts = None
        if model.text_is_frozen:
            prompts = sorted({g.prompt for groups in corpus.groups.values() for g in groups})
            texts = encode_texts(model, prompts, folder, device=compute.device)
    return Inputs(clips=clips, texts=texts)


def kept_depth(model: VideoRM, options: VideoRMOptions) -> int | None:
    """How deep the clips are that training reads; None: pixels.

    ``embeddings`` keeps the embeddings of a wholly frozen image tower, ``prefix`` also the tokens below
    the first block that learns. In front of block 0 there is nothing worth keeping.
    """
    depth = model.frozen_depth
    if not depth or options.cache.keep == "none":
        return None
    return depth if options.cache.keep == "prefix" or depth == model.trunk.n_blocks else None


def cache_folder(options: VideoRMOptions, output: Path) -> Path:
    """Where what is kept lies."""
    return Path(options.cache.path) if options.cache.path else output / "features"


def used_rows(corpus: Corpus) -> NDArray[np.int64]:
    """Rows of all clips of all splits, sorted."""
    rows = [g.rows for groups in corpus.groups.values() for g in groups]
    return np.unique(np.concatenate(rows))


def _refuse_augmentation(options: VideoRMOptions) -> None:
    training = options.training
    for name, value in (("jitter", training.jitter), ("translate", training.translate)):
        if value:
            raise SetupError(
                f"videorm.training.{name}: {value}, but the frozen image tower's output is kept, and "
                f"kept clips cannot be changed; set training.{name} to 0, or cache.keep to none"
            )


def _told(model: VideoRM, progress: Progress | None) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return counting(progress, {"arm": model.config.arm, "stage": "encode"})
