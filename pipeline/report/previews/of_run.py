"""Which clips of a run a report shows, and the previews they need."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.display import Display
from pipeline.media.browsers.preview import Preview
from pipeline.media.fetching.target import is_address
from pipeline.media.options import FramesOptions
from pipeline.report.explorer.order import choose_prompts
from pipeline.report.options import ReportOptions
from pipeline.report.placing import digest_of
from pipeline.report.previews.make import Making, Source, make_previews
from pipeline.report.tables import read_rows
from schemas.layout import Layout

Record = Mapping[str, Any]
COLUMNS = ("video_id", "prompt_id", "uri", "sha256")


def previews_of_run(
    layout: Layout,
    folder: Path,
    options: ReportOptions,
    manifest: Record,
    *,
    also: Collection[str] = (),
    former: Collection[Path] = (),
    display: Display | None = None,
) -> Mapping[str, Preview]:
    """Previews below ``folder`` of the clips of the prompts in the explorer, and of clips ``also``.

    A clip that only another page shows has its frames alone. The limits of decoding are those of the
    run's frames. ``former``: reports whose previews serve.
    """
    prompts = choose_prompts(layout, options.prompts)[0] if options.prompts else None
    sources = sources_of(layout, prompts, also) if options.clips else ()
    making = making_of(options, manifest)
    return make_previews(folder, sources, making, former=former, display=display)


def previews_of_clips(
    folder: Path,
    clips: Iterable[tuple[Layout, str, str | None]],
    making: Making | None = None,
    display: Display | None = None,
) -> Mapping[str, Preview]:
    """Previews below ``folder`` of some clips, of one run or several: (layout, uri, SHA-256 or None).

    Those that the runs' own reports have are used; whatever else ``folder`` has stays.
    """
    clips = [clip for clip in clips if not is_address(clip[1])]
    former = dict.fromkeys(layout.report for layout, _, _ in clips)
    return make_previews(
        folder, _sources(clips), making or Making(), former=former, others=True, display=display
    )


def _sources(clips: Iterable[tuple[Layout, str, str | None]]) -> Iterator[Source]:
    for layout, uri, sha256 in clips:
        path = layout.clip_path(uri)
        if sha256 is None and not path.is_file():
            continue
        yield Source(path=path, sha256=sha256 or digest_of(path))


def making_of(options: ReportOptions, manifest: Record) -> Making:
    """How the report of a run makes previews."""
    frames = (manifest.get("config") or {}).get("frames") or {}
    return Making(
        limits=FramesOptions(**frames), minutes=options.preview_minutes, encode=options.previews
    )


def sources_of(
    layout: Layout, prompts: Collection[str] | None = None, also: Collection[str] = ()
) -> Iterator[Source]:
    """The clips of a run that lie on this machine: of some prompts (None: of all), and ``also``."""
    failed = read_rows(layout, "failures", columns=["stage", "key", "reason"])
    faults = {row["key"]: row["reason"] for row in failed if row["stage"] == "frames"}
    shown, others = prompts if prompts is None else set(prompts), set(also)
    for row in read_rows(layout, "videos", columns=list(COLUMNS)):
        wanted = shown is None or row["prompt_id"] in shown or row["video_id"] in others
        if wanted and not is_address(row["uri"]):
            yield Source(
                path=layout.clip_path(row["uri"]),
                sha256=row["sha256"],
                fault=str(faults.get(row["video_id"]) or ""),
            )
