"""``croissant.json``: the dataset in the words of MLCommons Croissant, from files and their schemas.

Source: Croissant Format Specification 1.0 (http://mlcommons.org/croissant/1.0). Deviation: ``url`` and
``datePublished``, which it asks for, are left to whoever publishes: a folder has no address, and nothing
here depends on the day it was made. Every file has its digest as a FileObject, but tables are read from
FileSets without a container, which are those below the folder of ``croissant.json``: so does mlcroissant
read several Parquet files as one. Of the clips the digests stand in the table ``videos``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipeline.dataset.elsewhere import n_bytes_of, sha256_of
from pipeline.dataset.features import table_schema
from pipeline.dataset.parquet import IMAGES
from pipeline.report.tables import NAMES, table_files
from pipeline.state import write_json
from schemas.layout import Layout
from schemas.tables import TABLES

FILE = "croissant.json"
PARQUET = "application/x-parquet"
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_TYPES = ((pa.types.is_boolean, "sc:Boolean"), (pa.types.is_integer, "cr:Int64"),
          (pa.types.is_floating, "cr:Float64"), (pa.types.is_string, "sc:Text"))  # fmt: skip
Node = dict[str, Any]


def write_croissant(layout: Layout, about: Mapping[str, Any]) -> Path:
    """Write ``croissant.json``; its path. ``about``: what :func:`croissant` takes."""
    path = layout.root / FILE
    write_json(path, croissant(layout, about))
    return path


def croissant(layout: Layout, about: Mapping[str, Any]) -> Node:
    """The JSON-LD of a finished folder, the same for the same files.

    ``about``: ``name``, ``description``, ``licences`` (names or addresses), ``version``, ``citation``
    (BibTeX), ``keywords``. Every Parquet file is a FileObject with its SHA-256 and size in bytes, every
    table a FileSet and a RecordSet with its key; paths are relative to the folder.
    """
    distribution: list[Node] = []
    records = []
    for name in NAMES:
        files = table_files(layout, name)
        if files:
            distribution += [*(_object(layout, file) for file in files), _set(name)]
            records.append(_record_set(layout, name))
    if layout.table("videos").exists():
        distribution.append(_media())
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": about["name"],
        "description": about["description"],
        "license": list(about["licences"]),
        "version": about["version"],
        "citeAs": about["citation"],
        "keywords": list(about["keywords"]),
        "distribution": distribution,
        "recordSet": records,
    }


def _object(layout: Layout, file: Path) -> Node:
    name = file.relative_to(layout.root).as_posix()
    return {"@type": "cr:FileObject", "@id": name, "name": name, "contentUrl": name,
            "contentSize": f"{n_bytes_of(file)} B", "encodingFormat": PARQUET,
            "sha256": sha256_of(file)}  # fmt: skip


def _set(name: str) -> Node:
    under = "*/*" if name == "preferences" else "*"
    return {"@type": "cr:FileSet", "@id": _set_id(name), "name": _set_id(name),
            "encodingFormat": PARQUET, "includes": f"tables/{name}/{under}.parquet"}  # fmt: skip


def _set_id(name: str) -> str:
    return f"{name}-files"


def _media() -> Node:
    return {"@type": "cr:FileSet", "@id": "media", "name": "media",
            "description": "Clips by content: the digest of its bytes names a file.",
            "encodingFormat": "video/mp4", "includes": "media/**/*.*"}  # fmt: skip


def _record_set(layout: Layout, name: str) -> Node:
    record, key = TABLES[name]
    said = (record.__doc__ or "").split("\n\n")[0].replace("``", "").replace("\n", " ")
    return {
        "@type": "cr:RecordSet", "@id": name, "name": name, "description": said,
        "key": [{"@id": f"{name}/{column}"} for column in key],
        "field": [_field(name, column) for column in table_schema(layout, name)],
    }  # fmt: skip


def _field(table: str, column: pa.Field) -> Node:
    """A column. A list is repeated, a struct has sub-fields; of a picture the bytes are taken."""
    named = {"@type": "cr:Field", "@id": f"{table}/{column.name}", "name": column.name}
    source = {"fileSet": {"@id": _set_id(table)}, "extract": {"column": column.name}}
    if column.name == IMAGES:
        taken = {**source, "transform": {"jsonPath": "bytes"}}
        return {**named, "dataType": "sc:ImageObject", "repeated": True, "source": taken}
    if pa.types.is_struct(column.type):
        return {**named, "subField": [_sub_field(named["@id"], source, f) for f in column.type]}
    if pa.types.is_list(column.type):
        return {**named, "dataType": _type(column.type.value_type), "repeated": True,
                "source": source}  # fmt: skip
    return {**named, "dataType": _type(column.type), "source": source}


def _sub_field(parent: str, source: Node, field: pa.Field) -> Node:
    return {"@type": "cr:Field", "@id": f"{parent}/{field.name}", "name": field.name,
            "dataType": _type(field.type),
            "source": {**source, "transform": {"jsonPath": field.name}}}  # fmt: skip


def _type(kind: pa.DataType) -> str:
    for holds, name in _TYPES:
        if holds(kind):
            return name
    raise TypeError(f"no Croissant data type for Arrow's {kind}")
