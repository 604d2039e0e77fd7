"""The whole network: four arms, what it is asked with, gradients to the pixels, both kinds of towers."""

import copy
import io
import pickle
import runpy
from pathlib import Path

import numpy as np
import pytest
import tiny_clip
import tiny_siglip
import torch
from PIL import Image
from test_embedding_convert import OpenClip
from torch import Tensor

from pipeline.videorm.data.decode import decode_frame, pick
from pipeline.videorm.model.build import build
from pipeline.videorm.model.resize import fitted
from pipeline.videorm.model.video_rm import VideoRM, thinned
from pipeline.videorm.options import ARMS, VideoRMOptions
from schemas.options import SetupError

TOWERS = {"image_size": 16, "patch_size": 8, "width": 16, "layers": 2, "heads": 2}
PROMPTS = ["a red circle", "two blue squares"]
DIMENSIONS = ["prompt_following", "video_quality"]
HEADS = ("transformer", "lstm", "conv1d", "none")


def options(**change: object) -> VideoRMOptions:
    given = {"towers": TOWERS, "frames": 5, "head": {"heads": 2}, "readout": {"hidden": 16}}
    return VideoRMOptions(**(given | change))


def moved(made: VideoRM, by: float = 0.2) -> VideoRM:
    """Every part away from its start, in evaluation mode."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in made.parameters():
            p.add_(by * torch.randn(p.shape, generator=generator))
    return made.eval()


def model(arm: str = "videorm", **change: object) -> VideoRM:
    return moved(build(options(**change), arm, DIMENSIONS, PROMPTS))


def videos(frames: int = 5, height: int = 16, width: int = 16) -> Tensor:
    shape = (2, frames, 3, height, width)
    return torch.rand(shape, generator=torch.Generator().manual_seed(2))


# ------------------------------------------------------------------------------------------ the arms


def test_the_arms_have_equally_many_parameters_and_the_same_first_weights() -> None:
    made = [build(options(), arm, DIMENSIONS, PROMPTS) for arm in ARMS]
    states = [m.state_dict() for m in made]
    for other in states[1:]:
        assert other.keys() == states[0].keys()
        assert all(torch.equal(other[k], states[0][k]) for k in other)
    assert len({m.parameters_count for m in made}) == 1
    assert [(bool(m.config.shift.blocks), m.config.temporal) for m in made] == [
        (True, True), (True, False), (False, True), (False, False),
    ]  # fmt: skip
    another = build(options(seed=1), "videorm", DIMENSIONS, PROMPTS)
    assert not torch.equal(another.head.over_frames.positions, made[0].head.over_frames.positions)


@pytest.mark.parametrize("arm", ARMS)
def test_only_the_last_arm_cannot_tell_the_order_of_frames(arm: str) -> None:
    scorer, order = model(arm), [3, 0, 4, 1, 2]
    change = (scorer.score(PROMPTS, videos()) - scorer.score(PROMPTS, videos()[:, order])).abs()
    if arm == "per_frame":
        assert change.max() < 1e-5
    else:
        assert change.min() > 1e-4


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("readout", ["cosine", "mlp", "cosine_mlp"])
def test_the_first_reward_is_that_of_the_mean_frame(kind: str, readout: str) -> None:
    head = {"heads": 2, "kind": kind, "start": "zero"}
    made = build(
        options(head=head, readout={"kind": readout}), "videorm", DIMENSIONS, PROMPTS
    ).eval()
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    with torch.no_grad():
        z = made.trunk.frames(videos(), valid, made.config.shift)
        q = made.texts(made.encode(PROMPTS))
        mean = torch.stack([z[0].mean(dim=0), z[1, :3].mean(dim=0)])
        assert torch.allclose(
            made.score(PROMPTS, videos(), valid), made.readout(mean, q), atol=1e-5
        )
        if (
            made.readout.cosine is not None
        ):  # the image baseline: cosine times the towers' own scale
            plain = made.trunk.logit_scale * torch.nn.functional.cosine_similarity(mean, q)
            if readout == "cosine":
                assert torch.allclose(made.score(PROMPTS, videos(), valid)[:, 1], plain, atol=1e-5)


@pytest.mark.parametrize("arm", ARMS)
@pytest.mark.parametrize("kind", HEADS)
def test_everything_that_may_learn_has_a_part_in_the_reward(arm: str, kind: str) -> None:
    """What never gets a gradient would stop a training on several devices."""
    made = model(arm, head={"heads": 2, "kind": kind}, readout={"kind": "cosine_mlp"})
    valid = torch.ones(2, 5, dtype=torch.bool)
    made(made.encode(PROMPTS), videos(), valid, torch.tensor([0, 1])).sum().backward()
    for name, p in made.named_parameters():
        assert (p.grad is not None) == p.requires_grad, name
    assert not made.trunk.towers.logit_scale.requires_grad


@pytest.mark.parametrize("arm", ARMS)
def test_padding_takes_no_part(arm: str) -> None:
    scorer, clips = model(arm), videos()
    valid = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    changed = clips.clone()
    changed[1, 3:] = 0.9
    before, after = scorer.score(PROMPTS, clips, valid), scorer.score(PROMPTS, changed, valid)
    assert torch.allclose(before, after, atol=1e-6)
    assert torch.allclose(before[1:], scorer.score(PROMPTS[1:], clips[1:, :3]), atol=1e-5)


# ---------------------------------------------------------------------------------------- the question


def test_scoring_leaves_the_mode_alone_and_takes_bytes_as_well() -> None:
    scorer = model().train()
    levels = (videos() * 255).round().to(torch.uint8)
    one = scorer.score(PROMPTS, levels)
    assert scorer.training
    assert torch.equal(one, scorer.score(PROMPTS, levels.float() / 255))
    assert one.shape == (2, 2)
    assert one.dtype == torch.float32


@pytest.mark.parametrize(
    ("prompts", "clips", "valid", "told"),
    [
        (PROMPTS[:1], videos(), None, "1 prompts for 2 clips"),
        ("ab", videos(), None, "one string; a list"),
        (PROMPTS, videos()[0], None, r"\(5, 3, 16, 16\): \(B, T, 3, H, W\) is needed"),
        (PROMPTS, videos().transpose(1, 2), None, "B, T, 3, H, W"),
        (PROMPTS, videos()[:, :0], None, "B, T, 3, H, W"),
        (PROMPTS, videos() * 255, None, r"to 25\d.*floats in \[0, 1\] are needed"),
        (PROMPTS, videos() * 2 - 1, None, r"from -0\.99.*floats in \[0, 1\]"),
        (PROMPTS, videos() * float("nan"), None, "nan"),
        (PROMPTS, (videos() * 255).long(), None, r"torch\.int64: uint8, or floats"),
        (PROMPTS, videos(), torch.ones(2, 4, dtype=torch.bool), r"\(2, 5\) bool is needed"),
        (PROMPTS, videos(), torch.ones(2, 5), r"float32: \(2, 5\) bool"),
        (PROMPTS, videos(), torch.zeros(2, 5, dtype=torch.bool), "its frames first"),
        (
            PROMPTS,
            videos(),
            torch.tensor([[True, False, True, True, True]] * 2),
            "its frames first",
        ),
    ],
)
def test_what_is_no_clip_is_refused(prompts, clips, valid, told) -> None:
    with pytest.raises(ValueError, match=told):
        model().score(prompts, clips, valid)


@pytest.mark.parametrize("n", [5, 6, 9, 16, 33])
def test_more_frames_are_thinned_out_as_in_training(n: int) -> None:
    scorer, clips = model(), videos(n)
    chosen = pick(n, 5)
    assert torch.equal(scorer.score(PROMPTS, clips), scorer.score(PROMPTS, clips[:, chosen]))


def test_padded_clips_are_thinned_out_each_by_its_own_length() -> None:
    clips = torch.arange(2 * 7).view(2, 7).float()
    valid = torch.arange(7) < torch.tensor([[7], [4]])
    some, there = thinned(clips, valid, 3)
    # of 7: 0, 3, 6; of 4: 0, 1.5 -> 2, 3
    assert some.tolist() == [[0, 3, 6], [7, 9, 10]]
    assert there.tolist() == [[True] * 3] * 2
    some, there = thinned(clips, torch.arange(7) < torch.tensor([[7], [2]]), 3)
    assert there.tolist() == [[True] * 3, [True, True, False]]
    assert some[1, :2].tolist() == [7, 8]
    assert thinned(clips, valid, 7)[0] is clips


def photo(height: int, width: int) -> bytes:
    """A picture with waves of all sizes, as a JPEG."""
    y, x = np.mgrid[:height, :width] / 32
    waves = [np.sin(2 * x + 3 * y), np.cos(5 * x - y), np.sin(x * y)]
    buffer = io.BytesIO()
    levels = np.stack([127 + 100 * w for w in waves], axis=-1).astype(np.uint8)
    Image.fromarray(levels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


@pytest.mark.parametrize(("height", "width"), [(48, 60), (50, 37), (33, 33), (20, 24), (31, 50)])
@pytest.mark.parametrize("fit", ["squeeze", "crop", "letterbox"])
def test_frames_are_fitted_as_training_reads_them(fit: str, height: int, width: int) -> None:
    """Within Pillow's rounding to whole levels, once for the rows and once for the columns."""
    jpeg = photo(height, width)
    with Image.open(io.BytesIO(jpeg)) as image:
        whole = torch.from_numpy(np.asarray(image.convert("RGB")).transpose(2, 0, 1).copy())
    ours = fitted(whole[None, None].float() / 255, 32, fit)[0, 0] * 255
    theirs = torch.from_numpy(decode_frame(jpeg, 32, fit).copy()).float()
    assert (ours - theirs).abs().max() < 1.7
    assert (ours - theirs).abs().mean() < 0.5
    assert theirs.std() > 30  # not all one colour, so the test can fail


