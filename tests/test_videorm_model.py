"""The network: what the control cannot see, equal sizes, padding, saving, loading, gradients."""

import pytest
import torch
from transformers import CLIPModel, CLIPTokenizerFast

from pipeline.videorm.model import VideoRM, build
from pipeline.videorm.options import VideoRMOptions
from pipeline.videorm.trunk import embed_frames
from schemas.options import SetupError

OPTIONS = VideoRMOptions(width=16, heads=2, temporal_heads=2, hidden=16, frames=5)
PROMPTS = ["a red circle", "two blue squares"]
DIMENSIONS = ["prompt_following", "video_quality"]


def model(arm: str, **changes) -> VideoRM:
    """A model whose every part has been moved away from its start."""
    made = build(OPTIONS.model_copy(update=changes), arm, DIMENSIONS, PROMPTS)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(0.2 * torch.randn(p.shape, generator=generator))
    return made.eval()


def videos(frames: int = 5) -> torch.Tensor:
    return torch.rand((2, frames, 3, 32, 32), generator=torch.Generator().manual_seed(2))


def test_frames_in_another_order_are_another_clip_for_videorm_and_the_same_for_the_control():
    clips, order = videos(), torch.tensor([3, 0, 4, 1, 2])
    for arm, changes in (("videorm", {}), ("videorm", {"shift": 0.0}), ("per_frame", {})):
        scorer = model(arm, **changes)
        moved = (scorer.score(PROMPTS, clips) - scorer.score(PROMPTS, clips[:, order])).abs()
        if arm == "per_frame":
            assert moved.max() < 1e-5
        else:  # with and without the shift: the transformer's positions suffice
            assert moved.min() > 1e-3


def test_the_control_sees_a_set_of_frames_so_a_frame_twice_is_that_frame():
    once = videos()[:, :2]
    scorer = model("per_frame")
    twice = once.repeat_interleave(2, dim=1)
    assert torch.allclose(scorer.score(PROMPTS, once), scorer.score(PROMPTS, twice), atol=1e-5)


def test_both_arms_start_from_the_same_weights_and_have_as_many():
    one, two = (build(OPTIONS, arm, DIMENSIONS, PROMPTS) for arm in ("videorm", "per_frame"))
    assert one.parameters_count == two.parameters_count
    states = one.state_dict(), two.state_dict()
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][k], states[1][k]) for k in states[0])
    other = build(OPTIONS.model_copy(update={"seed": 1}), "videorm", DIMENSIONS, PROMPTS)
    assert not torch.equal(other.temporal.positions, one.temporal.positions)


@pytest.mark.parametrize("arm", ["videorm", "per_frame"])
def test_padding_takes_no_part(arm):
    scorer = model(arm)
    clips = videos()
    valid = torch.tensor([[True] * 5, [True, True, True, False, False]])
    changed = clips.clone()
    changed[1, 3:] = 0.9
    before, after = scorer.score(PROMPTS, clips, valid), scorer.score(PROMPTS, changed, valid)
    assert torch.allclose(before, after, atol=1e-6)
    short = scorer.score(PROMPTS[1:], clips[1:, :3])
    assert torch.allclose(before[1:], short, atol=1e-5)


def test_rewards_have_gradients_down_to_the_pixels():
    clips = videos().requires_grad_()
    rewards = model("videorm").score(PROMPTS, clips)
    assert rewards.shape == (2, 2)
    rewards[0, 0].backward()
    assert clips.grad[0].abs().sum() > 0
    assert clips.grad[1].abs().sum() == 0  # another clip's pixels do not matter


def test_scoring_leaves_the_mode_alone_and_takes_bytes_as_well(tmp_path):
    scorer = model("videorm").train()
    bytes_ = (videos() * 255).round().to(torch.uint8)
    one = scorer.score(PROMPTS, bytes_)
    assert scorer.training
    assert torch.equal(one, scorer.score(PROMPTS, bytes_.float() / 255))
    with pytest.raises(ValueError, match="1 prompts for 2 clips"):
        scorer.score(PROMPTS[:1], bytes_)


def test_a_saved_model_gives_the_same_rewards(tmp_path):
    scorer = model("per_frame")
    scorer.save_pretrained(tmp_path / "m")
    again = VideoRM.from_pretrained(tmp_path / "m")
    assert again.config == scorer.config
    assert torch.equal(again.score(PROMPTS, videos()), scorer.score(PROMPTS, videos()))
    (tmp_path / "m" / "tokenizer.json").unlink()
    with pytest.raises(SetupError, match=r"tokenizer\.json: not found"):
        VideoRM.from_pretrained(tmp_path / "m")


def test_without_shift_the_image_tower_is_transformers_own():
    vision = model("videorm").clip.vision_model
    clips = videos()
    valid = torch.ones(2, 5, dtype=torch.bool)
    ours = embed_frames(vision, clips, valid, 0.0)
    theirs = vision(pixel_values=clips.flatten(0, 1)).pooler_output.unflatten(0, (2, 5))
    assert torch.allclose(ours, theirs, atol=1e-5)


@pytest.fixture(scope="module")
def trunk(tmp_path_factory):
    """A small random CLIP with a tokenizer of its own kind, saved as a hub model is."""
    folder = tmp_path_factory.mktemp("clip")
    words = ["<|startoftext|>", "<|endoftext|>", "a", "red", "kite", "a</w>", "red</w>", "kite</w>"]
    vocabulary = {word: i for i, word in enumerate(words)}
    merges = []
    tokenizer = CLIPTokenizerFast(vocab=vocabulary, merges=merges)
    tokenizer.save_pretrained(folder)
    made = model("videorm")
    config = made.clip.config
    config.text_config.vocab_size = len(vocabulary)
    config.text_config.bos_token_id, config.text_config.eos_token_id = 0, 1
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    return folder


def test_towers_are_loaded_with_their_tokenizer(trunk, tmp_path):
    loaded = build(OPTIONS.model_copy(update={"trunk": str(trunk)}), "videorm", DIMENSIONS, PROMPTS)
    saved = CLIPModel.from_pretrained(trunk)
    for ours, theirs in zip(loaded.clip.parameters(), saved.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    learned = {name.split(".")[0] for name, p in loaded.named_parameters() if p.requires_grad}
    assert learned == {"temporal", "readout"}  # the towers are frozen
    assert loaded.encode(["a red kite"])[0, -1].item() == 1  # their own end token
    assert loaded.score(["a red kite", "a"], videos()).shape == (2, 2)
    loaded.save_pretrained(tmp_path)
    again = VideoRM.from_pretrained(tmp_path)  # the trunk's folder is not needed any more
    prompts = ["a red kite", "a"]
    assert torch.equal(again.score(prompts, videos()), loaded.eval().score(prompts, videos()))


def test_a_trunk_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SetupError, match=r"videorm\.trunk: cannot load"):
        build(OPTIONS.model_copy(update={"trunk": str(tmp_path / "no")}), "videorm", ["a"], PROMPTS)
