"""A small random SigLIP with its tokenizer, saved as a model of the hub is."""

from pathlib import Path

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast, SiglipConfig, SiglipModel

WORDS = ["<pad>", "</s>", "<unk>", "a", "red", "blue", "kite"]
PAD, END = 0, 1  # token ids
MAX_TOKENS = 6


def config() -> SiglipConfig:
    """Two towers of width 16, 32 px pictures in patches of 8, one token per word."""
    tower = {
        "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2,
    }  # fmt: skip
    text = {
        "vocab_size": len(WORDS), "max_position_embeddings": MAX_TOKENS, "projection_size": 16,
        "pad_token_id": END, "bos_token_id": None, "eos_token_id": END,
    }  # fmt: skip
    return SiglipConfig(
        text_config=tower | text, vision_config=tower | {"image_size": 32, "patch_size": 8}
    )


def tokenizer() -> PreTrainedTokenizerFast:
    """Words in small letters, an end token, and padding that is not what the text tower's
    configuration says, as with SigLIP 2."""
    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", END)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


def save(folder: Path, seed: int = 0) -> SiglipModel:
    """Write the model, with weights large enough that pictures and prompts are told apart."""
    torch.manual_seed(seed)
    siglip = SiglipModel(config())
    with torch.no_grad():
        for weight in siglip.parameters():
            weight.add_(0.2 * torch.randn(weight.shape))
    siglip.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return siglip.eval()
