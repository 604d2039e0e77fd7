"""Builds ``report/`` from a finished run's folder: pages, data scripts, clips and frames.

Prompts are paged: the script with a page of them is loaded when it is looked at.
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.display import Display
from pipeline.health.names import JUDGES
from pipeline.report.aggregates import (
    distributions,
    failure_groups,
    generator_means,
    human_dimensions,
    preference_counts,
)
from pipeline.report.audit_page import named_clips, places_of_run, write_audit_data
from pipeline.report.books import books_of
from pipeline.report.checks import check_counts
from pipeline.report.explorer.columns import columns_of
from pipeline.report.explorer.entries import prompt_entries
from pipeline.report.explorer.index import index_of
from pipeline.report.explorer.order import Order, order_of
from pipeline.report.media import Media
from pipeline.report.options import ReportOptions
from pipeline.report.pages import EXPLORE, write_pages, write_script
from pipeline.report.previews.kept import clear_but_previews
from pipeline.report.previews.of_run import previews_of_run
from pipeline.report.replacing import being_made, check_replaceable, exchange
from pipeline.report.tables import read_audit, read_json, simulated_kinds
from pipeline.report.videorm_page import write_videorm_data
from schemas.layout import Layout

Record = Mapping[str, Any]


def write_report(
    root: Path,
    options: ReportOptions,
    manifest: Record,
    output: Path | None = None,
    display: Display | None = None,
) -> Path:
    """Write ``root/report`` anew and return its ``index.html``.

    ``manifest`` is the run's record: state, counts, books, failures, spend, configuration,
    versions. Tables may be empty; ``audit.json``, ``judges.json`` and ``videorm/metrics.json`` may
    be absent. The pages refer to clips and frames of ``root``; with ``output`` they are written there,
    with all that they show, and need nothing outside themselves. An older report stays until the new
    one is whole. Clips that browsers do not play get previews, those of the older report if it has
    them; ``display`` shows the progress.

    Raises :class:`~schemas.options.SetupError` where ``output`` is something else than a report.
    """
    layout, target = Layout(root), Layout(root).report
    if output is not None:
        target = output.resolve()
        check_replaceable(target, EXPLORE.file, "a report of one run")
    folder = being_made(target)
    clear_but_previews(folder)
    media = Media(
        layout=layout,
        folder=folder,
        clips=options.clips,
        contained=output is not None,
        previews=previews_of_run(
            layout,
            folder,
            options,
            manifest,
            also=named_clips(read_audit(root)),
            former=[target, layout.report],
            display=display,
        ),
    )
    simulated = simulated_kinds(layout)
    order = order_of(layout, options.prompts)
    _write_run(media, options, manifest, simulated, order)
    _write_prompts(media, options, manifest, order)
    write_pages(folder, simulated=simulated, of=_name(manifest))
    exchange(folder, target)
    return target / EXPLORE.file


def _name(manifest: Record) -> str | None:
    name: str | None = (manifest.get("config") or {}).get("name") or manifest.get("run_id")
    return name


def _write_run(
    media: Media, options: ReportOptions, manifest: Record, simulated: list[str], order: Order
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
        "failures": failure_groups(layout, options.failure_examples, set(order.prompts)),
        "checks": check_counts(layout),
    }
    write_script(folder, "run.js", "run", run)
    write_script(folder, "books.js", "books", books_of(layout, manifest))
    audit = read_audit(layout.root)
    places = places_of_run(layout.root, named_clips(audit))
    write_audit_data(
        folder,
        audit,
        places,
        place_clips=options.clips,
        contained=media.contained,
        previews=media.previews,
    )
    write_script(folder, "judges.js", "judges", read_json(layout.root / JUDGES))
    write_videorm_data(media, read_json(layout.videorm / "metrics.json"), _labels(manifest))


def _labels(manifest: Record) -> str:
    """What the reward model was trained on."""
    told: Record = ((manifest.get("config") or {}).get("videorm") or {}).get("data") or {}
    return str(told.get("labels") or "machine")


def _write_prompts(media: Media, options: ReportOptions, manifest: Record, order: Order) -> None:
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
