"""Where a report is written: whole or not at all, alone where it is asked to be, never over other files."""

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_run import PUSH, make_run

import pipeline.report.write
from pipeline import __main__ as cli
from pipeline.report import ReportOptions, write_report
from pipeline.state import locked
from schemas.layout import Layout
from schemas.options import SetupError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("output") / "run"
    return folder, make_run(folder)


@pytest.fixture
def run(made: tuple[Path, dict[str, Any]], tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A run without a report, to be changed at will."""
    return Path(shutil.copytree(made[0], tmp_path / "run")), made[1]


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def addresses(value: Any) -> Iterator[str]:
    """Everything that a data script tells a page to show from a file."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("src", "media") and isinstance(inner, str):
                yield inner
            yield from addresses(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from addresses(inner)


def shown_files(report: Path, scripts: str = "*.js") -> list[str]:
    found = []
    for path in sorted((report / "data").glob(scripts)):
        match = PUSH.fullmatch(path.read_text("utf-8"))
        assert match is not None
        found += addresses(json.loads(match[1])["value"])
    return found


def test_an_interrupted_report_leaves_the_older_one_whole(
    run: tuple[Path, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, record = run
    write_report(root, ReportOptions(prompts_per_file=1), record)
    before = files(root / "report")
    with monkeypatch.context() as patched:
        patched.setattr(pipeline.report.write, "write_pages", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_report(root, ReportOptions(prompts_per_file=2), record)
    assert files(root / "report") == before
    assert (root / ".report-new" / "data" / "prompts-0.js").is_file()  # it was nearly done
    (root / ".report-old").mkdir()  # the deletion of the one before was interrupted
    write_report(root, ReportOptions(), record)
    assert not list(root.glob(".report*"))
    after = sorted(path.name for path in (root / "report" / "data").glob("prompts-*"))
    assert after == ["prompts-0.js"]  # nothing of either of the former


def _interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_report_elsewhere_needs_nothing_outside_itself(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, record = run
    index = write_report(root, ReportOptions(), record, output=tmp_path / "new" / "pages")
    assert index == tmp_path / "new" / "pages" / "index.html"
    assert not (root / "report").exists()
    shutil.rmtree(root)
    moved = (tmp_path / "new" / "pages").rename(tmp_path / "moved")
    assert [path.name for path in (tmp_path / "new").iterdir()] == []
    # six clips and the frames of five in the explorer, two clips with theirs in the audit
    assert len(shown_files(moved, "prompts-*.js")) == 6 + 5 * 4
    assert len(shown_files(moved, "audit.js")) == 2 * (1 + 4)
    found = shown_files(moved)
    assert [name for name in found if name.startswith(("/", "..")) or ":" in name] == []
    assert [name for name in found if not (moved / name).is_file()] == []
    for page in moved.glob("*.html"):
        names = re.findall(r'(?:src|href)="([^"#]+)"', page.read_text("utf-8"))
        assert [name for name in names if not (moved / name).is_file()] == []


def test_the_runs_own_report_refers_to_what_lies_beside_it(
    run: tuple[Path, dict[str, Any]],
) -> None:
    root, record = run
    write_report(root, ReportOptions(), record)
    found = shown_files(root / "report")
    assert {name.split("/")[0] for name in found} == {".."}
    assert [name for name in found if not (root / "report" / name).is_file()] == []
    assert not (root / "report" / "frames").exists()


def test_a_report_replaces_an_older_one_and_nothing_else(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, record = run
    output = tmp_path / "pages"
    output.mkdir()  # an empty folder is as good as none
    write_report(root, ReportOptions(clips=False), record, output=output)
    assert not (output / "media").exists()
    write_report(root, ReportOptions(), record, output=output)
    assert (output / "media").is_dir()
    (tmp_path / "dataset" / "data").mkdir(parents=True)
    (tmp_path / "dataset" / "data" / "train.csv").write_text("mine", "utf-8")
    (tmp_path / "file.txt").write_text("mine", "utf-8")
    site = Path(shutil.copytree(output, tmp_path / "site"))
    (site / ".git").mkdir()  # a report that somebody put under version control
    for other, says in (
        ("dataset", "is not a report"),
        ("file.txt", "is a file"),
        ("site", r"\.git"),
    ):
        target = tmp_path / other
        before = files(tmp_path)
        with pytest.raises(SetupError, match=f"{other}: .*{says}"):
            write_report(root, ReportOptions(), record, output=target)
        assert files(tmp_path) == before
    assert (site / ".git").is_dir()


def test_two_do_not_draw_one_report_at_once(
    run: tuple[Path, dict[str, Any]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They would make their pages in the same folder, and each take away the other's."""
    root, record = run
    written = {**record, "config": {**record["config"], "report": {}}}
    Layout(root).run.write_text(json.dumps(written), "utf-8")
    with locked(Layout(root)):  # as a run holds it, and another `report`
        assert cli.main(["report", str(root)]) == 2
        assert "another run is working in this folder" in capsys.readouterr().err
        assert cli.main(["report", str(root), "--output", str(tmp_path / "pages")]) == 0
    assert not (root / "report").exists()
    assert cli.main(["report", str(root)]) == 0
