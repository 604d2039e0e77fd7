"""A finished dataset as writers of other formats see it: its tables in mappings, sorted by key.

Of 56,000 clips and 250,000 preferences that is some hundred megabytes and seconds. What few formats
ask for (rationales) is read only when it is asked for.
"""

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.compute as pc

from pipeline.formats.writing import Material
from pipeline.preference.decision import read_decision
from pipeline.report.tables import read_table, table_files
from pipeline.state import record_of
from schemas import CONSENSUS, OVERALL, SPLITS, FrameSet, Preference, Prompt, Score, Video
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import from_table

R = TypeVar("R")

NEEDED = ("prompts", "videos", "frames", "annotations", "scores", "preferences")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")

GONE = "the clip's file is gone"
ELSEWHERE = "the clip lies in an object store"


def open_material(root: Path, splits: Sequence[str] = SPLITS) -> Material:
    """The dataset below ``root``, with the preferences of these splits.

    Raises :class:`SetupError` where the folder holds no complete dataset, where a table is missing,
    or where two annotators judged a dimension on scales that differ.
    """
    layout = Layout(root.expanduser().resolve())
    _check_complete(layout)
    videos = _by(Video, layout, "videos", lambda video: video.video_id)
    left_out: Counter[str] = Counter()
    preferences = sorted(
        _records(Preference, layout, "preferences", pc.field("split").isin(list(splits))),
        key=lambda preference: preference.pair_id,
    )
    prompts = _by(Prompt, layout, "prompts", lambda prompt: prompt.prompt_id)
    decided = read_decision(layout)
    return Material(
        layout=layout,
        prompts=prompts,
        videos=videos,
        frames=_by(FrameSet, layout, "frames", lambda frames: frames.video_id),
        scores=_by(
            Score,
            layout,
            "scores",
            lambda score: (score.video_id, score.dimension),
            pc.field("annotator_id") == CONSENSUS,
        ),
        scales=scales_of(layout),
        preferences=_sayable(preferences, videos, left_out),
        rationales=Rationales(layout),
        absent=absent_clips(layout, videos),
        splits=splits_of(layout, prompts.values()),
        unpaired=frozenset(decided.unpaired if decided else ()),
        held_out=frozenset(decided.held_out_generators if decided else ()),
        left_out={what: n for what, n in sorted(left_out.items()) if n},
    )


def _check_complete(layout: Layout) -> None:
    if not layout.run.is_file():
        raise SetupError(
            f"{layout.run}: not there, so {layout.root} is no complete dataset; run it to the end "
            "first, or name the folder of one that is"
        )
    for name in NEEDED:
        if not table_files(layout, name):
            raise SetupError(
                f"{layout.table(name)}: holds no Parquet file, though {layout.run.name} says that the "
                "dataset is complete; copy the folder anew"
            )


def _records(
    record: type[R], layout: Layout, name: str, where: pc.Expression | None = None
) -> Iterator[R]:
    table = read_table(layout, name)
    yield from from_table(record, table if where is None else table.filter(where))


def _by(
    record: type[R],
    layout: Layout,
    name: str,
    key: Callable[[R], Any],
    where: pc.Expression | None = None,
) -> dict[Any, R]:
    found = {key(row): row for row in _records(record, layout, name, where)}
    return dict(sorted(found.items()))


def _sayable(
    preferences: Sequence[Preference], videos: Mapping[str, Video], left_out: Counter[str]
) -> list[Preference]:
    """The preferences that any format can say; the others are counted."""
    found = []
    for preference in preferences:
        fault = _fault(preference, videos)
        if fault is None:
            found.append(preference)
        else:
            left_out[f"preferences (of all dimensions) {fault}"] += 1
    return found


def _fault(preference: Preference, videos: Mapping[str, Video]) -> str | None:
    a, b = videos.get(preference.video_a), videos.get(preference.video_b)
    if a is None or b is None:
        return "name a clip that the table of videos does not hold"
    if a.sha256 == b.sha256:
        return "hold two clips of the same content"
    if not a.prompt == b.prompt == preference.prompt:
        return "hold clips whose prompts are not the same, byte for byte"
    return None


def splits_of(layout: Layout, prompts: Iterable[Prompt]) -> dict[str, str]:
    """The split of every prompt that has one, by prompt_id.

    It stands in the table of prompts; where it does not (a split drawn by hash was not written there
    once), the prompt's preferences tell.
    """
    columns = ["prompt_id", "split"]
    told = read_table(layout, "preferences", columns=columns).group_by(columns).aggregate([])
    found = {row["prompt_id"]: row["split"] for row in told.to_pylist()}
    stated = {p.prompt_id: p.split for p in prompts if p.split is not None}
    return {**found, **stated}


def scales_of(layout: Layout) -> dict[str, tuple[float, float]]:
    """Lowest and highest score of each dimension, as its annotations say.

    A dimension that an annotator without bounds judged has none, nor has any where the consensus is
    not on the scale of the rubrics (``consensus.scale``). ``overall`` has one where all dimensions
    have the same, for it is a mean of them. Raises :class:`SetupError` where
    two annotations of a dimension have different scales.
    """
    consensus = (record_of(layout).get("config") or {}).get("consensus") or {}
    if consensus.get("scale", "rubric") != "rubric":
        return {}
    columns = ["dimension", "scale_low", "scale_high"]
    table = read_table(layout, "annotations", columns=columns)
    found: dict[str, tuple[float, float]] = {}
    unbounded = set()
    for row in table.group_by(columns).aggregate([]).to_pylist():
        name, low, high = (row[column] for column in columns)
        if low is None or high is None:
            unbounded.add(name)
        elif found.setdefault(name, (low, high)) != (low, high):
            raise SetupError(
                f"{layout.table('annotations')}: {name!r} was judged on the scales "
                f"{found[name][0]:g} to {found[name][1]:g} and {low:g} to {high:g}; export a dataset of "
                "one of them"
            )
    bounded = {name: scale for name, scale in sorted(found.items()) if name not in unbounded}
    if len(set(bounded.values())) == 1 and not unbounded:
        bounded[OVERALL] = next(iter(bounded.values()))
    return bounded


def absent_clips(layout: Layout, videos: Mapping[str, Video]) -> dict[str, str]:
    """Why the file of a clip cannot be placed, by video_id: it is gone, or lies elsewhere."""
    found = {}
    for video_id, video in videos.items():
        if _ADDRESS.match(video.uri):
            found[video_id] = ELSEWHERE
        elif not layout.clip_path(video.uri).is_file():
            found[video_id] = GONE
    return found


class Rationales(Mapping[tuple[str, str], str]):
    """What a judge wrote on a clip, by (video_id, dimension): the first annotator's first draw.

    Read when first asked for.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @functools.cached_property
    def _found(self) -> dict[tuple[str, str], str]:
        columns = ["video_id", "dimension", "annotator_id", "draw", "rationale"]
        table = read_table(self._layout, "annotations", columns=columns)
        table = table.filter(pc.is_valid(table["rationale"]))
        order = [(column, "ascending") for column in columns[:4]]
        found: dict[tuple[str, str], str] = {}
        for batch in table.sort_by(order).to_batches():
            for video, dimension, text in zip(
                *(batch.column(n).to_pylist() for n in ("video_id", "dimension", "rationale")),
                strict=True,
            ):
                found.setdefault((video, dimension), text)
        return found

    def __getitem__(self, key: tuple[str, str]) -> str:
        return self._found[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)
