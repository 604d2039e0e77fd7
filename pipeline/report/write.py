"""Builds ``report/`` from a finished run's folder: pages, data scripts, clips and frames.

Prompts are paged: the script with a page of them is loaded when it is looked at.
"""

import itertools
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.health.names import JUDGES
from pipeline.report.aggregates import (
    distributions,
    failure_groups,
    generator_means,
    human_dimensions,
    preference_counts,
)
from pipeline.report.audit_page import named_clips, places_of_run, write_audit_data
from pipeline.report.checks import check_counts
from pipeline.report.explorer.columns import columns_of
from pipeline.report.explorer.entries import prompt_entries
from pipeline.report.explorer.index import index_of
from pipeline.report.explorer.order import Order, order_of
from pipeline.report.media import Media
from pipeline.report.options import ReportOptions
from pipeline.report.pages import EXPLORE, write_pages, write_script
from pipeline.report.tables import read_audit, read_json, simulated_kinds
from schemas.layout import Layout
from schemas.options import SetupError

Record = Mapping[str, Any]


def write_report(
    root: Path, options: ReportOptions, manifest: Record, output: Path | None = None
) -> Path:
    """Write ``root/report`` anew and return its ``index.html``.

    ``manifest`` is the run's record: state, counts, books, failures, spend, configuration,
    versions. Tables may be empty; ``audit.json``, ``judges.json`` and ``videorm/metrics.json`` may
    be absent. The pages refer to clips and frames of ``root``; with ``output`` they are written there,
    with all that they show, and need nothing outside themselves. An older report stays until the new
    one is whole.
    """
    layout, target = Layout(root), output or Layout(root).report
    refuse_other(target)
    folder = target.with_name(f".{target.name}-new")
    shutil.rmtree(folder, ignore_errors=True)
    media = Media(layout=layout, folder=folder, clips=options.clips, contained=output is not None)
    simulated = simulated_kinds(layout)
    _write_run(media, options, manifest, simulated)
    _write_prompts(media, options, manifest)
    write_pages(folder, simulated=simulated, of=_name(manifest))
    shutil.rmtree(target, ignore_errors=True)
    folder.rename(target)
    return target / EXPLORE.file


def refuse_other(target: Path) -> None:
    """Raises :class:`~schemas.options.SetupError` where ``target`` holds something that is no report."""
    if target.is_dir() and any(target.iterdir()) and not (target / "data").is_dir():
        raise SetupError(f"{target}: holds files that are no report; name a folder that is not there")


def _name(manifest: Record) -> str | None:
    name: str | None = (manifest.get("config") or {}).get("name") or manifest.get("run_id")
    return name


def _write_run(
    media: Media, options: ReportOptions, manifest: Record, simulated: list[str]
) -> None:
    layout, folder = media.layout, media.folder
    answers = human_dimensions(manifest)
    run: dict[str, Any] = {
        "manifest": dict(manifest),
        "simulated": simulated,
        "human_dimensions": answers,
        "distributions": distributions(layout, answers),
        "generators": generator_means(layout),
        "preferences": preference_counts(layout),
        "failures": failure_groups(layout, options.failure_examples),
        "checks": check_counts(layout),
    }
    write_script(folder, "run.js", "run", run)
    audit = read_audit(layout.root)
    places = places_of_run(layout.root, named_clips(audit))
    write_audit_data(folder, audit, places, place_clips=options.clips, contained=media.contained)
    write_script(folder, "judges.js", "judges", read_json(layout.root / JUDGES))
    write_script(folder, "videorm.js", "videorm", read_json(layout.videorm / "metrics.json"))


def _write_prompts(media: Media, options: ReportOptions, manifest: Record) -> None:
    order = order_of(media.layout, options.prompts)
    entries = prompt_entries(media.layout, order.prompts, media)
    for page in itertools.count():
        part = list(itertools.islice(entries, options.prompts_per_file))
        if not part:
            break
        write_script(media.folder, f"prompts-{page}.js", f"prompts-{page}", part)
    dimensions = _write_columns(media, order, manifest)
    index = index_of(media.layout, order, per_file=options.prompts_per_file, dimensions=dimensions)
    write_script(media.folder, "index.js", "index", index)


def _write_columns(media: Media, order: Order, manifest: Record) -> list[dict[str, Any]]:
    """A data script per dimension; which there are, with the sources that each has."""
    written = []
    answers = human_dimensions(manifest)
    for n, columns in enumerate(columns_of(media.layout, order, answers)):
        kind = f"scores-{n}"
        write_script(media.folder, f"{kind}.js", kind, columns)
        sources = {part: list(columns[part]) for part in ("scores", "spread", "margins")}
        written.append({"name": columns["dimension"], "file": kind, **sources})
    return written