def test_frames_of_the_right_size_pass_untouched_and_bars_are_black() -> None:
    clips = videos()
    assert fitted(clips, 16, "crop") is clips
    wide = fitted(torch.ones(1, 1, 3, 8, 16), 16, "letterbox")[0, 0, 0]
    assert wide[:4].abs().max() == 0  # a frame of 16 x 8 between bars of four rows
    assert (wide[4:12] - 1).abs().max() < 1e-6
    assert wide[12:].abs().max() == 0


def test_overall_is_the_weighted_mean() -> None:
    rewards = torch.tensor([[1.0, 4.0], [0.0, -4.0]])
    assert model().overall(rewards).tolist() == [2.5, -2.0]
    weighed = model(overall={"prompt_following": 3, "video_quality": 1})
    assert weighed.overall(rewards).tolist() == [1.75, -1.0]
    weighed.config = weighed.config.model_copy(update={"overall": {}})  # of an older file: equal
    assert weighed.overall(rewards).tolist() == [2.5, -2.0]
    with pytest.raises(SetupError, match=r"videorm\.overall: weights of video_quality, but"):
        model(overall={"video_quality": 1})


# ------------------------------------------------------------------------------------------- gradients


@pytest.mark.parametrize("fit", ["squeeze", "crop", "letterbox"])
def test_gradients_reach_every_frame_of_the_clip_and_no_other(fit: str) -> None:
    clips = videos(5, 20, 24).requires_grad_()
    model(fit=fit).score(PROMPTS, clips)[0, 0].backward()
    assert clips.grad[0].abs().flatten(1).sum(dim=1).min() > 0
    assert clips.grad[1].abs().sum() == 0


