"""From the files of waves and stages to the tables that others read."""

from pathlib import Path

from pipeline.dataset.parquet import parts, publish
from pipeline.running import Run
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

RECORDS = {"videos": Video, "frames": FrameSet, "annotations": Annotation}


def publish_tables(run: Run, prompts: list[Path], assembled: Path) -> None:
    """Every table of a run that is whole: those of its waves, and what was assembled from them."""
    table = run.layout.table
    publish(prompts, table("prompts"), Prompt)
    publish([], table("comparisons"), Comparison)
    for name, record in RECORDS.items():
        stage = "annotate" if name == "annotations" else "collect"
        publish(run.wave_files(stage, name), table(name), record)
    publish(
        run.wave_files("collect", "failures") + run.wave_files("annotate", "failures"),
        table("failures"),
        Failure,
    )
    publish(parts(assembled / "scores"), table("scores"), Score)
    for split in SPLITS:
        publish(parts(assembled / split / "preferences"), table("preferences", split), Preference)
