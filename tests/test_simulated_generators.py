"""Simulated generators: their clips are real files, and what is wrong with them can be seen."""

import dataclasses
import io
import itertools
from collections import Counter

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_world import simulated_pool

from pipeline.generators import spoil
from pipeline.generators.base import GenerationError
from pipeline.generators.defects import (
    AGAINST_PROMPT,
    DEFECTS,
    PER_FRAME,
    TEMPORAL,
    WEAKEST,
    Defects,
    guided,
    plan,
    truth,
)
from pipeline.generators.draw import to_pixels
from pipeline.generators.encode import to_mp4
from pipeline.generators.grammar import MOTIONS, Scene, parse, random_from, simulated_prompts
from pipeline.generators.pool import PoolOptions, plan_clips
from pipeline.generators.simulated import SimulatedSpec, drawn, render, scene_and_defects
from pipeline.generators.stage import CANVAS, EXPOSURE, set_stage
from pipeline.sources.simulated import SimulatedPrompts
from schemas import Clip

SEEN = (0, 2, 4, 6, 9, 11, 13, 15)  # round(linspace(0, 15, 8)): what a judge gets of 16 frames
SPEC = SimulatedSpec(name="own", weaknesses={})
RIGHT = Scene(
    count=1, size="large", colour="red", shape="circle", background="grey", motion="right"
)
STILL = dataclasses.replace(RIGHT, motion="still")
SCENES = simulated_prompts(60, 5)


def clip_of(prompt: str = RIGHT.text, **change: object) -> Clip:
    """A planned clip of the generator ``own``."""
    fields = {
        "video_id": "v",
        "prompt_id": "p",
        "prompt": prompt,
        "generator": "own",
        "source": "simulated",
        "settings": '{"guidance_scale":7.5}',
        "seed": 1,
    }
    return Clip(**(fields | change))  # type: ignore[arg-type]


def decoded(data: bytes) -> np.ndarray:
    """Frames of a file, (T, height, width, 3) as float."""
    with av.open(io.BytesIO(data)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return np.stack(frames).astype(float)


def made(scene: Scene, key: str = "key", **strengths: float) -> np.ndarray:
    """The eight frames a judge sees of a clip with these defects, after real encoding."""
    pixels = to_pixels(render(scene, Defects(**strengths), key))
    return decoded(to_mp4(pixels, 8))[list(SEEN)]


# --- files ---------------------------------------------------------------------------------------


def test_a_clip_is_a_real_video_file() -> None:
    data = drawn(clip_of(), SPEC)
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 96, 96)
        assert stream.pix_fmt == "yuv420p"
        assert stream.average_rate == 8
    assert decoded(data).shape == (16, 96, 96, 3)


def test_the_same_clip_has_the_same_bytes() -> None:
    assert drawn(clip_of(), SPEC) == drawn(clip_of(), SPEC)
    assert drawn(clip_of(seed=2), SPEC) != drawn(clip_of(), SPEC)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": "a dog on the beach"}, "draws only prompts of the source kind 'simulated'"),
        ({"generator": "another"}, "clip of generator 'another' given to 'own'"),
        ({"settings": "{}"}, "guidance_scale"),
        ({"settings": "nonsense"}, "guidance_scale"),
    ],
)
def test_a_clip_that_cannot_be_made_says_why(change: dict[str, str], message: str) -> None:
    with pytest.raises(GenerationError, match=message):
        drawn(clip_of(**change), SPEC)


# --- which defects -------------------------------------------------------------------------------


def test_chances_of_zero_and_one() -> None:
    assert plan(clip_of(), RIGHT, {}, 7.5) == Defects()
    spoilt = plan(clip_of(), RIGHT, dict.fromkeys(("wrong_colour", "flicker", "blur"), 1.0), 7.5)
    assert spoilt.present() == ("wrong_colour", "flicker", "blur")
    assert spoilt.wrong_colour == 1.0
    assert WEAKEST <= spoilt.flicker <= 1.0


def test_a_weakness_comes_as_often_as_its_chance_says() -> None:
    """Of 1000 clips: chance 0.6, standard deviation 0.0155; the bounds are 4 of them away."""
    plans = [plan(clip_of(seed=seed), RIGHT, {"frozen": 0.6}, 7.5) for seed in range(1000)]
    assert 0.538 < np.mean([p.frozen > 0 for p in plans]) < 0.662
    assert {name for p in plans for name in p.present()} == {"frozen"}