def test_frames_that_are_thinned_out_have_no_gradient() -> None:
    clips = videos(9).requires_grad_()
    model().score(PROMPTS, clips).sum().backward()
    reached = clips.grad[0].abs().flatten(1).sum(dim=1) > 0
    assert reached.nonzero().flatten().tolist() == pick(9, 5)


@pytest.mark.parametrize("arm", ["videorm", "per_frame"])
def test_the_gradient_is_the_slope(arm: str) -> None:
    """Central differences in float64: an error of the order of the step squared."""
    scorer = model(arm, readout={"kind": "cosine_mlp", "hidden": 16}).double()
    scorer.trunk.towers.set_attn_implementation("sdpa")  # the other softens in float32
    clips = (0.2 + 0.6 * videos(5, 20, 24)).double().requires_grad_()
    scorer.score(PROMPTS, clips)[0, 1].backward()
    step = 1e-4
    for place in ((0, 0, 0, 3, 4), (0, 2, 1, 10, 17), (0, 4, 2, 19, 0)):
        nudge = torch.zeros_like(clips)
        nudge[place] = step
        with torch.no_grad():
            up, down = (scorer.score(PROMPTS, clips + s * nudge)[0, 1] for s in (1, -1))
        slope = ((up - down) / (2 * step)).item()
        assert abs(slope) > 1e-6
        assert clips.grad[place].item() == pytest.approx(slope, rel=1e-4)


