"""What the rows of somebody's list add up to: prompts that agree, clips that are there, each once."""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from pipeline.sources.base import ClipSource, Found
from pipeline.sources.places import OutsideError, Places, is_remote
from schemas import SPLITS, Clip, Prompt, RecordError, ids
from schemas.options import SetupError

_SHOWN = 5  # missing files that a message names
LEAST_FPS, MOST_FPS = 0.001, 1000.0  # of a clip given as pictures
_SHA256 = re.compile(r"[0-9a-f]{64}\Z")


@dataclasses.dataclass(frozen=True, slots=True)
class Where:
    """The row that a message is about. ``number`` None: the file is not a table."""

    file: str | Path
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.file}" if self.number is None else f"{self.file}: row {self.number}"

    def refuse(self, field: str, what: str) -> SetupError:
        """The error of one of its fields."""
        comma = "," if self.number is not None else ":"
        return SetupError(f"{self}{comma} column {field!r}: {what}")


class Listing:
    """Takes a source's rows one by one, checks each, and gives what was found.

    Args:
        source: the name that prompts and clips carry as their ``source``.
        places: where clips may lie.
        options: ``keep``, ``missing`` and ``licence`` of the source.
        twice: whether a clip named twice is a fault, or the same clip (in a list of pairs).
    """

    def __init__(
        self,
        source: str,
        places: Places,
        options: ClipSource,
        *,
        twice: Literal["refuse", "same"] = "refuse",
    ) -> None:
        self._source, self._places, self._options, self._twice = source, places, options, twice
        self._prompts: dict[str, tuple[Prompt, Where]] = {}
        self._clips: dict[str, tuple[Clip, Where]] = {}
        self._missing: dict[str, tuple[Where, str, str]] = {}  # by clip: row, column, path
        self.notes: list[str] = []

    def prompt(
        self,
        where: Where,
        text: str,
        *,
        prompt_id: str | None = None,
        split: str | None = None,
        licence: str | None = None,
        source: str | None = None,
        simulated: bool = False,
    ) -> Prompt:
        """The row's prompt: known already, or new. A split stated once holds for all of its rows."""
        if split is not None and split not in SPLITS:
            raise where.refuse("split", f"{split!r} is not one of {', '.join(SPLITS)}")
        prompt_id = prompt_id or ids.prompt_id(text)
        if prompt_id not in self._prompts:
            prompt = _made(
                where, Prompt, prompt_id=prompt_id, text=text, source=source or self._source,
                split=split, licence=licence, simulated=simulated,
            )  # fmt: skip
            self._prompts[prompt_id] = (prompt, where)
            return prompt
        known, first = self._prompts[prompt_id]
        if known.text.split() != text.split():
            raise where.refuse(
                "prompt",
                f"differs from {_row(first)}, which has the same prompt_id "
                f"{prompt_id!r}; correct the text or the prompt_id",
            )
        if known.split is None:
            self._prompts[prompt_id] = (dataclasses.replace(known, split=split), first)
        elif split not in (None, known.split):
            raise where.refuse(
                "split",
                f"{split!r}, but {_row(first)} puts the same prompt into "
                f"{known.split!r}; a prompt belongs to one split",
            )
        return known

    def clip(
        self,
        where: Where,
        prompt: Prompt,
        generator: str,
        video: str,
        *,
        field: str = "video",
        video_id: str | None = None,
        sha256: str | None = None,
        licence: str | None = None,
        terms: str | None = None,
        seed: int | None = None,
        extra: Mapping[str, object] | None = None,
        frame_files: Sequence[str] = (),
        frame_rate: float | None = None,
        simulated: bool = False,
    ) -> Clip | None:
        """The row's clip. ``video`` is the path or address as written, ``field`` its column's name.

        With ``frame_files`` it is a folder, and those are the names of the clip's pictures in it, in
        the order of time, ``frame_rate`` of them a second. None: it is not there, and ``missing:
        leave_out``.
        """
        if sha256 is not None and not _SHA256.match(sha256.lower()):
            raise where.refuse(
                "sha256", f"{sha256!r} is not 64 hexadecimal digits; correct it or leave it blank"
            )
        if sha256 is not None and frame_files:
            raise where.refuse(
                "sha256",
                "promises the bytes of a file, but the clip is given as pictures; leave it blank",
            )
        if frame_rate is not None and not LEAST_FPS <= frame_rate <= MOST_FPS:  # nor NaN
            raise where.refuse(
                "frame_rate",
                f"{frame_rate:g} is no number of frames a second; state one from {LEAST_FPS:g} to "
                f"{MOST_FPS:g}",
            )
        try:
            path = self._places.find(video)
            self._check_keep(path, bool(frame_files))
            self._check_pictures(path, frame_files)
        except OutsideError as error:
            raise where.refuse(field, str(error)) from error
        clip = _made(
            where, Clip,
            video_id=video_id or ids.video_id(prompt.prompt_id, generator, video),
            prompt_id=prompt.prompt_id, prompt=prompt.text, generator=generator, source=self._source,
            path=path, keep=self._options.keep, sha256=sha256.lower() if sha256 else None, seed=seed,
            licence=licence or self._options.licence, terms=terms or self._options.terms,
            extra=ids.canonical_json(dict(extra)) if extra else None,
            frame_files=tuple(frame_files), frame_rate=frame_rate, simulated=simulated,
        )  # fmt: skip
        if clip.video_id in self._clips:
            return self._again(where, clip, field if video_id is None else "video_id")
        if clip.video_id in self._missing:
            return None  # left out already
        if not _there(clip):
            self._missing[clip.video_id] = (where, field, path)
            if self._options.missing == "leave_out":
                return None
        self._clips[clip.video_id] = (clip, where)
        return clip

    def found(self) -> Found:
        """Everything, once every row was given.

        Raises :class:`SetupError` for clips that are not there (unless they are left out) and for
        the same words in two splits.
        """
        self._check_splits()
        if self._missing:
            self._tell_missing()
        return Found(
            prompts=[prompt for prompt, _ in self._prompts.values()],
            clips=[clip for clip, _ in self._clips.values()],
            notes=tuple(self.notes),
        )

    def _check_keep(self, path: str, pictures: bool) -> None:
        """What there is no file of, or none that stays the same, cannot be left where it is."""
        if self._options.keep == "reference" and (pictures or path.startswith("https:")):
            raise OutsideError(
                "keep: reference is for files and stores; clips given as pictures or by https "
                "addresses are copied into the run: take keep: away, or give them a source of their "
                "own"
            )

    def _check_pictures(self, folder: str, names: Sequence[str]) -> None:
        """The pictures of a clip lie in its folder themselves: a link may lead anywhere later."""
        if names and folder.startswith("https:"):
            raise OutsideError(
                f"{folder} cannot be a folder of pictures: https has none; fetch the pictures and "
                "name a local folder"
            )
        for name in names:
            if name in ("", ".", "..") or set(name) & set("/\\\0"):
                raise OutsideError(f"{name!r} is not the name of a picture in {folder}")
            if not is_remote(folder) and os.path.islink(os.path.join(folder, name)):
                raise OutsideError(f"{folder}/{name} is a link; put the picture itself there")

    def _again(self, where: Where, clip: Clip, field: str) -> Clip:
        known, first = self._clips[clip.video_id]
        if self._twice == "same" and known.path == clip.path:
            return known
        raise where.refuse(
            field,
            f"the clip {clip.video_id} is already in {_row(first)}; keep one "
            "of the two or give them different video_id",
        )

    def _check_splits(self) -> None:
        """The same words under two prompt_ids must not stand in two splits either."""
        stated: dict[str, tuple[Prompt, Where]] = {}
        for prompt, where in self._prompts.values():
            if prompt.split is None:
                continue
            words = " ".join(prompt.text.split())
            other, first = stated.setdefault(words, (prompt, where))
            if other.split != prompt.split:
                raise where.refuse(
                    "split",
                    f"{prompt.split!r}, but {_row(first)} puts the same prompt into "
                    f"{other.split!r}; a prompt belongs to one split",
                )

    def _tell_missing(self) -> None:
        missing = list(self._missing.values())
        n, of = len(missing), len(missing) + len(self._clips)
        shown = "; ".join(f"{_row(where)}: {path}" for where, _, path in missing[:_SHOWN])
        more = f"; and {n - _SHOWN} more" if n > _SHOWN else ""
        if self._options.missing == "leave_out":
            self.notes.append(f"{self._source}: {n} of {of} clips are not there: {shown}{more}")
            return
        of = len(self._clips)
        raise SetupError(
            f"{missing[0][0].file}: column {missing[0][1]!r}: {n} of {of} clips are not "
            f"there or not regular files: {shown}{more}; put them there, take the "
            "rows out, or set missing: leave_out on the source"
        )


def _made(where: Where, record: type, **fields: object):  # type: ignore[no-untyped-def]
    try:
        return record(**fields)
    except RecordError as error:
        raise SetupError(f"{where}: {error}") from error


def _row(where: Where) -> str:
    return str(where.file) if where.number is None else f"row {where.number}"


def _there(clip: Clip) -> bool:
    """Whether a local clip is there; what lies elsewhere is found out when it is fetched."""
    path = clip.path or ""
    if is_remote(path):
        return True
    if clip.frame_files:
        return all(os.path.isfile(os.path.join(path, name)) for name in clip.frame_files)
    return os.path.isfile(path)
