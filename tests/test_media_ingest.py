"""Clip to Video."""

import dataclasses
from pathlib import Path

import fsspec
import pytest
from coded_clips import write_clip

from pipeline.media.fetching import https
from pipeline.media.ingest import ingest, store_generated
from pipeline.media.options import FramesOptions
from pipeline.media.sample import sample_frames
from pipeline.report.media import Media
from pipeline.sources.manifest import ManifestSource
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.ids import sha256_hex
from schemas.layout import Layout
from schemas.store import Store


@pytest.fixture
def media(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "run" / "media"))


def clip(path: Path | str | None, **fields: object) -> Clip:
    plain = {"video_id": "v1", "prompt_id": "p1", "prompt": "a red ball", "generator": "g",
             "source": "m.csv", "path": path and str(path)}  # fmt: skip
    return Clip(**{**plain, **fields})


def test_a_copy_lies_under_its_digest(tmp_path: Path, media: Store) -> None:
    path = write_clip(tmp_path / "a.MP4", range(4), format="mp4")
    data = path.read_bytes()
    digest = sha256_hex(data)
    video = ingest(clip(path, sha256=digest, licence="CC0-1.0", extra='{"a":1}'), media)
    assert video == Video(
        video_id="v1", prompt_id="p1", prompt="a red ball", generator="g", source="m.csv",
        uri=f"media/{digest[:2]}/{digest}.mp4", sha256=digest, n_bytes=len(data),
        licence="CC0-1.0", extra='{"a":1}',
    )  # fmt: skip
    copy = tmp_path / "run" / video.uri
    assert copy.read_bytes() == data
    assert copy.stat().st_ino != path.stat().st_ino  # a copy: the original may change later


def test_a_reference_stays_where_it_is(tmp_path: Path, media: Store) -> None:
    path = write_clip(tmp_path / "a.mp4", range(4))
    video = ingest(clip(path, keep="reference"), media)
    assert isinstance(video, Video)
    assert (video.uri, video.sha256) == (str(path), sha256_hex(path.read_bytes()))
    assert list(media.names()) == []


def test_a_suffix_that_no_clip_has_is_not_kept(tmp_path: Path, media: Store) -> None:
    path = write_clip(tmp_path / "a.html", range(4), format="mp4")
    video = ingest(clip(path), media)
    assert isinstance(video, Video)
    assert video.uri.endswith(".mp4")
    (tmp_path / "b.html").write_text("<html></html>")
    page = ingest(clip(tmp_path / "b.html"), media)
    assert isinstance(page, Video)
    assert page.uri.endswith(".bin")


def test_what_is_wrong_is_a_failure(tmp_path: Path, media: Store) -> None:
    path = write_clip(tmp_path / "a.mp4", range(4))
    (tmp_path / "empty.mp4").touch()
    wrong = "0" * 64
    cases = [
        (clip(tmp_path / "absent.mp4"), FramesOptions(), Reason.NOT_FOUND, "absent.mp4"),
        (clip(path, sha256=wrong), FramesOptions(), Reason.CHECKSUM, wrong),
        (clip(path), FramesOptions(max_bytes=10), Reason.TOO_LARGE, "frames.max_bytes"),
        (clip(tmp_path / "empty.mp4"), FramesOptions(), Reason.UNDECODABLE, "empty"),
    ]
    for bad, options, reason, says in cases:
        failure = ingest(bad, media, options)
        assert isinstance(failure, Failure), failure
        assert (failure.stage, failure.key, failure.reason) == ("video", "v1", reason)
        assert says in failure.message
    assert list(media.names()) == []


