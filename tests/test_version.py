"""The version of a dataset follows its rows and nothing else; the checksums follow its bytes."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_run import make_run

from pipeline.dataset.checksums import CHECKSUMS, published_files, verify, write_checksums
from pipeline.dataset.parquet import publish, write_rows
from pipeline.dataset.version import dataset_version
from pipeline.report.tables import table_files
from schemas import Failure, Prompt, Reason, Score
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import to_table

PROMPTS = [
    Prompt(prompt_id=f"p{n}", text=text, source="mini", licence=licence)
    for n, (text, licence) in enumerate(
        [
            ("A red ball", "CC0-1.0"),
            ("A blue ball", None),
            ("A ball", "CC-BY-4.0"),
            ("A cube", None),
        ]
    )
]


def version_of(*parts: pa.Table, table: str = "prompts", **how: Any) -> str:
    """The version of a dataset with this one table, in these parts."""
    with tempfile.TemporaryDirectory() as folder:
        layout = Layout(Path(folder))
        layout.table(table).mkdir(parents=True)
        for number, part in enumerate(parts):
            pq.write_table(part, layout.table(table) / f"part-{number}.parquet", **how)
        return dataset_version(layout)


def prompts(rows: list[Prompt]) -> pa.Table:
    return to_table(Prompt, rows)


WHOLE = version_of(prompts(PROMPTS))


def test_the_version_of_known_rows_is_the_one_it_always_was() -> None:
    """A change of this number gives every dataset that is out another version."""
    assert WHOLE == "0b33b0460c242a9d"


@settings(max_examples=12, deadline=None)
@given(order=st.permutations(PROMPTS), cut=st.integers(0, 4), group=st.integers(1, 4))
def test_neither_parts_nor_row_groups_nor_order_count(
    order: list[Prompt], cut: int, group: int
) -> None:
    halves = prompts(order[:cut]), prompts(order[cut:])
    assert version_of(*halves, row_group_size=group, compression="gzip") == WHOLE


@settings(max_examples=12, deadline=None)
@given(
    number=st.integers(0, 3),
    field=st.sampled_from(["text", "source", "licence", "prompt_id"]),
    value=st.text("abc", min_size=1, max_size=4),
)
def test_every_cell_counts(number: int, field: str, value: str) -> None:
    table = prompts(PROMPTS)
    column = table.column(field).to_pylist()
    column[number] = f"other {value}"
    at = table.schema.get_field_index(field)
    assert version_of(table.set_column(at, table.schema.field(at), pa.array(column))) != WHOLE


def test_which_row_a_value_stands_in_counts_and_which_column() -> None:
    def scores(means: tuple[float, float], spread: float | None = None) -> str:
        rows = [
            Score(video_id=f"v{n}", dimension="d", annotator_id="j", prompt_id="p", generator="g",
                  mean=mean, spread=spread, n=1)
            for n, mean in enumerate(means)
        ]  # fmt: skip
        return version_of(to_table(Score, rows), table="scores")

    found = [scores((1.0, 2.0)), scores((2.0, 1.0)), scores((1.0, 1.0), 1.0), scores((1.0, 1.0))]
    assert len(set(found)) == 4
    assert scores((0.0, 1.0)) == scores((-0.0, 1.0))


def test_a_row_twice_is_not_a_row_once_and_no_table_is_a_table_without_rows() -> None:
    assert version_of(prompts([*PROMPTS, PROMPTS[0]])) != WHOLE
    assert version_of(prompts([*PROMPTS, PROMPTS[0], PROMPTS[0]])) != WHOLE
    assert version_of(prompts([])) == version_of()


def test_a_column_that_an_older_file_lacks_counts_as_null() -> None:
    old = {"schema_version": "1", "record": "Prompt"}
    older = prompts(PROMPTS).drop_columns(["split"])
    assert version_of(older.replace_schema_metadata(old)) == WHOLE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("version") / "run"
    root.mkdir()
    make_run(root)
    write_checksums(root)
    return root


@pytest.fixture
def copy(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def replaced(file: Path, column: str, values: list[Any]) -> None:
    table = pq.read_table(file)
    at = table.schema.get_field_index(column)
    pq.write_table(table.set_column(at, table.schema.field(at), pa.array(values)), file)


def test_where_a_clip_lies_does_not_count_but_what_it_holds_does(run: Path, copy: Path) -> None:
    version = dataset_version(Layout(run))
    (videos,) = table_files(Layout(copy), "videos")
    table = pq.read_table(videos)
    replaced(videos, "uri", [f"/elsewhere/{uri}" for uri in table.column("uri").to_pylist()])
    assert dataset_version(Layout(copy)) == version
    replaced(videos, "sha256", [*table.column("sha256").to_pylist()[1:], "0" * 64])
    assert dataset_version(Layout(copy)) != version


def test_the_words_of_a_failure_do_not_count_but_its_reason_does(copy: Path) -> None:
    def version(reason: Reason, message: str) -> str:
        rows = [Failure(stage="video", key="v", reason=reason, message=message)]
        file = write_rows(Failure, rows, copy.parent / "failures.parquet")
        publish([file], Layout(copy).table("failures"), Failure)
        return dataset_version(Layout(copy))

    here = version(Reason.UNDECODABLE, "/here/clip.mp4: cut off")
    assert version(Reason.UNDECODABLE, "/there/clip.mp4: cut off") == here
    assert version(Reason.CHECKSUM, "/here/clip.mp4: cut off") != here


def test_pictures_count_by_their_digests_alone(run: Path, copy: Path) -> None:
    (frames,) = table_files(Layout(copy), "frames")
    pq.write_table(pq.read_table(frames).drop_columns(["images"]), frames)
    assert dataset_version(Layout(copy)) == dataset_version(Layout(run))


def test_coreutils_accept_the_checksums(run: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", CHECKSUMS], cwd=run, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    lines = (run / CHECKSUMS).read_text("utf-8").splitlines()
    names = [line.split("  ", 1)[1] for line in lines]
    assert names == sorted(names) == published_files(run)
    assert sum(name.startswith("media/") for name in names) == 6
    assert not any(name.startswith(("frames/", "work/", "README")) for name in names)


def test_what_is_gone_changed_or_new_is_named(copy: Path) -> None:
    assert verify(copy) == []
    clip = next((copy / "media").rglob("*.mp4"))
    clip.write_bytes(clip.read_bytes() + b"\0")
    (scores,) = table_files(Layout(copy), "scores")
    scores.rename(scores.with_name("another.parquet"))
    assert verify(copy) == [
        f"{clip.relative_to(copy)}: changed",
        f"tables/scores/another.parquet: not listed in {CHECKSUMS}",
        "tables/scores/part-00000-of-00001.parquet: gone",
    ]


def test_a_name_with_a_line_break_is_written_as_coreutils_write_it(copy: Path) -> None:
    (scores,) = table_files(Layout(copy), "scores")
    odd = scores.rename(scores.with_name("a\n\\b.parquet"))
    write_checksums(copy)
    by_hand = subprocess.run(
        ["sha256sum", str(odd.relative_to(copy))], cwd=copy, capture_output=True, text=True
    ).stdout
    assert by_hand in (copy / CHECKSUMS).read_text("utf-8")
    assert verify(copy) == []


def test_without_a_readable_list_nothing_is_verified(copy: Path) -> None:
    (copy / CHECKSUMS).write_text("no line of sha256sum\n")
    with pytest.raises(SetupError, match="line 1: not a line of sha256sum"):
        verify(copy)
    (copy / CHECKSUMS).unlink()
    with pytest.raises(SetupError, match="not there"):
        verify(copy)
