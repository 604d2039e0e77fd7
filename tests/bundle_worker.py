"""One bundle of questions in a process of its own, which a test may kill: what an engine's worker does.

Processes are forked from a server that has imported everything: each starts in milliseconds.
"""

import hashlib
import io
import multiprocessing
import os
import pickle
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.utils.windowed_value import WindowedValue
from PIL import Image

from annotators.base import Resources
from annotators.chat.spec import OpenAISpec
from annotators.ledger import Budget, Ledger
from pipeline.dataset.parquet import write_rows
from pipeline.protocol import alone
from pipeline.transforms.judging import _AskFn, _by_pictures
from prompts import load_rubric
from schemas import Annotation, Failure, FrameSet
from schemas.store import Store
from schemas.tables import key_of

RUBRICS = ("videoprefer/prompt_following", "videoprefer/video_quality")
CONTEXT = multiprocessing.get_context("forkserver")
# not this module: the server is started without the path of the tests
CONTEXT.set_forkserver_preload(
    [
        "pipeline.run",
        "pipeline.transforms.judging",
        "annotators.chat.annotator",
        "openai",
        "PIL.Image",
    ]
)


def judge(url: str, **changes: Any) -> OpenAISpec:
    """The judge of the tests."""
    return OpenAISpec.model_validate(
        {
            "kind": "openai",
            "model": "judge",
            "base_url": url,
            "api_key_env": "A_TEST_KEY",
            "concurrency": 2,
            "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            **changes,
        }
    )


def clips(frames: Store, n: int, same: Sequence[int] = ()) -> list[FrameSet]:
    """Clips of two frames each in a store; those numbered in ``same`` show what the first shows."""
    return [_clip(frames, number, 0 if number in same else number) for number in range(n)]


def _clip(frames: Store, number: int, shown: int) -> FrameSet:
    digests = []
    for at in range(2):
        data = io.BytesIO()
        Image.new("RGB", (16, 16), (40 * shown % 256, 90 * at, shown)).save(data, "JPEG")
        digest = hashlib.sha256(data.getvalue()).hexdigest()
        frames.put(f"{digest[:2]}/{digest}.jpg", data.getvalue())
        digests.append(digest)
    return FrameSet(
        video_id=f"clip-{number}",
        prompt_id="prompt",
        prompt="a dog runs",
        generator=f"model-{number}",
        policy="uniform-2",
        decoder="none",
        indices=(0, 1),
        times_s=(0.0, 0.5),
        jpeg_sha256=tuple(digests),
        n_frames_in_clip=2,
        fps=2.0,
        duration_s=1.0,
        width_px=16,
        height_px=16,
        frame_width_px=16,
        frame_height_px=16,
    )


def _questions(frames: FrameSet, spec: Any) -> Any:
    return alone(frames, tuple(map(load_rubric, RUBRICS)), spec.draws)


def asking(spec: OpenAISpec, frames: Store, journal: Store, ledger: Ledger) -> _AskFn:
    """What a worker is sent."""
    resources = Resources(frames=frames, journal=journal, ledger=ledger, machines=ledger.machines)
    return _AskFn("annotate", [spec], _questions, resources, "")


def alike(shown: Sequence[FrameSet]) -> list[tuple[bytes, list[FrameSet]]]:
    """The elements of a bundle, as a shuffle groups them."""
    groups: dict[bytes, list[FrameSet]] = {}
    for clip in shown:
        groups.setdefault(_by_pictures(clip)[0], []).append(clip)
    return list(groups.items())


def rows_of(fn: _AskFn, elements: Sequence[Any]) -> list[Annotation | Failure]:
    """One bundle, in an annotator that is open."""
    fn.start_bundle()
    found = [row for element in elements for row in fn.process(element)]
    found += list(fn.finish_bundle())
    return sorted(map(_plain, found), key=key_of)


def _plain(row: Any) -> Annotation | Failure:
    row = row.value if isinstance(row, WindowedValue) else row
    if isinstance(row, beam.pvalue.TaggedOutput):
        return _plain(row.value)
    return row  # type: ignore[no-any-return]


def _work(sent: bytes, elements: Sequence[Any], out: str, environ: dict[str, str]) -> None:
    _settle(environ)
    fn = pickle.loads(sent)
    fn.setup()
    rows = rows_of(fn, elements)
    fn.teardown()
    write_rows(
        Annotation, [r for r in rows if isinstance(r, Annotation)], Path(out) / "part.parquet"
    )
    Path(out, f"{os.getpid()}.rows").write_bytes(pickle.dumps(rows))


def _settle(environ: dict[str, str]) -> None:
    os.environ.update(environ)
    tempfile.tempdir = (
        None  # whatever the server of forks had found: TMPDIR may be another machine's
    )


def start(fn: _AskFn, elements: Sequence[Any], out: Path, **environ: str) -> Any:
    """A process that works on a bundle and leaves its rows and its table in a folder."""
    out.mkdir(parents=True, exist_ok=True)
    given = (pickle.dumps(fn), list(elements), str(out), {"A_TEST_KEY": "sk-test", **environ})
    process = CONTEXT.Process(target=_work, args=given)
    process.start()
    return process


def rows_in(out: Path) -> list[list[Annotation | Failure]]:
    """What each process that came to its end found."""
    return [pickle.loads(path.read_bytes()) for path in sorted(out.glob("*.rows"))]


def ledger_at(path: Path, machines: int = 1, afar: Store | None = None, **caps: Any) -> Ledger:
    """A ledger under caps."""
    return Ledger(path, ["judge"], Budget(**caps), machines, afar)


def _call(work: Callable[..., Any], arguments: tuple[Any, ...], environ: dict[str, str]) -> None:
    _settle(environ)
    raise SystemExit(work(*arguments))


def call(work: Callable[..., Any], *arguments: Any, **environ: str) -> Any:
    """A process that does something else; it ends with what that returns."""
    process = CONTEXT.Process(
        target=_call, args=(work, arguments, {"A_TEST_KEY": "sk-test", **environ})
    )
    process.start()
    return process
