"""Tiny random text-to-video pipelines, saved to a folder as ``save_pretrained`` leaves a real one.

    tiny_pipeline(folder, "modelscope")   # or "animatediff", "cogvideox", "wan", "zero"

What they show is noise; that everything around it is real (text encoder, denoiser, scheduler, decoder,
the pipeline's own call) is the point. By hand: ``python tests/tiny_diffusers.py wan FOLDER``.
"""

import string
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

SIDE = 32  # pixels
_CLIP = {
    "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 2,
    "projection_dim": 16, "max_position_embeddings": 77, "bos_token_id": 0, "eos_token_id": 1,
}  # fmt: skip
_BLOCKS = (16, 32)
_UNET = {
    "sample_size": 16, "in_channels": 4, "out_channels": 4, "block_out_channels": _BLOCKS,
    "layers_per_block": 1, "norm_num_groups": 4, "cross_attention_dim": 16, "attention_head_dim": 8,
}  # fmt: skip


def tiny_pipeline(folder: Path, family: str, *, seed: int = 0) -> Path:
    """A pipeline of this family in a folder, which is returned."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _FAMILIES[family]().save_pretrained(folder)
    return folder


def tiny_motion_adapter(folder: Path, *, seed: int = 0) -> Path:
    """A motion adapter for the U-Net of ``tiny_pipeline(..., "stable_diffusion")``."""
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        _adapter().save_pretrained(folder)
    return folder


def _adapter() -> Any:
    import diffusers as d

    return _stirred(
        d.MotionAdapter(
            block_out_channels=_BLOCKS, motion_layers_per_block=1, motion_num_attention_heads=2,
            motion_norm_num_groups=4, motion_max_seq_length=16,
        )
    )  # fmt: skip


def _stirred(model: Any) -> Any:
    """Layers that start from zero would make nothing of their input."""
    import torch

    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.05 * torch.randn(weight.shape))
    return model


def _clip() -> dict[str, Any]:
    import transformers as t

    words = ["<|startoftext|>", "<|endoftext|>", *string.ascii_lowercase]
    words += [f"{letter}</w>" for letter in string.ascii_lowercase]
    tokenizer = t.CLIPTokenizer(vocab={w: i for i, w in enumerate(words)}, merges=[])
    tokenizer.model_max_length = 77
    config = t.CLIPTextConfig(vocab_size=len(words), **_CLIP)
    return {"tokenizer": tokenizer, "text_encoder": t.CLIPTextModel(config)}


def _t5(family: str) -> dict[str, Any]:
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    words = ["<pad>", "</s>", "<unk>", *(f"▁{c}" for c in string.ascii_lowercase)]
    words += [*string.ascii_lowercase, "▁"]
    unigram = Tokenizer(models.Unigram([(word, -1.0) for word in words], unk_id=2))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer = t.PreTrainedTokenizerFast(
        tokenizer_object=unigram, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
    size = {"vocab_size": len(words), "d_model": 16, "d_kv": 8, "d_ff": 32, "num_heads": 2}
    model = getattr(t, f"{family}EncoderModel")
    config = getattr(t, f"{family}Config")(**size, num_layers=1, is_encoder_decoder=False)
    return {"tokenizer": tokenizer, "text_encoder": model(config)}


def _image_vae() -> Any:
    import diffusers as d

    return d.AutoencoderKL(
        block_out_channels=_BLOCKS, in_channels=3, out_channels=3, latent_channels=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4, sample_size=SIDE,
    )  # fmt: skip


def _scheduler() -> Any:
    import diffusers as d

    return d.DDIMScheduler(beta_schedule="linear", clip_sample=False)


def _modelscope() -> Any:
    import diffusers as d

    unet = d.UNet3DConditionModel(
        **_UNET,
        down_block_types=("CrossAttnDownBlock3D", "DownBlock3D"),
        up_block_types=("UpBlock3D", "CrossAttnUpBlock3D"),
    )
    return d.TextToVideoSDPipeline(
        unet=_stirred(unet), vae=_image_vae(), scheduler=_scheduler(), **_clip()
    )


def _image_unet() -> Any:
    import diffusers as d

    return d.UNet2DConditionModel(
        **_UNET,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
    )


def _stable_diffusion() -> Any:
    """Makes pictures; with a motion adapter, clips."""
    import diffusers as d

    return d.StableDiffusionPipeline(
        unet=_image_unet(), vae=_image_vae(), scheduler=_scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False, **_clip(),
    )  # fmt: skip


def _animatediff() -> Any:
    import diffusers as d

    return d.AnimateDiffPipeline(
        unet=_image_unet(), vae=_image_vae(), scheduler=_scheduler(), motion_adapter=_adapter(), **_clip()
    )  # fmt: skip


def _zero() -> Any:
    import diffusers as d

    return d.TextToVideoZeroPipeline(
        unet=_image_unet(), vae=_image_vae(), scheduler=_scheduler(), safety_checker=None,
        feature_extractor=None, requires_safety_checker=False, **_clip(),
    )  # fmt: skip


def _cogvideox() -> Any:
    import diffusers as d

    transformer = d.CogVideoXTransformer3DModel(
        num_attention_heads=2, attention_head_dim=8, in_channels=4, out_channels=4, time_embed_dim=8,
        text_embed_dim=16, num_layers=1, sample_width=4, sample_height=4, sample_frames=9,
        max_text_seq_length=16,
    )  # fmt: skip
    vae = d.AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), layers_per_block=1, latent_channels=4, norm_num_groups=2,
        down_block_types=("CogVideoXDownBlock3D",) * 4, up_block_types=("CogVideoXUpBlock3D",) * 4,
        sample_height=SIDE, sample_width=SIDE, temporal_compression_ratio=4,
    )  # fmt: skip
    return d.CogVideoXPipeline(
        transformer=_stirred(transformer), vae=vae, scheduler=d.CogVideoXDDIMScheduler(), **_t5("T5")
    )  # fmt: skip


def _wan() -> Any:
    import diffusers as d

    transformer = d.WanTransformer3DModel(
        num_attention_heads=2, attention_head_dim=12, in_channels=16, out_channels=16, text_dim=16,
        freq_dim=16, ffn_dim=32, num_layers=1, rope_max_seq_len=32,
    )  # fmt: skip
    vae = d.AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1,
        temperal_downsample=[False, True, True],
    )  # fmt: skip
    scheduler = d.FlowMatchEulerDiscreteScheduler(shift=7.0)
    return d.WanPipeline(
        transformer=_stirred(transformer), vae=vae, scheduler=scheduler, **_t5("UMT5")
    )


_FAMILIES: dict[str, Callable[[], Any]] = {
    "modelscope": _modelscope, "stable_diffusion": _stable_diffusion, "animatediff": _animatediff,
    "zero": _zero, "cogvideox": _cogvideox, "wan": _wan,
}  # fmt: skip
FAMILIES = tuple(_FAMILIES)


if __name__ == "__main__":
    print(tiny_pipeline(Path(sys.argv[2]), sys.argv[1]))
