"""Clean clips against the same clips with one flaw of known strength."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from signal_clips import NAVY, Draw, Pixels, ask, clip, frames_of, score

from annotators.signal import flaws
from annotators.signal.frames import noise
from annotators.signal.scene import look
from schemas import Annotation


def quality(folder: Path, pixels: Pixels, scores: str = "continuous") -> float:
    return score(folder, pixels, dimension="video_quality", scores=scores)


def frozen(pixels: Pixels, first: int) -> Pixels:
    return pixels[[min(t, first) for t in range(8)]]


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    return ndimage.gaussian_filter(pixels.astype(float), (0, sigma_px, sigma_px, 0)).astype(
        np.uint8
    )


def noisy(pixels: Pixels, levels: float) -> Pixels:
    grain = np.random.default_rng(1).normal(0, levels, (*pixels.shape[:3], 1))
    return np.clip(pixels + grain, 0, 255).astype(np.uint8)


def flickering(pixels: Pixels, share: float) -> Pixels:
    gain = 0.85 + share * (-1.0) ** np.arange(8)
    return np.clip(pixels * gain[:, None, None, None], 0, 255).astype(np.uint8)


def jumping(pixels: Pixels, at: tuple[int, ...]) -> Pixels:
    """The object leaps 36 px down or up again at each of some frames."""
    low = np.cumsum([t in at for t in range(8)]) % 2 == 1
    return np.stack([np.roll(f, 36, axis=0) if down else f for f, down in zip(pixels, low)])


def drifting(pixels: Pixels, levels: float) -> Pixels:
    share = np.clip((np.arange(8) - 3) / 3, 0, 1)[:, None, None, None]
    return np.clip(pixels + share * np.array([levels, 0, 0]), 0, 255).astype(np.uint8)


FLAWS = {
    "repeat the same picture": (frozen, (4, 0)),
    "blurred": (blurred, (1.8, 3.0)),
    "noisy": (noisy, (14.0, 30.0)),
    "flickers": (flickering, (0.08, 0.14)),
    "jump": (jumping, ((3,), (2, 5))),
    "drifts": (drifting, (50.0, 110.0)),
}


def test_a_clean_clip_has_the_best_score(tmp_path: Path) -> None:
    found = ask(tmp_path, clip(), "anything at all", "video_quality")
    assert isinstance(found, Annotation)
    assert found.score == 5
    assert found.rationale is not None
    assert found.rationale.startswith("Edges are sharp")


@pytest.mark.parametrize("words", FLAWS)
def test_each_flaw_costs_the_more_the_stronger_it_is(tmp_path: Path, words: str) -> None:
    spoil, strengths = FLAWS[words]
    weak, strong = (quality(tmp_path, spoil(clip(), s)) for s in strengths)  # type: ignore[operator]
    assert quality(tmp_path, clip()) > weak > strong
    found = ask(tmp_path, spoil(clip(), strengths[1]), "", "video_quality")  # type: ignore[operator]
    assert isinstance(found, Annotation)
    assert words in (found.rationale or "").lower()


@pytest.mark.parametrize("words", ["blurred", "flickers", "jump", "noisy"])
def test_a_flaw_of_quality_leaves_prompt_following_alone(tmp_path: Path, words: str) -> None:
    spoil, strengths = FLAWS[words]
    pixels = spoil(clip(Draw(y=28)), strengths[0])  # type: ignore[operator]
    assert score(tmp_path, pixels, "a red circle moving right on a navy background") == 5


@pytest.mark.parametrize("draw", [Draw(rgb=NAVY), Draw(dx=-20), Draw(dx=0), Draw(copies=3)])
def test_content_is_no_flaw(tmp_path: Path, draw: Draw) -> None:
    assert quality(tmp_path, clip(draw), "integer") == 5


def test_a_still_scene_is_told_from_a_still_picture(tmp_path: Path) -> None:
    still = clip(Draw(dx=0))
    assert quality(tmp_path, still) == 5
    assert quality(tmp_path, frozen(still, 0)) < 3


def test_turning_round_is_no_jump(tmp_path: Path) -> None:
    assert quality(tmp_path, clip()[[0, 2, 4, 6, 6, 4, 2, 0]], "integer") > 3  # one repeated frame
    back = np.concatenate([clip(Draw(x=20, dx=60))[:4], clip(Draw(x=71, dx=-60))[3:7]])
    seen = frames_of(tmp_path, back)
    assert flaws.measure(seen, look(seen)).jumps == 0


@pytest.mark.parametrize("levels", [4.0, 10.0, 25.0])
def test_noise_is_measured_in_levels(levels: float) -> None:
    # White noise on a plane that slopes: the mask cancels the plane. The 15th percentile of 100
    # blocks of 64 correlated responses lies some 10-20 per cent below the mean.
    plane = np.linspace(60, 180, 96)[None, :, None] + np.zeros((8, 96, 96))
    grain = np.random.default_rng(2).normal(0, levels, plane.shape)
    assert noise((plane + grain).astype(np.float32)) == pytest.approx(levels, rel=0.25)


@pytest.mark.parametrize(("sigma_px", "within"), [(1.0, 0.68), (2.0, 0.38), (3.0, 0.26)])
def test_sharpness_of_a_blurred_step(sigma_px: float, within: float) -> None:
    # A step under a Gaussian: the share of its contrast between -1 and 1 px is erf(1 / (s sqrt 2)).
    # Over a reach of 12 px nothing is lost for s = 1 and 2; for s = 3, erf(6 / (3 sqrt 2)) = 0.954
    # of the contrast is reached, and 0.261 / 0.954 = 0.27.
    step = np.where(np.arange(96) < 48, 50.0, 200.0)
    rows = ndimage.gaussian_filter1d(step, sigma_px)
    picture = np.broadcast_to(rows[None, None, :, None], (3, 96, 96, 3)).astype(np.float32)
    assert flaws.sharpness(picture, 0.0) == pytest.approx(within, abs=0.05)


def test_a_picture_without_edges_has_no_sharpness() -> None:
    assert flaws.sharpness(np.full((3, 64, 64, 3), 90, np.float32), 0.0) is None


def test_flicker_is_the_share_up_and_down() -> None:
    # 100 and 121 in turn, 4 levels added: log(125 / 104) = 0.184 from frame to frame, so 0.092 up
    # and down about the middle. A steady fade has no way back.
    luma = np.where(np.arange(8) % 2, 121.0, 100.0)[:, None, None] + np.zeros((8, 32, 32))
    assert flaws.flicker(luma.astype(np.float32)) == pytest.approx(0.092, abs=0.001)
    fade = np.linspace(100, 121, 8)[:, None, None] + np.zeros((8, 32, 32))
    assert flaws.flicker(fade.astype(np.float32)) < 0.001