def test_rewards_under_bf16_are_those_of_float32_rounded() -> None:
    scorer = model()
    whole = scorer.score(PROMPTS, videos())
    with torch.autocast("cpu", torch.bfloat16):
        half = scorer.score(PROMPTS, videos())
    assert half.dtype == torch.float32
    assert 0 < (half - whole).abs().max() < 0.1 * whole.abs().max()


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_model_can_be_copied(copied) -> None:
    scorer = model(head={"heads": 2, "activation": "gelu"})
    again = copied(scorer)
    assert torch.equal(again.score(PROMPTS, videos()), scorer.score(PROMPTS, videos()))
    with torch.no_grad():
        next(again.head.parameters()).zero_()
    assert not torch.equal(again.score(PROMPTS, videos()), scorer.score(PROMPTS, videos()))


# ---------------------------------------------------------------------------------- pretrained towers


PLAIN = {
    "head": {"heads": 2, "start": "zero"}, "readout": {"kind": "cosine"}, "shift": {"fraction": 0.0}
}  # fmt: skip


def pretrained(folder: Path, **change: object) -> VideoRM:
    return build(options(**({"trunk": str(folder)} | change)), "videorm", DIMENSIONS, [])


def test_towers_are_loaded_with_their_tokenizer(tmp_path: Path) -> None:
    theirs = tiny_clip.save(tmp_path)
    made = pretrained(tmp_path)
    for ours, own in zip(made.trunk.towers.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(ours, own)
    assert made.encode(["a red kite"]).tolist() == [tiny_clip.token_ids("a red kite")]
    long = made.encode(["a " * 100])[0]
    assert (len(long), long[-1]) == (77, tiny_clip.END)
    assert made.score(["a red kite", "a"], videos(5, 32, 32)).shape == (2, 2)
    assert "_name_or_path" not in str(made.config.towers)  # where it lay is nobody's business


def test_siglip_from_end_to_end(tmp_path: Path) -> None:
    theirs = tiny_siglip.save(tmp_path / "trunk")
    prompts = ["a red kite", "Blue"]
    made = pretrained(tmp_path / "trunk", **PLAIN).eval()
    # padded to the tower's whole length with what its tokenizer pads with, though the tower's own
    # configuration says 1: the end token
    assert made.encode(prompts).tolist() == [[3, 4, 6, 1, 0, 0], [5, 1, 0, 0, 0, 0]]
    clips = videos(5, 32, 32)
    with torch.no_grad():
        text = theirs.get_text_features(input_ids=made.encode(prompts)).pooler_output
        images = theirs.get_image_features(pixel_values=(clips.flatten(0, 1) - 0.5) / 0.5)
        mean = images.pooler_output.unflatten(0, (2, 5)).mean(dim=1)
        cosine = torch.nn.functional.cosine_similarity(mean, text)
        scale = min(theirs.logit_scale.exp().item(), 100)
        assert torch.allclose(made.score(prompts, clips)[:, 0], scale * cosine, atol=1e-4)
    made.save_pretrained(tmp_path / "saved")
    again = VideoRM.from_pretrained(tmp_path / "saved")
    assert again.encode(prompts).tolist() == made.encode(prompts).tolist()
    assert torch.equal(again.score(prompts, clips), made.score(prompts, clips))


def test_hps_v2_becomes_a_trunk_whose_first_reward_is_its_own_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(3)
    theirs = OpenClip().eval()
    with torch.no_grad():
        for weight in theirs.parameters():
            if weight.ndim:
                weight.add_(0.3 * torch.randn(weight.shape))
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "hps.pt")
    tiny_clip.save(tmp_path / "base")
    script = Path(__file__).parents[1] / "scripts" / "convert_hps.py"
    given = [tmp_path / "hps.pt", tmp_path / "hps", "--base", tmp_path / "base"]
    monkeypatch.setattr("sys.argv", [str(script), *map(str, given)])
    assert runpy.run_path(str(script))["main"]() == 0
    assert "`trunk:` of `videorm:`" in capsys.readouterr().out
    made = pretrained(tmp_path / "hps", **PLAIN)
    clips, prompts = videos(5, 32, 32), ["a red kite", "a blue kite"]
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in (made.trunk.mean, made.trunk.std))
    with torch.no_grad():
        images = theirs.visual(((clips - mean) / std).flatten(0, 1)).unflatten(0, (2, 5))
        text = torch.cat(
            [theirs.encode_text(torch.tensor([tiny_clip.token_ids(p)])) for p in prompts]
        )
        cosine = torch.nn.functional.cosine_similarity(images.mean(dim=1), text)
        # 4.6052 is the logarithm of a little more than 100, where the scale ends
        assert torch.allclose(made.score(prompts, clips)[:, 0], 100 * cosine, atol=1e-2)