def test_guidance_trades_the_prompt_for_the_looks() -> None:
    # At 3, in the middle and at 12: 0.5 times 1.2, 1, 0.8 (flicker: 0.8, 1, 1.2).
    assert [guided(0.5, "wrong_colour", g) for g in (3, 7.5, 12)] == pytest.approx([0.6, 0.5, 0.4])
    assert [guided(0.5, "flicker", g) for g in (3, 7.5, 12)] == pytest.approx([0.4, 0.5, 0.6])
    assert [guided(0.5, "frozen", g) for g in (3, 7.5, 12)] == [0.5, 0.5, 0.5]
    assert guided(1.0, "noise", 99) == 1.0


def test_what_another_defect_hides_is_left_out() -> None:
    every = dict.fromkeys(DEFECTS, 1.0)
    for seed in range(50):
        alone = plan(clip_of(seed=seed), RIGHT, every, 7.5)
        assert alone.missing_object == 1.0  # the only object: nothing left to be wrong or to jump
        assert alone.wrong_colour == alone.wrong_motion == alone.jump_cuts == 0.0
        three = plan(clip_of(seed=seed), dataclasses.replace(RIGHT, count=3), every, 7.5)
        assert three.missing_object in (pytest.approx(1 / 3), pytest.approx(2 / 3))
        for defects in (alone, three):
            others = (defects.jump_cuts, defects.flicker, defects.late_drift)
            assert (defects.frozen > 0) != (max(others) > 0)


def test_most_defects_of_quality_need_time_to_be_seen() -> None:
    pool = PoolOptions(pool=simulated_pool())
    specs = {spec.name: spec for spec in pool.pool}
    clips = plan_clips(SimulatedPrompts(prompts=300).read().prompts, pool)
    found = Counter(
        name
        for clip in clips
        for name in scene_and_defects(clip, specs[clip.generator])[1].present()
    )
    assert all(60 < found[name] < 300 for name in DEFECTS)  # 5 to 25 % of 1200 clips
    temporal = sum(found[name] for name in TEMPORAL)
    assert 0.6 < temporal / (temporal + sum(found[name] for name in PER_FRAME)) < 0.8


# --- truth ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scene", "strengths", "prompt", "quality"),
    [
        (RIGHT, {}, 5.0, 5.0),
        (RIGHT, {"wrong_colour": 1.0}, 3.1, 5.0),  # 5 - 1.9
        (RIGHT, {"wrong_motion": 1.0, "blur": 1.0}, 3.3, 2.7),  # 5 - 1.7; 5 - 2.3
        (RIGHT, {"missing_object": 1.0}, 1.0, 5.0),  # 5 - 4
        (RIGHT, {"missing_object": 0.5}, 3.1, 5.0),  # 5 - 0.8 - 2.2 / 2
        (RIGHT, {"frozen": 1.0}, 3.8, 2.4),  # 5 - 1.2: it should have moved; 5 - 2.6
        (STILL, {"frozen": 1.0}, 5.0, 2.4),  # it should not
        (
            RIGHT,
            {"wrong_motion": 1.0, "frozen": 0.6},
            3.3,
            3.44,
        ),  # the dearer of 1.7, 0.72; 2.6 * 0.6
        (RIGHT, {"late_drift": 0.8}, 4.6, 3.4),  # 5 - 0.5 * 0.8; 5 - 2.0 * 0.8
        (RIGHT, {"jump_cuts": 1.0, "flicker": 1.0}, 5.0, 1.0),  # 5 - 2.6 - 2.3 = 0.1: never below 1
        (RIGHT, {"noise": 0.75}, 5.0, 3.5),  # 5 - 2.0 * 0.75
    ],
)
def test_truth(scene: Scene, strengths: dict[str, float], prompt: float, quality: float) -> None:
    deserved = truth(scene, Defects(**strengths))
    assert deserved == {
        "prompt_following": pytest.approx(prompt),
        "video_quality": pytest.approx(quality),
    }


