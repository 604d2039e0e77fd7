"""The audit's page: how far the annotations can be trusted, with or without a run's report beside it."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.media.browsers.preview import Preview
from pipeline.report.agreement import findings, headlines, is_whole, without_echo
from pipeline.report.explorer.entries import shown_frames
from pipeline.report.media import Media
from pipeline.report.pages import AUDIT, write_pages, write_script
from pipeline.report.previews.of_run import previews_of_clips
from pipeline.report.tables import read_rows
from schemas.layout import Layout

Row = Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ClipPlace:
    """Where one clip lies: ``uri`` as in the videos table, relative to ``layout.root`` or absolute.

    ``sha256`` of its bytes, None: not known. ``frames`` is its row of the frames table.
    """

    layout: Layout
    generator: str
    uri: str
    sha256: str | None = None
    simulated: bool = False
    frames: Row | None = None


def places_of_run(root: Path, video_ids: Iterable[str]) -> dict[str, ClipPlace]:
    """Where the named clips of a run lie, by id; a clip that the run does not have is left out."""
    layout, among = Layout(root), ("video_id", sorted(set(video_ids)))
    frames = {row["video_id"]: row for row in read_rows(layout, "frames", among=among)}
    return {
        row["video_id"]: ClipPlace(
            layout=layout,
            generator=row["generator"],
            uri=row["uri"],
            sha256=row["sha256"],
            simulated=row["simulated"],
            frames=frames.get(row["video_id"]),
        )
        for row in read_rows(layout, "videos", among=among)
    }


def named_clips(details: Row | None) -> list[str]:
    """Ids of the clips that the disagreements of ``audit_details.json`` name, sorted."""
    found = (details or {}).get("disagreements") or ()
    return sorted({pair[side]["video_id"] for pair in found for side in ("a", "b")})


def write_audit_page(
    folder: Path,
    rows: Sequence[Row],
    details: Row | None = None,
    clips: Mapping[str, ClipPlace] | None = None,
) -> Path:
    """Write ``folder/report/audit.html`` with all it needs beside it; its path.

    ``rows`` as in ``audit.json``, ``details`` as in ``audit_details.json``. ``clips`` by video id: only
    those that a disagreement names are copied; without them ids, scores and rationales are shown.
    Where ``folder/report`` holds a run's report, its other pages stay and are linked.
    """
    report = folder / "report"
    simulated = ["raters"] * bool(((details or {}).get("scope") or {}).get("simulated"))
    simulated += ["clips"] * any(place.simulated for place in (clips or {}).values())
    audit = {**(details or {}), "rows": list(rows)}
    shown = [clips[video] for video in named_clips(audit) if video in clips] if clips else []
    there = [(place.layout, place.uri, place.sha256) for place in shown]
    write_audit_data(report, audit, clips or {}, previews=previews_of_clips(report, there))
    write_pages(report, [AUDIT], simulated=simulated)
    return report / AUDIT.file


def write_audit_data(
    report: Path,
    audit: Row | None,
    clips: Mapping[str, ClipPlace],
    *,
    place_clips: bool = True,
    contained: bool = False,
    previews: Mapping[str, Preview] | None = None,
) -> None:
    """The data scripts of the audit page, and the clips and frames of its disagreements.

    ``audit`` has ``rows`` and what else ``audit_details.json`` holds, None: there was none. The
    report's own section gets the rows that are about everything: the page has the rest. ``previews``
    are those that lie in ``report``.
    """
    if audit is None:
        write_script(report, "audit.js", "audit", None)
        write_script(report, "agreement.js", "audit", None)
        return
    audit = without_echo(audit)
    shown = {
        video: shown_clip(
            video,
            clips[video],
            Media(
                layout=clips[video].layout,
                folder=report,
                clips=place_clips,
                contained=contained,
                previews=previews or {},
            ),
        )
        for video in named_clips(audit)
        if video in clips
    }
    whole = [row for row in audit["rows"] if is_whole(row)]
    said = {"headlines": headlines(audit), "scope": audit.get("scope") or {}}
    write_script(report, "agreement.js", "audit", {**said, "rows": whole})
    everything = {**audit, **said, "findings": findings(audit), "clips": shown}
    write_script(report, "audit.js", "audit", everything)


def shown_clip(video_id: str, place: ClipPlace, media: Media) -> dict[str, Any]:
    """One clip as a page plays it."""
    shown = media.clip({"uri": place.uri, "sha256": place.sha256})
    return {
        "id": video_id,
        "generator": place.generator,
        "media": shown.url,
        "why_no_media": shown.why,
        "preview": shown.preview,
        "preview_note": shown.note,
        "simulated": place.simulated,
        "frames": shown_frames(place.frames, media) if place.frames else None,
    }
