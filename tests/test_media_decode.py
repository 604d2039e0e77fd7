"""The right frames out of every kind of file, and a typed failure out of every other."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import number_in, remux, write_clip, write_sound, zero_delays

from pipeline.media.decode import decode
from pipeline.media.decoded import Decoded
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas import Reason

BOTH = ("pyav", "ffmpeg")
CHOOSE = policy_of(FramesOptions(count=8), "")


def numbers(path: Path, **options: object) -> Decoded[int]:
    """The numbers coded into the frames that are taken."""
    return decode(str(path), FramesOptions(**options), CHOOSE, number_in)


def refusal(path: Path, **options: object) -> MediaError:
    with pytest.raises(MediaError) as caught:
        numbers(path, **options)
    assert str(path) in caught.value.message
    return caught.value


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize(
    ("name", "codec", "gop", "b_frames"),
    [
        ("one_gop.mp4", "libx264", 250, 2),
        ("short_gops.mp4", "libx264", 6, 3),
        ("intra.mp4", "libx264", 1, 0),
        ("b.mkv", "libx264", 12, 3),
        ("stream.ts", "libx264", 12, 2),
        ("hevc.mp4", "hevc", 12, 2),
        ("a.webm", "libvpx-vp9", 12, 0),
        ("a.mpg", "mpeg2video", 12, 0),
        ("a.avi", "mpeg4", 12, 0),
    ],
)
def test_the_right_frames(
    tmp_path: Path, decoder: str, name: str, codec: str, gop: int, b_frames: int
) -> None:
    if codec == "hevc":
        codec = "libx265"
    clip = write_clip(tmp_path / name, range(60), codec=codec, gop=gop, b_frames=b_frames, rate=25)
    decoded = numbers(clip, decoder=decoder)
    # 59 / 7 = 8.43: 0, 8.43, 16.86, 25.29, 33.71, 42.14, 50.57, 59
    assert decoded.indices == (0, 8, 17, 25, 34, 42, 51, 59)
    assert decoded.taken == decoded.indices
    assert len(decoded.timeline.pts) == 60
    assert decoded.timeline.times_s(decoded.indices) == tuple(i / 25 for i in decoded.indices)
    assert decoded.timeline.fps == 25.0
    assert (decoded.width_px, decoded.height_px, decoded.lost) == (128, 64, 0)
    assert decoded.decoder == {"pyav": "pyav-index", "ffmpeg": "ffmpeg"}[decoder]


@pytest.mark.parametrize("decoder", BOTH)
def test_variable_frame_rate_is_sampled_by_number(tmp_path: Path, decoder: str) -> None:
    times = [10 * i * i for i in range(20)]  # milliseconds
    decoded = numbers(write_clip(tmp_path / "v.mp4", range(20), pts=times), decoder=decoder)
    assert decoded.taken == decoded.indices == (0, 3, 5, 8, 11, 14, 16, 19)
    assert decoded.timeline.times_s(decoded.indices) == (
        0.0, 0.09, 0.25, 0.64, 1.21, 1.96, 2.56, 3.61,
    )  # fmt: skip


@pytest.mark.parametrize("decoder", BOTH)
def test_a_clip_of_one_frame(tmp_path: Path, decoder: str) -> None:
    decoded = numbers(write_clip(tmp_path / "one.mp4", [77]), decoder=decoder)
    assert (decoded.indices, decoded.taken, decoded.timeline.fps) == ((0,), (77,), None)


@pytest.mark.parametrize("decoder", BOTH)
def test_a_gif_with_zero_delays_has_frames_but_no_times(tmp_path: Path, decoder: str) -> None:
    gif = zero_delays(write_clip(tmp_path / "z.gif", range(10), codec="gif"))
    decoded = numbers(gif, decoder=decoder)
    assert decoded.taken == decoded.indices == (0, 1, 3, 4, 5, 6, 8, 9)
    assert set(decoded.timeline.times_s(decoded.indices)) == {None}
    assert (decoded.timeline.fps, decoded.timeline.duration_s) == (None, None)


def test_a_gif_with_delays_has_times(tmp_path: Path) -> None:
    decoded = numbers(write_clip(tmp_path / "a.gif", range(10), codec="gif", rate=10))
    assert decoded.timeline.times_s((0, 1, 9)) == (0.0, 0.1, 0.9)


@pytest.mark.parametrize("decoder", BOTH)
@pytest.mark.parametrize(("angle", "turns"), [(90, 1), (-90, 3), (180, 2)])
def test_rotation_is_applied(tmp_path: Path, decoder: str, angle: int, turns: int) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(16))
    turned = remux(clip, tmp_path / "r.mp4", "-display_rotation", str(angle))
    decoded = decode(str(turned), FramesOptions(decoder=decoder), CHOOSE,
                     lambda rgb: number_in(np.rot90(rgb, -turns)))  # fmt: skip
    assert decoded.taken == decoded.indices
    size = (128, 64) if angle == 180 else (64, 128)
    assert (decoded.width_px, decoded.height_px) == size


def test_a_mirrored_picture_is_left_to_the_program(tmp_path: Path) -> None:
    mirrored = remux(write_clip(tmp_path / "a.mp4", range(16)), tmp_path / "m.mp4",
                     "-display_hflip")  # fmt: skip
    decoded = decode(str(mirrored), FramesOptions(), CHOOSE, lambda rgb: number_in(rgb[:, ::-1]))
    assert (decoded.decoder, decoded.taken) == ("ffmpeg", decoded.indices)


@pytest.mark.parametrize("decoder", BOTH)
def test_frames_hidden_by_an_edit_list_are_not_counted(tmp_path: Path, decoder: str) -> None:
    # Cut at 2.0 s without re-encoding: the file keeps frames from the keyframe at 1.2 s on, and an
    # edit list says that the first eight of them are not shown. Frames 20 to 59 remain.
    clip = write_clip(tmp_path / "a.mp4", range(60), rate=10, gop=12)
    cut = remux(clip, tmp_path / "cut.mp4", "-ss", "2.0")
    decoded = numbers(cut, decoder=decoder)
    assert len(decoded.timeline.pts) == 40
    assert decoded.taken == tuple(20 + i for i in decoded.indices)


def wipe_frame(clip: Path, number: int) -> None:
    """Write zeros over the bytes of one frame."""
    with av.open(str(clip)) as container:
        packet = [p for p in container.demux(video=0) if p.size][number]
        start, size = packet.pos or 0, packet.size
    data = bytearray(clip.read_bytes())
    data[start : start + size] = bytes(size)
    clip.write_bytes(data)


def test_a_lost_frame_is_left_out_and_none_takes_its_place(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20), gop=1, b_frames=0)
    wipe_frame(clip, 8)  # 19 / 7 = 2.71: frames 0, 3, 5, 8, ... are wanted
    decoded = numbers(clip)
    kept = [i for i in range(20) if i != 8]
    assert (decoded.decoder, decoded.lost) == ("pyav-sequential", 1)
    assert len(decoded.timeline.pts) == 19
    assert decoded.indices == (0, 3, 5, 8, 10, 13, 15, 18)  # 18 / 7 = 2.57
    assert decoded.taken == tuple(kept[i] for i in decoded.indices)
    assert decoded.timeline.times_s((7, 8)) == (0.875, 1.125)  # 7 / 8 and 9 / 8 seconds


def test_a_lost_frame_that_nobody_wants_does_no_harm(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20), gop=1, b_frames=0)
    wipe_frame(clip, 9)
    decoded = numbers(clip)
    assert decoded.taken == decoded.indices == (0, 3, 5, 8, 11, 14, 16, 19)


def test_damage_that_is_told_in_the_log_alone_is_heard(tmp_path: Path) -> None:
    """FFmpeg's GIF decoder shows what it has of a damaged picture, and complains."""
    clip = write_clip(tmp_path / "a.gif", range(20), codec="gif")
    with av.open(str(clip)) as container:
        packet = [p for p in container.demux(video=0) if p.size][12]
    data = bytearray(clip.read_bytes())
    at = data.index(bytes(packet)[-40:])
    data[at + 8 : at + 24] = bytes(16)
    clip.write_bytes(data)
    decoded = decode(str(clip), FramesOptions(), lambda f: tuple(range(f.n)), number_in)
    assert decoded.lost > 0
    assert decoded.taken[:12] == tuple(range(12))
    assert set(decoded.taken) <= set(range(20))


