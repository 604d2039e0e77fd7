"""From prompt to token ids: a word-level tokenizer of the training prompts, or the trunk's own."""

from collections.abc import Iterable, Sequence

import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from torch import Tensor

PAD, UNKNOWN, START, END = "<pad>", "<unknown>", "<start>", "<end>"
SPECIAL = [PAD, UNKNOWN, START, END]  # ids 0 to 3; the end's must not be 2, see CLIPTextModel
MAX_TOKENS = 64


def train_tokenizer(prompts: Iterable[str]) -> Tokenizer:
    """A lower-case word-level tokenizer that knows the words of these prompts and no others."""
    tokenizer = Tokenizer(models.WordLevel(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    # sorted and unique: the ids depend on the set of prompts alone
    tokenizer.train_from_iterator(
        sorted(set(prompts)), trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False)
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}",
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (START, END)],
    )
    return tokenizer


def encode(
    tokenizer: Tokenizer, prompts: Sequence[str], max_tokens: int, pad: int | None = None
) -> Tensor:
    """Token ids (B, L), cut at ``max_tokens`` with the end token kept.

    Without ``pad`` padded to the longest: CLIP's text tower attends causally and is read at the first
    end token, so padding needs no mask. With it padded to ``max_tokens``, as SigLIP was trained, whose
    text tower looks both ways and is read at the last place.
    """
    if tokenizer.padding:  # set once: changing it while another thread encodes is an error
        tokenizer.no_padding()
    if (tokenizer.truncation or {}).get("max_length") != max_tokens:
        tokenizer.enable_truncation(max_tokens)
    rows = [encoding.ids for encoding in tokenizer.encode_batch(list(prompts))]
    length = max(len(row) for row in rows) if pad is None else max_tokens
    fill = rows[0][-1] if pad is None else pad  # the end token always exists
    return torch.tensor([row + [fill] * (length - len(row)) for row in rows])