@given(st.fixed_dictionaries({name: st.floats(0, 1) for name in DEFECTS}), st.sampled_from(DEFECTS))
def test_no_defect_makes_a_clip_better(strengths: dict[str, float], name: str) -> None:
    worse = truth(RIGHT, Defects(**(strengths | {name: 1.0})))
    better = truth(RIGHT, Defects(**strengths))
    assert all(1.0 <= worse[d] <= better[d] + 1e-9 <= 5.0 + 1e-9 for d in better)


# --- what is seen --------------------------------------------------------------------------------


def test_red_circle_moves_right_on_grey() -> None:
    """Where the picture is much redder than grey, there is the object."""
    frames = made(RIGHT)
    red = frames[..., 0] - frames[..., 1] > 60
    x = [float(np.nonzero(mask)[1].mean()) for mask in red]
    assert x[-1] - x[0] == pytest.approx(44, abs=2)
    assert all(b > a for a, b in itertools.pairwise(x))
    assert red[0].sum() == pytest.approx(np.pi * 12**2, rel=0.15)  # radius 12
    ground = frames[:, :20, :, :].mean(axis=(1, 2))
    assert np.ptp(ground, axis=1).max() < 6  # grey: the three channels are alike


@given(
    st.sampled_from(MOTIONS),
    st.sampled_from(["small", "large"]),
    st.integers(1, 3),
    st.integers(0, 999),
    st.sampled_from([0.0, WEAKEST, 0.8, 1.0]),
)
def test_objects_stay_whole_and_apart(
    motion: str, size: str, count: int, key: int, strength: float
) -> None:
    """Also in clips with jump cuts, whose single frames must look like any other's."""
    turns_to = "blue" if motion == "turning" else None
    scene = Scene(
        count=count,
        size=size,
        colour="red",
        shape="triangle",
        background="grey",
        motion=motion,
        turns_to=turns_to,
    )
    stage = set_stage(scene, random_from(str(key)))
    if strength:
        stage = spoil.jump_cuts(stage, strength, random_from(str(key), "cuts"))
    assert stage.along.min() >= 20 - 1e-3  # the way of a clean movement: 48 - 6 - 44 / 2
    assert stage.along.max() <= 76 + 1e-3
    half_width = 1.04 * stage.radius  # the widest shape: 1.2 R * sqrt(3) / 2
    assert (stage.along - half_width).min() >= 0
    assert (stage.along + half_width).max() <= CANVAS
    assert stage.across[0] - half_width.max() >= 0
    assert stage.across[-1] + half_width.max() <= CANVAS
    if count > 1:
        assert np.diff(stage.across).min() - 2 * half_width.max() >= 2  # pixels between them


@given(st.sampled_from(MOTIONS), st.integers(0, 999), st.floats(WEAKEST, 1.0))
def test_a_jump_is_larger_than_any_way_of_a_clean_clip(
    motion: str, key: int, strength: float
) -> None:
    """Clean: at most 3 frames of 72 px in 15 between two seen frames, 14.4 px. A jump: over 20."""
    scene = dataclasses.replace(
        RIGHT, motion=motion, turns_to="blue" if motion == "turning" else None
    )
    clean = set_stage(scene, random_from(str(key)))
    cut = spoil.jump_cuts(clean, strength, random_from(str(key), "cuts"))
    assert np.abs(np.diff(clean.along[list(SEEN)])).max() < 15
    assert np.abs(np.diff(cut.along[list(SEEN)])).max() > 20


@pytest.mark.parametrize("scene", SCENES[:12], ids=lambda s: s.motion)
def test_a_frozen_clip_differs_from_a_clean_one_only_over_time(scene: Scene) -> None:
    """Also where the prompt says `staying still`: in a clean clip the background lives."""
    clean = made(scene)
    weak, full = made(scene, frozen=WEAKEST), made(scene, frozen=1.0)
    steps = {
        name: np.sqrt((np.diff(frames, axis=0) ** 2).mean(axis=(1, 2, 3)))
        for name, frames in (("clean", clean), ("weak", weak), ("full", full))
    }
    assert steps["clean"].min() > 3
    assert steps["full"].max() < 2.2  # what the encoder still improves of a held picture
    assert (steps["weak"] < 2.2).sum() >= 3  # of seven: the last four seen frames are one
    assert np.abs(full[0] - clean[0]).max() < 30  # one frame of it is a frame of the clean clip


