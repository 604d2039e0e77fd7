"""Simulated raters: near the truth, each in their own way, and never of anything real."""

import dataclasses
import itertools
import statistics

import numpy as np
import pytest
from simulated_world import simulated_pool

from pipeline.audit.simulated_raters import SimulatedRaters, simulated_ratings
from pipeline.generators.defects import truth
from pipeline.generators.pool import PoolOptions, plan_clips
from pipeline.generators.simulated import scene_and_defects
from pipeline.sources.simulated import SimulatedPrompts
from schemas import Clip, Video
from schemas.options import SetupError
from schemas.tables import key_of

POOL = PoolOptions(pool=simulated_pool())


def video_of(clip: Clip) -> Video:
    """The clip as if it had been made."""
    return Video(
        video_id=clip.video_id,
        prompt_id=clip.prompt_id,
        prompt=clip.prompt,
        generator=clip.generator,
        uri="media/x.mp4",
        sha256="0" * 64,
        n_bytes=1,
        source=clip.source,
        settings=clip.settings,
        seed=clip.seed,
        simulated=True,
    )


VIDEOS = [video_of(clip) for clip in plan_clips(SimulatedPrompts(prompts=100).read().prompts, POOL)]


def test_ratings_are_whole_numbers_and_say_that_they_are_simulated() -> None:
    ratings = list(simulated_ratings(VIDEOS[:10], SimulatedRaters(raters=2), POOL))
    assert len({key_of(r) for r in ratings}) == len(ratings) == 10 * 2 * 2
    assert {r.rater for r in ratings} == {"simulated-rater-0", "simulated-rater-1"}
    assert {r.dimension for r in ratings} == {"prompt_following", "video_quality"}
    assert {r.score for r in ratings} <= {1.0, 2.0, 3.0, 4.0, 5.0}
    assert all(r.simulated and r.source == "simulated raters" for r in ratings)


def test_without_noise_and_severity_everybody_tells_the_rounded_truth() -> None:
    specs = {spec.name: spec for spec in POOL.pool}
    exact = SimulatedRaters(raters=2, noise_sd=0, severity_sd=0)
    for rating in simulated_ratings(VIDEOS, exact, POOL):
        video = next(v for v in VIDEOS if v.video_id == rating.video_id)
        deserved = truth(*scene_and_defects(video, specs[video.generator]))[rating.dimension]
        assert abs(rating.score - deserved) <= 0.5


def test_a_rating_depends_on_the_clip_not_on_the_company() -> None:
    options = SimulatedRaters()
    everything = list(simulated_ratings(VIDEOS[:5], options, POOL))
    assert list(simulated_ratings(VIDEOS[4:5], options, POOL)) == everything[-6:]
    others = list(simulated_ratings(VIDEOS[:5], SimulatedRaters(seed=1), POOL))
    assert [r.score for r in others] != [r.score for r in everything]


def test_raters_differ_in_severity() -> None:
    ratings = list(simulated_ratings(VIDEOS, SimulatedRaters(raters=6, severity_sd=0.8), POOL))
    means = [
        statistics.mean(r.score for r in ratings if r.rater == f"simulated-rater-{i}")
        for i in range(6)
    ]
    # Noise alone gives means of 800 ratings a spread of 0.9 / sqrt(800) = 0.03 points.
    assert statistics.stdev(means) > 0.2


def test_one_rater_agrees_with_the_others_on_about_four_pairs_in_five() -> None:
    scores = {
        (r.dimension, r.rater, r.video_id): r.score
        for r in simulated_ratings(VIDEOS, SimulatedRaters(), POOL)
    }
    for dimension in ("prompt_following", "video_quality"):
        table = np.array(
            [
                [scores[dimension, f"simulated-rater-{i}", v.video_id] for v in VIDEOS]
                for i in range(3)
            ]
        ).reshape(3, -1, 4)  # rater, prompt, clip
        agree = []
        for rater, (a, b) in itertools.product(range(3), itertools.combinations(range(4), 2)):
            others = np.delete(table, rater, axis=0).sum(axis=0)
            one = np.sign(table[rater][:, a] - table[rater][:, b])
            rest = np.sign(others[:, a] - others[:, b])
            agree.extend((one == rest)[(one != 0) & (rest != 0)])
        assert 0.75 < np.mean(agree) < 0.90


@pytest.mark.parametrize("change", [{"simulated": False}, {"generator": "a-real-model"}])
def test_clips_that_are_not_simulated_are_refused(change: dict[str, object]) -> None:
    video = dataclasses.replace(VIDEOS[0], **change)  # type: ignore[arg-type]
    with pytest.raises(SetupError, match="simulated raters cannot judge it"):
        list(simulated_ratings([video], SimulatedRaters(), POOL))