@pytest.mark.parametrize("policy", ["uniform", "key_frames", "segment_centres"])
def test_parts_that_overlap_in_time_are_numbered_alike_by_every_policy(
    tmp_path: Path, policy: str
) -> None:
    """Two clips one behind the other, the second of which begins before the first has ended."""
    parts = [
        write_clip(tmp_path / "a.ts", range(30), rate=10),
        write_clip(tmp_path / "b.ts", range(100, 130), rate=25),
    ]
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))
    clip = str(remux(joined, tmp_path / "a.mkv"))
    whole = decode(clip, FramesOptions(), lambda f: tuple(range(f.n)), number_in)
    assert whole.taken == (*range(30), *range(100, 130))
    options = FramesOptions(policy=policy)
    decoded = decode(clip, options, policy_of(options, ""), number_in)
    assert decoded.taken == tuple(whole.taken[i] for i in decoded.indices)


def test_a_file_cut_in_the_middle_gives_what_is_left_of_it(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.ts", range(40), b_frames=0)
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    decoded = numbers(whole)
    assert 1 < len(decoded.timeline.pts) < 40
    assert decoded.taken == decoded.indices


@pytest.mark.parametrize("decoder", [*BOTH, "auto"])
@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.mp4", b"", "empty"),
        ("page.mp4", b"<!DOCTYPE html><html>404</html>", "web page"),
        ("list.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n", "playlist"),
        ("hls.mp4", b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1/a.ts\n", "playlist"),
        ("dash.mp4", b'<?xml version="1.0"?><MPD></MPD>', "playlist"),
        ("noise.mp4", bytes(range(256)) * 8, "00 01 02 03"),
        ("picture.mp4", b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
        ("pointer.mp4", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("head.mp4", b"\0\0\0\x18ftypisom" + bytes(12), "no decoder"),
    ],
)
def test_what_is_not_a_video_is_undecodable(
    tmp_path: Path, decoder: str, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    error = refusal(tmp_path / name, decoder=decoder)
    assert error.reason is Reason.UNDECODABLE
    assert says in error.message


def test_a_truncated_mp4_without_its_index_is_undecodable(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20))  # the index (moov) stands at the end
    clip.write_bytes(clip.read_bytes()[:-2000])
    assert refusal(clip).reason is Reason.UNDECODABLE


def test_a_playlist_that_pretends_to_be_a_container_opens_nothing(tmp_path: Path) -> None:
    secret = write_clip(tmp_path / "secret.mp4", range(20))
    disguised = tmp_path / "a.gif"
    disguised.write_bytes(b"GIF89a\nffconcat version 1.0\nfile " + secret.name.encode() + b"\n")
    assert refusal(disguised).reason is Reason.UNDECODABLE


@pytest.mark.parametrize("decoder", [*BOTH, "auto"])
@pytest.mark.parametrize("name", ["sound.mp4", "sound.m4a"])
def test_sound_alone_is_no_video(tmp_path: Path, decoder: str, name: str) -> None:
    assert refusal(write_sound(tmp_path / name), decoder=decoder).reason is Reason.NO_VIDEO


@pytest.mark.parametrize("decoder", [*BOTH, "auto"])
@pytest.mark.parametrize(
    "limit", [{"max_bytes": 500}, {"max_pixels": 128 * 64 - 1}, {"max_frames": 19}]
)
def test_limits(tmp_path: Path, decoder: str, limit: dict[str, int]) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20))
    error = refusal(clip, decoder=decoder, **limit)
    assert error.reason is Reason.TOO_LARGE
    assert f"frames.{next(iter(limit))}" in error.message