@pytest.mark.parametrize("key", ["a", "b", "c", "d"])
def test_flicker_alternates_at_the_seen_frames_within_clean_exposures(key: str) -> None:
    clean = set_stage(STILL, random_from(key))
    gain = spoil.flicker(clean, WEAKEST, random_from(key, "f")).gain
    assert EXPOSURE[0] - 1e-6 <= gain.min() < gain.max() <= EXPOSURE[1] + 1e-6
    seen = made(STILL, key, flicker=WEAKEST).mean(axis=(1, 2, 3))
    signs = np.sign(np.diff(seen))
    assert (signs[1:] == -signs[:-1]).all()
    # The swing is 2 * 0.16 * 0.55 = 0.176 of a grey of 105, so 18 levels.
    assert np.abs(np.diff(seen)).min() > 12
    assert np.abs(np.diff(made(STILL, key).mean(axis=(1, 2, 3)))).max() < 3


@pytest.mark.parametrize("scene", SCENES[:12], ids=lambda s: s.background)
def test_late_drift_leaves_the_first_half_and_changes_the_background(scene: Scene) -> None:
    clean, drifted = made(scene), made(scene, late_drift=WEAKEST)
    change = np.abs(drifted - clean).mean(axis=(1, 2)).max(axis=1)  # per frame: largest channel
    assert change[:4].max() < 1  # frames 0 to 6
    assert change[-1] > 15  # over 60 levels * 0.55 * the darkest exposure 0.75, objects aside


def _steepest(frames: np.ndarray) -> float:
    """Largest step of grey between neighbours; chroma, at half resolution, plays little part."""
    return float(np.abs(np.diff(frames.mean(axis=3), axis=2)).max())


def test_blur_softens_edges_and_noise_roughens_every_frame() -> None:
    scene = dataclasses.replace(STILL, colour="yellow", background="black")
    clean, blurred = made(scene), made(scene, blur=WEAKEST)
    # The steepest step of an edge blurred by s = 3.5 * 0.55 is 1 / (s * sqrt(2 pi)) = 0.21 of it.
    assert _steepest(blurred) < 0.4 * _steepest(clean)
    clean, noisy = made(STILL), made(STILL, noise=WEAKEST)
    corner = (slice(None), slice(0, 20), slice(0, 20))

    def grain(frames: np.ndarray) -> float:
        return float(np.diff(frames[corner], axis=2).std())

    assert grain(noisy) > 3 * grain(clean)


@settings(max_examples=50)
@given(st.sampled_from(SCENES), st.integers(0, 999))
def test_defects_against_the_prompt_change_what_the_prompt_named(scene: Scene, key: int) -> None:
    rng = random_from(str(key))
    wrong = spoil.wrong_colour(scene, rng)
    assert wrong.colour not in (scene.colour, scene.turns_to)
    assert dataclasses.replace(wrong, colour=scene.colour) == scene
    moved = spoil.wrong_motion(scene, rng)
    assert (moved.motion, moved.colour) != (scene.motion, scene.colour)
    assert (moved.motion == "turning") == (scene.motion == "turning")
    for gone in range(1, scene.count + 1):
        assert spoil.missing_object(scene, gone / scene.count).count == scene.count - gone


def test_a_wrong_order_is_the_reverse() -> None:
    ordered = dataclasses.replace(RIGHT, motion="left-right")
    assert spoil.wrong_motion(ordered, random_from("x")).motion == "right-left"
    turning = parse("a large circle turning from red to blue on a grey background")
    reverse = spoil.wrong_motion(turning, random_from("x"))
    assert (reverse.colour, reverse.turns_to) == ("blue", "red")


def test_a_missing_only_object_leaves_the_background() -> None:
    frames = made(RIGHT, missing_object=1.0)
    assert (frames[..., 0] - frames[..., 1]).max() < 30  # no red anywhere


def test_the_names_of_the_defects_are_complete() -> None:
    assert sorted(DEFECTS) == sorted(f.name for f in dataclasses.fields(Defects))
    assert len(DEFECTS) == len(AGAINST_PROMPT) + len(TEMPORAL) + len(PER_FRAME) == 9
