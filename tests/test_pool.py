"""Which generators make the clips of a prompt: drawn per prompt, the same on every machine."""

import json
from collections import Counter

import pytest
from pydantic import ValidationError
from simulated_world import simulated_pool

from pipeline.generators.pool import PoolOptions, plan_clips
from pipeline.generators.simulated import PROFILES
from pipeline.sources.simulated import SimulatedPrompts
from schemas import Clip
from schemas.ids import canonical_json, video_id

PROMPTS = SimulatedPrompts(prompts=200).read().prompts
EIGHT = PoolOptions(pool=simulated_pool())


def test_four_different_generators_per_prompt() -> None:
    clips = plan_clips(PROMPTS, EIGHT)
    per_prompt = Counter(clip.prompt_id for clip in clips)
    assert set(per_prompt.values()) == {4}
    assert len({(clip.prompt_id, clip.generator) for clip in clips}) == len(clips) == 800
    assert len({clip.video_id for clip in clips}) == 800
    # 4 of 8: each generator makes half of the prompts; 100 +- 4 sd of 7.
    per_generator = Counter(clip.generator for clip in clips)
    assert set(per_generator) == set(PROFILES)
    assert all(72 < n < 128 for n in per_generator.values())


def test_a_prompt_gets_the_same_clips_in_whatever_company() -> None:
    everything = plan_clips(PROMPTS, EIGHT)
    assert plan_clips(PROMPTS[7:8], EIGHT) == everything[28:32]
    assert plan_clips(PROMPTS[::-1], EIGHT)[:4] == everything[-4:]


def test_another_seed_draws_other_clips() -> None:
    other = plan_clips(PROMPTS[:20], PoolOptions(pool=simulated_pool(), seed=1))
    assert not {c.video_id for c in other} & {c.video_id for c in plan_clips(PROMPTS[:20], EIGHT)}


def test_settings_and_ids() -> None:
    for clip in plan_clips(PROMPTS, EIGHT):
        assert clip.settings is not None
        settings = json.loads(clip.settings)
        assert clip.settings == canonical_json(settings)
        assert 3 <= settings["guidance_scale"] <= 12
        what = canonical_json({"settings": settings, "seed": clip.seed})
        assert clip.video_id == video_id(clip.prompt_id, clip.generator, what)
        assert clip.path is None
        assert clip.simulated
        assert (clip.source, clip.licence) == ("simulated", "CC0-1.0")


def test_guidance_scale_is_drawn_from_the_given_range() -> None:
    options = PoolOptions.model_validate(
        {
            "clips_per_prompt": 1,
            "pool": [
                {
                    "kind": "simulated",
                    "name": "own",
                    "weaknesses": {"blur": 0.5},
                    "guidance_scale": [6, 6],
                }
            ],
        }
    )
    assert {c.settings for c in plan_clips(PROMPTS[:5], options)} == {'{"guidance_scale":6.0}'}


def test_a_small_pool_comes_again_with_other_seeds() -> None:
    two = PoolOptions(pool=simulated_pool()[:2], clips_per_prompt=5)
    clips = plan_clips(PROMPTS[:1], two)
    assert sorted(Counter(c.generator for c in clips).values()) == [2, 3]
    assert len({c.seed for c in clips}) == len({c.video_id for c in clips}) == 5


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"pool": []}, "at least 1"),
        ({}, "pool"),
        (
            {"pool": [{"kind": "simulated", "name": "sim-clean"}] * 2},
            "several generators are named",
        ),
        (
            {"pool": [{"kind": "simulated", "name": "sim-nobody"}]},
            "no profile is named 'sim-nobody'",
        ),
        ({"pool": [{"kind": "simulated", "name": "a/b", "weaknesses": {}}]}, "pattern"),
        ({"pool": [{"kind": "simulated", "name": "x", "weaknesses": {"ugly": 0.5}}]}, "'ugly'"),
        (
            {"pool": [{"kind": "simulated", "name": "x", "weaknesses": {"blur": 1.5}}]},
            "not a chance",
        ),
        (
            {"pool": [{"kind": "simulated", "name": "sim-clean", "guidance_scale": [9, 3]}]},
            "low, high",
        ),
        ({"pool": [{"kind": "simulated", "name": "sim-clean", "strength": 1}]}, "strength"),
        (
            {"pool": [{"kind": "simulated", "name": "sim-clean"}], "clips_per_prompt": 0},
            "clips_per",
        ),
    ],
)
def test_a_pool_that_cannot_work_is_refused(block: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        PoolOptions.model_validate(block)


def spec(name: str, share: float = 1.0) -> dict[str, object]:
    return {"kind": "simulated", "name": name, "weaknesses": {}, "share": share}


def test_generators_are_drawn_by_their_shares() -> None:
    """Shares 6 : 3 : 1 and one clip per prompt: of 2,000 clips 1,200, 600 and 200, within 4 sd
    (sd of a binomial at most 22.4)."""
    pool = [spec("six", 6), spec("three", 3), spec("one", 1)]
    options = PoolOptions.model_validate({"clips_per_prompt": 1, "pool": pool})
    prompts = SimulatedPrompts(prompts=2000).read().prompts
    drawn = Counter(clip.generator for clip in plan_clips(prompts, options))
    for name, expected in (("six", 1200), ("three", 600), ("one", 200)):
        assert abs(drawn[name] - expected) < 90


def test_equal_shares_draw_as_none_do() -> None:
    pool = [s.model_copy(update={"share": 3.0}) for s in simulated_pool()]
    assert plan_clips(PROMPTS[:20], PoolOptions(pool=pool)) == plan_clips(PROMPTS[:20], EIGHT)


def test_a_prompt_with_a_real_clip_is_filled_up_only_where_asked() -> None:
    """One real clip and three generated, as VideoPrefer mixes them for captions."""
    captioned, bare, crowded = PROMPTS[:3]
    real = [
        Clip(
            video_id=f"real-{i}", prompt_id=prompt.prompt_id, prompt=prompt.text, generator="camera",
            source="captions", path=f"/clips/{i}.mp4",
        )
        for i, prompt in enumerate([captioned, *[crowded] * 5])
    ]  # fmt: skip
    filled = plan_clips(PROMPTS[:3], EIGHT.model_copy(update={"top_up": True}), real)
    alone = plan_clips(PROMPTS[:3], EIGHT, real)
    assert Counter(c.prompt_id for c in filled) == {captioned.prompt_id: 3, bare.prompt_id: 4}
    assert Counter(c.prompt_id for c in alone) == {bare.prompt_id: 4}
    # the same three that would come first without the real clip
    assert [c for c in filled if c.prompt_id == captioned.prompt_id] == plan_clips(
        [captioned], EIGHT
    )[:3]
