"""Builds ``report/`` from a finished run's folder: pages, data scripts, clips and frames.

Browsers refuse ``fetch`` for pages opened from disk, so the data are scripts that push one object
each onto ``window.VIDEOPREFER``; prompts are paged and a page of them is loaded when looked at.
"""

import importlib.resources
import itertools
import json
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
from pipeline.report.agreement import headlines
from pipeline.report.checks import check_counts
from pipeline.report.entries import choose_prompts, prompt_entries
from pipeline.report.options import ReportOptions
from pipeline.report.tables import read_json, simulated_kinds
from schemas.layout import Layout

INDEX = "index.html"


def write_report(root: Path, options: ReportOptions, manifest: Mapping[str, Any]) -> Path:
    """Write ``root/report`` anew and return its ``index.html``.

    ``manifest`` is the run's record: state, counts, books, failures, spend, configuration,
    versions. Tables may be empty; ``audit.json``, ``judges.json`` and ``videorm/metrics.json`` may
    be absent. The folder needs nothing outside itself. An older report stays until the new one is whole.
    """
    layout = Layout(root)
    folder = root / ".report-new"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "data").mkdir(parents=True)
    _copy_assets(folder)
    _write_run(layout, options, manifest, folder)
    _write_prompts(layout, options, folder)
    shutil.rmtree(layout.report, ignore_errors=True)
    folder.rename(layout.report)
    return layout.report / INDEX


def script(kind: str, value: Any) -> str:
    """A data script: JSON in which no prompt or rationale can end the script or open a tag."""
    text = json.dumps({"kind": kind, "value": value}, allow_nan=False, separators=(",", ":"))
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return f"(window.VIDEOPREFER = window.VIDEOPREFER || []).push({text});\n"


def _write_script(folder: Path, name: str, kind: str, value: Any) -> None:
    (folder / "data" / name).write_text(script(kind, value), "utf-8")


def _copy_assets(folder: Path) -> None:
    for asset in importlib.resources.files("pipeline.report").joinpath("assets").iterdir():
        where = folder if asset.name.endswith(".html") else folder / "assets"
        where.mkdir(exist_ok=True)
        (where / asset.name).write_bytes(asset.read_bytes())


def _write_run(
    layout: Layout, options: ReportOptions, manifest: Mapping[str, Any], folder: Path
) -> None:
    answers = human_dimensions(manifest)
    run = {
        "manifest": dict(manifest),
        "simulated": simulated_kinds(layout),
        "human_dimensions": answers,
        "distributions": distributions(layout, answers),
        "generators": generator_means(layout),
        "preferences": preference_counts(layout),
        "failures": failure_groups(layout, options.failure_examples),
        "checks": check_counts(layout),
    }
    audit = read_json(layout.audit)
    _write_script(folder, "run.js", "run", run)
    _write_script(folder, "audit.js", "audit", audit and {**audit, "headlines": headlines(audit)})
    _write_script(folder, "judges.js", "judges", read_json(layout.root / JUDGES))
    _write_script(folder, "videorm.js", "videorm", read_json(layout.videorm / "metrics.json"))


def _write_prompts(layout: Layout, options: ReportOptions, folder: Path) -> None:
    ids, total = choose_prompts(layout, options.prompts)
    entries = prompt_entries(layout, ids, folder, clips=options.clips)
    index: list[dict[str, Any]] = []
    for page in itertools.count():
        part = list(itertools.islice(entries, options.prompts_per_file))
        if not part:
            break
        _write_script(folder, f"prompts-{page}.js", "prompts", {"page": page, "prompts": part})
        index += [_index_entry(entry, page) for entry in part]
    _write_script(folder, "index.js", "index", {"prompts": index, "total": total})


def _index_entry(entry: Mapping[str, Any], page: int) -> dict[str, Any]:
    clips: Sequence[Mapping[str, Any]] = entry["clips"]
    generators = list(dict.fromkeys(clip["generator"] for clip in clips))
    return {"id": entry["id"], "text": entry["text"], "page": page, "generators": generators}
