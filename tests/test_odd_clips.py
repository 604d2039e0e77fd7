"""Odd kinds of clips: what each decoder gives, and which are refused (pipeline/media/decoders/suits.py)."""

import dataclasses
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import (
    HEIGHT,
    WIDTH,
    draw,
    hide_tail,
    remux,
    write_clip,
    write_growing,
    write_streams,
    zero_delays,
)
from decoders_apart import NAMED, Seen, process, see
from PIL import Image

from pipeline.media.decode import decode
from pipeline.media.decoded import FrameList
from pipeline.media.decoders.decord_reader import check_installed
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.media.policy import policy_of
from schemas import Reason
from schemas.options import SetupError

SECONDS = 300  # a decoder that hangs fails the test, a busy machine does not
TEN = tuple(range(10))
EIGHTHS = tuple(i / 8 for i in TEN)  # eight frames a second


@pytest.fixture(scope="module")
def apart() -> Iterator[ProcessPoolExecutor]:
    with process() as pool:
        yield pool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """How a clip is made, what its frames must show, and who may not read it."""

    make: Callable[[Path], Path]
    name: str
    numbers: tuple[int, ...] = TEN
    times_s: tuple[float | None, ...] = EIGHTHS
    size: tuple[int, int] = (WIDTH, HEIGHT)
    refused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    decoder: str = "pyav-index"  # what PyAV comes to


def ten(name: str, **how: object) -> Callable[[Path], Path]:
    return lambda folder: write_clip(folder / name, TEN, **how)  # type: ignore[arg-type]


def copied(name: str, *options: str, **how: object) -> Callable[[Path], Path]:
    """A clip of numbers 0 to 39 at ten a second, copied by the ffmpeg program."""

    def make(folder: Path) -> Path:
        whole = write_clip(folder / "whole.mp4", range(40), rate=10, gop=12, **how)  # type: ignore[arg-type]
        return remux(whole, folder / name, *options)

    return make


def small(width: int) -> Callable[[Path], Path]:
    return ten("small.mkv", codec="ffv1", size=(width, width))


def guessed(folder: Path) -> Path:
    """AVI has no place for the times of frames that are stored in another order than shown."""
    clip = write_clip(folder / "b.mp4", TEN, b_frames=2)
    bare = remux(clip, folder / "b.h264")
    return remux(bare, folder / "b.avi")


def cover(folder: Path) -> Path:
    """A cover picture first, then the clip."""
    clip = write_clip(folder / "a.mp4", TEN)
    Image.fromarray(draw(255)).save(folder / "p.png")
    options = ("-i", str(folder / "p.png"))
    shown = ("-map", "0:v", "-map", "1:v", "-disposition:v:0", "attached_pic")
    return remux(clip, folder / "cover.mp4", *options, after=shown)


