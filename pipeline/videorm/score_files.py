"""Scoring clips that lie in files: read ahead on threads, many in a batch, ranked within a prompt."""

import csv
import dataclasses
import json
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipeline.media.clip_frames import jpegs_of
from pipeline.videorm.model.video_rm import VideoRM
from pipeline.videorm.score import BATCH_CLIPS, Rewards, Stacked, ranked, rewards_of, stack
from schemas import OVERALL
from schemas.options import SetupError
from schemas.rows import read_rows

SUFFIXES = (".jsonl", ".csv", ".parquet")
Row = dict[str, Any]
Progress = Callable[[int, int], None]  # scored, failed


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A clip and the prompt it is scored under. ``told``: what goes into its row beside them."""

    prompt: str
    clip: str  # as it was named
    path: Path
    told: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Rewards of a clip, or why there are none."""

    asked: Asked
    rewards: Rewards | None
    fault: str | None = None


def read_asked(manifest: Path) -> list[Asked]:
    """The clips of a manifest: columns ``prompt``, ``video`` (relative to the manifest's folder) and,
    where given, ``generator``. Raises :class:`SetupError` naming file, row and column."""
    found = []
    for number, row in read_rows(manifest, ("prompt", "video")):
        for name in ("prompt", "video"):
            if not str(row[name] or "").strip():
                raise SetupError(
                    f"{manifest}: row {number}, column {name!r}: is blank; fill it in or take the row out"
                )
        told = {"generator": str(row["generator"])} if row.get("generator") else {}
        clip = str(row["video"])
        place = manifest.parent / clip
        found.append(Asked(prompt=str(row["prompt"]), clip=clip, path=place, told=told))
    return found


def score_files(
    model: VideoRM,
    asked: Sequence[Asked],
    *,
    batch_clips: int = BATCH_CLIPS,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Answered]:
    """An answer for every clip, in their order. A clip that cannot be read, or for which the model
    gives no finite number, has none, and its fault is told; the others are scored all the same."""
    done = failed = 0
    batch: list[tuple[Asked, Stacked | str]] = []
    for read in _read_ahead(model, asked, threads or min(8, os.cpu_count() or 1), batch_clips):
        batch.append(read)
        if len(batch) == batch_clips or done + failed + len(batch) == len(asked):
            for answer in _answers(model, batch):
                done, failed = done + (answer.fault is None), failed + (answer.fault is not None)
                yield answer
            batch = []
            if progress:
                progress(done, failed)


def _read_ahead(
    model: VideoRM, asked: Sequence[Asked], threads: int, batch_clips: int
) -> Iterator[tuple[Asked, Stacked | str]]:
    """Clips as the model sees them, or what is wrong with them; a batch ahead and no more."""
    waiting: deque[tuple[Asked, Future[Stacked | str]]] = deque()
    with ThreadPoolExecutor(threads, "decode") as pool:
        try:
            for one in asked:
                waiting.append((one, pool.submit(_read, model, one)))
                if len(waiting) >= batch_clips + threads:
                    first, clip = waiting.popleft()
                    yield first, clip.result()
            while waiting:
                first, clip = waiting.popleft()
                yield first, clip.result()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupt does not wait for what nobody wants


def _read(model: VideoRM, asked: Asked) -> Stacked | str:
    try:
        return stack(model, jpegs_of(str(asked.path), count=model.config.frames))
    except SetupError as error:
        return str(error)
    except OSError as error:
        return f"{asked.path}: {error}"


def _answers(model: VideoRM, batch: Sequence[tuple[Asked, Stacked | str]]) -> list[Answered]:
    good = [(one, clip) for one, clip in batch if not isinstance(clip, str)]
    rewards = iter(
        rewards_of(model, [one.prompt for one, _ in good], [clip for _, clip in good])
        if good
        else ()
    )
    return [
        Answered(asked=one, rewards=None, fault=clip)
        if isinstance(clip, str)
        else _checked(one, next(rewards))
        for one, clip in batch
    ]


def _checked(asked: Asked, rewards: Rewards) -> Answered:
    if all(map(math.isfinite, rewards.values())):
        return Answered(asked=asked, rewards=rewards)
    fault = f"{asked.path}: the model's reward is no finite number; its weights are damaged"
    return Answered(asked=asked, rewards=None, fault=fault)


def rank_rows(answers: Sequence[Answered], best: int | None = None) -> list[Row]:
    """A row for every scored clip, prompt by prompt in the order they came, best first: rank, clip,
    what was told of it, ``overall`` and each dimension. ``best``: so many of each prompt. Ties as in
    :func:`pipeline.videorm.score.ranked`."""
    by_prompt: dict[str, list[Answered]] = {}
    for answer in answers:
        if answer.rewards is not None:
            by_prompt.setdefault(answer.asked.prompt, []).append(answer)
    rows = []
    for group in by_prompt.values():
        order = ranked([answer.rewards[OVERALL] for answer in group])  # type: ignore[index]
        rows += [_row(group[position], rank) for position, rank in order[:best]]
    return rows


def _row(answer: Answered, rank: int) -> Row:
    asked, rewards = answer.asked, answer.rewards or {}
    return {"rank": rank, "prompt": asked.prompt, **asked.told, "clip": asked.clip, **rewards}


def check_output(path: Path) -> None:
    """Raise :class:`SetupError` for a file that cannot be written, before anything is scored."""
    if path.suffix not in SUFFIXES:
        raise SetupError(f"--output {path}: expected a file named *{', *'.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise SetupError(f"--output {path}: there is no folder {path.parent}; make it first")
    if path.is_dir():
        raise SetupError(f"--output {path}: is a folder; name a file")


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as the file's name says. It appears whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet}[path.suffix](part, rows)
    os.replace(part, path)


def _jsonl(path: Path, rows: Sequence[Row]) -> None:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")


def _csv(path: Path, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)))
        writer.writeheader()
        writer.writerows(rows)


def _parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = list(dict.fromkeys(name for row in rows for name in row))
    pq.write_table(pa.table({name: [row.get(name) for row in rows] for name in names}), path)
