"""Tiny random vision-language models, saved to a folder as ``save_pretrained`` leaves a real one.

    tiny_vlm(folder, "llava")   # or "idefics3", "qwen2_vl"

What they say is random; that everything around it is real (vision tower, processor, chat template,
``generate``) is the point. By hand: ``python tests/tiny_vlm.py llava FOLDER``.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prompts import load_rubric, render, rubric_names

FAMILIES = ("llava", "idefics3", "qwen2_vl")
POSITIONS = 8192
END = "<|end|>"

_SPECIAL = [
    "<|pad|>", "<|end|>", "<|system|>", "<|user|>", "<|assistant|>", "<image>",
    "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
    "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
]  # fmt: skip
_WORDS = [
    '{"score": 3, "rationale": "The ball is red and it rolls smoothly across the floor."}',
    '{"visual_quality": {"score": 1, "rationale": "Sharp."}, "choice": "A", "ranking": ["B", "A"]}',
]
_TEMPLATE = (
    "{%% for message in messages %%}<|{{ message['role'] }}|>"
    "{%% for part in message['content'] %%}"
    "{%% if part['type'] in ('image', 'image_url') %%}%s{%% else %%}{{ part['text'] }}{%% endif %%}"
    "{%% endfor %%}<|end|>{%% endfor %%}"
    "{%% if add_generation_prompt %%}<|assistant|>{%% endif %%}"
)
_TEXT = {
    "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": POSITIONS,
}  # fmt: skip


def tiny_vlm(folder: Path, family: str = "llava", *, seed: int = 0) -> Path:
    """A model of this family in a folder, which is returned."""
    import torch

    torch.manual_seed(seed)
    tokenizer = tiny_tokenizer()
    model = _FAMILIES[family](folder, tokenizer)
    ids = tokenizer.convert_tokens_to_ids
    model.generation_config.eos_token_id = ids(END)
    model.generation_config.pad_token_id = ids("<|pad|>")
    model.save_pretrained(folder)
    return folder


def favour_digits(model: Any, tokenizer: Any) -> None:
    """Makes a judge that would say a digit from 1 to 5 anywhere: 30 is added to the score of each, so
    that all other tokens together have less than 1e-6 (e**-30 is 1e-13, and there are a thousand)."""
    digits = [t for t in range(len(tokenizer)) if tokenizer.decode([t]).strip() in set("12345")]

    def add(module: Any, inputs: Any, output: Any) -> Any:
        output = output.clone()
        output[..., digits] += 30
        return output

    model.lm_head.register_forward_hook(add)


def tiny_tokenizer() -> Any:
    """Byte-level BPE, trained on a few sentences in the shape of replies."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bytes_first = Tokenizer(models.BPE())
    bytes_first.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytes_first.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=1024,
        special_tokens=_SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    bytes_first.train_from_iterator([*_WORDS * 3, *_rubrics()], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bytes_first, eos_token=END, pad_token="<|pad|>")


def _rubrics() -> list[str]:
    """What the models will be shown, so that it is a few hundred tokens and not thousands."""
    rubrics = [load_rubric(name) for name in rubric_names()]
    shown = [render(rubric, prompt="a red ball rolls", n_frames=8) for rubric in rubrics]
    return [text for one in shown for text in (one.system, one.user)]


def _text(tokenizer: Any) -> dict[str, Any]:
    ids = tokenizer.convert_tokens_to_ids
    return {
        **_TEXT,
        "vocab_size": len(tokenizer),
        "eos_token_id": ids(END),
        "pad_token_id": ids("<|pad|>"),
        "bos_token_id": None,
    }


def _llava(folder: Path, tokenizer: Any) -> Any:
    """CLIP of 56 px in patches of 14: 16 tokens a picture."""
    import transformers as t

    processor = t.LlavaProcessor(
        t.CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer, patch_size=14, vision_feature_select_strategy="default",
        num_additional_image_tokens=1, chat_template=_TEMPLATE % "<image>",
    )  # fmt: skip
    processor.save_pretrained(folder)
    vision = t.CLIPVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        image_size=56, patch_size=14, projection_dim=32,
    )  # fmt: skip
    config = t.LlavaConfig(
        vision_config=vision, text_config=t.LlamaConfig(**_text(tokenizer)), vision_feature_layer=-1,
        vision_feature_select_strategy="default", image_seq_length=16,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
    )  # fmt: skip
    return t.LlavaForConditionalGeneration(config)


def _idefics3(folder: Path, tokenizer: Any) -> Any:
    """The SmolVLM family: 64 px in patches of 16, four to one: 4 tokens a picture."""
    import transformers as t

    side = {"longest_edge": 64}
    processor = t.Idefics3Processor(
        t.Idefics3ImageProcessorPil(size=side, max_image_size=side, do_image_splitting=False),
        tokenizer, image_seq_len=4, chat_template=_TEMPLATE % "<image>",
    )  # fmt: skip
    processor.save_pretrained(folder)
    image = tokenizer.convert_tokens_to_ids("<image>")
    config = t.Idefics3Config(
        vision_config={
            "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
            "num_attention_heads": 2, "image_size": 64, "patch_size": 16,
        },
        text_config={"model_type": "llama", **_text(tokenizer)},
        image_token_id=image, scale_factor=2, pad_token_id=_text(tokenizer)["pad_token_id"],
    )  # fmt: skip
    return t.Idefics3ForConditionalGeneration(config)


def _qwen2_vl(folder: Path, tokenizer: Any) -> Any:
    """56 px in patches of 14, four to one: 4 tokens a square picture, fewer or more for others.

    Its own processor insists on torchvision, so the parts are saved as the real repositories have them.
    """
    import transformers as t

    images = t.Qwen2VLImageProcessorPil(
        size={"shortest_edge": 56 * 56, "longest_edge": 56 * 56}, patch_size=14, merge_size=2
    )
    images.save_pretrained(folder)
    settings = folder / "preprocessor_config.json"
    known = json.loads(settings.read_text())
    settings.write_text(json.dumps({**known, "processor_class": "Qwen2VLProcessor"}))
    tokenizer.save_pretrained(folder)
    shown = "<|vision_start|><|image_pad|><|vision_end|>"
    (folder / "chat_template.jinja").write_text(_TEMPLATE % shown)
    ids = tokenizer.convert_tokens_to_ids
    config = t.Qwen2VLConfig(
        vision_config={
            "depth": 2, "embed_dim": 32, "hidden_size": 64, "num_heads": 2, "mlp_ratio": 2,
            "patch_size": 14, "spatial_merge_size": 2,
        },
        text_config={
            **_text(tokenizer),
            "rope_parameters": {
                "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]
            },
        },
        image_token_id=ids("<|image_pad|>"), video_token_id=ids("<|video_pad|>"),
        vision_start_token_id=ids("<|vision_start|>"), vision_end_token_id=ids("<|vision_end|>"),
    )  # fmt: skip
    return t.Qwen2VLForConditionalGeneration(config)


_FAMILIES: dict[str, Callable[[Path, Any], Any]] = {
    "llava": _llava, "idefics3": _idefics3, "qwen2_vl": _qwen2_vl
}  # fmt: skip


if __name__ == "__main__":
    print(tiny_vlm(Path(sys.argv[2]), sys.argv[1]))
