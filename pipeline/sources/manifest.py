"""A manifest: a table of clips that lie on this machine, one row each.

CSV, JSON Lines or Parquet with at least ``prompt``, ``generator`` and ``video``; optional
``prompt_id``, ``video_id``, ``sha256``, ``licence``, ``split``. Other columns are kept.
"""

import dataclasses
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

from pydantic import Field

from schemas import SPLITS, Clip, Prompt, RecordError, ids
from schemas.options import Options, SetupError
from schemas.rows import read_rows

REQUIRED = ("prompt", "generator", "video")
OPTIONAL = ("prompt_id", "video_id", "sha256", "licence", "split")
_SHOWN = 5  # missing files that the message names
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: C: is a drive
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


class ManifestSource(Options):
    """One block of ``sources:``."""

    kind: Literal["manifest"] = "manifest"
    path: str  # *.csv, *.tsv, *.jsonl, *.ndjson or *.parquet
    roots: list[str] = Field(default_factory=list)  # more folders that may hold clips
    keep: Literal["copy", "reference"] = "copy"  # copy the clips into the run, or leave them
    columns: dict[str, str] = Field(default_factory=dict)  # our name: the manifest's name for it
    licence: str | None = None  # of clips whose row names none


@dataclasses.dataclass(frozen=True, slots=True)
class _Row:
    """One row and where it stands, for messages."""

    file: Path
    number: int
    cells: Mapping[str, Any]

    def refuse(self, field: str, what: str) -> SetupError:
        return SetupError(f"{self.file}: row {self.number}, column {field!r}: {what}")

    def text(self, field: str) -> str | None:
        """The cell as text without blanks around it; None where it is empty."""
        value = self.cells.get(field)
        if value is None or isinstance(value, str):
            return (value or "").strip() or None
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.refuse(field, f"expected text, got {value!r}")
        return str(value)

    def needed(self, field: str) -> str:
        value = self.text(field)
        if value is None:
            raise self.refuse(field, "is blank; fill it in or take the row out")
        return value


def read(options: ManifestSource) -> tuple[list[Prompt], list[Clip]]:
    """Prompts and clips of a manifest, in its order.

    Raises :class:`SetupError`, naming file, row, field and what to do, for anything that is wrong
    with a row. Every clip's file is there and inside the allowed folders when this returns; its
    bytes are not read yet.
    """
    file = Path(options.path)
    roots = [Path(os.path.realpath(file.parent / root)) for root in (".", *options.roots)]
    prompts: dict[str, tuple[Prompt, int]] = {}
    clips: dict[str, tuple[Clip, int]] = {}
    for row in _rows(file, options.columns):
        try:
            prompt = _add_prompt(prompts, row)
            clip = _clip(row, prompt, options, _path(row, roots))
        except RecordError as error:
            raise SetupError(f"{file}: row {row.number}: {error}") from error
        if clip.video_id in clips:
            raise row.refuse(
                "video_id" if row.text("video_id") else "video",
                f"the clip {clip.video_id} is already in row {clips[clip.video_id][1]}; keep one "
                "of the two or give them different video_id",
            )
        clips[clip.video_id] = (clip, row.number)
    _check_splits(file, prompts)
    _check_files(file, clips)
    return [p for p, _ in prompts.values()], [c for c, _ in clips.values()]


def _rows(file: Path, columns: Mapping[str, str]) -> "list[_Row]":
    unknown = sorted(set(columns) - {*REQUIRED, *OPTIONAL})
    if unknown:
        raise SetupError(
            f"{file}: columns: {unknown[0]!r} is no column of a manifest; rename to "
            + ", ".join((*REQUIRED, *OPTIONAL))
        )
    aliases = {theirs: ours for ours, theirs in columns.items() if theirs != ours}
    return [_Row(file, number, cells) for number, cells in read_rows(file, REQUIRED, aliases)]


def _same_words(a: str, b: str) -> bool:
    return a.split() == b.split()


