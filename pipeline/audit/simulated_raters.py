"""Simulated raters: they know what is wrong with a simulated clip and rate it as people would.

Each rater has a severity (points they take off or add, everywhere) and noise (fresh for every clip
and dimension). They stand in for people where everything else is simulated, and say so.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from pydantic import Field

from pipeline.generators.defects import truth
from pipeline.generators.grammar import random_from
from pipeline.generators.pool import PoolOptions
from pipeline.generators.simulated import SimulatedSpec, scene_and_defects
from schemas import HumanRating, Video
from schemas.options import Options, SetupError

SOURCE = "simulated raters"
DIMENSIONS = ("prompt_following", "video_quality")  # of the truth they know


class SimulatedRaters(Options):
    """A block of ``audit: ratings:`` that rates what the simulated generators made."""

    kind: Literal["simulated"] = "simulated"
    raters: int = Field(default=3, ge=1)
    seed: int = 0  # another seed, other people
    # Standard deviations in points. Measured over 300 prompts of the built-in pool, each rater held
    # against the mean of the others: they agree on 0.84 of the pairs without a tie, on 0.76 if a
    # rater's ties count as half.
    noise_sd: float = Field(default=0.9, ge=0)
    severity_sd: float = Field(default=0.4, ge=0)


def simulated_ratings(
    videos: Iterable[Video], options: SimulatedRaters, pool: PoolOptions
) -> Iterator[HumanRating]:
    """Every rater's integer score, 1 to 5, of every video on each dimension of the truth.

    The dimensions are ``prompt_following`` and ``video_quality``. Raises ``SetupError`` for a video
    that is not simulated, or of a generator that ``pool`` lacks: nobody knows the truth of it.
    """
    specs = {spec.name: spec for spec in pool.pool if isinstance(spec, SimulatedSpec)}
    for video in videos:
        if not video.simulated or video.generator not in specs:
            raise SetupError(
                f"video {video.video_id} of generator {video.generator!r} is not of a simulated "
                "generator of this pool: simulated raters cannot judge it; give real ratings"
            )
        deserved = truth(*scene_and_defects(video, specs[video.generator]))
        for rater in range(options.raters):
            yield from _rate(video, f"simulated-rater-{rater}", deserved, options)


def _rate(
    video: Video, rater: str, deserved: dict[str, float], options: SimulatedRaters
) -> Iterator[HumanRating]:
    who = (rater, str(options.seed))
    severity = options.severity_sd * random_from(*who).standard_normal()
    for dimension, score in deserved.items():
        noise = options.noise_sd * random_from(*who, video.video_id, dimension).standard_normal()
        yield HumanRating(
            video_id=video.video_id,
            rater=rater,
            dimension=dimension,
            prompt_id=video.prompt_id,
            generator=video.generator,
            score=float(min(5, max(1, round(score + severity + noise)))),
            source=SOURCE,
            simulated=True,
        )
