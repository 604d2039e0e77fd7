"""What a model counts for an image: published examples, and what holds for every size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from annotators.models import ImageRule
from annotators.models.images import ClaudeRule, FixedRule, PatchRule, TileRule

FRAME = (512, 288)  # a frame of a 16:9 clip, as sent
GPT_4O = TileRule(base=85, per_tile=170)
RULES = [
    GPT_4O,
    PatchRule(multiplier=1.62, budget=1536),
    ClaudeRule(cap=1568),
    FixedRule(tokens=258),
]
SIDES = st.integers(1, 6000)


@pytest.mark.parametrize(
    ("size", "detail", "expected"),
    [
        (FRAME, "low", 85),
        (FRAME, "high", 255),  # one tile: 85 + 170
        (FRAME, "auto", 255),  # what the server makes of it is not known: the dearer one
        # OpenAI's guide: 768 x 768 is 2 x 2 tiles; 2048 x 4096 fits as 1024 x 2048, then 768 x 1536
        ((1024, 1024), "high", 765),
        ((2048, 4096), "high", 1105),
        ((4096, 8192), "low", 85),
        ((512, 512), "high", 255),
        ((513, 512), "high", 425),  # a pixel over is a tile more
        ((256, 256), "high", 255),  # never enlarged to a short side of 768: that would be 4 tiles
        ((8192, 512), "high", 85 + 4 * 170),  # 2048 x 128: a row of four
    ],
)
def test_tiles_of_512_px(size, detail, expected):
    assert GPT_4O.tokens(*size, detail) == expected


def test_a_frame_of_gpt_4o_mini_is_dear_even_at_low_detail():
    rule = TileRule(base=2833, per_tile=5667)
    assert rule.tokens(*FRAME, "low") == 2833
    assert rule.tokens(*FRAME, "high") == 8500


@pytest.mark.parametrize(
    ("multiplier", "size", "expected"),
    [
        (1.2, FRAME, 173),  # 16 x 9 = 144; 172.8
        (1.62, FRAME, 234),  # 233.28
        (1.0, FRAME, 144),
        (1.2, (512, 512), 308),  # 256 patches: 307.2
        (1.0, (1024, 1024), 1024),  # OpenAI's guide
        (1.2, (2048, 768), 1844),  # 1,536 patches, just within the budget: 1843.2
        # OpenAI's guide: 75 x 57 patches shrink by 0.603 to 45.25 x 33.94, so to 44 x 33
        (1.0, (1800, 2400), 1452),
        (1.0, (2400, 1800), 1452),
        (1.25, (640, 640), 500),  # 400 patches: no ceiling over what is whole already
    ],
)
@pytest.mark.parametrize("detail", ["low", "high", "auto"])
def test_patches_of_32_px(multiplier, size, expected, detail):
    assert PatchRule(multiplier=multiplier, budget=1536).tokens(*size, detail) == expected


def test_patches_may_be_of_another_size():
    # Qwen2.5-VL: 28 px; 512 / 28 = 18.3, 288 / 28 = 10.3
    assert PatchRule(patch_px=28, budget=16384).tokens(*FRAME, "low") == 19 * 11


def test_patches_of_claude():
    assert ClaudeRule(cap=1568).tokens(*FRAME, "low") == 19 * 11
    assert ClaudeRule(cap=1568).tokens(2800, 2800, "low") == 1568  # 100 x 100 without the cap
    assert ClaudeRule(cap=4784).tokens(1400, 1400, "high") == 2500


def test_a_fixed_count():
    assert FixedRule(tokens=258).tokens(1, 9999, "high") == 258


@given(rule=st.sampled_from(RULES), width=SIDES, height=SIDES)
def test_counts_are_positive_and_the_same_upright(rule, width, height):
    tokens = rule.tokens(width, height, "high")
    assert tokens > 0
    assert tokens == rule.tokens(height, width, "high")


@given(rule=st.sampled_from(RULES), width=SIDES, height=SIDES, wider=st.integers(0, 500))
def test_a_bigger_image_counts_no_less_as_long_as_nothing_is_shrunk(rule, width, height, wider):
    # beyond these sizes a guide shrinks: tiles over 2048 or 768 px, patches over their budget
    long, short = max(width + wider, height), min(width + wider, height)
    if long > 1024 or short > 768:
        return
    assert rule.tokens(width + wider, height, "high") >= rule.tokens(width, height, "high")


@given(width=SIDES, height=SIDES, budget=st.integers(1, 2000))
def test_no_image_counts_more_than_the_budget(width, height, budget):
    assert 1 <= PatchRule(budget=budget).tokens(width, height, "high") <= budget


@given(width=SIDES, height=SIDES)
def test_no_image_has_more_than_eight_tiles(width, height):
    # within 2048 x 768 there are at most 4 x 2
    assert GPT_4O.tokens(width, height, "high") <= 85 + 8 * 170


@pytest.mark.parametrize(
    ("given", "rule"),
    [
        ({"rule": "tile", "base": 85, "per_tile": 170}, GPT_4O),
        ({"rule": "patch", "multiplier": 1.62, "budget": 1536}, RULES[1]),
        ({"rule": "claude", "cap": 1568}, RULES[2]),
        ({"rule": "fixed", "tokens": 258}, RULES[3]),
    ],
)
def test_rules_are_told_apart_by_name_and_survive_being_written_down(given, rule):
    adapter = TypeAdapter(ImageRule)
    assert adapter.validate_python(given) == rule
    assert adapter.validate_python(rule.model_dump()) == rule
    assert adapter.validate_json(rule.model_dump_json()) == rule


@pytest.mark.parametrize(
    "given",
    [
        {"base": 85, "per_tile": 170},
        {"rule": "tiles", "base": 85, "per_tile": 170},
        {"rule": "tile", "base": -1, "per_tile": 170},
        {"rule": "patch", "multiplier": 0, "budget": 1536},
        {"rule": "patch", "multiplier": float("inf"), "budget": 1536},
        {"rule": "claude", "cap": 0},
        {"rule": "fixed", "tokens": 258, "detail": "low"},
    ],
)
def test_what_is_no_rule_is_refused(given):
    with pytest.raises(ValidationError):
        TypeAdapter(ImageRule).validate_python(given)
