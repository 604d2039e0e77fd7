"""Clips that browsers do not play, and what stands for them: frames and times are those of the clip."""

import dataclasses
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import number_in, remux, write_clip, write_sound, write_webp, zero_delays

from pipeline.media.browsers.encode import Task, look
from pipeline.media.browsers.header import is_plain
from pipeline.media.browsers.preview import Preview
from pipeline.media.options import FramesOptions
from pipeline.report.media import Media
from pipeline.report.previews import make
from pipeline.report.previews.kept import FOLDER, LIST, path_of
from pipeline.report.previews.make import Making, Source, make_previews
from schemas.ids import sha256_hex
from schemas.layout import Layout

N = 6
HIGH_444 = {"pix_fmt": "yuv444p"}
TEN_BITS = {"pix_fmt": "yuv420p10le"}
KINDS: dict[str, tuple[str, dict[str, object], str]] = {
    "ten_bits.mp4": ("libx264", TEN_BITS, "10-bit H.264"),
    "full_colour.mp4": ("libx264", HIGH_444, "4:4:4 H.264"),
    "hevc.mp4": ("libx265", {"coding": {"x265-params": "log-level=none"}}, "HEVC"),
    "old.mp4": ("mpeg4", {}, "MPEG-4 part 2"),
    "dvd.mpeg": ("mpeg2video", {"rate": 25}, "MPEG-2"),
    "matroska.mkv": ("libx264", {}, "H.264 in .mkv"),
    "pictures.avi": ("mjpeg", {"pix_fmt": "yuvj420p"}, "Motion JPEG"),
    "studio.mov": ("prores_ks", {"pix_fmt": "yuv422p10le"}, "ProRes"),
    "moving.gif": ("gif", {}, "GIF as video"),
}


def clip(folder: Path, name: str) -> Path:
    codec, how, _ = KINDS[name]
    return write_clip(folder / name, range(N), codec=codec, **how)  # type: ignore[arg-type]


def looked_at(path: Path, **limits: float) -> tuple[Preview, Path]:
    target = path.with_name(f"preview of {path.name}.mp4")
    options = FramesOptions(**limits)  # type: ignore[arg-type]
    task = Task(path=str(path), suffix=path.suffix, target=str(target), limits=options)
    return look(task), target


