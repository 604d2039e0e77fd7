"""Clips given as pictures: put together without encoding, and decoded as what they were."""

import functools
import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import draw, number_in
from PIL import Image

from pipeline.media.avi import avi
from pipeline.media.decode import decode
from pipeline.media.decoded import Rgb
from pipeline.media.decoders.mjpeg import has_picture
from pipeline.media.errors import MediaError
from pipeline.media.ingest import ingest
from pipeline.media.options import FramesOptions
from pipeline.media.pictures import read_pictures
from pipeline.media.timeline import uniform
from schemas import Clip, Failure, Reason, Video
from schemas.ids import sha256_hex
from schemas.store import Store

OPTIONS = FramesOptions()


def picture(number: int, kind: str, mode: str = "RGB", size: tuple[int, int] = (64, 32)) -> bytes:
    data = io.BytesIO()
    image = Image.fromarray(draw(number, *size)).convert(mode)
    image.save(data, kind, **({"quality": 95} if kind == "JPEG" else {}))
    return data.getvalue()


def folder_of(folder: Path, pictures: list[bytes]) -> tuple[str, list[str]]:
    folder.mkdir(exist_ok=True)
    for i, data in enumerate(pictures):
        (folder / f"{i:03}.jpg").write_bytes(data)
    return str(folder), [f"{i:03}.jpg" for i in range(len(pictures))]


def as_pillow(data: bytes) -> Rgb:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("decoder", ["pyav", "ffmpeg"])
@pytest.mark.parametrize(
    ("kind", "mode"),
    [("JPEG", "RGB"), ("JPEG", "L"), ("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P")],
)
def test_decoding_gives_the_pictures_and_their_times(
    tmp_path: Path, decoder: str, kind: str, mode: str
) -> None:
    """Frame i is picture i, shown at i / rate seconds, by every decoder."""
    numbers = [3, 250, 77, 128, 9]
    made = [picture(n, kind, mode) for n in numbers]
    folder, names = folder_of(tmp_path / "p", made)
    path = tmp_path / "a.avi"
    path.write_bytes(read_pictures(folder, names, 24000 / 1001, OPTIONS))
    decoded = decode(
        str(path), FramesOptions(decoder=decoder), lambda f: tuple(range(f.n)), np.copy
    )  # fmt: skip
    assert decoded.indices == (0, 1, 2, 3, 4)
    assert [number_in(rgb) for rgb in decoded.taken] == numbers
    times = [round(i * 1001 / 24000, 6) for i in range(5)]
    assert list(decoded.timeline.times_s(range(5))) == pytest.approx(times, abs=2e-6)
    assert (decoded.width_px, decoded.height_px, decoded.lost) == (64, 32, 0)
    for rgb, data in zip(decoded.taken, made, strict=True):
        difference = np.abs(rgb.astype(int) - as_pillow(data))
        # PNG: the very pixels. JPEG: two implementations of its inverse transform and colours.
        assert difference.max() <= (0 if kind == "PNG" else 3)


def test_the_file_holds_the_bytes_of_the_pictures(tmp_path: Path) -> None:
    made = [picture(n, "JPEG") for n in range(3)]
    data = read_pictures(*folder_of(tmp_path / "p", made), 8.0, OPTIONS)
    with av.open(io.BytesIO(data)) as opened:
        stream = opened.streams.video[0]
        packets = [packet for packet in opened.demux(stream) if packet.size]
        assert [bytes(p) for p in packets] == made
        assert (stream.average_rate, stream.time_base) == (8, Fraction(1, 8))
        assert [(p.pts, p.duration, p.is_keyframe) for p in packets] == [
            (0, 1, True), (1, 1, True), (2, 1, True)
        ]  # fmt: skip
    again = read_pictures(*folder_of(tmp_path / "q", made), 8.0, OPTIONS)
    assert again == data


