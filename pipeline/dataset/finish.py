"""What tells others about a finished dataset: card, clips as videos, Croissant, checksums."""

from collections.abc import Mapping
from typing import Any

from pipeline.dataset.card.card import write_card
from pipeline.dataset.card.cite import CITED, citation
from pipeline.dataset.card.terms import licences
from pipeline.dataset.checksums import write_checksums
from pipeline.dataset.clips import write_clips
from pipeline.dataset.croissant import write_croissant
from pipeline.dataset.version import dataset_version
from schemas.layout import Layout
from schemas.tables import SCHEMA_VERSION


def describe(layout: Layout, record: Mapping[str, Any]) -> None:
    """Write everything in a finished folder that is said of its tables, in place of what was there.

    That is ``README.md``, ``media/metadata.parquet``, ``croissant.json`` and ``checksums.sha256``, in
    this order; run again it writes the same bytes. To be called after tables, ``audit.json`` and
    ``judges.json``, and again after each change of them. ``record`` is what ``run.json`` will hold; its
    ``dataset_version`` is taken as it stands, so whoever changes tables computes it anew.
    """
    record = {"dataset_version": dataset_version(layout), **record}
    write_card(layout.root, record)
    write_clips(layout)
    write_croissant(layout, about(layout, record))
    write_checksums(layout.root)


def about(layout: Layout, record: Mapping[str, Any]) -> dict[str, Any]:
    """What the Croissant description says of the dataset as a whole.

    Its version follows semver.org: the major number is the schema's, the content is build metadata.
    """
    name = record.get("name") or record.get("run_id") or "videoprefer"
    version = record["dataset_version"]
    schema = record.get("schema_version", SCHEMA_VERSION)
    simulated = " The data are simulated." if record.get("simulated") else ""
    return {
        "name": name,
        "description": "Clips of text-to-video models, scores and comparisons of them by annotators, "
        f"and the preferences that follow.{simulated} The method is that of {CITED}.",
        "licences": [licence or "unknown" for licence in licences(layout)] or ["unknown"],
        "version": f"{schema}.0.0+{version}",
        "citation": citation(name, version),
        "keywords": ["text-to-video", "preference", "reward model", "videoprefer"]
        + ["simulated"] * bool(record.get("simulated")),
    }
