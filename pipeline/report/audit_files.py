"""The page of an audit that no run's report goes with: where the clips of its files lie."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.audit.files import Audited
from pipeline.formats.cells import optional_text
from pipeline.formats.finder import ClipFinder
from pipeline.report.audit_page import ClipPlace, named_clips, places_of_run, write_audit_page
from schemas.layout import Layout
from schemas.rows import read_rows


def write_page_of(
    folder: Path, audited: Audited, annotations: Path, clips: Path | None = None
) -> Path:
    """Write ``folder/report/audit.html``; its path.

    Clips are those of the run's folder ``annotations``, or of the manifest ``clips``; where neither
    knows them the page shows what was said of them.
    """
    result = audited.result
    wanted = named_clips(result.details)
    if annotations.is_dir():
        places = places_of_run(annotations, wanted)
    else:
        places = dict(_places(clips, audited, set(wanted))) if clips is not None else {}
    return write_audit_page(folder, result.table, result.details, places)


def _places(manifest: Path, audited: Audited, wanted: set[str]) -> Iterator[tuple[str, ClipPlace]]:
    """The clips of a manifest, paths relative to its folder; those that are not there are left out."""
    finder, layout = ClipFinder(audited.clips.values()), Layout(manifest.parent.resolve())
    columns = ("video_id", "prompt_id", "prompt", "generator", "video")
    for number, row in read_rows(manifest):
        said: dict[str, Any] = {name: optional_text(row, name) for name in columns}
        if said["generator"] is None or said["video"] is None:
            continue
        clip = finder.find(manifest, number, **said)
        if clip is None or clip.video_id not in wanted:
            continue
        if layout.clip_path(said["video"]).is_file():
            yield (
                clip.video_id,
                ClipPlace(layout=layout, generator=clip.generator, uri=said["video"]),
            )
