"""Front matter of the card: what a hub and ``datasets`` read."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.dataset.features import dataset_info, split_files
from pipeline.report.tables import NAMES
from schemas.layout import Layout

# Licences as a hub spells them (lower case), where a card may name one for the whole set.
HUB_LICENCES = frozenset(
    (
        "apache-2.0",
        "mit",
        "bsd-3-clause",
        "cc0-1.0",
        "cc-by-2.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc-by-sa-3.0",
        "cc-by-sa-4.0",
        "cc-by-nd-4.0",
        "cc-by-nc-4.0",
        "cc-by-nc-sa-4.0",
        "cc-by-nc-nd-4.0",
        "openrail",
        "creativeml-openrail-m",
    )
)
SIZES = (
    (1e3, "n<1K"),
    (1e4, "1K<n<10K"),
    (1e5, "10K<n<100K"),
    (1e6, "100K<n<1M"),
    (1e7, "1M<n<10M"),
)
TABLES_SHOWN = ("preferences", *NAMES[:-1])
Row = dict[str, Any]


def metadata(layout: Layout, facts: Mapping[str, Any]) -> Row:
    """The front matter as plain values; ``facts``: those of the card."""
    tables = {table["name"]: table for table in facts["tables"]}
    n_pairs = tables["preferences"]["rows"]
    size = next((name for limit, name in SIZES if n_pairs < limit), "10M<n<100M")
    licence = hub_licence(facts["licences"])
    people = any(tables[name]["rows"] for name in ("human_ratings", "human_votes"))
    return {
        "pretty_name": facts["name"],
        "license": licence,
        **({"license_name": "per-row-licences"} if licence == "other" else {}),
        "language": ["en"],
        "annotations_creators": ["machine-generated", *(["other"] if people else [])],
        "task_categories": ["text-to-video", "video-classification"],
        "tags": ["preference", "reward-model", "text-to-video", "video", "rlhf", "llm-as-a-judge",
                 "videoprefer", *(["simulated"] if facts["simulated"] else [])],
        "size_categories": [size],
        "configs": [_config(layout, tables[name]) for name in TABLES_SHOWN],
        "dataset_info": [dataset_info(layout, name) for name in TABLES_SHOWN],
    }  # fmt: skip


def _config(layout: Layout, table: Row) -> Row:
    """Where ``datasets`` finds a table.

    A split without rows is left out: ``datasets`` (4.0 to 5.2) refuses to load a set that holds one. The
    description names what the table holds, because ``datasets`` keeps what it has read under the
    folder's own name and a hash of these blocks: without it ``a/out`` would be shown for ``b/out``,
    and yesterday's rows after a rebuild.
    """
    name, of = table["name"], {"description": f"sha256 {table['sha256']}"}
    if name == "preferences":
        files = [
            {"split": split, "path": f"tables/{name}/{split}/*.parquet"}
            for split in split_files(layout, name)
        ]
        return {"config_name": name, "data_files": files, "default": True, **of}
    files = [{"split": "train", "path": f"tables/{name}/*.parquet"}]
    return {"config_name": name, "data_files": files, **of}


def hub_licence(licences: Sequence[str | None]) -> str:
    """The one licence of all rows where there is exactly one that a hub knows, else ``other``."""
    names = {(licence or "unknown").lower() for licence in licences}
    only = names.pop() if len(names) == 1 else "other"
    return only if only in HUB_LICENCES | {"unknown"} else "other"
