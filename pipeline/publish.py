"""From the files of waves and stages to the tables that others read."""

from collections.abc import Collection
from pathlib import Path

from pipeline.dataset.parquet import parts, publish
from pipeline.running import STAGES, Run
from schemas import (
    SPLITS,
    Annotation,
    Comparison,
    Failure,
    FrameSet,
    Preference,
    Prompt,
    Score,
    Video,
)
from schemas.layout import Layout

# table -> the stage whose waves hold its rows, and their record
FROM_WAVES = {
    "videos": ("collect", Video),
    "frames": ("collect", FrameSet),
    "annotations": ("annotate", Annotation),
    "comparisons": ("compare", Comparison),
}


def publish_tables(
    run: Run,
    prompts: list[Path],
    assembled: Path,
    layout: Layout | None = None,
    numbers: Collection[int] | None = None,
) -> None:
    """Every table of a run that is whole: those of its waves, and what was assembled from them.

    In another folder, and of the waves named, for whoever reads a part of a run as if it were one.
    """
    publish_assembled(prompts, assembled, layout or run.layout)
    publish_waves(run, layout, numbers)


def publish_waves(
    run: Run, layout: Layout | None = None, numbers: Collection[int] | None = None
) -> None:
    """The tables whose rows lie wave by wave, all failures among them."""
    table = (layout or run.layout).table
    for name, (stage, record) in FROM_WAVES.items():
        publish(run.wave_files(stage, name, numbers), table(name), record)
    publish(failure_files(run, numbers), table("failures"), Failure)


def failure_files(run: Run, numbers: Collection[int] | None = None) -> list[Path]:
    """Of every stage and wave."""
    return [file for stage in STAGES for file in run.wave_files(stage, "failures", numbers)]


def publish_assembled(prompts: list[Path], assembled: Path, layout: Layout) -> None:
    """The tables that prompts and what was assembled make."""
    table = layout.table
    publish(prompts, table("prompts"), Prompt)
    publish(parts(assembled / "scores"), table("scores"), Score)
    for split in SPLITS:
        publish(parts(assembled / split / "preferences"), table("preferences", split), Preference)
