"""The prompts and clips of another run, to be judged again or beside other clips."""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, TypeVar

import pyarrow as pa

from pipeline.dataset.parquet import read_rows
from pipeline.media.fetching.target import is_address
from pipeline.preference.settled import published_splits
from pipeline.sources.base import ClipSource, Found
from pipeline.sources.labelled import open_list
from pipeline.sources.listing import Listing, Where
from schemas import Prompt, RecordError, Video
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import table_of
from schemas.versions import TableError

R = TypeVar("R")


class RunSource(ClipSource):
    """A source ``{kind: run, path: out/other}``: the folder of a complete run."""

    kind: Literal["run"] = "run"
    path: str

    def read(self) -> Found:
        """Prompts and clips of the run, sorted by id; their ids stay the same.

        A generated clip keeps its generator and seed; its settings and its source stand in ``extra``
        (``settings``, ``source``). A prompt stays in the split that the run put it into, or out of all; of
        a run of schema version 1, where its pairs are. Every clip must still have the digest that the run
        noted. Raises :class:`SetupError` for a folder without ``run.json`` and for clips that are not there.
        """
        if is_address(self.path):
            raise SetupError(
                f"{self.path}: the folder of a run is read from this machine; copy its tables and "
                "run.json here (clips that it referenced may stay where they are)"
            )
        folder = Path(self.path)
        layout = Layout(folder)
        if not folder.is_dir():
            raise SetupError(f"{folder}: no such folder; name the output folder of a run")
        if not layout.run.is_file():
            raise SetupError(
                f"{layout.run}: not there, so {folder} is not a complete run; finish it first (the "
                "same command goes on with it)"
            )
        listing = open_list(folder.resolve().name, folder, self)
        prompts = {p.prompt_id: p for p in _rows(Prompt, layout)}
        for prompt in prompts.values():
            _list_prompt(listing, Where(layout.table("prompts")), prompt)
        for video in _rows(Video, layout):
            _list_clip(listing, Where(layout.table("videos")), video, prompts)
        return dataclasses.replace(listing.found(), settled=published_splits(layout))


def _rows(record: type[R], layout: Layout) -> Iterator[R]:
    folder = layout.table(table_of(record))
    files = sorted(folder.glob("*.parquet"))
    if not files:
        raise SetupError(f"{folder}: holds no *.parquet; run that run again to have its tables")
    for file in files:
        try:
            yield from read_rows(record, [file])
        except TableError:
            raise
        except (pa.ArrowException, RecordError, OSError) as error:
            raise SetupError(
                f"{file}: not readable as a table of {folder.name}: {error}"
            ) from error


def _list_prompt(listing: Listing, where: Where, prompt: Prompt) -> Prompt:
    return listing.prompt(
        where,
        prompt.text,
        prompt_id=prompt.prompt_id,
        licence=prompt.licence,
        source=prompt.source,
        simulated=prompt.simulated,
    )


def _list_clip(listing: Listing, where: Where, video: Video, prompts: dict[str, Prompt]) -> None:
    if video.prompt_id not in prompts:
        raise where.refuse(
            "prompt_id", f"{video.prompt_id!r} of clip {video.video_id} is not among the prompts"
        )
    listing.clip(
        where,
        _list_prompt(listing, where, prompts[video.prompt_id]),
        video.generator,
        video.uri,
        field="uri",
        video_id=video.video_id,
        sha256=video.sha256,
        licence=video.licence,
        terms=video.terms,
        seed=video.seed,
        extra=_extra(video),
        simulated=video.simulated,
    )


def _extra(video: Video) -> dict[str, Any]:
    """What a clip that is read has no field for. A clip of a run of a run keeps its first source."""
    extra: dict[str, Any] = json.loads(video.extra) if video.extra else {}
    own: dict[str, Any] = {"source": video.source}
    if video.settings is not None:
        own["settings"] = json.loads(video.settings)
    return {**own, **extra}