TENTHS = tuple(i / 10 for i in range(40))
KINDS = {
    "variable frame rate": Kind(
        name="v.mp4",
        make=lambda folder: write_clip(folder / "v.mp4", TEN, pts=[10 * i * i for i in TEN]),
        times_s=tuple(i * i / 100 for i in TEN),
    ),
    # Cut at 2.0 s: the copy begins at the keyframe at 1.2 s, and eight frames are hidden.
    "edit list at the start": Kind(
        name="cut.mp4",
        make=copied("cut.mp4", "-ss", "2.0", b_frames=0),
        numbers=tuple(range(20, 40)),
        times_s=TENTHS[:20],
        refused=("decord",),
    ),
    "edit list at the end": Kind(
        name="tail.mp4",
        make=lambda folder: hide_tail(write_clip(folder / "t.mp4", range(40), rate=10), 2500),
        numbers=tuple(range(25)),
        times_s=TENTHS[:25],
        refused=("decord",),
    ),
    "stream copied without an edit list": Kind(
        name="cut.mkv",
        make=copied("cut.mkv", "-ss", "2.0", b_frames=0, coding={"sc_threshold": "0"}),
        numbers=tuple(range(12, 40)),
        times_s=TENTHS[:28],
    ),
    "several video streams": Kind(
        name="two.mp4",
        make=lambda folder: write_streams(folder / "two.mp4", TEN, range(10, 20)),
        refused=("decord",),
    ),
    "cover picture": Kind(name="cover.mp4", make=cover),
    "QuickTime RLE with alpha": Kind(
        name="a.mov", make=ten("a.mov", codec="qtrle", pix_fmt="argb", alpha=0), notes=("alpha",)
    ),
    "ProRes 4444 with alpha": Kind(
        name="a.mov",
        make=ten("a.mov", codec="prores_ks", pix_fmt="yuva444p10le", alpha=0),
        notes=("alpha",),
    ),
    "VP9 with alpha": Kind(
        name="a.webm",
        make=ten("a.webm", codec="libvpx-vp9", pix_fmt="yuva420p", alpha=0),
        notes=("alpha",),
    ),
    "odd size": Kind(
        name="odd.mp4",
        make=ten("odd.mp4", pix_fmt="yuv444p", size=(321, 181)),
        size=(321, 181),
    ),
    "odd size in 4:2:0": Kind(
        name="odd.mkv", make=ten("odd.mkv", codec="ffv1", size=(321, 181)), size=(321, 181)
    ),
    "one pixel": Kind(
        name="small.mkv", make=small(1), numbers=(-1,) * 10, size=(1, 1), refused=("decord",)
    ),
    "two by two": Kind(
        name="small.mkv", make=small(2), numbers=(-1,) * 10, size=(2, 2), refused=("decord",)
    ),
    "forty-eight pixels wide": Kind(
        name="small.mkv", make=small(48), size=(48, 48), refused=("decord",)
    ),
    "sixty-four pixels wide": Kind(name="small.mkv", make=small(64), size=(64, 64)),
    "ten bits": Kind(name="ten.mp4", make=ten("ten.mp4", pix_fmt="yuv420p10le")),
    "interlaced": Kind(name="i.mp4", make=ten("i.mp4", coding={"flags": "+ildct+ilme"})),
    "interlaced MPEG-2": Kind(
        name="i.mpg",
        make=ten("i.mpg", codec="mpeg2video", rate=25, coding={"flags": "+ildct+ilme"}),
        times_s=tuple(i / 25 for i in TEN),
    ),
    "pixels that are not square": Kind(
        name="sar.mp4", make=ten("sar.mp4", aspect=Fraction(2, 1)), notes=("non_square_pixels",)
    ),
    "size that changes midway": Kind(
        name="grow.webm", make=lambda folder: write_growing(folder / "grow.webm", TEN)
    ),
    "transport stream": Kind(name="a.ts", make=ten("a.ts"), refused=("decord",)),
    "MPEG video without a container": Kind(
        name="a.m2v",
        make=ten("a.m2v", codec="mpeg2video", format="mpeg2video", rate=25),
        times_s=tuple(i / 25 for i in TEN),
        refused=("decord",),
    ),
    "AV1": Kind(
        name="a.mp4", make=ten("a.mp4", codec="libsvtav1", size=(128, 64)), refused=("decord",)
    ),
    "GIF": Kind(
        name="a.gif",
        make=ten("a.gif", codec="gif", rate=10),
        times_s=TENTHS[:10],
        refused=("decord",),
    ),
    "GIF with delays of zero": Kind(
        name="a.gif",
        make=lambda folder: zero_delays(write_clip(folder / "a.gif", TEN, codec="gif")),
        times_s=(None,) * 10,
        refused=("decord",),
    ),
    "GIF with delays of a hundredth": Kind(
        name="a.gif",
        make=lambda folder: zero_delays(write_clip(folder / "a.gif", TEN, codec="gif"), to=1),
        times_s=(None,) * 10,
        refused=("decord",),
    ),
    "open groups of pictures": Kind(
        name="open.mp4",
        make=lambda folder: write_clip(
            folder / "open.mp4",
            range(40),
            rate=10,
            coding={"x264-params": "open-gop=1:keyint=12:bframes=3:scenecut=0"},
        ),
        numbers=tuple(range(40)),
        times_s=TENTHS,
    ),
    "several packets of one time": Kind(
        name="twice.mkv",
        make=lambda folder: write_clip(
            folder / "twice.mkv", range(4), codec="ffv1", pts=[0, 100, 100, 200]
        ),
        numbers=(0, 1, 2, 3),
        times_s=(None,) * 4,
        refused=("ffmpeg", "decord"),
        decoder="pyav-sequential",
    ),
    "packets at guessed times": Kind(
        name="b.avi",
        make=guessed,
        times_s=(None,) * 10,
        refused=("decord",),
        decoder="pyav-sequential",
    ),
    "one frame": Kind(
        name="one.mp4",
        make=lambda folder: write_clip(folder / "one.mp4", [77]),
        numbers=(77,),
        times_s=(0.0,),
    ),
}


