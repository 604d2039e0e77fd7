"""Clip to Video."""

from pathlib import Path

import pytest
from coded_clips import write_clip

from pipeline.media.ingest import ingest, store_generated
from pipeline.media.options import FramesOptions
from pipeline.media.sample import sample_frames
from pipeline.sources.manifest import ManifestSource
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store


@pytest.fixture
def media(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "run" / "media"))


def clip(path: Path | None, **fields: object) -> Clip:
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
