"""The Croissant description follows its specification, and describes the files that are there."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from report_run import make_run

from pipeline.dataset.croissant import CONTEXT, FILE
from pipeline.dataset.finish import about, describe
from pipeline.report.tables import NAMES, table_files
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema

VERSION = "0123456789abcdef"
# data types of the specification that a column of ours may have
DATA_TYPES = {"sc:Boolean", "sc:Text", "sc:ImageObject", "cr:Int64", "cr:Float64"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("croissant") / "run"
    root.mkdir()
    record = make_run(root) | {"dataset_version": VERSION, "schema_version": 2, "name": "mini"}
    describe(Layout(root), record)
    return root, record


@pytest.fixture(scope="module")
def said(run: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run[0] / FILE).read_text("utf-8"))
    return found


def fields(record_set: dict[str, Any]) -> list[dict[str, Any]]:
    """Leaves of a record set: fields, or the sub-fields of those that have some."""
    return [leaf for field in record_set["field"] for leaf in field.get("subField", [field])]


def test_the_dataset_is_named_versioned_and_cited(said: dict[str, Any]) -> None:
    assert said["@type"] == "sc:Dataset"
    assert said["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    assert said["@context"] == CONTEXT
    assert said["name"] == "mini"
    assert (
        said["version"] == f"2.0.0+{VERSION}"
    )  # semver.org: what follows the plus is build metadata
    assert said["license"] == ["CC-BY-4.0", "CC0-1.0"]
    assert f"@misc{{mini-{VERSION}," in said["citeAs"]
    assert "The data are simulated." in said["description"]
    assert "datePublished" not in said  # nobody published it, and it holds no time of day


def test_every_file_of_a_table_is_there_with_its_digest_and_size(
    run: tuple[Path, dict[str, Any]], said: dict[str, Any]
) -> None:
    root, _ = run
    objects = [one for one in said["distribution"] if one["@type"] == "cr:FileObject"]
    files = [file for name in NAMES for file in table_files(Layout(root), name)]
    assert [one["contentUrl"] for one in objects] == [
        file.relative_to(root).as_posix() for file in files
    ]
    for one, file in zip(objects, files, strict=True):
        assert one["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert one["contentSize"] == f"{file.stat().st_size} B"
        assert one["encodingFormat"] == "application/x-parquet"


def test_every_file_set_finds_files_below_the_folder(
    run: tuple[Path, dict[str, Any]], said: dict[str, Any]
) -> None:
    root, _ = run
    sets = {one["@id"]: one for one in said["distribution"] if one["@type"] == "cr:FileSet"}
    assert set(sets) == {*(f"{name}-files" for name in NAMES), "media"}
    for name in NAMES:
        found = sorted(root.glob(sets[f"{name}-files"]["includes"]))
        assert found == sorted(table_files(Layout(root), name))
    assert len(list(root.glob(sets["media"]["includes"]))) == 6 + 1  # and metadata.parquet


def test_every_column_is_a_field_with_a_type_a_source_and_a_name_of_its_own(
    run: tuple[Path, dict[str, Any]], said: dict[str, Any]
) -> None:
    root, _ = run
    assert [one["@id"] for one in said["recordSet"]] == list(NAMES)
    ids: list[str] = [one["@id"] for one in said["distribution"]]
    for record_set in said["recordSet"]:
        name = record_set["@id"]
        columns = pq.read_schema(table_files(Layout(root), name)[0]).names
        assert [field["name"] for field in record_set["field"]] == columns
        assert [one["@id"] for one in record_set["key"]] == [
            f"{name}/{column}" for column in TABLES[name][1]
        ]
        ids += [name, *(field["@id"] for field in record_set["field"])]
        for field in fields(record_set):
            assert field["dataType"] in DATA_TYPES
            assert field["source"]["fileSet"] == {"@id": f"{name}-files"}
            assert field["source"]["extract"]["column"] in columns
            assert field["@id"].startswith(f"{name}/")
    assert len(ids) == len(set(ids))


def test_lists_structs_and_pictures_keep_their_shape(said: dict[str, Any]) -> None:
    by_id = {field["@id"]: field for one in said["recordSet"] for field in one["field"]}
    assert by_id["frames/times_s"] == {
        "@type": "cr:Field", "@id": "frames/times_s", "name": "times_s", "dataType": "cr:Float64",
        "repeated": True,
        "source": {"fileSet": {"@id": "frames-files"}, "extract": {"column": "times_s"}},
    }  # fmt: skip
    assert by_id["frames/images"]["dataType"] == "sc:ImageObject"
    assert by_id["frames/images"]["source"]["transform"] == {"jsonPath": "bytes"}
    settings = by_id["annotations/requested"]["subField"]
    kinds = {one["name"]: (one["dataType"], one["source"]["transform"]) for one in settings}
    assert kinds["temperature"] == ("cr:Float64", {"jsonPath": "temperature"})
    assert kinds["logprobs"] == ("sc:Boolean", {"jsonPath": "logprobs"})
    assert len(kinds) == len(arrow_schema(TABLES["annotations"][0]).field("requested").type)


def test_a_set_without_clips_or_licences_is_described_too(tmp_path: Path) -> None:
    record = {"name": "n{o}ne", "dataset_version": VERSION}
    said = about(Layout(tmp_path), record)
    assert said["licences"] == ["unknown"]
    assert "title = {{none}}" in said["citation"]
    describe(Layout(tmp_path), record)
    found = json.loads((tmp_path / FILE).read_text("utf-8"))
    assert found["distribution"] == found["recordSet"] == []


def test_mlcroissant_finds_no_fault_and_reads_every_table(
    run: tuple[Path, dict[str, Any]],
) -> None:
    mlcroissant = pytest.importorskip("mlcroissant")
    root, record = run
    dataset = mlcroissant.Dataset(jsonld=str(root / FILE))
    issues = dataset.metadata.issues
    assert not issues.errors
    assert all("datePublished" in warning for warning in issues.warnings)
    for name in NAMES:
        n_rows = sum(1 for _ in dataset.records(name)) if record["tables"][name] else 0
        assert n_rows == record["tables"][name], name
    first = next(iter(dataset.records("frames")))
    assert first["frames/images"][0].size == (96, 96)
