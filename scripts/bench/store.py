"""What a far object store costs: frames, clips and paid replies over a store that answers after 50 ms.

    .venv/bin/python scripts/bench/store.py [DELAY_S]

The store (``store_far.py``) runs in a process of its own on this machine, so its processor time is not
ours, but it takes one of the cores.

8 puts, 8 gets     the frames of a clip, one after another and together
clips/s            read from the store, decoded, 8 frames put, by so many child processes
replies/s          bought with so many slots, each held until its reply is in the store
"""

import asyncio
import contextlib
import functools
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

CLIPS, REPLIES = 48, 512


@contextlib.contextmanager
def far(delay_s: float) -> Iterator[Callable[[], dict[str, int]]]:
    """A store in the environment; gives what counts its requests."""
    server = Path(__file__).with_name("store_far.py")
    process = subprocess.Popen(
        [sys.executable, str(server), str(delay_s)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = f"http://127.0.0.1:{int(process.stdout.readline())}"
    os.environ |= {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
        "AWS_REGION": "us-east-1",
    }
    try:
        yield lambda: json.load(urllib.request.urlopen(f"{url}/counts"))
    finally:
        process.kill()
        process.wait()


def timed(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start


def frames() -> None:
    from schemas.store import Store

    store, jpeg = Store("s3://bucket/frames"), os.urandom(50_000)
    store.get("x")
    names = [f"{i:02x}/{i}" for i in range(8)]
    one = timed(lambda: [store.put(f"a{n}", jpeg) for n in names])
    many = timed(lambda: store.put_many({n: jpeg for n in names}))
    print(f"8 puts one after another {one * 1e3:.0f} ms, together {many * 1e3:.0f} ms")
    one = timed(lambda: [store.get(n) for n in names])
    many = timed(lambda: store.get_many(names))
    print(f"8 gets one after another {one * 1e3:.0f} ms, together {many * 1e3:.0f} ms")


def take(number: int) -> int:
    """One clip, as the frames stage does it."""
    from pipeline.media.fetching.fetch import at_hand
    from pipeline.media.options import FramesOptions
    from pipeline.media.sample import sample_frames
    from schemas import FrameSet, Video
    from schemas.store import Store

    video = Video(
        video_id=f"v{number}", prompt_id="p", prompt="a cat", generator="g", uri="s3://bucket/clip.mp4",
        sha256="0" * 64, n_bytes=1, source="bench",
    )  # fmt: skip
    options = FramesOptions()
    with at_hand(video.uri, options) as path:
        taken = sample_frames(video, path, options, Store(f"s3://bucket/{number}"))
    assert isinstance(taken, FrameSet), taken
    return number


def clips() -> None:
    from pipeline.transforms.children import in_children
    from schemas.store import Store

    Store("s3://bucket").put("clip.mp4", _clip())
    cpu = timed(lambda: take(0))
    print(f"one clip, with imports {cpu * 1e3:.0f} ms; then {timed(lambda: take(1)) * 1e3:.0f} ms")
    for processes in (1, 2, 4, 8):
        work = functools.partial(in_children, take, processes=processes, timeout_s=60)
        start = timed(lambda: work(range(processes)))  # of the children and their imports  # noqa: B023
        whole = timed(lambda: work(range(processes, processes + CLIPS)))  # noqa: B023
        rate = CLIPS / max(whole - start, 1e-3)
        print(
            f"{processes} processes: {CLIPS} clips {whole:.1f} s (start {start:.1f}): {rate:.1f} clips/s"
        )


def _clip() -> bytes:
    """Two seconds of 320 x 240."""
    import io

    import av
    import numpy as np

    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        stream = out.add_stream("libx264", rate=16)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for i in range(32):
            picture = np.full((240, 320, 3), i * 7, np.uint8)
            out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode())
    return file.getvalue()


def replies(counts: Callable[[], dict[str, int]]) -> None:
    from annotators.background import Background
    from annotators.journal import Journal, Request
    from schemas import Settings
    from schemas.store import Store

    def request(text: str) -> Request:
        return Request(
            kind="openai", model="m", rubric="r", rubric_version=1, system="s", user=text,
            reply_format="json", reply_schema={}, frames=(), settings=Settings(), draw=0,
        )  # fmt: skip

    journal = Journal(Store("s3://bucket/journal"))
    journal.refresh()
    keys: list[str] = []
    for slots in (16, 64):
        background = Background("bench")
        asked = [request(f"{slots} {i}") for i in range(REPLIES)]
        keys += [one.key for one in asked]
        before, cpu = counts()["requests"], time.process_time()
        took = timed(lambda: background.submit(_bought(journal, asked, slots)).result())  # noqa: B023
        cpu = (time.process_time() - cpu) / REPLIES
        n = counts()["requests"] - before
        print(
            f"{slots} slots: {REPLIES / took:.0f} replies/s (at most {slots / DELAY_S:.0f}), {n} requests, "
            f"{cpu * 1e3:.1f} ms CPU each"
        )
    for what, do in {
        "compact": lambda: journal.compact(keys),
        "read by another process": lambda: _read(keys),
    }.items():
        before = counts()["requests"]
        took = timed(do)
        print(f"{what}: {len(keys)} replies {took:.2f} s, {counts()['requests'] - before} requests")


async def _bought(journal, asked, slots) -> None:  # type: ignore[no-untyped-def]
    semaphore = asyncio.Semaphore(slots)

    @contextlib.asynccontextmanager
    async def buy():  # type: ignore[no-untyped-def]
        async with semaphore:
            yield "x" * 2000

    await asyncio.gather(*(journal.once(one, buy) for one in asked))


def _read(keys: list[str]) -> None:
    from annotators.journal import Journal
    from schemas.store import Store

    journal = Journal(Store("s3://bucket/journal"))
    assert all(map(journal.get, keys))


if __name__ == "__main__":
    DELAY_S = float(sys.argv[1]) if len(sys.argv) > 1 else 0.05
    with far(DELAY_S) as counts:
        frames()
        clips()
        replies(counts)
