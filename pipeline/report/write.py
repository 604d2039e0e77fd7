"""Builds ``report/`` from a finished run's folder: pages, data scripts, clips and frames.

Prompts are paged: the script with a page of them is loaded when it is looked at.
"""

import itertools
import shutil
from collections.abc import Mapping, Sequence
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
from pipeline.report.entries import choose_prompts, prompt_entries
from pipeline.report.options import ReportOptions
from pipeline.report.pages import INDEX, copy_assets, write_script
from pipeline.report.tables import read_audit, read_json, simulated_kinds
from schemas.layout import Layout


def write_report(root: Path, options: ReportOptions, manifest: Mapping[str, Any]) -> Path:
    """Write ``root/report`` anew and return its ``index.html``.

    ``manifest`` is the run's record: state, counts, books, failures, spend, configuration,
    versions. Tables may be empty; ``audit.json``, ``judges.json`` and ``videorm/metrics.json`` may
    be absent. The folder needs nothing outside itself. An older report stays until the new one is whole.
    """
    layout = Layout(root)
    folder = root / ".report-new"
    shutil.rmtree(folder, ignore_errors=True)
    copy_assets(folder)
    _write_run(layout, options, manifest, folder)
    _write_prompts(layout, options, folder)
    shutil.rmtree(layout.report, ignore_errors=True)
    folder.rename(layout.report)
    return layout.report / INDEX


def _write_run(
    layout: Layout, options: ReportOptions, manifest: Mapping[str, Any], folder: Path
) -> None:
    answers = human_dimensions(manifest)
    run: dict[str, Any] = {
        "manifest": dict(manifest),
        "simulated": simulated_kinds(layout),
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
    write_audit_data(folder, audit, places, simulated=run["simulated"], place_clips=options.clips)
    write_script(folder, "judges.js", "judges", read_json(layout.root / JUDGES))
    write_script(folder, "videorm.js", "videorm", read_json(layout.videorm / "metrics.json"))


def _write_prompts(layout: Layout, options: ReportOptions, folder: Path) -> None:
    ids, total = choose_prompts(layout, options.prompts)
    entries = prompt_entries(layout, ids, folder, clips=options.clips)
    index: list[dict[str, Any]] = []
    for page in itertools.count():
        part = list(itertools.islice(entries, options.prompts_per_file))
        if not part:
            break
        write_script(folder, f"prompts-{page}.js", "prompts", {"page": page, "prompts": part})
        index += [_index_entry(entry, page) for entry in part]
    write_script(folder, "index.js", "index", {"prompts": index, "total": total})


def _index_entry(entry: Mapping[str, Any], page: int) -> dict[str, Any]:
    clips: Sequence[Mapping[str, Any]] = entry["clips"]
    generators = list(dict.fromkeys(clip["generator"] for clip in clips))
    return {"id": entry["id"], "text": entry["text"], "page": page, "generators": generators}
