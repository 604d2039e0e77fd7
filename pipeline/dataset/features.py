"""The columns of published tables in the words of ``datasets``, for the card's ``dataset_info``.

``datasets`` takes features and splits from there without reading a file, casts every part to them
(a part of an older schema gets nulls where a column is missing), and refuses a folder whose number of
rows is not the one that the card tells. Of the Parquet files only those of ``frames`` carry features
of their own: of plain columns they say no more than the Arrow schema does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.dataset.elsewhere import encoded_bytes_of, n_bytes_of
from pipeline.report.tables import table_files
from schemas import SPLITS
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema

Row = dict[str, Any]


def table_schema(layout: Layout, name: str) -> pa.Schema:
    """Every column that a file of the table has; of a table without a file those of its record."""
    found = [pq.read_schema(file) for file in table_files(layout, name)]
    return pa.unify_schemas(found) if found else arrow_schema(TABLES[name][0])


def dataset_info(layout: Layout, name: str) -> Row:
    """A table's ``dataset_info``: features, and of each split rows and sizes in bytes.

    Sizes are those of the Parquet files: ``download_size`` on disk, ``num_bytes`` and ``dataset_size``
    encoded but not compressed, somewhat less than in memory. A split of ``preferences`` without rows is
    left out, as it is from its configuration.
    """
    from datasets import Features  # 0.7 s to import

    files = split_files(layout, name)
    splits = [split_info(split, files[split]) for split in files]
    return {
        "config_name": name,
        "features": Features.from_arrow_schema(table_schema(layout, name))._to_yaml_list(),
        "splits": splits,
        "download_size": sum(n_bytes_of(file) for own in files.values() for file in own),
        "dataset_size": sum(split["num_bytes"] for split in splits),
    }


def split_files(layout: Layout, name: str) -> Mapping[str, Sequence[Path]]:
    """Files of each split of a table as ``datasets`` sees it: ``train`` but for preferences, of which
    those splits count that have rows (all, where none has)."""
    if name != "preferences":
        return {"train": table_files(layout, name)}
    found = {split: sorted(layout.table(name, split).glob("*.parquet")) for split in SPLITS}
    return {split: files for split, files in found.items() if n_rows(files)} or found


def split_info(name: str, files: Sequence[Path]) -> Row:
    """``name``, ``num_bytes`` (encoded, not compressed) and ``num_examples`` of one split."""
    size = sum(encoded_bytes_of(file) for file in files)
    return {"name": name, "num_bytes": size, "num_examples": n_rows(files)}


def n_rows(files: Sequence[Path]) -> int:
    """Rows of some Parquet files, by their footers."""
    return sum(pq.read_metadata(file).num_rows for file in files)
