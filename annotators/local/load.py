"""A model from its folder or the hub: weights, processor and vocabulary, checked with one question."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import torch
import transformers
from PIL import Image
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES  # type: ignore[attr-defined]
from transformers.quantizers.auto import AutoQuantizationConfig

from annotators.local.conversation import as_text, conversation
from annotators.local.device import chosen
from annotators.local.spec import TransformersSpec
from annotators.local.vocabulary import Vocabulary
from annotators.local.weights import FOLDER, folder_of
from schemas.options import SetupError

MOST_POSITIONS = 1 << 20  # where a model does not say how many it has


@dataclasses.dataclass(frozen=True, kw_only=True)
class Loaded:
    """A model that is ready to answer."""

    name: str
    model: Any
    processor: Any
    images: dict[str, Any]  # settings of the image processor
    vocabulary: Vocabulary
    pad: int
    positions: int  # tokens of a request and its reply together, at most

    @property
    def device(self) -> torch.device:
        """Where inputs go."""
        return self.model.device

    def inputs(self, texts: Sequence[str], pictures: Sequence[Sequence[Image.Image]]) -> Any:
        """Tensors of a batch, padded on the left: one text with its pictures per row."""
        tokenizer = self.processor.tokenizer
        begins = bool(tokenizer.bos_token) and texts[0].startswith(tokenizer.bos_token)
        return self.processor(
            text=list(texts),
            images=[list(row) for row in pictures] if any(pictures) else None,
            text_kwargs={
                "padding": True,
                "padding_side": "left",
                "add_special_tokens": not begins,  # the chat template wrote them
                "return_tensors": "pt",
            },
            **({"images_kwargs": self.images} if self.images else {}),
        )


def load(spec: TransformersSpec) -> Loaded:
    """The model of a spec. Raises :class:`SetupError` for one that cannot be loaded or asked."""
    source, where = _source(spec)
    try:
        processor = _processor(source, where)
        model = _model(spec, source, where)
    except SetupError:
        raise
    except Exception as error:  # dozens of kinds: what matters is which model, and what it said
        raise SetupError(
            f"model {spec.model} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    loaded = _loaded(spec, model, processor)
    _try_out(loaded)
    return loaded


def _source(spec: TransformersSpec) -> tuple[str, dict[str, Any]]:
    where: dict[str, Any] = {"trust_remote_code": spec.trust_remote_code}
    folder = folder_of(spec.model)
    if folder is None:
        return spec.model, where | {"revision": spec.weights}
    if spec.revision and spec.revision.startswith(FOLDER):
        found = spec.model_copy(update={"revision": None}).weights
        if found != spec.revision:
            raise SetupError(
                f"model {spec.model}: the files of the folder are not those the run began with; "
                "run again with --rebuild"
            )
    return str(folder), where


def _processor(source: str, where: dict[str, Any]) -> Any:
    processor = _processor_class(source, where).from_pretrained(source, **where)
    if not hasattr(processor, "image_processor") or not hasattr(processor, "tokenizer"):
        raise SetupError(f"model {source}: it is shown no pictures; choose one that is")
    if processor.chat_template is None:
        processor.chat_template = processor.tokenizer.chat_template
    if processor.chat_template is None:
        raise SetupError(
            f"model {source}: it has no chat template; choose the version tuned to instructions"
        )
    return processor


def _processor_class(source: str, where: dict[str, Any]) -> Any:
    """The model's own processor, without its part for videos where it has one.

    That part needs torchvision, and no video is ever shown here. A class says with ``get_attributes``
    what it is made of, and is handed the parts in that order: only the last one can be left out.
    """
    config = transformers.AutoConfig.from_pretrained(source, **where)
    name = PROCESSOR_MAPPING_NAMES.get(config.model_type)
    own = getattr(transformers, name if isinstance(name, str) else "", None)
    parts = own.get_attributes() if own else []
    return (
        _stills(own, parts[:-1])
        if parts[-1:] == ["video_processor"]
        else transformers.AutoProcessor
    )


def _stills(own: Any, parts: list[str]) -> Any:
    class Stills(own):  # type: ignore[misc]
        @classmethod
        def get_attributes(cls) -> list[str]:
            return parts

        @classmethod
        def _get_arguments_from_pretrained(cls, *args: Any, **kwargs: Any) -> list[Any]:
            return [*super()._get_arguments_from_pretrained(*args, **kwargs), None]

    Stills.__name__ = own.__name__  # transformers looks settings up by it
    return Stills


def _model(spec: TransformersSpec, source: str, where: dict[str, Any]) -> Any:
    how: dict[str, Any] = {"dtype": spec.dtype}
    if spec.attn_implementation:
        how["attn_implementation"] = spec.attn_implementation
    if spec.quantization:
        how["quantization_config"] = AutoQuantizationConfig.from_dict(dict(spec.quantization))
    if spec.device_map is not None:
        how["device_map"] = spec.device_map
    elif spec.quantization:  # quantised weights are made where they will lie
        how["device_map"] = {"": str(chosen(spec.device))}
    model = transformers.AutoModelForImageTextToText.from_pretrained(source, **where, **how)
    return (model if "device_map" in how else model.to(chosen(spec.device))).eval()


def _loaded(spec: TransformersSpec, model: Any, processor: Any) -> Loaded:
    ends = _ends(model, processor.tokenizer)
    if not ends:
        raise SetupError(f"model {spec.model}: it names no token that ends a reply")
    text = model.config.get_text_config()
    pad = processor.tokenizer.pad_token_id
    if pad is None:
        processor.tokenizer.pad_token = processor.tokenizer.eos_token
        pad = processor.tokenizer.pad_token_id
    return Loaded(
        name=spec.model,
        model=model,
        processor=processor,
        images=dict(spec.processor),
        vocabulary=Vocabulary(processor.tokenizer, ends),
        pad=pad,
        positions=getattr(text, "max_position_embeddings", None) or MOST_POSITIONS,
    )


def _ends(model: Any, tokenizer: Any) -> list[int]:
    said = model.generation_config.eos_token_id
    ends = said if isinstance(said, list) else [said]
    return sorted({end for end in [*ends, tokenizer.eos_token_id] if end is not None})


def _try_out(loaded: Loaded) -> None:
    """Shows two pictures to the template and the processor, before any question is lost on them."""
    pictures = [Image.new("RGB", (64, 36)), Image.new("RGB", (64, 36), "white")]
    try:
        one, two = (
            as_text(loaded.processor, conversation("Judge.", "Look.", captions=(), n_images=n))
            for n in (1, 2)
        )
        if one != two:
            loaded.inputs([two], [pictures])
    except Exception as error:
        raise SetupError(
            f"model {loaded.name}: a system message and two pictures cannot be shown to it; check "
            f"`processor:` of the annotator, else choose another model ({type(error).__name__}: {error})"
        ) from error
    if one == two:
        raise SetupError(
            f"model {loaded.name}: its chat template leaves pictures out; choose a model whose "
            "template shows them"
        )
