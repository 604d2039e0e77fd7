"""What holds of every export, whatever its format; each rule counts what it held for."""

import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.export.media import source_of
from pipeline.formats.csv_words import MISSING_WORDS
from pipeline.formats.writing import ExportError, Material, Plan

TEXT = (".csv", ".json", ".jsonl", ".txt", ".yaml")


def check_plan(material: Material, plan: Plan) -> dict[str, int]:
    """The rules that rows must meet before anything is written.

    Raises :class:`ExportError` for: a path that leaves the folder, a medium that no row names, a row
    whose clips have another prompt than it states or the same content twice, a number that is none,
    a CSV cell that pandas reads as missing.
    """
    for path in (*plan.files, *plan.media):
        _check_path(path)
    unnamed = plan.media.keys() - {path for named in plan.named for path in named.media}
    if unnamed:
        raise ExportError(f"{min(unnamed)}: is in the plan of the export, but no row names it")
    return {
        "paths are relative and stay in the folder": len(plan.files) + len(plan.media),
        "clips have the row's prompt, byte for byte": _check_prompts(material, plan),
        "clips of one row differ in content": _check_contents(material, plan),
        "numbers are finite": sum(_check_numbers(name, rows) for name, rows in plan.files.items()),
        "cells are no word that pandas reads as missing": sum(
            _check_words(name, rows)
            for name, rows in plan.files.items()
            if PurePosixPath(name).suffix == ".csv"
        ),
    }


def _check_path(path: str) -> None:
    parts = path.split("/")
    if "\\" in path or not all(parts) or {".", ".."} & set(parts):
        raise ExportError(
            f"{path!r}: a path in an export is relative, with forward slashes, inside its folder"
        )


def _check_prompts(material: Material, plan: Plan) -> int:
    for named in plan.named:
        for path in named.media:
            prompt = material.videos[plan.media[path].video_id].prompt
            if prompt != named.prompt:
                raise ExportError(
                    f"{path}: was made for the prompt {prompt!r}, its row says {named.prompt!r}"
                )
    return len(plan.named)


def _check_contents(material: Material, plan: Plan) -> int:
    together = [named for named in plan.named if len(named.media) > 1]
    for named in together:
        seen: dict[str, str] = {}
        for path in named.media:
            medium = plan.media[path]
            # frames of one clip may well be alike; two clips in one row may not
            digest = material.videos[medium.video_id].sha256
            if seen.setdefault(digest, medium.video_id) != medium.video_id:
                raise ExportError(
                    f"{path}: the row's clips {seen[digest]!r} and {medium.video_id!r} are the same "
                    "file; a clip is not held against itself"
                )
    return len(together)


def _check_numbers(name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    n = 0
    for number, row in enumerate(rows, start=1):
        for where, value in _leaves(row):
            if isinstance(value, float):
                n += 1
                if not math.isfinite(value):
                    raise ExportError(f"{name}: row {number}, {where}: {value} is no number")
    return n


def _check_words(name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    n = 0
    for number, row in enumerate(rows, start=1):
        for column, value in row.items():
            n += 1
            if isinstance(value, str) and value in MISSING_WORDS:
                raise ExportError(
                    f"{name}: row {number}, {column}: pandas reads {value!r} as a missing cell"
                )
    return n


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{where}.{name}" if where else str(name))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner, where)
    else:
        yield where, value


def check_files(material: Material, plan: Plan, folder: Path) -> dict[str, int]:
    """The rules that files must meet once they are written.

    Raises :class:`ExportError` for: a file that is missing, empty or in nobody's plan; a medium with
    fewer frames than two (by the dataset's own decoding); text that is not UTF-8, begins with a byte
    order mark or has other line ends than a line feed.
    """
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if not p.is_dir()}
    planned = {*plan.files, *plan.media}
    for path in sorted(planned ^ found):
        what = "is not there" if path in planned else "is in nobody's plan"
        raise ExportError(f"{folder / path}: {what}")
    for path in sorted(planned):
        if not (folder / path).stat().st_size:
            raise ExportError(f"{folder / path}: is empty")
    texts = [path for path in plan.files if PurePosixPath(path).suffix in TEXT]
    for path in texts:
        _check_text(folder / path)
    return {
        "files are there and not empty, and no others": len(planned),
        "media are what the dataset's tables say, by SHA-256": len(plan.media),
        "clips have two frames or more": _check_frames(material, plan),
        "text is UTF-8 without a byte order mark, lines end with a line feed": len(texts),
    }


def _check_frames(material: Material, plan: Plan) -> int:
    clips = {path: m for path, m in plan.media.items() if m.frame is None}
    for path, medium in clips.items():
        frames = material.frames.get(medium.video_id)
        if frames is None or frames.n_frames_in_clip < 2:
            source, _ = source_of(material, medium)
            raise ExportError(f"{path}: {source} has fewer than two frames that can be decoded")
    return len(clips)


def _check_text(path: Path) -> None:
    data = path.read_bytes()
    if data.startswith(b"\xef\xbb\xbf"):
        raise ExportError(f"{path}: begins with a byte order mark")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ExportError(f"{path}: not UTF-8: {error}") from error
    if b"\r" in data:
        raise ExportError(f"{path}: holds a carriage return; lines end with a line feed alone")