def test_the_layout_of_the_file() -> None:
    """Sizes and offsets by the AVI reference: each chunk's length leads to the next."""
    data = avi([b"abc", b"de"], b"MJPG", 4, 2, Fraction(25))
    riff, size, kind = struct.unpack_from("<4sI4s", data)
    assert (riff, size, kind) == (b"RIFF", len(data) - 8, b"AVI ")
    at, chunks = 12, []
    while at < len(data):
        name, length = struct.unpack_from("<4sI", data, at)
        chunks.append((name, data[at + 8 : at + 8 + length]))
        at += 8 + length + length % 2
    assert [name for name, _ in chunks] == [b"LIST", b"LIST", b"idx1"]
    movie, index = chunks[1][1], chunks[2][1]
    # "movi", then an even number of bytes for each: 8 + 3 + 1, 8 + 2
    assert movie == b"movi00dc\3\0\0\0abc\0" + b"00dc\2\0\0\0de"
    assert [struct.unpack_from("<4sIII", index, 16 * i) for i in range(2)] == [
        (b"00dc", 0x10, 4, 3), (b"00dc", 0x10, 16, 2)
    ]  # fmt: skip
    for offset, length, picture_ in ((4, 3, b"abc"), (16, 2, b"de")):
        assert movie[offset + 8 : offset + 8 + length] == picture_


def test_a_packet_without_a_picture_is_no_frame(tmp_path: Path) -> None:
    """FFmpeg would show what an earlier frame left in memory: here 3, or 1, in place of 2."""
    made = [picture(n, "JPEG") for n in range(5)]
    made[2] = made[2][:2] + made[2][-2:] + made[2][4:]  # its end stands before its picture
    made[4] = b"\0" + made[4]
    path = tmp_path / "a.avi"
    path.write_bytes(avi(made, b"MJPG", 64, 32, Fraction(8)))
    decoded = decode(str(path), OPTIONS, lambda f: tuple(range(f.n)), number_in)
    assert (decoded.taken, decoded.lost) == ((0, 1, 3), 2)
    assert decoded.timeline.times_s((0, 1, 2)) == (0.0, 0.125, 0.375)
    for decoder in ("ffmpeg", "decord"):
        with pytest.raises(MediaError, match=r"a damaged file|cannot be decoded") as caught:
            decode(str(path), FramesOptions(decoder=decoder), lambda f: (0, f.n - 1), number_in)
        assert caught.value.reason == Reason.WRONG_DECODER


