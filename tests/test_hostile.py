"""Files made to have a decoder open something else, and places that change after they were listed."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

import av
import pytest
from coded_clips import write_clip

from pipeline.clips import obtain_clip, take_frames
from pipeline.media.ingest import ingest
from pipeline.media.options import FramesOptions
from schemas import Clip, Failure, FrameSet, Reason, Video
from schemas.layout import Layout
from schemas.store import Store

DECODERS = ("auto", "pyav", "ffmpeg", "decord")


def video(uri: str) -> Video:
    return Video(video_id="v", prompt_id="p", prompt="a red ball", generator="g", uri=uri,
                 sha256="0" * 64, n_bytes=1, source="m.csv")  # fmt: skip


def frames_of(path: Path | str, folder: Path, **options: object) -> FrameSet | Failure:
    return take_frames(video(str(path)), layout=Layout(folder / "run"),
                       options=FramesOptions.model_validate(options))  # fmt: skip


PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile {clip}\n",
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
    "pls": "[playlist]\nFile1={clip}\nNumberOfEntries=1\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" '
    'profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet><Representation>'
    "<BaseURL>{clip}</BaseURL></Representation></AdaptationSet></Period></MPD>",
    "smil": '<smil><body><video src="{clip}"/></body></smil>',
    "sdp": "v=0\r\nc=IN IP4 127.0.0.1\r\nm=video 9 RTP/AVP 96\r\n",
    "wvx": '<ASX version="3.0"><Entry><Ref href="{clip}"/></Entry></ASX>',
}
LEADS = {"": b"", "bom": b"\xef\xbb\xbf", "blanks": b" \r\n\t\n", "both": b"\xef\xbb\xbf\n "}


@pytest.mark.parametrize("kind", PLAYLISTS)
@pytest.mark.parametrize("lead", LEADS)
def test_a_playlist_named_as_a_clip_is_refused(tmp_path: Path, kind: str, lead: str) -> None:
    clip = write_clip(tmp_path / "clip.mp4", range(8))
    path = tmp_path / "list.mp4"
    path.write_bytes(LEADS[lead] + PLAYLISTS[kind].format(clip=clip).encode())
    for decoder in DECODERS:
        refused = frames_of(path, tmp_path, decoder=decoder)
        assert isinstance(refused, Failure)
        assert (refused.reason, "not a video file" in refused.message) == (Reason.UNDECODABLE, True)


def test_a_failure_says_the_same_wherever_the_run_lies(tmp_path: Path) -> None:
    """A copied clip has a digest for a name: whose it is, and of which source, is said beside it."""
    told = set()
    for name in ("one", "two"):
        blob = tmp_path / name / "media" / "ab" / "ab.mp4"
        blob.parent.mkdir(parents=True)
        blob.write_text("a page instead of a clip")
        layout = Layout(tmp_path / name)
        failed = take_frames(video("media/ab/ab.mp4"), layout=layout, options=FramesOptions())
        gone = take_frames(video("media/no.mp4"), layout=layout, options=FramesOptions())
        assert isinstance(failed, Failure)
        assert isinstance(gone, Failure)
        told.add((failed.message.partition(":")[0], gone.message.partition(":")[0]))
    of = "(g, prompt p, of m.csv)"
    assert told == {(f"media/ab/ab.mp4 {of}", f"media/no.mp4 {of}")}


def elsewhere(data: bytes, path: Path) -> bytes:
    """A QuickTime file without pictures whose data reference (an alias record) names another file.

    The boxes that hold the reference grow with it; offsets stay those of the other file.
    """
    at = data.index(b"moov") - 4
    moov = bytearray(data[at : at + struct.unpack_from(">I", data, at)[0]])
    name = str(path).encode()
    record = bytes(10) + bytes(1 + 27 + 12 + 1 + 63 + 16) + struct.pack(">HH", 0, 0) + bytes(16)
    record += struct.pack(">HH", 2, len(name)) + name + bytes(len(name) % 2) + b"\xff\xff\0\0"
    entry = struct.pack(">I4sI", 12 + len(record), b"alis", 0) + record
    dref = moov.index(b"dref") - 4
    old = struct.unpack_from(">I", moov, dref)[0] - 16
    for box in (b"moov", b"trak", b"mdia", b"minf", b"dinf", b"dref"):
        start = moov.index(box) - 4
        size = struct.unpack_from(">I", moov, start)[0] + len(entry) - old
        struct.pack_into(">I", moov, start, size)
    moov[dref + 16 : dref + 16 + old] = entry
    return data[:20] + bytes(moov)


def test_a_reference_to_another_file_is_not_followed(tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.mov", range(8), format="mov")
    path = tmp_path / "clip.mov"
    path.write_bytes(elsewhere(secret.read_bytes(), secret))
    allowing = {"enable_drefs": "1", "use_absolute_path": "1"}
    with av.open(str(path), options=allowing) as opened:  # the reference would work
        assert len(list(opened.decode(video=0))) == 8
    for decoder in DECODERS:
        refused = frames_of(path, tmp_path, decoder=decoder)
        assert isinstance(refused, Failure), refused
        assert refused.reason in (Reason.UNDECODABLE, Reason.WRONG_DECODER, Reason.NO_VIDEO)


def test_a_segment_that_goes_on_in_another_file_ends_with_its_own(tmp_path: Path) -> None:
    """Matroska files can name the one that follows (NextFilename, 3E83BB; here made of a title)."""
    write_clip(tmp_path / "next.mkv", range(5))
    path, title = tmp_path / "clip.mkv", f" {tmp_path}/next.mkv"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = title
        stream = container.add_stream("mpeg4", rate=8)
        stream.width, stream.height = 64, 32
        for _ in range(8):
            container.mux(stream.encode(av.VideoFrame(64, 32, "yuv420p")))
        container.mux(stream.encode(None))
    size = len(title)
    old = (
        b"\x7b\xa9" + (0x4000 + size).to_bytes(2, "big")
        if size > 126
        else b"\x7b\xa9" + bytes([0x80 + size])
    )
    new = b"\x3e\x83\xbb" + old[2:-1] + bytes([old[-1] - 1])
    data = path.read_bytes()
    assert data.count(old + title.encode()) == 1
    path.write_bytes(data.replace(old + b" ", new))
    for decoder in ("auto", "ffmpeg"):
        taken = frames_of(path, tmp_path, decoder=decoder)
        assert isinstance(taken, FrameSet), taken
        assert taken.n_frames_in_clip == 8


NAMES = ["concat:a.mp4|b.mp4", "subfile,,start,0,end,9,,:a.mp4", "-i.mp4", "%03d.mp4", "pipe:0.mp4",
         "data:video,x.mp4", "a?b#c.mp4", "a'b\"c.mp4", "async:a.mp4", "tcp:h.mp4", "fd:1.mp4",
         "a::b.mp4", "ü 映画.mp4", "a\nb.mp4", "*.mp4"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_nothing_but_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    write_clip(tmp_path / "plain.mp4", range(8)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for decoder in DECODERS:
        taken = frames_of(tmp_path / name, tmp_path, decoder=decoder)
        assert isinstance(taken, FrameSet), taken
        assert taken.n_frames_in_clip == 8


def clip(path: Path | str, **fields: object) -> Clip:
    plain = {"video_id": "v1", "prompt_id": "p1", "prompt": "a red ball", "generator": "g",
             "source": "m.csv", "path": str(path)}  # fmt: skip
    return Clip(**{**plain, **fields})


def as_link(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.parent.parent / "secret.mp4")


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_linked_folder(path: Path) -> None:
    path.parent.rename(path.parent.parent / "moved")
    path.parent.symlink_to("moved")


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("swap", [as_link, as_fifo, as_folder, as_linked_folder, gone])
@pytest.mark.parametrize("keep", ["copy", "reference"])
def test_what_changes_after_it_was_listed_is_not_found(
    tmp_path: Path, swap: Callable[[Path], None], keep: str
) -> None:
    write_clip(tmp_path / "secret.mp4", range(8))
    (tmp_path / "set").mkdir()
    path = write_clip(tmp_path / "set/a.mp4", range(8))
    swap(path)
    refused = obtain_clip(
        clip(path, keep=keep), layout=Layout(tmp_path / "run"), options=FramesOptions()
    )
    assert isinstance(refused, Failure)
    assert refused.reason == Reason.NOT_FOUND


@pytest.mark.parametrize("swap", [as_link, as_fifo, as_folder, as_linked_folder, gone])
def test_what_changes_before_its_frames_are_taken_is_not_found(
    tmp_path: Path, swap: Callable[[Path], None]
) -> None:
    write_clip(tmp_path / "secret.mp4", range(8))
    (tmp_path / "set").mkdir()
    path = write_clip(tmp_path / "set/a.mp4", range(8))
    taken = ingest(clip(path, keep="reference"), Store(str(tmp_path / "run/media")))
    assert isinstance(taken, Video)
    swap(path)
    refused = frames_of(taken.uri, tmp_path)
    assert isinstance(refused, Failure)
    assert refused.reason == Reason.NOT_FOUND


def test_links_in_the_runs_own_folder_are_followed(tmp_path: Path) -> None:
    """A folder of results may itself be reached by a link, and its clips moved to another disk."""
    (tmp_path / "real").mkdir()
    (tmp_path / "run").symlink_to("real")
    path = write_clip(tmp_path / "a.mp4", range(8))
    taken = ingest(clip(path), Layout(tmp_path / "run").media)
    assert isinstance(taken, Video)
    assert isinstance(frames_of(taken.uri, tmp_path), FrameSet)
    stored = tmp_path / "run" / taken.uri
    stored.rename(tmp_path / "elsewhere.mp4")
    stored.symlink_to(tmp_path / "elsewhere.mp4")
    assert isinstance(frames_of(taken.uri, tmp_path), FrameSet)


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null", "/dev/stdin"])
def test_a_device_is_no_clip(tmp_path: Path, device: str) -> None:
    for keep in ("copy", "reference"):
        refused = ingest(clip(Path(device), keep=keep), Store(str(tmp_path / "media")))
        assert isinstance(refused, Failure)
        assert refused.reason == Reason.NOT_FOUND


def test_a_clip_in_a_store_is_decoded_by_every_decoder(tmp_path: Path) -> None:
    """By a copy that has no name; messages speak of the address."""
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.pipe_file("/set/a.mp4", write_clip(tmp_path / "a.mp4", range(8)).read_bytes())
    fs.pipe_file("/set/b.mp4", b"<html>expired</html>")
    listed = ingest(clip("memory://set/a.mp4", keep="reference"), Store("memory://m"))
    assert isinstance(listed, Video)
    assert listed.uri == "memory://set/a.mp4"
    for decoder in DECODERS:
        taken = frames_of(listed.uri, tmp_path, decoder=decoder)
        assert isinstance(taken, FrameSet), taken
        assert taken.n_frames_in_clip == 8
    page = frames_of("memory://set/b.mp4", tmp_path)
    assert isinstance(page, Failure)
    assert page.message.startswith("memory://set/b.mp4: not a video file")
    absent = frames_of("memory://set/c.mp4", tmp_path)
    assert isinstance(absent, Failure)
    assert absent.reason == Reason.NOT_FOUND
