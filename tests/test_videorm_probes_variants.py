"""What the models of a probe are shown: the same frames as in training, and their damaged selves."""

import numpy as np
import pytest
from videorm_run import jpeg

from pipeline.videorm.data.damage import DAMAGES, WHOLE_FRAMES
from pipeline.videorm.data.decode import stack_clip
from pipeline.videorm.evaluation.probes.catalogue import CLEAN, TRAINING
from pipeline.videorm.evaluation.probes.variants import (
    VARIANTS,
    View,
    _decoded,
    _fitted,
    variants_of,
)
from schemas.options import SetupError


def clip(n: int, height: int = 48, width: int = 64) -> list[bytes]:
    """Smooth frames, so that one way of shrinking them is much like another."""
    y, x = np.mgrid[:height, :width]
    frames = [np.stack([2 * x, 2 * y + 8 * t, 255 - 3 * x], axis=-1) % 256 for t in range(n)]
    return [jpeg(f.astype(np.uint8)) for f in frames]


@pytest.mark.parametrize("fit", ["squeeze", "crop", "letterbox"])
def test_orders_may_be_changed_after_frames_are_made_small(fit):
    """What is claimed where it saves most of the work."""
    jpegs, view = clip(5), View(frames=5, size=16, fit=fit)
    whole = np.stack([_decoded(j) for j in jpegs])
    for damage in WHOLE_FRAMES.values():
        assert np.array_equal(_fitted(damage(whole, 3), view), damage(_fitted(whole, view), 3))


@pytest.mark.parametrize("fit", ["squeeze", "crop", "letterbox"])
def test_the_undamaged_clip_is_training_s_but_for_the_decoder(fit):
    jpegs, view = clip(4), View(frames=4, size=16, fit=fit)
    found, _ = variants_of(jpegs, "v", 0, view)
    assert np.array_equal(found[TRAINING][0], stack_clip(jpegs, 4, 16, fit)[0])
    gap = found[TRAINING][0].astype(int) - found[CLEAN][0]
    assert np.abs(gap).mean() < 3


def test_frames_of_the_right_size_are_the_same_by_either_way():
    found, _ = variants_of(clip(3, 16, 16), "v", 0, View(frames=3, size=16, fit="squeeze"))
    assert np.array_equal(found[TRAINING][0], found[CLEAN][0])


def test_a_long_clip_is_thinned_out_before_it_is_damaged_and_a_short_one_padded():
    jpegs = clip(9)
    found, _ = variants_of(jpegs, "v", 0, View(frames=3, size=16, fit="squeeze"))
    assert set(found) == set(VARIANTS) == {CLEAN, TRAINING, *DAMAGES}
    pixels, valid = found["shuffled"]
    shown = {frame.tobytes() for frame in found[CLEAN][0]}
    assert {frame.tobytes() for frame in pixels} == shown  # frames 0, 4 and 8, no others
    assert valid.all()
    short, _ = variants_of(jpegs[:2], "v", 0, View(frames=3, size=16, fit="squeeze"))
    assert short[CLEAN][1].tolist() == [True, True, False]
    assert not short[CLEAN][0][2].any()
    assert short["first_frame"][1].tolist() == [True, False, False]


def test_another_clip_or_seed_gets_another_draw():
    jpegs, view = clip(8), View(frames=8, size=16, fit="squeeze")
    one, other, again = (
        variants_of(jpegs, name, seed, view)[0]["noise"][0]
        for name, seed in (("v", 0), ("w", 0), ("v", 0))
    )
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, variants_of(jpegs, "v", 1, view)[0]["noise"][0])


@pytest.mark.parametrize("jpegs", [[b"no picture"], [], [*clip(1), *clip(1, 32, 32)]])
def test_frames_that_make_no_clip_name_it(jpegs):
    with pytest.raises(SetupError, match="clip v7"):
        variants_of(jpegs, "v7", 0, View(frames=2, size=8, fit="squeeze"))