def shown(preview: Path) -> tuple[list[int], list[float], float]:
    """Numbers of the frames, when each is shown, and when the last one ends, as players see them."""
    numbers, times = [], []
    with av.open(str(preview)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert len(container.streams) == 1
        assert stream.duration is not None
        assert stream.time_base is not None
        end = float(stream.duration * stream.time_base)
        for frame in container.decode(stream):
            numbers.append(number_in(frame.to_ndarray(format="rgb24")))
            times.append(round(float(frame.time or 0.0), 3))
    return numbers, times, round(end, 3)


# what is in a file


@pytest.mark.parametrize("name", KINDS)
def test_a_preview_shows_every_frame_at_its_time(tmp_path: Path, name: str) -> None:
    """Frames carry their numbers. At 8 a second: 0, 0.125, ..; GIF counts hundredths of a second, and
    its encoder writes 0.13, 0.12, .. in turn; MPEG-2 knows 25 a second alone."""
    path = clip(tmp_path, name)
    assert not is_plain(path)
    preview, target = looked_at(path)
    assert (preview.what, preview.made, preview.why) == (KINDS[name][2], True, "")
    assert is_plain(target)
    numbers, times, end = shown(target)
    step = 0.04 if name == "dvd.mpeg" else 0.125
    assert numbers == list(range(N))
    assert times == pytest.approx([n * step for n in range(N)], abs=0.0051)
    assert end == pytest.approx(N * step, abs=0.0151)
    assert preview.shown_s == pytest.approx(end, abs=0.001)
    assert preview.note == f"preview, 128 px: browsers do not play {KINDS[name][2]}"


def test_what_browsers_play_is_told_by_the_header(tmp_path: Path) -> None:
    h264 = write_clip(tmp_path / "a.mp4", range(N))
    assert is_plain(h264)
    assert is_plain(write_clip(tmp_path / "a.mov", range(N)))
    assert is_plain(
        write_clip(tmp_path / "moof.mp4", range(N), options={"movflags": "frag_keyframe"})
    )
    assert is_plain(write_clip(tmp_path / "vp9.mp4", range(N), codec="libvpx-vp9", b_frames=0))
    data = h264.read_bytes()
    for name, odd in {
        "named.avi": data,
        "cut.mp4": data[: len(data) // 2],
        "text.mp4": b"<html>",
        "empty.mp4": b"",
        "encrypted.mp4": data.replace(b"avc1", b"encv"),
        "sound only.mp4": data.replace(b"vide", b"soun"),
    }.items():
        (tmp_path / name).write_bytes(odd)
        assert not is_plain(tmp_path / name), name
    with pytest.raises(FileNotFoundError):
        is_plain(tmp_path / "lost.mp4")


def test_no_byte_of_a_header_that_is_changed_ends_the_reading(tmp_path: Path) -> None:
    """Sizes that lie, boxes within boxes that end too early: the answer may be either, never an error."""
    data = bytearray(write_clip(tmp_path / "a.mp4", range(2)).read_bytes())
    start, generator = data.index(b"moov") - 4, np.random.default_rng(0)
    odd = tmp_path / "odd.mp4"
    for at in range(start, len(data), 3):
        changed = data.copy()
        changed[at] = int(generator.choice([0, 1, 127, 255]))
        odd.write_bytes(changed)
        assert is_plain(odd) in (True, False)


def test_webm_is_played_unless_it_is_not(tmp_path: Path) -> None:
    """Matroska under the name of WebM, 4:4:4, and WebM under another name have previews."""
    webm = write_clip(tmp_path / "a.webm", range(N), codec="libvpx-vp9", b_frames=0)
    assert looked_at(webm)[0].plays
    other = tmp_path / "a.mkv"
    other.write_bytes(webm.read_bytes())
    assert looked_at(other)[0].what == "VP9 in .mkv"
    mkv = write_clip(tmp_path / "b.mkv", range(N), codec="libvpx", b_frames=0)
    mkv.rename(tmp_path / "b.webm")
    assert looked_at(tmp_path / "b.webm")[0].made
    full = write_clip(tmp_path / "c.webm", range(N), codec="libvpx-vp9", **HIGH_444)
    assert looked_at(full)[0].what == "4:4:4 VP9"


# times and sizes


def test_a_gif_without_delays_has_ten_frames_a_second(tmp_path: Path) -> None:
    preview, target = looked_at(zero_delays(clip(tmp_path, "moving.gif")))
    numbers, times, end = shown(target)
    assert numbers == list(range(N))
    assert (times, end) == ([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], 0.6)
    assert (preview.shown_s, preview.clip_s) == (0.6, 0.6)


def test_an_animated_webp_keeps_its_delays(tmp_path: Path) -> None:
    preview, target = looked_at(write_webp(tmp_path / "a.webp", range(N), ms=40))
    assert preview.what == "animated WebP as video"
    assert shown(target) == (list(range(N)), [0.0, 0.04, 0.08, 0.12, 0.16, 0.2], 0.24)


def test_frames_of_odd_lengths_stay_so(tmp_path: Path) -> None:
    """Milliseconds in the file; the last one lasts as long as the others on average, 700 / 4."""
    pts = [0, 30, 400, 410, 700]
    path = write_clip(tmp_path / "a.mkv", range(5), pts=pts, codec="mpeg4")
    numbers, times, _ = shown(looked_at(path)[1])
    assert numbers == list(range(5))
    assert times == [0.0, 0.03, 0.4, 0.41, 0.7]


def test_a_long_clip_is_cut_and_says_so(tmp_path: Path) -> None:
    """30 s at 2 a second: 40 frames are shown before second 20."""
    path = write_clip(tmp_path / "a.avi", range(60), codec="mpeg4", rate=2)
    preview, target = looked_at(path)
    numbers, _, end = shown(target)
    assert (numbers, end) == (list(range(40)), 20.0)
    assert preview.note == (
        "preview, 128 px, the first 20 s of 30 s: browsers do not play MPEG-4 part 2"
    )


@pytest.mark.parametrize(
    ("size", "aspect", "expected"),
    [
        ((960, 540), None, (480, 270)),
        ((100, 62), None, (100, 62)),  # nothing is enlarged
        ((62, 1000), None, (30, 480)),  # 62 x 480 / 1000 = 29.8
        ((128, 96), Fraction(2), (256, 96)),  # pixels twice as wide as high
        ((128, 96), Fraction(1, 2), (128, 192)),
    ],
)
def test_sizes(
    tmp_path: Path, size: tuple[int, int], aspect: Fraction | None, expected: tuple[int, int]
) -> None:
    path = write_clip(tmp_path / "a.mkv", range(2), size=size, aspect=aspect, codec="mpeg4")
    with av.open(str(looked_at(path)[1])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == expected
        assert stream.sample_aspect_ratio in (None, 0, 1)


@pytest.mark.parametrize(("aspect", "expected"), [(None, (64, 128)), (Fraction(2), (64, 256))])
def test_a_turned_clip_is_turned(
    tmp_path: Path, aspect: Fraction | None, expected: tuple[int, int]
) -> None:
    """128 x 64, a quarter turn: 64 x 128; pixels twice as wide are then twice as high."""
    options = {"aspect": aspect} if aspect else {}
    lying = write_clip(tmp_path / "lying.mp4", range(2), **TEN_BITS, **options)
    path = remux(lying, tmp_path / "a.mp4", "-display_rotation", "90")
    with av.open(str(looked_at(path)[1])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == expected
        frame = next(container.decode(stream))
        assert frame.rotation == 0


def noise(path: Path) -> Path:
    """4 s that no encoder makes small."""
    generator = np.random.default_rng(1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 480, 360, "yuvj420p"
        for _ in range(100):
            picture = generator.integers(0, 255, (360, 480, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def test_noise_has_a_size_that_is_bounded(tmp_path: Path) -> None:
    """1.2 Mbit a second are 600 kB in 4 s, and a buffer of 150 kB."""
    path = noise(tmp_path / "a.avi")
    assert path.stat().st_size > 3_000_000
    preview, target = looked_at(path)
    assert preview.made
    assert target.stat().st_size < 800_000


# what has none


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.avi", b"no clip", "not a video file"),
        ("a.gif", b"GIF89a" + b"\0" * 50, "no decoder could read it"),
        ("a.mkv", b"\x1a\x45\xdf\xa3" + b"\0" * 50, "no decoder could read it"),
    ],
)
def test_a_broken_clip_has_a_reason(tmp_path: Path, name: str, data: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(data)
    preview, _ = looked_at(tmp_path / name)
    assert not preview.made
    assert why in preview.why
    assert str(tmp_path) not in preview.reason
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_what_cannot_be_written_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gif, report = source(clip(tmp_path, "moving.gif")), tmp_path / "report"
    in_the_way = tmp_path / "folder" / "file"
    in_the_way.mkdir(parents=True)  # no file takes the place of a folder
    task = Task(path=str(gif.path), suffix=".gif", target=str(in_the_way), limits=FramesOptions())
    failed = look(task)
    assert "its preview could not be written: Is a directory" in failed.why
    assert [path.name for path in in_the_way.parent.iterdir()] == [in_the_way.name]
    monkeypatch.setattr(make, "_looked_at", lambda *given: iter([(gif, failed)]))
    assert make_previews(report, [gif], Making()) == {gif.sha256: failed}
    monkeypatch.setattr(make, "_looked_at", here)
    assert make_previews(report, [gif], Making())[gif.sha256].made


def test_limits_hold(tmp_path: Path) -> None:
    path = clip(tmp_path, "moving.gif")
    assert "frames.max_frames" in looked_at(path, max_frames=N - 1)[0].why
    assert "frames.max_bytes" in looked_at(path, max_bytes=128)[0].why
    assert "no video stream" in looked_at(write_sound(tmp_path / "sound.mp4"))[0].why


# many, and again


def source(path: Path) -> Source:
    return Source(path=path, sha256=sha256_hex(path.read_bytes()))


def files_of(folder: Path) -> set[str]:
    return {path.name for path in (folder / FOLDER).rglob("*") if path.is_file()}


def here(
    folder: Path, sources: Sequence[Source], making: Making
) -> Iterator[tuple[Source, Preview]]:
    """What children do, without children: they take seconds to start."""
    for one in sources:
        yield one, look(make._task(Task, folder, one, making))


@pytest.fixture
def childless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make, "_looked_at", here)


def test_previews_are_made_once_and_go_with_their_clips(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = write_clip(tmp_path / "a.mp4", range(N))
    gif, avi = clip(tmp_path, "moving.gif"), clip(tmp_path, "pictures.avi")
    (tmp_path / "broken.mkv").write_bytes(b"no clip")
    sources = [source(path) for path in (plain, gif, avi, tmp_path / "broken.mkv")]
    lost = Source(path=tmp_path / "lost.gif", sha256="0" * 64)
    failed = dataclasses.replace(source(clip(tmp_path, "old.mp4")), fault="undecodable")
    first, second = tmp_path / "first", tmp_path / "second"
    making = Making(processes=2)
    found = make_previews(first, [*sources, lost, failed], making)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "previews: 2 made of clips that browsers do not play, 1 clips that none could be made of"
    )
    states = {s.path.name: found[s.sha256].made for s in (*sources[1:], failed)}
    assert states == {
        "moving.gif": True,
        "pictures.avi": True,
        "broken.mkv": False,
        "old.mp4": False,
    }
    assert set(found) == {s.sha256 for s in (*sources[1:], failed)}
    assert found[failed.sha256].reason == (
        "browsers do not play this .mp4, and no frames could be taken of it: undecodable"
    )
    names = {f"{source(path).sha256}.mp4" for path in (gif, avi)}
    assert files_of(first) == {LIST, *names}

    monkeypatch.setattr(make, "_looked_at", None)  # whoever asks a child now fails
    again = make_previews(second, sources, making, former=[first])
    assert {d: again[d] for d in again} == {s.sha256: found[s.sha256] for s in sources[1:]}
    assert path_of(second, source(gif).sha256).samefile(path_of(first, source(gif).sha256))
    # without the clip neither the preview nor a word about it
    make_previews(second, [source(gif)], making, former=[first])
    assert files_of(second) == {LIST, f"{source(gif).sha256}.mp4"}
    assert source(avi).sha256 not in (second / FOLDER / LIST).read_text()
    # but for a page that knows of some of a folder's clips only
    make_previews(first, [source(avi)], making, others=True)
    assert files_of(first) == {LIST, *names}
    assert source(gif).sha256 in (first / FOLDER / LIST).read_text()
    make_previews(first, [], making)
    assert files_of(first) == set()


def test_a_clip_that_takes_too_long_is_ended_and_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """100 frames of noise take longer than 0.15 s, the GIF a tenth of that."""
    slow, gif = source(noise(tmp_path / "a.avi")), source(clip(tmp_path, "moving.gif"))
    hasty = Making(limits=FramesOptions(timeout_s=0.05), processes=1)
    found = make_previews(tmp_path / "report", [slow, gif], hasty)
    assert "within 0.15 s (3 times frames.timeout_s)" in found[slow.sha256].reason
    assert found[gif.sha256].made  # by the next child
    assert files_of(tmp_path / "report") == {LIST, f"{gif.sha256}.mp4"}
    with monkeypatch.context() as patched:
        patched.setattr(make, "_looked_at", None)
        assert make_previews(tmp_path / "report", [slow, gif], hasty) == found
    monkeypatch.setattr(make, "_looked_at", here)
    patient = make_previews(tmp_path / "report", [slow], Making(processes=1))
    assert patient[slow.sha256].made


def test_none_are_begun_when_the_time_is_up_and_the_next_report_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gif = source(clip(tmp_path, "moving.gif"))
    found = make_previews(tmp_path / "report", [gif], Making(minutes=1e-9))
    assert "report.preview_minutes = 1e-09; draw the report again" in found[gif.sha256].reason
    assert "1 left for the next `videoprefer report DIR`" in capsys.readouterr().err
    monkeypatch.setattr(make, "_looked_at", here)
    assert make_previews(tmp_path / "report", [gif], Making())[gif.sha256].made


def test_without_previews_pages_say_what_a_clip_is(tmp_path: Path, childless: None) -> None:
    webm = source(write_clip(tmp_path / "a.webm", range(N), codec="libvpx-vp9", b_frames=0))
    gif, report = source(clip(tmp_path, "moving.gif")), tmp_path / "report"
    making = Making(encode=False)
    found = make_previews(report, [gif, webm], making)
    media = Media(layout=Layout(tmp_path), folder=report, previews=found)
    shown = media.clip({"uri": "moving.gif", "sha256": gif.sha256})
    assert (shown.url, shown.preview) == (None, False)
    assert shown.why == "browsers do not play GIF as video, and previews are left out by option"
    played = media.clip({"uri": "a.webm", "sha256": webm.sha256})
    assert (played.url, played.preview, played.note) == ("../a.webm", False, "")
    assert files_of(report) == {LIST}
    # what was found out then does not stand in the way of a preview
    found = make_previews(report, [gif, webm], Making())
    assert found[gif.sha256].made
    shown = dataclasses.replace(media, previews=found).clip({"uri": "moving.gif", "sha256": None})
    assert shown.url == f"previews/{gif.sha256[:2]}/{gif.sha256}.mp4"
    assert (report / (shown.url or "")).is_file()
    assert shown.preview
    # and a preview that there is goes where none are wanted
    make_previews(report, [gif, webm], making)
    assert files_of(report) == {LIST}


def test_a_list_that_is_damaged_or_not_ours_is_none(tmp_path: Path, childless: None) -> None:
    gif, report = source(clip(tmp_path, "moving.gif")), tmp_path / "report"
    made = make_previews(report, [gif], Making())
    whole = (report / FOLDER / LIST).read_text()
    for odd in ("", "[]", "{}", "null", whole[:-5], whole.replace('"recipe": 1', '"recipe": 0'),
                whole.replace('"why"', '"another"')):  # fmt: skip
        (report / FOLDER / LIST).write_text(odd)
        path_of(report, gif.sha256).write_bytes(b"whatever lies there")
        assert make_previews(report, [gif], Making()) == made
        assert is_plain(path_of(report, gif.sha256))
    path_of(report, gif.sha256).unlink()  # the list, and no file
    assert make_previews(report, [gif], Making()) == made
    assert is_plain(path_of(report, gif.sha256))
