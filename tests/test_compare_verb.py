"""`videoprefer report`: the pages of one run, elsewhere too, and two runs side by side."""

import json
import shutil
from pathlib import Path

import pytest
from compare_runs import NEW, OLD, PEOPLE, pictured_runs, small_run
from report_run import DIMENSIONS, JUDGE, PUSH

import pipeline.__main__ as cli
from pipeline.report.compare import write
from pipeline.report.replacing import check_replaceable, replaced
from pipeline.verbs.report import default_output
from schemas.options import SetupError


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return pictured_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def page(runs: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("page") / "out"
    assert cli.main(["report", *map(str, runs), "--output", str(out)]) == 0
    return out


def pushed(page: Path) -> dict:
    match = PUSH.fullmatch((page / "data" / "compare.js").read_text("utf-8"))
    assert match is not None
    return json.loads(match[1])["value"]


def test_the_page_holds_all_that_it_shows(page: Path) -> None:
    found = pushed(page)
    counts = [(one["reversed"]["count"], one["from_tie"]["count"]) for one in found["labels"]]
    assert counts == [(1, 0), (0, 1)]  # of two pairs each
    clips = [clip for flip in found["flips"] for clip in flip["clips"]]
    named = [clip["media"] for clip in clips]
    named += [item["src"] for clip in clips for item in clip["frames"]["items"]]
    assert len(clips) == 4
    assert None not in named
    assert all((page / name).is_file() for name in named)
    assert {path.name for path in page.iterdir()} == {
        "assets",
        "compare.html",
        "data",
        "frames",
        "media",
    }


def test_a_flip_tells_what_both_runs_said_of_it(page: Path) -> None:
    flip = next(f for f in pushed(page)["flips"] if f["clips"][0]["generator"].startswith("beta"))
    assert flip["dimension"] == DIMENSIONS[0]
    assert flip["labels"] == [1, -1]  # left stands what the old run prefers
    assert flip["margins"] == [1.0, -1.0]
    left = flip["clips"][0]
    assert {row["annotator"] for row in left["old"]} == {"consensus", "signal", JUDGE}
    assert {row["annotator"] for row in left["new"]} == {"consensus", "signal", f"{JUDGE} 2"}
    assert left["ratings"][0]["mean"] == pytest.approx((2 + 3 + 2) / 3)
    assert left["new_frames"] is None  # both runs took the same


def test_the_verb_says_what_changed(runs, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["report", *map(str, runs)]) == 0
    said = capsys.readouterr().out
    assert "prompt following: 1 of 2 common pairs have another label" in said
    assert "Spent: $1.50, then $0.5000" in said
    written = tmp_path / "compare-june-b--july-é"
    assert f"page: {written / 'compare.html'}" in said
    assert cli.main(["report", *map(str, runs)]) == 0  # such a page is replaced


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["old", "nowhere"], "nowhere: no such folder"),
        (["old", "old"], "the same folder twice"),
        (["old", "empty"], "not a complete run"),
        (["old", "new", "--output", "empty/file"], "is a file"),
        (["old", "new", "--output", "mine"], "is not a comparison of two runs"),
        (["old", "new", "--output", "old"], "is no part of a comparison of two runs"),
        (["old", "--output", "mine"], "is not a report of one run"),
    ],
)
def test_what_cannot_be_is_refused(argv, said, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = {"config": {"report": {}}}
    small_run(tmp_path / "old", OLD, record=report)
    small_run(tmp_path / "new", NEW, record=report)
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").write_text("mine")
    (tmp_path / "mine" / "data").mkdir(parents=True)  # a folder of that name makes no page
    (tmp_path / "mine" / "data" / "thesis.txt").write_text("mine")
    assert cli.main(["report", *argv]) == 2
    assert said in capsys.readouterr().err
    assert (tmp_path / "mine" / "data" / "thesis.txt").read_text() == "mine"
    assert (tmp_path / "old" / "run.json").is_file()


def test_damaged_and_missing_tables_are_named(tmp_path, capsys) -> None:
    runs = [small_run(tmp_path / name, OLD) for name in ("old", "new")]
    argv = ["report", *map(str, runs), "--output", str(tmp_path / "out")]
    (path,) = (tmp_path / "new" / "tables" / "scores").iterdir()
    path.write_bytes(b"PAR1")
    assert cli.main(argv) == 2
    assert str(path) in capsys.readouterr().err
    path.unlink()
    assert cli.main(argv) == 2
    assert "holds no *.parquet" in capsys.readouterr().err
    (tmp_path / "new" / "run.json").write_text("{")
    assert cli.main(argv) == 2
    assert "not readable as JSON" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_nothing_in_common_is_a_page_and_no_crash(tmp_path, capsys) -> None:
    old = small_run(tmp_path / "old", {"p": {"A": 1, "B": 2}}, people=PEOPLE)
    new = small_run(tmp_path / "new", {"z": {"A": 1, "B": 2}})
    assert cli.main(["report", str(old), str(new), "--output", str(tmp_path / "out")]) == 0
    assert "no prompt in common" in capsys.readouterr().out
    assert pushed(tmp_path / "out")["flips"] == []


@pytest.mark.parametrize(("fault", "code"), [(KeyboardInterrupt, 3), (OSError, None)])
def test_what_fails_leaves_the_older_page(fault, code, tmp_path, monkeypatch) -> None:
    runs = [small_run(tmp_path / name, OLD) for name in ("old", "new")]
    out = tmp_path / "out"
    argv = ["report", *map(str, runs), "--output", str(out)]
    assert cli.main(argv) == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def fails(*_: object, **__: object) -> None:
        raise fault("the disk is full")

    monkeypatch.setattr(write, "write_pages", fails)
    if code is None:
        with pytest.raises(fault):
            cli.main(argv)
    else:
        assert cli.main(argv) == code
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "new",
        "old",
        "out",
    ]  # nothing left over


def test_pages_elsewhere_need_nothing_of_the_run(runs, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(runs[0], run)
    out = tmp_path / "out"
    argv = ["report", str(run), "--output", str(out)]
    assert cli.main(argv) == 0
    assert str(out / "index.html") in capsys.readouterr().out
    assert not (run / "report").exists()
    assert any((out / "media").rglob("*.mp4"))
    assert any((out / "frames").rglob("*.jpg"))
    assert cli.main(argv) == 0  # its own older pages are replaced
    assert cli.main(["report", str(runs[0]), str(runs[1]), "--output", str(out)]) == 2


def test_options_of_one_run_are_refused_for_two(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["report", "a", "b", "--prompts", "3"])
    assert end.value.code == 2
    assert "--prompts" in capsys.readouterr().err


def test_help_shows_what_can_be_typed(capsys) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["report", "--help"])
    assert end.value.code == 0
    assert "videoprefer report out/june out/july --output out/june-july" in capsys.readouterr().out


def test_the_folder_is_named_after_both() -> None:
    assert default_output(Path("/x/june run"), Path("/y/july")) == Path("compare-june-run-july")
    same = default_output(Path("/x/june/out"), Path("/x/july/out"))
    assert same == Path("compare-june-out-july-out")


def test_a_folder_is_exchanged_whole(tmp_path: Path) -> None:
    target = tmp_path / "page"
    for word in ("one", "two"):
        with replaced(target) as folder:
            (folder / word).write_text(word)
    assert [path.name for path in tmp_path.rglob("*")] == ["page", "two"]
    with pytest.raises(SetupError, match="two, which is no part of a comparison"):
        check_replaceable(target, "compare.html", "a comparison")
