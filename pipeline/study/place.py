"""Where a study keeps what its points share: replies, money, frames and clips, each of them once.

A point's folder is that of a run, with links for what would lie there as often as there are points.
"""

import dataclasses
import os
from typing import Any

from pipeline.config import Config
from pipeline.generators.pool import PoolOptions
from pipeline.media.options import FramesOptions
from pipeline.preference.options import ConsensusOptions, PreferenceOptions
from pipeline.study.grid import Point
from schemas.layout import Layout
from schemas.options import SetupError

RESULT, PAGE = "study.json", "index.html"
LEDGER = "work/ledger"
SHARED = ("frames", "media", "journal", LEDGER)  # of every point, in the study's folder


def layout_of_point(study: Layout, point: Point) -> Layout:
    """The folder of a point, with its links. Nothing is made yet: see :func:`linked`."""
    return Layout(study.root / "points" / point.name)


def linked(study: Layout, point: Layout) -> None:
    """Make the point's folder share what belongs to the study."""
    study.work.mkdir(parents=True, exist_ok=True)
    (study.work / "ledger").touch()
    for name in SHARED:
        shared, link = study.root / name, point.root / name
        if name != LEDGER:
            shared.mkdir(parents=True, exist_ok=True)
        link.parent.mkdir(parents=True, exist_ok=True)
        if link.is_symlink() and link.resolve() == shared.resolve():
            continue
        try:
            link.symlink_to(os.path.relpath(shared, link.parent))
        except OSError as error:
            raise SetupError(
                f"{link}: cannot be a link to {shared}: {error.strerror}; a study needs a file system "
                "with links, and a folder of its own"
            ) from error


def config_of(config: Config, point: Point, study: Layout) -> Config:
    """The run that a point is: one judge, no reward model, nothing required."""
    asked: dict[str, Any] = {"count": point.setting.frames, "publish": False}
    if point.setting.frames == config.frames.most:
        del asked["count"]
    frames = FramesOptions.model_validate({**config.frames.model_dump(), **asked})
    return config.model_copy(
        update={
            "annotators": [point.judge],
            "frames": frames,
            "rubrics": list(point.setting.rubrics),
            "generators": _pool(config.generators, study),
            "consensus": ConsensusOptions(),
            "preferences": PreferenceOptions(),
            "sentinels": None,
            "videorm": None,
            "study": None,
            "audit": config.audit and config.audit.model_copy(update={"require": []}),
        }
    )


def _pool(pool: PoolOptions | None, study: Layout) -> PoolOptions | None:
    """Clips that the first point has made are there for all others."""
    if pool is None or pool.store is not None:
        return pool
    return pool.model_copy(update={"store": str(study.root / "generated")})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A point with its run."""

    point: Point
    config: Config
    layout: Layout


def placed(config: Config, point: Point, study: Layout) -> Placed:
    """A point with its run's configuration and folder.

    Raises :class:`SetupError` where the configuration cannot take so many frames.
    """
    try:
        own = config_of(config, point, study)
    except ValueError as error:
        raise SetupError(f"study: point {point.name}: {error}") from error
    return Placed(point=point, config=own, layout=layout_of_point(study, point))
