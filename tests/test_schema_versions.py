"""Tables and journals of other versions: older ones are read, newer ones refused by name."""

import dataclasses
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from report_run import make_run

from annotators.journal import Journal, JournalError, Request, entry_name
from annotators.journal.marks import read_marks, write_marks
from annotators.journal.packs import pack_name
from pipeline.dataset.parquet import parts, read_columns, read_rows, write_rows
from pipeline.health.read import Tables
from pipeline.report.tables import read_table
from pipeline.sources.run import RunSource
from pipeline.state import record_of
from pipeline.verbs.report import report
from pipeline.videorm.data.tables import read_columns as videorm_columns
from schemas import Preference, Prompt, Score, Settings, Video
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.store import Store
from schemas.tables import SCHEMA_VERSION, TABLES, arrow_schema
from schemas.versions import TableError, check_version, completed, default_of

# The columns of version 1, as a file of that time has them.
VIDEOS_1 = {
    "video_id": pa.string(), "prompt_id": pa.string(), "prompt": pa.string(),
    "generator": pa.string(), "uri": pa.string(), "sha256": pa.string(), "n_bytes": pa.int64(),
    "source": pa.string(), "settings": pa.string(), "seed": pa.int64(), "simulated": pa.bool_(),
    "licence": pa.string(), "extra": pa.string(),
}  # fmt: skip
ROW_1 = {
    "video_id": "v1", "prompt_id": "p", "prompt": "a kite", "generator": "g", "uri": "media/v1.mp4",
    "sha256": "ab" * 32, "n_bytes": 7, "source": "old", "settings": None, "seed": None,
    "simulated": False, "licence": "CC0-1.0", "extra": None,
}  # fmt: skip
OLD = Video(**ROW_1)
NEW = dataclasses.replace(OLD, video_id="v2", terms="research only")


