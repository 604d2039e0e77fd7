"""The previews of a report: those of the former one kept, the others made in child processes."""

import dataclasses
import multiprocessing
import os
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, TimeoutError
from pathlib import Path
from typing import TYPE_CHECKING

import pebble

from pipeline.display import Display
from pipeline.media.browsers.header import is_plain
from pipeline.media.browsers.preview import Preview
from pipeline.media.options import FramesOptions
from pipeline.progress import Counts
from pipeline.report.previews.kept import Kept, path_of

if TYPE_CHECKING:
    from pipeline.media.browsers.encode import Task

STAGE = "previews"
SLOWER = 3  # times frames.timeout_s for a clip: all of its frames are decoded, and coded
_AHEAD = 4  # clips given to each child, so that none waits for the next
_EVERY_S = 30.0  # between writing down what there is, for a report that is interrupted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A clip at a local path, by the digest of its bytes. ``fault``: why no frames were taken of it."""

    path: Path
    sha256: str
    fault: str = ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """How previews are made. ``minutes``: no clip is begun later; ``encode``: false makes none."""

    limits: FramesOptions = dataclasses.field(default_factory=FramesOptions)
    minutes: float = 30.0
    encode: bool = True
    processes: int = dataclasses.field(default_factory=lambda: _processors())


def make_previews(
    folder: Path,
    sources: Iterable[Source],
    making: Making,
    *,
    former: Iterable[Path] = (),
    others: bool = False,
    display: Display | None = None,
) -> Mapping[str, Preview]:
    """What is known, by digest, of every clip that is no plain MP4; previews lie below ``folder``.

    ``former`` are folders of reports, whose previews of the same bytes are taken over (as are those
    in ``folder`` itself); a preview of any other clip is deleted from ``folder``, unless ``others``
    stay. A clip that hangs or ends its child has none: each may take :data:`SLOWER` times
    ``limits.timeout_s``. Clips that are not there are left out. ``display`` shows the progress, one of
    its own where there is something to make.
    """
    wanted = {source.sha256: source for source in _needing(sources)}
    kept = Kept(folder, making.limits, others=others)
    known = kept.take_over([folder, *former], wanted, encode=making.encode)
    to_make = [s for digest, s in wanted.items() if digest not in known and not s.fault]
    if to_make:
        known |= _made(folder, to_make, making, kept, known, display or Display())
        kept.forget_all_but(known)  # what a child that was ended had begun to write
    kept.write(known)
    return {d: known.get(d) or _missing(source, making) for d, source in wanted.items()}


def _missing(source: Source, making: Making) -> Preview:
    """Of a clip that was not looked at."""
    if source.fault:
        return Preview(what=_named(source), why=f"no frames could be taken of it: {source.fault}")
    why = f"no preview was made within report.preview_minutes = {making.minutes:g}; draw the report again"
    return Preview(what=_named(source), why=why)


def _named(source: Source) -> str:
    return f"this {source.path.suffix.lower() or 'file'}"


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _needing(sources: Iterable[Source]) -> Iterator[Source]:
    for source in sources:
        try:
            if not is_plain(source.path):
                yield source
        except OSError:  # whoever refers to it says that it is not there
            continue


def _made(
    folder: Path,
    sources: list[Source],
    making: Making,
    kept: Kept,
    known: Mapping[str, Preview],
    display: Display,
) -> dict[str, Preview]:
    display.expect({STAGE: len(sources)})
    found: dict[str, Preview] = {}
    counts, written = Counts(), time.monotonic()
    try:
        for source, preview in _looked_at(folder, sources, making):
            found[source.sha256] = preview
            counts += Counts(
                done=preview.made,
                failed=bool(preview.why),
                skipped=not (preview.made or preview.why),
            )
            display.show({STAGE: counts})
            if time.monotonic() > written + _EVERY_S:
                kept.write({**known, **found})
                written = time.monotonic()
    except BaseException:
        kept.write({**known, **found})
        raise
    display.say(_said(found, len(sources), making))
    return found


def _looked_at(
    folder: Path, sources: list[Source], making: Making
) -> Iterator[tuple[Source, Preview]]:
    """Each source with what came of it, until the time is up. Children end with the caller."""
    from pipeline.media.browsers.encode import Task, look
    from pipeline.media.guard import limit_child

    end = time.monotonic() + 60 * making.minutes
    timeout_s = SLOWER * making.limits.timeout_s
    tasks = ((source, _task(Task, folder, source, making)) for source in sources)
    under_way: deque[tuple[Source, Future[Preview]]] = deque()
    pool = pebble.ProcessPool(
        max_workers=min(making.processes, len(sources)),
        context=multiprocessing.get_context("forkserver"),
        initializer=limit_child,
        initargs=[making.limits],
    )
    try:
        while True:
            while len(under_way) < _AHEAD * making.processes and time.monotonic() < end:
                if (following := next(tasks, None)) is None:
                    break
                source, task = following
                under_way.append((source, pool.schedule(look, args=[task], timeout=timeout_s)))
            if not under_way:
                return
            source, future = under_way.popleft()
            yield source, _outcome(source, future, timeout_s)
    finally:
        pool.stop()  # type: ignore[no-untyped-call]
        pool.join()


def _task(kind: "type[Task]", folder: Path, source: Source, making: Making) -> "Task":
    target = path_of(folder, source.sha256)
    target.parent.mkdir(parents=True, exist_ok=True)
    return kind(
        path=str(source.path.resolve()),
        suffix=source.path.suffix.lower(),
        target=str(target) if making.encode else None,
        limits=making.limits,
    )


def _outcome(source: Source, future: "Future[Preview]", timeout_s: float) -> Preview:
    try:
        return future.result()
    except TimeoutError:
        why = f"no preview was made of it within {timeout_s:g} s ({SLOWER} times frames.timeout_s)"
    except pebble.ProcessExpired as error:
        why = f"the decoder that was given it died with exit code {error.exitcode}"
    except Exception as error:  # one clip's preview is not worth the report
        why = f"making its preview failed: {type(error).__name__}: {error}"
        return Preview(what=_named(source), why=why, again=True)
    return Preview(what=_named(source), why=why)


def _said(found: Mapping[str, Preview], n: int, making: Making) -> str:
    kinds = Counter("made" if p.made else "without" if p.why else "plain" for p in found.values())
    parts = [f"{kinds['made']} made of clips that browsers do not play"]
    if kinds["without"]:
        parts.append(f"{kinds['without']} clips that none could be made of")
    if len(found) < n:
        parts.append(
            f"{n - len(found)} left for the next `videoprefer report DIR`: report.preview_minutes = "
            f"{making.minutes:g} are over"
        )
    return f"previews: {', '.join(parts)}"