def _add_prompt(prompts: dict[str, tuple[Prompt, int]], row: _Row) -> Prompt:
    """The row's prompt: known already, or new. A split stated once holds for all of its rows."""
    text, split = row.needed("prompt"), row.text("split")
    if split is not None and split not in SPLITS:
        raise row.refuse("split", f"{split!r} is not one of {', '.join(SPLITS)}")
    prompt_id = row.text("prompt_id") or ids.prompt_id(text)
    if prompt_id not in prompts:
        prompt = Prompt(prompt_id=prompt_id, text=text, source=row.file.name, split=split)
        prompts[prompt_id] = (prompt, row.number)
        return prompt
    known, number = prompts[prompt_id]
    if not _same_words(known.text, text):
        raise row.refuse(
            "prompt",
            f"differs from row {number}, which has the same prompt_id "
            f"{prompt_id!r}; correct the text or the prompt_id",
        )
    if known.split is None:
        prompts[prompt_id] = (dataclasses.replace(known, split=split), number)
    elif split not in (None, known.split):
        raise row.refuse(
            "split",
            f"{split!r}, but row {number} puts the same prompt into "
            f"{known.split!r}; a prompt belongs to one split",
        )
    return known


def _clip(row: _Row, prompt: Prompt, options: ManifestSource, path: str) -> Clip:
    generator = row.needed("generator")
    sha256 = row.text("sha256")
    if sha256 is not None and not _SHA256.match(sha256.lower()):
        raise row.refuse(
            "sha256", f"{sha256!r} is not 64 hexadecimal digits; correct it or leave it blank"
        )
    own = row.text("video_id")
    return Clip(
        video_id=own or ids.video_id(prompt.prompt_id, generator, row.needed("video")),
        prompt_id=prompt.prompt_id,
        prompt=prompt.text,
        generator=generator,
        source=row.file.name,
        path=path,
        keep=options.keep,
        sha256=sha256.lower() if sha256 else None,
        licence=row.text("licence") or options.licence,
        extra=_extra(row),
    )


def _path(row: _Row, roots: list[Path]) -> str:
    """The real path of the row's clip, links and ``..`` resolved, inside one of the roots."""
    value = row.needed("video")
    if _SCHEME.match(value):
        value = _local(row, value)
    try:
        path = Path(os.path.realpath(row.file.parent / value))
    except (OSError, ValueError) as error:  # a null byte, a name that is too long
        raise row.refuse("video", f"{value!r} is not a path: {error}") from error
    if not any(path.is_relative_to(root) for root in roots):
        allowed = ", ".join(str(root) for root in roots)
        raise row.refuse(
            "video",
            f"{path} lies outside {allowed}; move the clip or add its folder "
            "to the source's roots:",
        )
    return str(path)


def _local(row: _Row, value: str) -> str:
    address = urlsplit(value)
    if address.scheme != "file" or address.netloc not in ("", "localhost"):
        raise row.refuse(
            "video",
            f"{value!r} is not on this machine; fetch the clips and name "
            "local paths (or file:/// addresses)",
        )
    return unquote(address.path)


def _check_splits(file: Path, prompts: Mapping[str, tuple[Prompt, int]]) -> None:
    """The same words under two prompt_ids must not stand in two splits either."""
    stated: dict[str, tuple[Prompt, int]] = {}
    for prompt, number in prompts.values():
        if prompt.split is None:
            continue
        other, first = stated.setdefault(" ".join(prompt.text.split()), (prompt, number))
        if other.split != prompt.split:
            raise SetupError(
                f"{file}: row {number}, column 'split': {prompt.split!r}, but row "
                f"{first} puts the same prompt into {other.split!r}; a prompt belongs "
                "to one split"
            )


def _check_files(file: Path, clips: Mapping[str, tuple[Clip, int]]) -> None:
    missing = [
        (number, clip.path)
        for clip, number in clips.values()
        if not os.path.isfile(clip.path or "")
    ]
    if missing:
        shown = "; ".join(f"row {number}: {path}" for number, path in missing[:_SHOWN])
        more = f"; and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise SetupError(
            f"{file}: column 'video': {len(missing)} of {len(clips)} clips are not "
            f"there or not regular files: {shown}{more}; put them there or take the "
            "rows out"
        )


def _extra(row: _Row) -> str | None:
    """The other columns as canonical JSON; empty cells are left out."""
    others = {
        name: _plain(row, name, value)
        for name, value in row.cells.items()
        if name not in (*REQUIRED, *OPTIONAL)
    }
    kept = {name: value for name, value in others.items() if value is not None}
    return ids.canonical_json(kept) if kept else None


def _plain(row: _Row, field: str, value: Any) -> Any:
    """A value that JSON can hold: NaN is missing, dates become text, raw bytes are refused."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return [_plain(row, field, item) for item in value]
    if isinstance(value, dict):
        return {str(name): _plain(row, field, item) for name, item in value.items()}
    if isinstance(value, (bytes, bytearray)):
        raise row.refuse(field, "holds raw bytes; take the column out of the manifest")
    return str(value)
