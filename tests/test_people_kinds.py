"""Which kind of human data a file is, told by its content alone."""

import gzip
import typing
from pathlib import Path

import pytest
from people_examples import EXAMPLES, as_json, rows_csv

from pipeline.audit.options import RatingsTable
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import Reader
from pipeline.formats.readers import READERS, reader_of
from schemas.options import SetupError

KINDS = "table votes fetv genai_bench videoalign tvge video_bench t2vqa vbench evalcrafter tc_bench"


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_is_told_from_all_others(tmp_path: Path, example: str) -> None:
    path = EXAMPLES[example](tmp_path)
    kind = example.partition("/")[0]
    assert [name for name, reader in READERS.items() if reader.is_it(path)] == [kind]
    assert reader_of(path) is READERS[kind]


def test_an_export_of_label_studio_is_of_no_other_kind(tmp_path: Path) -> None:
    answer = {"from_name": "quality", "to_name": "v", "type": "rating", "value": {"rating": 4}}
    task = {
        "id": 1,
        "data": {"video_id": "v1"},
        "annotations": [{"id": 7, "completed_by": 2, "result": [answer]}],
    }
    assert reader_of(as_json(tmp_path / "export.json", [task])).kind == "label_studio"


def test_there_is_an_example_of_every_kind() -> None:
    assert {name.partition("/")[0] for name in EXAMPLES} == set(KINDS.split())
    assert set(KINDS.split()) <= set(READERS)
    assert all(reader.kind == kind for kind, reader in READERS.items())


@pytest.mark.parametrize("reader", READERS.values(), ids=list(READERS))
def test_a_file_of_no_kind_is_none(tmp_path: Path, reader: Reader) -> None:
    """Empty, broken, binary, of another shape, absent, a folder: never an error, never that kind."""
    broken = {
        "empty.json": b"",
        "empty.csv": b"",
        "broken.json": b"[{",
        "bytes.txt": bytes(range(256)),
        "bytes.json.gz": b"not gzip",
        "bytes.parquet": b"PAR1",
        "list.json": b"[1, 2]",
        "empty_list.json": b"[]",
        "empty_object.json": b"{}",
        "text.json": b'"words"',
        "object.json": b'{"a": 1}',
        "numbers.json": b'{"0": {"prompt": "x", "models": 3}}',
        "labels.json": b'[{"prompt_en": "x", "videos": {}, "human_anno": {}}]',
        "prose.txt": b"a | b\n",
    }
    for name, data in broken.items():
        (tmp_path / name).write_bytes(data)
        assert not reader.is_it(tmp_path / name), name
    assert not reader.is_it(tmp_path / "absent.csv")
    assert not reader.is_it(tmp_path)


def test_a_compressed_file_is_of_the_same_kind(tmp_path: Path) -> None:
    for example in ("table", "genai_bench/results", "vbench", "video_bench", "tc_bench", "tvge"):
        plain = EXAMPLES[example](tmp_path)
        packed = plain.with_name(plain.name + ".gz")
        packed.write_bytes(gzip.compress(plain.read_bytes()))
        kind = example.partition("/")[0]
        assert reader_of(packed).kind == kind
        first, second = (
            READERS[kind].read(path, ClipFinder(open=True), None) for path in (plain, packed)
        )
        assert [r.score for r in first.ratings] == [r.score for r in second.ratings]
        assert [v.choice for v in first.votes] == [v.choice for v in second.votes]
        assert first.ratings or first.votes


def test_no_kind_and_several_kinds_are_named(tmp_path: Path) -> None:
    path = rows_csv(tmp_path / "x.csv", [{"video_id": "v", "mark": 3}])
    with pytest.raises(SetupError, match=r"x\.csv: is none of the kinds .*table \(a plain") as said:
        reader_of(path)
    assert "Its columns are mark, video_id" in str(said.value)
    both = {"rater": "r", "dimension": "q", "score": 3, "choice": "a", "video_a": "v"}
    path = rows_csv(tmp_path / "y.csv", [both])
    with pytest.raises(SetupError, match="may be any of the kinds table, votes; say which"):
        reader_of(path)
    assert reader_of(path, "votes").kind == "votes"
    with pytest.raises(SetupError, match=r"unknown kind 'vote'; known are table, votes, fetv"):
        reader_of(path, "vote")
    with pytest.raises(SetupError, match=r"absent\.csv: no such file"):
        reader_of(tmp_path / "absent.csv")
    with pytest.raises(SetupError, match="is none of the kinds"):
        reader_of(as_json(tmp_path / "z.json", 3))


def test_a_configuration_may_name_every_kind() -> None:
    named = typing.get_args(RatingsTable.model_fields["kind"].annotation)
    assert sorted(named) == sorted(["auto", *READERS])