@pytest.mark.parametrize("decoder", [*NAMED, "auto"])
@pytest.mark.parametrize("kind", KINDS)
def test_odd_kinds(tmp_path: Path, apart: ProcessPoolExecutor, kind: str, decoder: str) -> None:
    expected = KINDS[kind]
    clip = expected.make(tmp_path)
    seen = apart.submit(see, str(clip), decoder=decoder).result(SECONDS)
    if decoder in expected.refused:
        check_refusal(seen, clip, "pyav")
        return
    assert isinstance(seen, Seen), seen
    assert seen.numbers == expected.numbers
    if None in expected.times_s:
        assert seen.times_s == expected.times_s
    else:
        assert seen.times_s == pytest.approx(expected.times_s, abs=1e-6)
    assert (seen.width_px, seen.height_px) == expected.size
    assert (seen.notes, seen.lost) == (expected.notes, 0)
    assert seen.decoder == (expected.decoder if decoder in ("pyav", "auto") else decoder)


def check_refusal(seen: object, clip: Path, instead: str) -> None:
    assert isinstance(seen, tuple), seen
    reason, message = seen
    assert reason is Reason.WRONG_DECODER
    assert message.startswith(f"{clip}: ")
    assert message.endswith(f"set frames.decoder: {instead}")


@pytest.mark.parametrize("decoder", NAMED)
def test_all_decoders_tell_the_same_keyframes(
    tmp_path: Path, apart: ProcessPoolExecutor, decoder: str
) -> None:
    clip = write_clip(tmp_path / "a.mp4", range(40), coding={"x264-params": "keyint=9:scenecut=0"})
    seen = apart.submit(see, str(clip), decoder=decoder).result(SECONDS)
    assert isinstance(seen, Seen)
    assert seen.keys == (0, 9, 18, 27, 36)


def marked(rgb: np.ndarray) -> np.ndarray:
    """A picture that no turn or reflection leaves as it is: white, red, green, blue corners."""
    rgb = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    rgb[:32, :64] = 255
    rgb[:32, 64:, 0] = rgb[32:, 64:, 1] = rgb[32:, :64, 2] = 255
    return rgb


def corners(path: str, decoder: str) -> tuple[str, ...] | Reason:
    """The first frame's corners, clockwise from the top left."""

    def named(rgb: np.ndarray) -> tuple[str, ...]:
        names = {(1, 1, 1): "white", (1, 0, 0): "red", (0, 1, 0): "green", (0, 0, 1): "blue"}
        spots = rgb[8, 8], rgb[8, -8], rgb[-8, -8], rgb[-8, 8]
        return tuple(names[tuple(int(level > 127) for level in spot)] for spot in spots)

    try:
        return decode(path, FramesOptions(decoder=decoder), lambda frames: (0,), named).taken[0]
    except MediaError as error:
        return error.reason


