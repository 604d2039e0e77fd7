"""What VideoRM learns from: prompts with their clips and preferences, read from a run's folder."""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow.dataset as ds

from pipeline.videorm.data.frames import read_clips
from pipeline.videorm.data.groups import LABELS, Corpus, Group
from pipeline.videorm.options import MIN_TRAIN_PROMPTS, Fit
from schemas import OVERALL, SPLITS, HumanRating, Preference
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import arrow_schema, from_table


def read_rows(folder: Path, record: type[Any]) -> Iterator[Any]:
    """Records of a table's folder, in file order; none where the folder does not exist."""
    files = sorted(folder.glob("*.parquet"))
    if files:
        schema = arrow_schema(cast(Hashable, record))
        table = ds.dataset(files).to_table(columns=schema.names)
        yield from from_table(record, table.cast(schema.remove_metadata()))


def read_preferences(data: Path) -> dict[str, list[Preference]]:
    """Preferences by split, without the ``overall`` rows: they follow from the dimensions."""
    layout = Layout(data)
    found = {
        split: [
            row
            for row in read_rows(layout.table("preferences", split), Preference)
            if row.dimension != OVERALL
        ]
        for split in SPLITS
    }
    if not any(found.values()):
        raise SetupError(
            f"{layout.table('preferences')}: no preferences; name the folder of a complete run"
        )
    return found


def read_ratings(data: Path) -> list[HumanRating]:
    """Human ratings of the run, none where it has no such table."""
    return list(read_rows(Layout(data).table("human_ratings"), HumanRating))


def load_groups(
    data: Path,
    frames: int,
    image_size: int,
    *,
    fit: Fit = "squeeze",
    dimensions: Sequence[str] | None = None,
    splits: Sequence[str] = SPLITS,
    threads: int = 2,
) -> Corpus:
    """Read preferences and frames of a run folder or of the dataset it publishes.

    ``dimensions`` None: every dimension that has a preference, sorted. Raises SetupError where a
    table is missing, a dimension has no preference, or a prompt stands in two splits.
    """
    by_split = {s: rows for s, rows in read_preferences(data).items() if s in splits}
    found = sorted({row.dimension for rows in by_split.values() for row in rows})
    names = tuple(dimensions or found)
    absent = sorted(set(names) - set(found))
    if absent:
        raise SetupError(
            f"videorm.dimensions: no preferences for {', '.join(absent)} in {data}; "
            f"there are {', '.join(found) or 'none'}"
        )
    kept = {s: [r for r in rows if r.dimension in names] for s, rows in by_split.items()}
    _check_disjoint(kept)
    wanted = sorted({v for rows in kept.values() for r in rows for v in (r.video_a, r.video_b)})
    clips = read_clips(data, wanted, frames, image_size, fit, threads)
    row_of = {video_id: row for row, video_id in enumerate(clips.video_ids)}
    groups = {s: make_groups(rows, names, row_of) for s, rows in kept.items()}
    return Corpus(dimensions=names, clips=clips, groups=groups)


def make_groups(
    preferences: Sequence[Preference], dimensions: Sequence[str], row_of: Mapping[str, int]
) -> tuple[Group, ...]:
    """One group per prompt, sorted by prompt_id; pairs sorted by dimension and clip."""
    by_prompt: dict[str, list[Preference]] = {}
    for row in preferences:
        by_prompt.setdefault(row.prompt_id, []).append(row)
    return tuple(
        _group(sorted(by_prompt[p], key=lambda r: r.pair_id), dimensions, row_of)
        for p in sorted(by_prompt)
    )


def _group(
    rows: Sequence[Preference], dimensions: Sequence[str], row_of: Mapping[str, int]
) -> Group:
    videos = sorted({v for r in rows for v in (r.video_a, r.video_b)})
    place = {video_id: i for i, video_id in enumerate(videos)}
    generators = {r.video_a: r.generator_a for r in rows} | {r.video_b: r.generator_b for r in rows}
    scores = np.full((len(videos), len(dimensions)), np.nan)
    for r in rows:
        scores[place[r.video_a], dimensions.index(r.dimension)] = r.score_a
        scores[place[r.video_b], dimensions.index(r.dimension)] = r.score_b
    return Group(
        prompt_id=rows[0].prompt_id,
        prompt=rows[0].prompt,
        rows=np.array([row_of[v] for v in videos], np.int64),
        generators=tuple(generators[v] for v in videos),
        scores=scores,
        dimension=np.array([dimensions.index(r.dimension) for r in rows], np.int64),
        a=np.array([place[r.video_a] for r in rows], np.int64),
        b=np.array([place[r.video_b] for r in rows], np.int64),
        label=np.array([LABELS[r.label] for r in rows], np.int64),
        margin=np.array([r.margin for r in rows], np.float64),
        share=np.full(len(rows), np.nan),
        weight=np.array([r.weight for r in rows], np.float64),
    )


def _check_disjoint(by_split: Mapping[str, Sequence[Preference]]) -> None:
    seen: dict[str, str] = {}
    for split, rows in by_split.items():
        for row in rows:
            if seen.setdefault(row.prompt_id, split) != split:
                raise SetupError(
                    f"preferences: prompt {row.prompt_id} stands in {seen[row.prompt_id]} and in "
                    f"{split}; split by prompt, or the test says nothing about new prompts"
                )


def check_trainable(corpus: Corpus) -> None:
    """SetupError unless every dimension has untied pairs to learn from and to be tested on."""
    for split in ("train", "test"):
        groups = corpus.groups.get(split, ())
        need = MIN_TRAIN_PROMPTS if split == "train" else 1
        if len(groups) < need:
            raise SetupError(
                f"videorm: {len(groups)} prompts in the {split} split, at least {need} are needed; "
                "take more prompts or change `splits:`"
            )
        for i, name in enumerate(corpus.dimensions):
            if not any(((g.dimension == i) & (g.label != 0)).any() for g in groups):
                raise SetupError(
                    f"videorm: no untied pair of {name} in the {split} split; take more prompts, "
                    "or name the dimensions to train in `videorm.dimensions`"
                )
