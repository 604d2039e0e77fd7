from PIL import Image
from steadiness import Steadiness

from annotators.try_out import try_out


def test_a_jump_costs_its_share_of_the_scale():
    frames = [Image.new("RGB", (32, 32), (level,) * 3) for level in (100, 102, 140)]
    (found,) = try_out(Steadiness(), frames)
    assert round(found.score, 3) == 4.404  # 5 - 4 x 38 / 255