def test_the_tokenizer_may_lie_elsewhere(tmp_path: Path) -> None:
    """As PickScore's does: its repository holds towers alone."""
    tiny_clip.save(tmp_path / "whole")
    tiny_clip.save(tmp_path / "bare")
    for path in (tmp_path / "bare").glob("*okenizer*"):
        path.unlink()
    with pytest.raises(SetupError, match=r"no fast tokenizer in .*bare.*videorm\.tokenizer"):
        pretrained(tmp_path / "bare")
    tiny_siglip.save(tmp_path / "other")
    with pytest.raises(SetupError, match=r"knows 7 tokens, but the text tower .* was made for 54"):
        pretrained(tmp_path / "bare", tokenizer=str(tmp_path / "other"))
    made = pretrained(tmp_path / "bare", tokenizer=str(tmp_path / "whole"))
    assert made.encode(["a red kite"]).tolist() == [tiny_clip.token_ids("a red kite")]


def test_heads_that_do_not_divide_the_trunk_and_blocks_that_are_not_there(tmp_path: Path) -> None:
    tiny_clip.save(tmp_path)  # its joint space has 8 dimensions
    with pytest.raises(SetupError, match=r"head\.heads: 3 does not divide the trunk's 8.*as 2"):
        pretrained(tmp_path, head={"heads": 3})
    with pytest.raises(SetupError, match=r"train_blocks: 3, but the image tower has 2 blocks"):
        pretrained(tmp_path, training={"train_blocks": 3})
    with pytest.raises(SetupError, match=r"shift\.blocks: there is no block 2.* from 0 to 1"):
        pretrained(tmp_path, shift={"blocks": [0, 2]})


def test_a_frozen_trunk_is_shifted_only_where_asked(tmp_path: Path) -> None:
    tiny_clip.save(tmp_path)
    for shift, training, blocks in (
        ({"blocks": "trained"}, {}, ()),  # nothing learns behind it
        ({"blocks": "trained"}, {"train_blocks": 1}, (1,)),
        ({"blocks": "all"}, {}, (0, 1)),
        ({"blocks": [0]}, {}, (0,)),
        ({"blocks": "all", "fraction": 0.0}, {}, ()),
    ):
        assert pretrained(tmp_path, shift=shift, training=training).config.shift.blocks == blocks
