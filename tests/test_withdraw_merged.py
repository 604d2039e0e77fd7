"""`withdraw` on a merged dataset: it is as if one of its runs had withdrawn the clip before."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from merge_folders import BOAT, KITE, clip, preferences, record_of, rows, write_run

from pipeline.__main__ import main
from pipeline.dataset.version import dataset_version
from schemas import HumanRating, Score, Video
from schemas.layout import Layout

A, B, C = "ga", "gb", "gc"
GONE = clip(KITE, C)
CONFIG = {
    "rubrics": ["videoprefer/video_quality"],
    "sources": [{"kind": "manifest", "path": "clips.csv"}],
    "annotators": [{"kind": "signal"}],
}
PEOPLE = [
    (KITE, g, rater, float(2 + n)) for n, g in enumerate((A, B, C)) for rater in ("ann", "bob")
]


def _write(root: Path, judge: str, text: str = KITE, **more: Any) -> None:
    said = {(text, A): 1, (text, B): 4, (text, C): 5}
    write_run(root, {text: "train"}, {judge: said}, config=CONFIG, record={"books": {}}, **more)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A merge of three runs out of which a clip went, and a merge of a run out of which it went before."""
    root = tmp_path_factory.mktemp("world")
    for name, judge in (("one", "j1"), ("two", "j2"), ("also-two", "j2")):
        _write(root / name, judge, ratings=PEOPLE)
    _write(root / "boats", "j1", BOAT)
    assert main(["withdraw", str(root / "also-two"), GONE]) == 0
    for name, second in (("after", "two"), ("before", "also-two")):
        runs = [str(root / n) for n in ("one", second, "boats")]
        assert main(["merge", *runs, "--output", str(root / name)]) == 0
    assert main(["withdraw", str(root / "after"), GONE]) == 0
    return root


def test_it_is_the_dataset_that_a_merge_without_the_clip_makes(world: Path) -> None:
    after, before = (record_of(world / name) for name in ("after", "before"))
    assert after["dataset_version"] == before["dataset_version"]
    assert after["dataset_version"] == dataset_version(Layout(world / "after"))
    assert after["tables"] == before["tables"]
    assert {v.video_id for v in rows(world / "after", Video)} == {
        *(clip(KITE, g) for g in (A, B)), *(clip(BOAT, g) for g in (A, B, C))
    }  # fmt: skip
    assert GONE not in {p.video_a for p in preferences(world / "after").values()}
    assert {s.mean for s in rows(world / "after", Score) if s.video_id == clip(KITE, B)} == {4.0}


def test_the_books_say_that_a_rule_took_the_rows(world: Path) -> None:
    record = record_of(world / "after")
    books = record["books"]
    # three clips of one and two, three of boats: six known of nine, one of them withdrawn
    names = ("owed", "written", "filtered", "upstream")
    assert [books["merge_videos"][n] for n in names] == [9, 5, 1, 3]
    assert [books["merge_annotations"][n] for n in names] == [9, 7, 2, 0]
    assert [books["merge_human_ratings"][n] for n in names] == [12, 4, 2, 6]
    for table, book in books.items():
        assert book["owed"] == sum(book[n] for n in names[1:]), table
        assert book["written"] == record["tables"][table.removeprefix("merge_")]


def test_the_audit_is_of_the_clips_that_stay(world: Path) -> None:
    """What is known of the raters' scales stands in the record, for a merge has no marks."""
    assert len(rows(world / "after", HumanRating)) == 4
    after, before = (
        json.loads((world / n / "audit.json").read_text()) for n in ("after", "before")
    )
    assert after == before
    assert after


@pytest.mark.parametrize("name", ["after", "before"])
def test_the_record_and_the_card_tell_of_it(world: Path, name: str) -> None:
    assert record_of(world / name)["withdrawn"]["clips"] == 1
    assert "out of every table since: 1." in (world / name / "README.md").read_text()


def test_pairs_of_a_withdrawn_clip_are_not_said_to_lack_a_judge(world: Path) -> None:
    assert not [n for n in record_of(world / "before")["notes"] if "have no preference here" in n]


def test_the_runs_that_it_was_made_of_are_named(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["withdraw", str(world / "before"), clip(BOAT, C)]) == 0
    assert "merged of (one, also-two, boats)" in capsys.readouterr().out


def test_a_table_that_cannot_be_read_is_named_before_anything_is_done(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(world / "one", tmp_path / "cut")
    (file,) = (tmp_path / "cut" / "tables" / "annotations").glob("*.parquet")
    file.write_bytes(file.read_bytes()[:-9])
    cut, other = str(tmp_path / "cut"), str(world / "two")
    for verb in (
        ["merge", other, cut, "--output", str(tmp_path / "out")],
        ["diff", other, cut],
        ["withdraw", cut, GONE],
    ):
        assert main(verb) == 2
        assert f"{file}: cannot be read" in capsys.readouterr().err
    assert (tmp_path / "cut" / "run.json").exists()
    assert not (tmp_path / "out").exists()


def test_an_output_with_something_in_it_is_refused_before_the_runs_are_read(
    world: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [str(world / name) for name in ("one", "two")]
    assert main(["merge", *runs, "--output", str(world / "boats")]) == 2
    said = capsys.readouterr()
    assert "holds something else" in said.err
    assert not said.out