def test_a_clip_from_a_store(tmp_path: Path, media: Store) -> None:
    data = write_clip(tmp_path / "a.mp4", range(4)).read_bytes()
    fsspec.filesystem("memory").pipe_file("/set/a.MP4", data)
    listed = clip("memory://set/a.MP4", sha256=sha256_hex(data))
    copied = ingest(listed, media)
    assert isinstance(copied, Video)
    assert copied.uri == f"media/{sha256_hex(data)[:2]}/{sha256_hex(data)}.mp4"
    left = ingest(dataclasses.replace(listed, keep="reference"), media)
    assert isinstance(left, Video)
    assert (left.uri, left.n_bytes) == ("memory://set/a.MP4", len(data))
    other = ingest(dataclasses.replace(listed, sha256="0" * 64), media)
    assert isinstance(other, Failure)
    assert other.reason == Reason.CHECKSUM
    pages = Media(layout=Layout(tmp_path), folder=tmp_path / "report")
    shown = pages.clip({"uri": left.uri, "sha256": left.sha256})
    assert (shown.url, shown.why) == (None, "the clip is not on this machine")


def test_a_clip_from_the_net(tmp_path: Path, media: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fetched within the limits, kept under its suffix; its signature stays out of messages."""
    data = write_clip(tmp_path / "a.webm", range(4), codec="libvpx", b_frames=0).read_bytes()
    asked = []

    def fetch(address: str, max_bytes: int, timeout_s: float) -> bytes:
        asked.append((address, max_bytes, timeout_s))
        return data

    monkeypatch.setattr(https, "fetch", fetch)
    listed = clip("https://h.example/x.webm?signature=s", sha256="0" * 64)
    options = FramesOptions(max_bytes=10**6, timeout_s=7)
    refused = ingest(listed, media, options)
    assert asked == [("https://h.example/x.webm?signature=s", 10**6, 7.0)]
    assert isinstance(refused, Failure)
    assert refused.reason == Reason.CHECKSUM
    assert refused.message.startswith("https://h.example/x.webm: its sha256")
    video = ingest(dataclasses.replace(listed, sha256=None), media, options)
    assert isinstance(video, Video)
    assert video.uri.endswith(f"{sha256_hex(data)}.webm")
    with pytest.raises(ValueError, match="only copied"):
        ingest(dataclasses.replace(listed, keep="reference"), media)


def test_a_name_with_a_hash_or_question_mark(tmp_path: Path, media: Store) -> None:
    path = write_clip(tmp_path / "plain.mp4", range(4)).rename(tmp_path / "take #2?.mp4")
    refused = ingest(clip(path, sha256="0" * 64), media)
    assert isinstance(refused, Failure)
    assert refused.message.startswith(f"{path}: its sha256")
    video = ingest(clip(path), media)
    assert isinstance(video, Video)
    assert video.uri.endswith(".mp4")


def test_a_generated_clip_is_stored_with_how_it_was_made(tmp_path: Path, media: Store) -> None:
    data = write_clip(tmp_path / "a.mp4", range(4)).read_bytes()
    made = clip(None, settings='{"cfg":7}', seed=3, simulated=True)
    video = store_generated(made, data, media)
    digest = sha256_hex(data)
    assert video.uri == f"media/{digest[:2]}/{digest}.mp4"
    assert (video.settings, video.seed, video.simulated) == ('{"cfg":7}', 3, True)
    assert (tmp_path / "run" / video.uri).read_bytes() == data
    with pytest.raises(ValueError, match="no path"):
        ingest(made, media)


def test_fetv_from_manifest_to_frames(test_data: Path, tmp_path: Path, media: Store) -> None:
    """All 140 clips: the promised digest is theirs, and each gives its eight frames."""
    found = ManifestSource(path=str(test_data / "fetv" / "manifest.csv")).read()
    prompts, clips = found.prompts, found.clips
    assert (len(prompts), len(clips)) == (35, 140)
    assert all(c.sha256 and c.licence == "CC-BY-4.0" for c in clips)
    frames = Store(str(tmp_path / "run" / "frames"))
    for listed in clips:
        video = ingest(listed, media)
        assert isinstance(video, Video), video
        path = str(tmp_path / "run" / video.uri)
        taken = sample_frames(video, path, FramesOptions(), frames)
        assert isinstance(taken, FrameSet), taken
        assert (taken.decoder, len(taken.indices), taken.fps) == ("pyav-index", 8, 8.0)
        assert taken.flags == ()