def write(
    path: Path, schema: dict[str, pa.DataType], rows: list[dict[str, Any]], **metadata: str
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist(
        rows, schema=pa.schema(list(schema.items()), metadata=metadata or None)
    )
    pq.write_table(table, path)
    return path


def old_file(path: Path, version: str = "1") -> Path:
    return write(path, VIDEOS_1, [ROW_1], schema_version=version, record="Video")


@pytest.fixture
def mixed(tmp_path: Path) -> Layout:
    """A table of two parts: one of version 1, and one of today."""
    folder = Layout(tmp_path).table("videos")
    old_file(folder / "part-0.parquet")
    write_rows(Video, [NEW], folder / "part-1.parquet")
    return Layout(tmp_path)


# every reader


def test_a_table_of_two_versions_reads_as_one(mixed):
    files = parts(mixed.table("videos"))
    assert list(read_rows(Video, files)) == [OLD, NEW]
    assert list(read_columns(files, ("terms", "video_id"))) == [
        (None, "v1"),
        ("research only", "v2"),
    ]
    assert read_table(mixed, "videos").schema.names == arrow_schema(Video).names
    assert read_table(mixed, "videos").to_pylist() == [
        {**ROW_1, "terms": None}, dataclasses.asdict(NEW)
    ]  # fmt: skip
    table = videorm_columns(mixed.table("videos"), Video, ("terms", "video_id"))
    assert table.to_pylist() == [
        {"terms": None, "video_id": "v1"}, {"terms": "research only", "video_id": "v2"}
    ]  # fmt: skip


def test_rows_are_chosen_by_a_column_that_an_older_file_lacks(mixed):
    chosen = read_table(mixed, "videos", columns=["video_id"], among=("terms", ["research only"]))
    assert chosen.to_pylist() == [{"video_id": "v2"}]
    chosen = read_table(mixed, "videos", columns=["terms"], among=("video_id", ["v1"]))
    assert chosen.to_pylist() == [{"terms": None}]


def test_the_order_of_parts_is_kept_whatever_their_versions(tmp_path):
    folder = Layout(tmp_path).table("videos")
    write_rows(Video, [NEW], folder / "part-0.parquet")
    old_file(folder / "part-1.parquet")
    write_rows(Video, [dataclasses.replace(NEW, video_id="v3")], folder / "part-2.parquet")
    assert read_table(Layout(tmp_path), "videos")["video_id"].to_pylist() == ["v2", "v1", "v3"]


def test_an_older_run_is_a_source(mixed):
    prompt = Prompt(prompt_id="p", text="a kite", source="old")
    write_rows(Prompt, [prompt], mixed.table("prompts") / "part-0.parquet")
    mixed.run.write_text("{}")
    (mixed.root / "media").mkdir()
    for name in ("v1", "v2"):
        (mixed.root / "media" / f"{name}.mp4").write_bytes(b"1234567")
    for row in (OLD, NEW):
        file = mixed.table("videos") / f"part-{int(row.video_id[1]) - 1}.parquet"
        table = pq.read_table(file)
        at = table.schema.get_field_index("uri")
        uri = pa.array([f"media/{row.video_id}.mp4"])
        pq.write_table(table.set_column(at, "uri", uri), file)
    clips = RunSource(path=str(mixed.root)).read().clips
    assert [(clip.video_id, clip.terms) for clip in clips] == [
        ("v1", None),
        ("v2", "research only"),
    ]


READERS = {
    "rows": lambda at: list(read_rows(Video, parts(at.table("videos")))),
    "columns": lambda at: list(read_columns(parts(at.table("videos")), ("video_id",))),
    "report": lambda at: read_table(at, "videos"),
    "health": lambda at: Tables(at, ["judge"]),
    "videorm": lambda at: videorm_columns(at.table("videos"), Video, ("video_id",)),
    "source": lambda at: RunSource(path=str(at.root)).read(),
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    prompt = Prompt(prompt_id="p", text="a kite", source="old")
    write_rows(Prompt, [prompt], Layout(tmp_path).table("prompts") / "part-0.parquet")
    Layout(tmp_path).run.write_text("{}")
    return Layout(tmp_path)


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_newer_version_is_refused_with_file_versions_and_what_to_do(layout, read):
    file = old_file(layout.table("videos") / "part-0.parquet", str(SCHEMA_VERSION + 1))
    with pytest.raises(TableError) as refused:
        read(layout)
    assert str(refused.value) == (
        f"{file}: was written by a newer videoprefer (schema version {SCHEMA_VERSION + 1}; this one reads "
        f"up to {SCHEMA_VERSION}); update videoprefer, or write the data anew with this one"
    )


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_a_file_that_is_no_table_of_ours_is_refused(layout, read):
    file = write(layout.table("videos") / "part-0.parquet", VIDEOS_1, [ROW_1])
    with pytest.raises(TableError, match="is no table of videoprefer") as refused:
        read(layout)
    assert str(refused.value).startswith(f"{file}: ")


@pytest.mark.parametrize("read", [READERS[n] for n in READERS if n != "columns"])
def test_a_table_of_another_record_is_refused(layout, read):
    file = layout.table("videos") / "part-0.parquet"
    write(file, VIDEOS_1, [ROW_1], schema_version="1", record="Score")
    with pytest.raises(TableError, match=r"holds Score \(table scores\), expected Video"):
        read(layout)


@pytest.mark.parametrize("version", [1, SCHEMA_VERSION])
def test_a_column_that_its_version_has_must_be_there(tmp_path, version):
    less = {name: kind for name, kind in VIDEOS_1.items() if name != "uri"}
    file = write(tmp_path / "a.parquet", less, [ROW_1], schema_version=str(version), record="Video")
    with pytest.raises(
        TableError, match=f"has no column uri, which table videos of schema version {version}"
    ):
        list(read_rows(Video, [file]))


def test_todays_file_may_not_lack_what_came_today(tmp_path):
    file = old_file(tmp_path / "a.parquet", str(SCHEMA_VERSION))
    with pytest.raises(TableError, match="has no column terms"):
        list(read_rows(Video, [file]))


@pytest.mark.parametrize("said", [b"two", b"0", b"-1", None, True, 1.5])
def test_a_version_is_a_number_from_1_on(said):
    with pytest.raises(TableError, match="not a number from 1 on"):
        check_version(said, "x")


def test_defaults_are_those_of_the_records_fields():
    assert default_of(Video, "terms") is None
    assert default_of(Preference, "basis") == "scores"
    with pytest.raises(KeyError):
        default_of(Score, "mean")
    batch = pa.record_batch({"pair_id": ["x", "y"]})
    whole = completed(Preference, batch, ("basis", "pair_id"))
    assert whole.to_pylist() == [
        {"basis": "scores", "pair_id": "x"},
        {"basis": "scores", "pair_id": "y"},
    ]


def test_every_field_that_came_after_the_first_version_has_a_default():
    """What tables of version 2 have more than those of version 1."""
    assert set(arrow_schema(Video).names) - set(VIDEOS_1) == {"terms"}
    for record, _ in TABLES.values():
        names = set(arrow_schema(record).names)
        assert "terms" not in names or default_of(record, "terms") is None


# a whole folder


def test_a_folder_of_version_1_is_reported(tmp_path, capsys):
    record = make_run(tmp_path)
    for file in (tmp_path / "tables").rglob("*.parquet"):
        table = pq.read_table(file, partitioning=None)
        names = [name for name in table.column_names if name != "terms"]
        metadata = {**table.schema.metadata, b"schema_version": b"1"}
        pq.write_table(table.select(names).replace_schema_metadata(metadata), file)
    config = {**record.get("config", {}), "report": {}}
    Layout(tmp_path).run.write_text(json.dumps({**record, "config": config, "schema_version": 1}))
    assert report([str(tmp_path)]) == 0
    assert "index.html" in capsys.readouterr().out


def test_a_run_of_a_newer_version_is_refused(tmp_path, capsys):
    layout = Layout(tmp_path)
    layout.run.write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(TableError, match=r"run\.json: was written by a newer videoprefer"):
        record_of(layout)
    assert report([str(tmp_path)]) == 2
    assert "update videoprefer" in capsys.readouterr().err
    layout.run.write_text("{}")  # the first versions said nothing
    assert record_of(layout) == {}


# the journal


def request(i: int = 0) -> Request:
    return Request(
        kind="openai", model="m", rubric="r", rubric_version=1, system="s", user=f"u{i}",
        reply_format="text", reply_schema={}, frames=("aa",), settings=Settings(), draw=i,
    )  # fmt: skip


def packed(store: Store, n: int = 2) -> tuple[Path, list[str]]:
    """A journal of one pack: the file, and the keys in it."""
    journal = Journal(store)
    entries = [journal.put(request(i), f"body {i}") for i in range(n)]
    assert journal.compact([entry.key for entry in entries]) == n
    return next((Path(store.root) / "packs").iterdir()), [entry.key for entry in entries]


def with_format(pack: Path, said: str | None) -> Path:
    """The same pack as another version would have written it, in its place."""
    table = pq.read_table(pack).replace_schema_metadata(None if said is None else {"format": said})
    data = io.BytesIO()
    pq.write_table(table, data)
    path = pack.parent.parent / pack_name(data.getvalue())
    pack.unlink()
    path.write_bytes(data.getvalue())
    return path


def test_a_pack_states_its_format_and_one_that_does_not_is_of_the_first(tmp_path):
    store = Store(str(tmp_path))
    pack, keys = packed(store)
    assert pq.read_schema(pack).metadata[b"format"] == b"1"
    with_format(pack, None)
    entry = Journal(store).get(keys[1])
    assert entry is not None
    assert entry.body == "body 1"


def test_a_pack_of_a_newer_format_is_refused_by_name(tmp_path):
    store = Store(str(tmp_path))
    pack, keys = packed(store)
    newer = with_format(pack, "2")
    with pytest.raises(
        JournalError, match=rf"{newer.name}: was written by a newer videoprefer \(journal format 2;"
    ):
        Journal(store).get(keys[0])


@pytest.mark.parametrize(
    ("said", "message"),
    [(2, "was written by a newer videoprefer (journal format 2;"), ("one", "its format is 'one'")],
)
def test_a_loose_entry_of_a_newer_format_is_refused_by_name(tmp_path, said, message):
    store = Store(str(tmp_path))
    key = Journal(store).put(request(), "body").key
    path = tmp_path / entry_name(key)
    content = json.loads(path.read_text())
    assert content["format"] == 1
    path.write_text(json.dumps({**content, "format": said}))
    with pytest.raises(JournalError) as refused:
        Journal(store).get(key)
    assert str(refused.value).startswith(f"{path}: ")
    assert message in str(refused.value)


def mark_file(tmp_path: Path, content: dict[str, Any]) -> Path:
    data = json.dumps(content).encode()
    path = tmp_path / "aside" / f"{sha256_hex(data)}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


def test_marks_of_the_first_format_count_and_those_of_a_newer_one_are_refused(tmp_path):
    store = Store(str(tmp_path))
    name = write_marks(store, ["b"])
    assert json.loads((tmp_path / name).read_text()) == {"format": 1, "keys": ["b"]}
    mark_file(tmp_path, {"keys": ["a"]})
    assert read_marks(store) == {"a", "b"}
    newer = mark_file(tmp_path, {"format": 2, "keys": ["c"]})
    with pytest.raises(JournalError, match=rf"{newer.name}: was written by a newer videoprefer"):
        read_marks(store)
    shutil.rmtree(tmp_path / "aside")
    assert read_marks(store) == set()
