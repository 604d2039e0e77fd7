"""Which clips a withdrawal is about: what the user names, and every clip with the same content."""

import difflib
import hashlib
import itertools
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pipeline.dataset.parquet import parts, read_columns
from pipeline.dataset.withdrawn import Withdrawal, Withdrawn, withdrawn
from schemas.layout import Layout
from schemas.options import SetupError

NEAR = 3  # near misses that a message names
MANY_IDS = 50_000  # among which near misses are looked for


class Named(NamedTuple):
    """What a folder says of a clip: in its tables, or only in the plan of its run."""

    video_id: str
    prompt_id: str
    sha256: str | None  # None: never read, and the source promises nothing
    place: str | None  # uri, or the path that it was to be read from; None: to be generated


def wave_files(layout: Layout, table: str) -> list[Path]:
    """The files of a table below the work folder, of every stage, wave and gate."""
    folders = sorted(layout.work.glob(f"*/wave-*/{table}"))
    return [path for folder in folders for path in parts(folder)]


def all_files(layout: Layout, table: str) -> list[Path]:
    """Those of the published table, and those of the work folder."""
    return [*parts(layout.table(table)), *wave_files(layout, table)]


def named(layout: Layout) -> Iterator[Named]:
    """Every clip of a folder, mostly several times."""
    videos = all_files(layout, "videos")
    yield from map(Named._make, read_columns(videos, ("video_id", "prompt_id", "sha256", "uri")))
    planned = sorted((layout.work / "plan").glob("clips-*.parquet"))
    yield from map(Named._make, read_columns(planned, ("video_id", "prompt_id", "sha256", "path")))


def sought(
    layout: Layout,
    names: Sequence[str],
    prompts: Sequence[str] = (),
    reason: str | None = None,
    date: str | None = None,
) -> Withdrawn:
    """The tombstones of a folder with those of the clips that the user names now.

    ``names``: of each clip its id, the SHA-256 of its bytes, the path or URI it came from, or a file
    with the same bytes; ``prompts``: ids of prompts all of whose clips go. All ids with the same content
    go. Raises :class:`SetupError` for a name that is nothing here, with near misses, and where nothing
    is named and nothing was withdrawn before.
    """
    before = withdrawn(layout)
    if not names and not prompts and not before:
        raise SetupError(
            "name the clips to withdraw: by video_id, by the sha256 of their bytes, or by the path or "
            "URI they came from; or give --file or --prompt"
        )
    ids, contents = _matched(layout, names, prompts, before)
    entries = _entries(layout, ids, contents, reason, date)
    return before.joined(Withdrawn(entries=entries))


def _matched(
    layout: Layout, names: Sequence[str], prompts: Sequence[str], before: Withdrawn
) -> tuple[set[str], set[str]]:
    """Ids and contents of what is named."""
    wanted = {key: name for name in names for key in _keys(layout, name)}
    found = {name for name in names if name in before.video_ids or name in before.contents}
    met: set[str] = set()
    ids, contents = set[str](), set[str]()
    for clip in named(layout) if names or prompts else ():
        keys = (clip.video_id, clip.sha256, clip.place)
        hit = {wanted[key] for key in keys if key in wanted}
        if hit or clip.prompt_id in prompts:
            found |= hit
            met.add(clip.prompt_id)
            ids.add(clip.video_id)
            contents |= {clip.sha256} - {None}  # type: ignore[arg-type]
    _refuse_unknown(layout, [name for name in names if name not in found])
    _refuse_prompts(layout, [prompt for prompt in prompts if prompt not in met])
    return ids, contents


def _keys(layout: Layout, name: str) -> Iterator[str]:
    """How a folder may write what the user calls a clip."""
    yield name
    path = Path(name).expanduser()
    if "://" in name or (os.sep not in name and not path.is_file()):
        return
    full = path.absolute()
    yield from {str(full), str(full.resolve())}
    if full.resolve().is_relative_to(layout.root.resolve()):
        yield str(full.resolve().relative_to(layout.root.resolve()))
    if full.is_file():
        with full.open("rb") as file:
            yield hashlib.file_digest(file, "sha256").hexdigest()


def _entries(
    layout: Layout,
    ids: Collection[str],
    contents: Collection[str],
    reason: str | None,
    date: str | None,
) -> tuple[Withdrawal, ...]:
    """One tombstone per content; a clip whose bytes were never read has one of its own."""
    alone, content_of = set(ids), dict[str, str]()
    wanted = set(contents)
    while True:  # an id gives a content, a content other ids: twice, as a rule
        n = len(content_of)
        for clip in named(layout) if ids else ():
            if clip.sha256 is not None and (clip.video_id in alone or clip.sha256 in wanted):
                content_of[clip.video_id] = clip.sha256
                wanted.add(clip.sha256)
        if len(content_of) == n:
            break
    together: dict[str, set[str]] = {sha256: set() for sha256 in wanted}
    for video, sha256 in content_of.items():
        together[sha256].add(video)
    keyed: list[tuple[set[str], str | None]] = [(own, sha256) for sha256, own in together.items()]
    keyed += [({video}, None) for video in alone - content_of.keys()]
    return tuple(
        Withdrawal(video_ids=tuple(sorted(own)), sha256=sha256, reason=reason, date=date)
        for own, sha256 in keyed
    )


def _refuse_unknown(layout: Layout, unknown: Sequence[str]) -> None:
    if not unknown:
        return
    first = unknown[0]
    close = _near(first, (clip.video_id for clip in named(layout)))
    more = f" ({len(unknown)} such names)" if len(unknown) > 1 else ""
    hint = f"; near it are {', '.join(close)}" if close else ""
    raise SetupError(
        f"{first}: no clip of {layout.root} has this id, content, path or URI{more}{hint}. Nothing was "
        "withdrawn; the ids stand in the table `videos`"
    )


def _refuse_prompts(layout: Layout, unknown: Sequence[str]) -> None:
    if unknown:
        close = _near(unknown[0], (clip.prompt_id for clip in named(layout)))
        hint = f"; near it are {', '.join(close)}" if close else ""
        raise SetupError(
            f"--prompt {unknown[0]}: no clip of {layout.root} belongs to a prompt with this id{hint}. "
            "Nothing was withdrawn"
        )


def _near(name: str, ids: Iterator[str]) -> list[str]:
    known = sorted(set(itertools.islice(ids, MANY_IDS)))
    return difflib.get_close_matches(name, known, NEAR)
