"""Which generators make the clips of a prompt: drawn per prompt, the same on every machine."""

import hashlib
import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
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


def test_several_clips_are_drawn_by_their_shares_without_replacement() -> None:
    """Two of shares 6 : 3 : 1. The last is first in 1/10 of the draws, second after the 6 in
    6/10 x 1/4, second after the 3 in 3/10 x 1/7: 0.2929. The 3 likewise: 3/10 + 6/10 x 3/4 +
    1/10 x 3/9 = 0.7833, the 6 the rest to 2: 0.9238. Of 2,000 prompts, within 4 sd of a binomial."""
    pool = [spec("six", 6), spec("three", 3), spec("one", 1)]
    options = PoolOptions.model_validate({"clips_per_prompt": 2, "pool": pool})
    prompts = SimulatedPrompts(prompts=2000).read().prompts
    drawn = Counter(clip.generator for clip in plan_clips(prompts, options))
    for name, chance in (("six", 0.9238), ("three", 0.7833), ("one", 0.2929)):
        assert abs(drawn[name] - 2000 * chance) < 4 * (2000 * chance * (1 - chance)) ** 0.5


# --- a pool that changes -------------------------------------------------------------------------

shares = st.floats(0.01, 100)
pools = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), shares, min_size=2, max_size=6)
seeds, most = st.integers(0, 5), st.integers(1, 9)


def drawn(pool: dict[str, float], seed: int, clips_per_prompt: int) -> list[Clip]:
    block = {
        "seed": seed,
        "clips_per_prompt": clips_per_prompt,
        "pool": [spec(name, share) for name, share in pool.items()],
    }
    return plan_clips(PROMPTS[:1], PoolOptions.model_validate(block))


@given(pools, seeds, most)
def test_a_generator_more_takes_places_and_changes_nothing_else(pool, seed, most) -> None:
    """Also read from right to left: a generator less gives its places to those that come next."""
    *_, new = pool
    old = {name: share for name, share in pool.items() if name != new}
    before, after = drawn(old, seed, most), drawn(pool, seed, most)
    others = [clip for clip in after if clip.generator != new]
    assert others == before[: len(others)]
    assert len(after) == most == len({clip.video_id for clip in after})


@given(pools, seeds, most, st.randoms(use_true_random=False))
def test_the_order_of_the_pool_says_nothing(pool, seed, most, random) -> None:
    shuffled = list(pool.items())
    random.shuffle(shuffled)
    assert drawn(dict(shuffled), seed, most) == drawn(pool, seed, most)


@given(pools, seeds, most, st.floats(1.1, 50))
def test_a_larger_share_never_loses_a_place(pool, seed, most, times) -> None:
    name = next(iter(pool))
    before, after = drawn(pool, seed, most), drawn(pool | {name: pool[name] * times}, seed, most)
    assert {c.video_id for c in before if c.generator == name} <= {c.video_id for c in after}
    others = [[c for c in clips if c.generator != name] for clips in (before, after)]
    assert others[1] == others[0][: len(others[1])]


@given(pools, seeds, most)
def test_clips_asked_for_later_come_after_those_of_before(pool, seed, most) -> None:
    assert drawn(pool, seed, most + 1)[:most] == drawn(pool, seed, most)


def test_a_new_generator_wins_its_share_of_the_places() -> None:
    """A ninth of equal share is among the four in 4/9 of 2,000 prompts, 889 +- 4 sd of 22; all
    other clips are made already."""
    nine = PoolOptions.model_validate({"pool": [*EIGHT.model_dump()["pool"], spec("new")]})
    prompts = SimulatedPrompts(prompts=2000).read().prompts
    made = {clip.video_id for clip in plan_clips(prompts, EIGHT)}
    new = [clip for clip in plan_clips(prompts, nine) if clip.video_id not in made]
    assert {clip.generator for clip in new} == {"new"}
    assert abs(len(new) - 889) < 90


def test_draws_are_the_same_on_every_machine_and_in_every_version() -> None:
    """Clips that were made are found again by what was drawn. Worked out anew from SHA-256, in the
    form of Efraimidis and Spirakis: the largest (1 - u)^(1 / share) are taken; 52 bits of the digest
    are u, the upper 31 of another one the first clip's seed."""

    def digits(*fields: str) -> int:
        return int(hashlib.sha256("\n".join(fields).encode()).hexdigest()[:13], 16)

    pool = {"six": 6.0, "three": 3.0, "one": 1.0}
    for prompt in PROMPTS[:50]:
        draw = ("pool", "7", prompt.prompt_id)
        keys = {n: (1 - digits(*draw, n) / 2**52) ** (1 / share) for n, share in pool.items()}
        first, second, third = sorted(pool, key=lambda name: -keys[name])
        seeds = {name: digits(*draw, name, "first seed") >> 21 for name in pool}
        options = PoolOptions.model_validate(
            {"seed": 7, "clips_per_prompt": 4, "pool": [spec(n, s) for n, s in pool.items()]}
        )
        assert [(clip.generator, clip.seed) for clip in plan_clips([prompt], options)] == [
            (first, seeds[first]),
            (second, seeds[second]),
            (third, seeds[third]),
            (first, seeds[first] + 1),
        ]