@pytest.mark.parametrize(
    ("data", "holds"),
    [
        (b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xda\0\2", True),  # a segment, a fill byte, a scan
        (b"\xff\xd8\xff\xd0\xff\xda\0\2", True),
        (b"\xff\xd8\xff\xe0\0\x40ab\xff\xda\0\2", False),  # the segment leads beyond the end
        (b"\xff\xd8\xff\xd9\xff\xda\0\2", False),
        (b"\xff\xd8\xff\xe0\0\0\0\0", False),
        (b"\xff\xd8", False),
        (b"", False),
    ],
)
def test_where_a_picture_begins(data: bytes, holds: bool) -> None:
    assert has_picture(data) == has_picture(memoryview(data)) == holds


def turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = io.BytesIO()
    Image.fromarray(draw(1, 64, 32)).save(data, "JPEG", exif=exif)
    return data.getvalue()


def claiming(side: int) -> bytes:
    """A PNG whose header says it is ``side`` pixels wide and high."""
    data = bytearray(picture(1, "PNG"))
    struct.pack_into(">II", data, 16, side, side)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


GOOD = picture(1, "JPEG")
BAD = {
    "cut": (GOOD[:-30], Reason.UNDECODABLE, "truncated"),
    "cut in its header": (GOOD[:100], Reason.UNDECODABLE, "truncated"),
    "empty": (b"", Reason.UNDECODABLE, "empty"),
    "other size": (picture(1, "JPEG", size=(32, 32)), Reason.UNDECODABLE, "32 x 32, while"),
    "other kind": (picture(1, "PNG"), Reason.UNDECODABLE, "PNG, 64 x 32, while"),
    "gif": (picture(1, "GIF"), Reason.UNDECODABLE, "neither a JPEG nor a PNG"),
    "cmyk": (picture(1, "JPEG", "CMYK"), Reason.UNDECODABLE, "CMYK"),
    "turned": (turned(), Reason.UNDECODABLE, "turn it"),
    "noise": (GOOD[:2] + b"\xff" + bytes(range(200)), Reason.UNDECODABLE, "cannot"),
    "bomb": (claiming(60_000), Reason.TOO_LARGE, "pixels"),
    "playlist": (b"ffconcat version 1.0\nfile /etc/passwd", Reason.UNDECODABLE, "neither"),
    "huge": (picture(1, "JPEG", size=(640, 640)), Reason.TOO_LARGE, "frames.max_pixels"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_picture_that_does_not_fit_is_named(tmp_path: Path, name: str) -> None:
    data, reason, says = BAD[name]
    folder, names = folder_of(tmp_path / "p", [GOOD, GOOD, data])
    with pytest.raises(MediaError, match=r"002\.jpg: ") as caught:
        read_pictures(folder, names, 8.0, FramesOptions(max_pixels=640 * 320))
    assert (caught.value.reason, says in caught.value.message) == (reason, True), caught.value


def test_limits_hold_for_all_pictures_together(tmp_path: Path) -> None:
    folder, names = folder_of(tmp_path / "p", [GOOD] * 4)
    read_pictures(folder, names, 8.0, FramesOptions(max_bytes=4 * len(GOOD), max_frames=4))
    for options, says in (
        (
            FramesOptions(max_bytes=4 * len(GOOD) - 1),
            "pictures together: more than frames.max_bytes",
        ),
        (FramesOptions(max_frames=3), "4 pictures, and frames.max_frames is 3"),
    ):
        with pytest.raises(MediaError, match=says) as caught:
            read_pictures(folder, names, 8.0, options)
        assert caught.value.reason == Reason.TOO_LARGE


def test_a_picture_that_is_missing_or_was_made_a_link(tmp_path: Path) -> None:
    folder, names = folder_of(tmp_path / "p", [GOOD] * 2)
    (tmp_path / "secret.jpg").write_bytes(GOOD)
    (tmp_path / "p/002.jpg").symlink_to(tmp_path / "secret.jpg")
    for name in ("002.jpg", "003.jpg"):
        with pytest.raises(MediaError, match=name) as caught:
            read_pictures(folder, [*names, name], 8.0, OPTIONS)
        assert caught.value.reason == Reason.NOT_FOUND


def clip(folder: str, names: list[str], **fields: object) -> Clip:
    plain = {"video_id": "v1", "prompt_id": "p1", "prompt": "a red ball", "generator": "g",
             "source": "m", "path": folder, "frame_files": tuple(names), "frame_rate": 8.0}  # fmt: skip
    return Clip(**{**plain, **fields})


def test_a_clip_of_pictures_is_stored_like_any_other(tmp_path: Path) -> None:
    media = Store(str(tmp_path / "media"))
    folder, names = folder_of(tmp_path / "p", [picture(n, "JPEG") for n in (5, 6, 7)])
    video = ingest(clip(folder, names), media)
    assert isinstance(video, Video), video
    data = (tmp_path / video.uri).read_bytes()
    assert video.uri.endswith(f"{sha256_hex(data)}.avi")
    choose = functools.partial(lambda f: uniform(f.n, 2))
    decoded = decode(str(tmp_path / video.uri), OPTIONS, choose, number_in)
    assert (decoded.taken, decoded.timeline.fps) == ((5, 7), 8.0)
    broken = ingest(clip(folder, [*names, "999.jpg"]), media)
    assert isinstance(broken, Failure)
    assert (broken.reason, "999.jpg" in broken.message) == (Reason.NOT_FOUND, True)
    with pytest.raises(ValueError, match="only copied"):
        ingest(clip(folder, names, keep="reference"), media)


def test_pictures_in_a_store(tmp_path: Path) -> None:
    import fsspec

    fs = fsspec.filesystem("memory")
    fs.pipe_file("/shots/1.png", picture(9, "PNG"))
    fs.pipe_file("/shots/2.png", picture(8, "PNG"))
    data = read_pictures("memory://shots", ["2.png", "1.png"], 2.0, OPTIONS)
    (tmp_path / "a.avi").write_bytes(data)
    decoded = decode(str(tmp_path / "a.avi"), OPTIONS, lambda f: (0, 1), number_in)
    assert decoded.taken == (8, 9)
    assert decoded.timeline.times_s((0, 1)) == (0.0, 0.5)
