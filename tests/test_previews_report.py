"""Previews in a run's report: on every page, kept when it is drawn again, gone with a withdrawn clip."""

from pathlib import Path
from typing import Any

import pytest
import report_run
from coded_clips import write_clip
from report_run import data, make_run
from test_previews import here
from withdraw_folder import make_folder

from pipeline.dataset.withdraw.withdraw import Asked, withdraw
from pipeline.report import ReportOptions, write, write_report
from pipeline.report.audit_page import named_clips, places_of_run, write_audit_page
from pipeline.report.previews import make
from pipeline.report.previews.kept import FOLDER, path_of
from pipeline.report.tables import read_audit
from schemas.ids import sha256_hex
from schemas.store import blob_name


@pytest.fixture
def odd_clips(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Of the runs that are made, all clips but the second of each prompt are Motion JPEG; their digests."""
    of_a_clip, digests = report_run.clip_bytes, list[str]()

    def odd(hue: int) -> bytes:
        if hue % 2:
            return of_a_clip(hue)
        clip = write_clip(tmp_path / "odd.avi", [hue, 9, 8], codec="mjpeg", pix_fmt="yuvj420p")
        digests.append(sha256_hex(clip.read_bytes()))
        return clip.read_bytes()

    def named(digest: str, suffix: str) -> str:
        return blob_name(digest, ".avi" if digest in digests else suffix)

    monkeypatch.setattr(report_run, "clip_bytes", odd)
    monkeypatch.setattr(report_run, "blob_name", named)
    monkeypatch.setattr(make, "_looked_at", here)
    return digests


def previews_in(folder: Path) -> set[str]:
    return {path.stem for path in (folder / FOLDER).rglob("*.mp4")}


def clips_of(root: Path) -> list[dict[str, Any]]:
    return [clip for entry in data(root, "prompts-0.js") for clip in entry["clips"]]


def test_every_page_plays_previews(tmp_path: Path, odd_clips: list[str]) -> None:
    root = tmp_path / "run"
    record = make_run(root)
    write_report(root, ReportOptions(), record)
    clips = clips_of(root)
    assert [clip["preview"] for clip in clips] == [True, False] * 3
    assert all((root / "report" / clip["media"]).is_file() for clip in clips)
    assert {clip["preview_note"] for clip in clips} == {
        "preview, 128 px: browsers do not play Motion JPEG", ""}  # fmt: skip
    assert previews_in(root / "report") == set(odd_clips)
    for page in ("audit.js", "videorm.js"):
        found = data(root, page)["clips"].values()
        shown = [clip["media"] for clip in found if clip["media"].startswith(FOLDER)]
        assert shown
        assert all((root / "report" / url).is_file() for url in shown)


def test_previews_are_kept_when_a_report_is_drawn_again(
    tmp_path: Path, odd_clips: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root, out = tmp_path / "run", tmp_path / "out"
    record = make_run(root)
    with monkeypatch.context() as patched:
        patched.setattr(write, "write_pages", None)  # the first one is interrupted
        with pytest.raises(TypeError):
            write_report(root, ReportOptions(), record)
    assert not (root / "report").exists()
    monkeypatch.setattr(make, "_looked_at", None)
    write_report(root, ReportOptions(), record)
    first = path_of(root / "report", odd_clips[0]).stat().st_ino
    write_report(root, ReportOptions(), record)
    assert path_of(root / "report", odd_clips[0]).stat().st_ino == first
    # pages that are given away have theirs with them, and not the clips themselves
    write_report(root, ReportOptions(), record, out)
    assert previews_in(out) == set(odd_clips)
    assert list((out / "media").rglob("*.avi")) == []
    # an audit's page beside them leaves them alone
    audit = read_audit(root)
    assert audit is not None
    write_audit_page(root, audit["rows"], audit, places_of_run(root, named_clips(audit)))
    assert previews_in(root / "report") == set(odd_clips)
    # fewer prompts, fewer previews; none where only frames are shown
    write_report(root, ReportOptions(prompts=1), record)
    assert previews_in(root / "report") < set(odd_clips)
    write_report(root, ReportOptions(clips=False), record)
    assert previews_in(root / "report") == set()
    monkeypatch.setattr(make, "_looked_at", here)
    write_report(root, ReportOptions(previews=False), record)
    assert {clip["why_no_media"] for clip in clips_of(root) if clip["why_no_media"]} == {
        "browsers do not play Motion JPEG, and previews are left out by option"}  # fmt: skip


def test_a_withdrawn_clip_takes_its_preview_along(tmp_path: Path, odd_clips: list[str]) -> None:
    """Its digest is in no name and no line of the report, of the one made anew as of the one before."""
    layout, rows = make_folder(tmp_path / "run")
    write_report(layout.root, ReportOptions(), report_run.manifest(rows))
    taken = rows["videos"][0]
    assert taken.sha256 == odd_clips[0]
    assert path_of(layout.report, taken.sha256).is_file()
    withdraw(layout.root, Asked(names=[taken.video_id], reason="asked"))
    assert previews_in(layout.report) == set(odd_clips[1:])
    files = [path for path in layout.report.rglob("*") if path.is_file()]
    assert [path for path in files if taken.sha256 in path.name] == []
    assert [path for path in files if taken.sha256.encode() in path.read_bytes()] == []
    assert not (layout.root / ".report-new").exists()
