"""Who turns a clip into eight JPEGs: each the way its own documentation shows, in one thread.

All take the frames ``round(linspace(0, n - 1, 8))``, scale the longer side to 512 pixels where it is
more, and encode JPEG at quality 85 in memory. Libraries that give arrays leave scaling and encoding to
Pillow; OpenCV and the ffmpeg program have their own. The others are told how many frames there are,
where they could not know without decoding; ours finds out.
"""

import atexit
import functools
import importlib
import io
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np
from frames_clips import Coded
from PIL import Image

from pipeline.media.clip_frames import jpegs_of
from pipeline.media.options import FramesOptions
from pipeline.media.sample import sample_frames
from pipeline.media.timeline import uniform
from schemas import FrameSet, Video
from schemas.store import Store, blob_name

COUNT, LONG_SIDE, QUALITY = 8, 512, 85
SOI = b"\xff\xd8\xff"  # how a JPEG begins; never in the midst of one


class NotInstalled(Exception):
    """An optional library is not there, or does not load."""


def ours(clip: Coded) -> list[bytes]:
    """Decoding and encoding as the pipeline does them."""
    return jpegs_of(clip.path)


def ours_kept(clip: Coded) -> list[bytes]:
    """All that the pipeline calls for a clip: measuring the frames and writing them to a store, too."""
    video = Video(
        video_id="v", prompt_id="p", prompt="a disc", generator="bench", uri=clip.path,
        sha256="0" * 64, n_bytes=1, source="bench", settings=None, seed=None, simulated=True,
        licence="CC0-1.0",
    )  # fmt: skip
    store = Store(_folder())
    frames = sample_frames(video, clip.path, FramesOptions(), store)
    if not isinstance(frames, FrameSet):
        raise ValueError(frames.message)
    return [store.get(blob_name(name, ".jpg")) or b"" for name in frames.jpeg_sha256]


def empty_store() -> None:
    """Take away what :func:`ours_kept` wrote, but not its folders: 256 of them serve a whole run."""
    for path in Path(_folder()).rglob("*.jpg"):
        path.unlink()


@functools.cache
def _folder() -> str:
    folder = tempfile.mkdtemp(prefix="frames-bench-")
    atexit.register(shutil.rmtree, folder)
    return folder


def by_decord(clip: Coded) -> list[bytes]:
    """``VideoReader.get_batch``."""
    reader = _module("decord").VideoReader(clip.path, num_threads=1)
    return [_jpeg(rgb) for rgb in reader.get_batch(uniform(len(reader), COUNT)).asnumpy()]


def by_pyav(clip: Coded) -> list[bytes]:
    """Every frame is decoded, the wanted ones are converted."""
    with av.open(clip.path) as container:
        container.streams.video[0].thread_count = 1
        frames = list(container.decode(video=0))
        wanted = uniform(len(frames), COUNT)
        return [_jpeg(frames[i].to_ndarray(format="rgb24")) for i in wanted]


def by_pyav_seeking(clip: Coded) -> list[bytes]:
    """A seek for every wanted time, then frames until it is reached."""
    with av.open(clip.path) as container:
        stream = container.streams.video[0]
        stream.thread_count = 1
        jpegs = []
        for i in uniform(clip.frames, COUNT):
            pts = round(i / float(stream.average_rate) / float(stream.time_base))
            container.seek(pts, stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.pts >= pts)
            jpegs.append(_jpeg(frame.to_ndarray(format="rgb24")))
        return jpegs


def by_ffmpeg(clip: Coded) -> list[bytes]:
    """The program's select filter; frames come through a pipe."""
    wanted = uniform(clip.frames, COUNT)
    with Image.open(clip.path) if clip.path.endswith(".gif") else av.open(clip.path) as opened:
        where = opened if isinstance(opened, Image.Image) else opened.streams.video[0]
        width, height = where.width, where.height
    raw = _ffmpeg(clip, wanted, format="rawvideo", pix_fmt="rgb24")
    frames = np.frombuffer(raw, np.uint8).reshape(-1, height, width, 3)
    return [_jpeg(rgb) for rgb in frames]


def by_ffmpeg_alone(clip: Coded) -> list[bytes]:
    """The program also scales (bicubic) and encodes; its quality 3 gives files of the same size."""
    side = f"scale='if(gte(iw,ih),min({LONG_SIDE},iw),-2)':'if(gte(iw,ih),-2,min({LONG_SIDE},ih))'"
    wanted = uniform(clip.frames, COUNT)
    raw = _ffmpeg(clip, wanted, side, format="image2pipe", vcodec="mjpeg", **{"q:v": 3})
    return [SOI + part for part in raw.split(SOI)[1:]]


def by_torchcodec(clip: Coded) -> list[bytes]:
    """``VideoDecoder.get_frames_at`` with its exact index."""
    decoder = _module("torchcodec.decoders").VideoDecoder(clip.path, num_ffmpeg_threads=1)
    batch = decoder.get_frames_at(list(uniform(len(decoder), COUNT))).data
    return [_jpeg(rgb) for rgb in batch.permute(0, 2, 3, 1).contiguous().numpy()]


def by_opencv(clip: Coded) -> list[bytes]:
    """Grab all, retrieve the wanted ones; its own scaling (by area) and encoder."""
    cv2 = _module("cv2")
    cv2.setNumThreads(1)
    capture = cv2.VideoCapture(clip.path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    wanted, jpegs = set(uniform(clip.frames, COUNT)), []
    for i in range(clip.frames):
        if not capture.grab():
            break
        if i in wanted:
            _, bgr = capture.retrieve()
            longer = max(bgr.shape[:2])
            if longer > LONG_SIDE:
                scale = LONG_SIDE / longer
                bgr = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            jpegs.append(
                cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
            )
    capture.release()
    return jpegs


CONTESTANTS: dict[str, Callable[[Coded], list[bytes]]] = {
    "ours": ours,
    "ours-kept": ours_kept,
    "decord": by_decord,
    "PyAV": by_pyav,
    "PyAV-seek": by_pyav_seeking,
    "ffmpeg": by_ffmpeg,
    "ffmpeg-alone": by_ffmpeg_alone,
    "torchcodec": by_torchcodec,
    "OpenCV": by_opencv,
}
RIVALS = ("decord", "PyAV", "PyAV-seek", "ffmpeg", "ffmpeg-alone")  # whom ours is held against


@functools.cache
def program() -> str:
    """The system's ffmpeg, else the one that comes with imageio-ffmpeg."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def _ffmpeg(clip: Coded, wanted: tuple[int, ...], *filters: str, **output: Any) -> bytes:
    chosen = "+".join(f"eq(n,{i})" for i in wanted)
    target = ffmpeg.input(clip.path, threads=1).output(
        "pipe:",
        fps_mode="passthrough",
        threads=1,
        **{"filter:v": ",".join([f"select='{chosen}'", *filters])},
        **output,
    )
    return target.run(cmd=program(), capture_stdout=True, capture_stderr=True)[0]


@functools.cache
def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except Exception as error:  # torchcodec raises what its libraries raise
        raise NotInstalled(
            f"not installed, or does not load here ({type(error).__name__})"
        ) from error


def _jpeg(rgb: Any) -> bytes:
    image = Image.fromarray(rgb)
    if max(image.size) > LONG_SIDE:
        scale = LONG_SIDE / max(image.size)
        size = round(image.width * scale), round(image.height * scale)
        image = image.resize(size, Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
