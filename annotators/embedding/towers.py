"""CLIP's two towers: cosines between pictures and a prompt. Torch loads with this module."""

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoTokenizer, CLIPImageProcessorPil, CLIPModel

from annotators.embedding.files import content_hash, model_files
from annotators.embedding.pictures import Unmeasured
from annotators.loading import computing
from schemas import Reason
from schemas.options import SetupError


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Cosines of a prompt with each picture, and how many tokens of the prompt went in."""

    cosines: tuple[float, ...]
    tokens: int
    shown_tokens: int  # fewer where the text tower has no room for all


class Towers:
    """A CLIP model with its tokenizer and image processor. One forward pass at a time."""

    def __init__(self, clip: Any, tokenizer: Any, processor: Any, name: str) -> None:
        self.clip, self.tokenizer, self.processor = clip, tokenizer, processor
        self.name = name  # of these very weights
        self.logit_scale = float(clip.logit_scale.detach().exp())
        self._most = 1 << 30  # pictures at once; falls where memory ran out
        self._lock = threading.Lock()

    def look(self, pictures: Sequence[Image.Image], prompt: str, batch_size: int) -> Seen:
        """Cosines in float32, whatever the model's precision; the longest prompt is cut.

        Raises :class:`Unmeasured` where one picture alone does not fit into memory.
        """
        # a fast tokenizer is no more for two than a model
        with self._lock, computing(), torch.inference_mode():
            pixels = self.processor(list(pictures), return_tensors="pt")["pixel_values"]
            ids, tokens = self._ids(prompt)
            text = self._unit(self.clip.get_text_features(input_ids=ids.to(self.clip.device)))
            images = self._images(pixels, batch_size)
            cosines = (images @ text[0]).tolist()
        return Seen(cosines=tuple(cosines), tokens=tokens, shown_tokens=ids.shape[1])

    def _ids(self, prompt: str) -> tuple[Tensor, int]:
        room = self.clip.config.text_config.max_position_embeddings  # 77 in every published CLIP
        ids = self.tokenizer(prompt, truncation=True, max_length=room, return_tensors="pt")
        whole = self.tokenizer(prompt, verbose=False)["input_ids"]
        return ids["input_ids"], len(whole)

    def _images(self, pixels: Tensor, batch_size: int) -> Tensor:
        """Unit vectors (n, D). Half as many at once, from then on, whenever memory runs out."""
        while True:
            size = min(batch_size, self._most)
            try:
                return torch.cat([self._embedded(part) for part in torch.split(pixels, size)])
            except torch.OutOfMemoryError as error:
                self._halve(min(size, len(pixels)), error)

    def _halve(self, size: int, error: Exception) -> None:
        if size == 1:
            raise Unmeasured(
                Reason.TOO_LARGE,
                f"one frame does not fit into the memory of {self.clip.device} beside the model; "
                "free it, choose a smaller `model:` or another `device:`",
            ) from error
        self._most = size // 2
        torch.cuda.empty_cache()

    def _embedded(self, pixels: Tensor) -> Tensor:
        pixels = pixels.to(self.clip.device, self.clip.dtype)
        return self._unit(self.clip.get_image_features(pixel_values=pixels))

    def _unit(self, features: Any) -> Tensor:
        embeds: Tensor = features.pooler_output.float()
        return embeds / embeds.norm(dim=-1, keepdim=True)


def load(model: str, revision: str | None, source: str, device: str, dtype: str) -> Towers:
    """The towers, ready to look. ``source``: of the tokenizer and the image processor.

    Raises :class:`SetupError` naming what could not be loaded.
    """
    try:
        clip = _weights(model, revision or "main", getattr(torch, dtype))
        tokenizer = AutoTokenizer.from_pretrained(source)
        # the one backend that works without torchvision
        processor = CLIPImageProcessorPil.from_pretrained(source)
        clip = clip.to(torch.device(chosen_device(device))).eval()
    except (OSError, ValueError, RuntimeError, AssertionError, SafetensorError) as error:
        raise SetupError(
            f"cannot load the CLIP model {model!r} with the tokenizer and image processor of "
            f"{source!r} on device {device!r}: {error}"
        ) from error
    return Towers(clip, tokenizer, processor, exact_name(model, revision))


def _weights(model: str, revision: str, dtype: torch.dtype) -> Any:
    loaded: Any = CLIPModel.from_pretrained(
        model, revision=revision, dtype=dtype, output_loading_info=True
    )
    clip, told = loaded
    if told["missing_keys"]:  # transformers fills them with random numbers and goes on
        raise ValueError("no weights for " + ", ".join(sorted(told["missing_keys"])[:3]))
    return clip


def chosen_device(device: str) -> str:
    """``auto``: the first GPU, else the processor."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def exact_name(model: str, revision: str | None) -> str:
    """The content hash of a folder, or the hub's name with the commit."""
    files = model_files(model)
    if files:
        return content_hash(files)
    return f"{model}@{revision}" if revision else model