def test_limits_are_inclusive(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20))
    decoded = numbers(clip, max_bytes=clip.stat().st_size, max_pixels=128 * 64, max_frames=20)
    assert decoded.decoder == "pyav-index"


@pytest.mark.parametrize("name", ["absent.mp4", "nul\0byte.mp4"])
def test_a_file_that_has_gone(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name).reason is Reason.NOT_FOUND


def test_folders_and_pipes_are_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")  # opening it would wait for a writer for ever
    (tmp_path / "folder.mp4").mkdir()
    assert refusal(tmp_path / "pipe.mp4").reason is Reason.NOT_FOUND
    assert refusal(tmp_path / "folder.mp4").reason is Reason.NOT_FOUND


def test_a_slow_program_is_ended(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(20))
    assert refusal(clip, decoder="ffmpeg", timeout_s=0.001).reason is Reason.TIMEOUT


def test_mutated_files_give_frames_or_a_typed_failure(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    sources = [write_clip(tmp_path / "a.mp4", range(16)), write_clip(tmp_path / "a.ts", range(16)),
               write_clip(tmp_path / "a.mkv", range(16)),
               write_clip(tmp_path / "a.gif", range(16), codec="gif")]  # fmt: skip
    outcomes = set()
    for i in range(200):
        data = bytearray(sources[i % 4].read_bytes())
        for at in rng.integers(0, len(data), 1 + i // 4):
            data[at] = rng.integers(256)
        mutant = tmp_path / "mutant"
        mutant.write_bytes(data)
        try:
            decoded = numbers(mutant, decoder="pyav", max_frames=100)
        except MediaError as error:
            outcomes.add(error.reason)
        else:
            outcomes.add(decoded.decoder)
            assert len(decoded.taken) == len(decoded.indices) <= 8
    assert {"pyav-index", "pyav-sequential", Reason.UNDECODABLE} <= outcomes