def turned(folder: Path, *options: str) -> Path:
    with av.open(str(folder / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv444p"
        for _ in TEN:
            frame = av.VideoFrame.from_ndarray(marked(draw(0)), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return remux(folder / "a.mp4", folder / "turned.mp4", *options)


@pytest.mark.parametrize("decoder", [*NAMED, "auto"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # As stored, clockwise: white, red, green, blue. The option turns counter-clockwise.
        (("-display_rotation", "0"), "white red green blue"),
        (("-display_rotation", "90"), "red green blue white"),
        (("-display_rotation", "180"), "green blue white red"),
        (("-display_rotation", "270"), "blue white red green"),
        (("-display_hflip",), "red white blue green"),
        (("-display_vflip",), "blue green red white"),
    ],
)
def test_pictures_are_turned_and_mirrored_as_players_do(
    tmp_path: Path,
    apart: ProcessPoolExecutor,
    decoder: str,
    options: tuple[str, ...],
    expected: str,
) -> None:
    found = apart.submit(corners, str(turned(tmp_path, *options)), decoder).result(SECONDS)
    if "flip" in options[0] and decoder in ("pyav", "decord"):
        assert found is Reason.WRONG_DECODER
    else:
        assert found == tuple(expected.split())


def test_a_transparent_gif_shows_white_and_says_so(tmp_path: Path) -> None:
    # FFmpeg's reader gives what no picture covers the colour 0xffffff, with alpha 0.
    pictures = [Image.new("P", (64, 64), i) for i in (0, 1)]
    for picture in pictures:
        picture.putpalette([255, 0, 0, 0, 0, 255])
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100,
                     transparency=0, disposal=2)  # fmt: skip
    for decoder in ("pyav", "ffmpeg"):
        decoded = decode(
            str(tmp_path / "a.gif"),
            FramesOptions(decoder=decoder),
            lambda frames: (0, 1),
            lambda rgb: tuple(int(level) for level in rgb[32, 32]),
        )
        assert decoded.taken == ((255, 255, 255), (0, 0, 255))
        assert decoded.notes == ("alpha",)


@pytest.mark.parametrize("decoder", ["pyav", "ffmpeg"])
@pytest.mark.parametrize("delay", [0, 1])
def test_a_policy_that_needs_times_meets_none_in_a_gif_without_them(
    tmp_path: Path, decoder: str, delay: int
) -> None:
    clip = zero_delays(write_clip(tmp_path / "a.gif", TEN, codec="gif"), to=delay)
    options = FramesOptions(decoder=decoder, policy="fps", fps=2)
    with pytest.raises(MediaError) as refused:
        decode(str(clip), options, policy_of(options, ""), lambda rgb: None)
    assert refused.value.reason is Reason.NO_TIMES
    assert refused.value.message.startswith(f"{clip}: ")


@pytest.mark.parametrize("decoder", [*NAMED, "auto"])
@pytest.mark.parametrize(
    ("name", "says"),
    [("p.png", "PNG"), ("p.jpg", "JPEG"), ("p.webp", "still WebP"), ("p.avif", "AVIF")],
)
def test_a_still_picture_is_no_clip(tmp_path: Path, name: str, says: str, decoder: str) -> None:
    Image.fromarray(draw(7)).save(tmp_path / name)
    found = see(str(tmp_path / name), decoder=decoder)
    assert isinstance(found, tuple)
    assert found[0] is Reason.UNDECODABLE
    assert says in found[1]


def test_an_animated_png_is_no_clip_either(tmp_path: Path) -> None:
    first, *others = (Image.fromarray(draw(i)) for i in TEN)
    first.save(tmp_path / "a.png", save_all=True, append_images=others)
    found = see(str(tmp_path / "a.png"))
    assert isinstance(found, tuple)
    assert found[0] is Reason.UNDECODABLE


def test_decord_is_asked_for_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = write_clip(tmp_path / "a.mp4", TEN)
    monkeypatch.setitem(sys.modules, "decord", None)  # what an absent package is to `import`
    found = see(str(clip), decoder="decord")
    assert isinstance(found, tuple)
    assert found[0] is Reason.WRONG_DECODER
    assert "not installed" in found[1]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SetupError, match=r"frames\.decoder"):
        check_installed()


def test_decord_is_not_imported_by_others(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.mp4", TEN)
    code = (
        "import sys; from pipeline.media.decode import decode; "
        "from pipeline.media.options import FramesOptions; "
        f"decode({str(clip)!r}, FramesOptions(), lambda frames: (0,), lambda rgb: None); "
        "print('decord' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_policy_that_fails_names_the_file(tmp_path: Path) -> None:
    def fails(frames: FrameList) -> tuple[int, ...]:
        raise MediaError(Reason.NO_TIMES, "no times")

    clip = write_clip(tmp_path / "a.mp4", TEN)
    for decoder in ("pyav", "ffmpeg"):
        with pytest.raises(MediaError) as refused:
            decode(str(clip), FramesOptions(decoder=decoder), fails, lambda rgb: None)
        assert refused.value.message == f"{clip}: no times"
