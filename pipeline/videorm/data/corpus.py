"""What VideoRM learns from: prompts with their clips and labelled pairs, read from run folders."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.videorm.data.frame_index import FrameIndex, index_frames
from pipeline.videorm.data.frames import clips_of
from pipeline.videorm.data.grouping import make_groups, mean_scores
from pipeline.videorm.data.groups import Corpus, Group
from pipeline.videorm.data.known import COPIES, COPY, real_pairs
from pipeline.videorm.data.pairs import PAIRS, keep
from pipeline.videorm.data.places import Places
from pipeline.videorm.data.sources import Sources, read_folders, read_sources
from pipeline.videorm.data.splits import settle, words_of
from pipeline.videorm.data.tables import read_preferences, read_ratings, read_votes
from pipeline.videorm.options import MIN_TRAIN_PROMPTS, DataOptions, Fit
from schemas import SPLITS
from schemas.options import SetupError

__all__ = ["check_trainable", "load_corpus", "read_preferences", "read_ratings", "read_votes"]

TRAINED_ON = ("train", "validation")
MACHINE = DataOptions()


def load_corpus(
    folders: Sequence[Path],
    *,
    frames: int,
    image_size: int,
    fit: Fit,
    dimensions: Sequence[str] | None = None,
    splits: Sequence[str] = SPLITS,
    options: DataOptions = MACHINE,
    answers: Mapping[str, Sequence[str]] | None = None,
    threads: int = 2,
) -> Corpus:
    """Read labelled pairs and frames of run folders, or of the datasets they publish.

    ``dimensions`` None: every dimension with a pair but ``overall``, sorted. ``answers``: which of
    the people's dimensions answer for ours, several averaged; one that is not named answers for
    itself. ``splits``: those that are wanted. ``threads`` decode the frames that are held.

    A prompt that any folder tests on is trained on nowhere, and one that any folder leaves out of all
    splits counts nowhere (:func:`settle`); what is left out stands in ``notes``. The order of the folders
    changes nothing. Raises SetupError for folders that hold nothing to learn from, a dimension without
    pairs, a prompt in two splits of one folder, one clip with two sets of frames, a clip without frames,
    and a JPEG that is absent or no picture.
    """
    tables = read_folders(_distinct(folders), options.labels)
    index = index_frames(folders)
    sources = read_sources(tables, index, options.labels, answers or {}, dimensions)
    names = _dimensions(sources, dimensions)
    pairs, notes = _pairs(sources, index, options, names, frames)
    pairs = _of(pairs, "split", splits)
    places, copies = _places(pairs, index, frames)
    clips = clips_of(
        places,
        copies,
        image_size=image_size,
        fit=fit,
        memory_gb=options.memory_gb,
        workers=options.workers,
        threads=threads,
    )
    return Corpus(
        dimensions=names,
        clips=clips,
        groups=_groups(pairs, names, splits, clips.video_ids),
        most_frames=places.digests.shape[1],
        generators=_generators(pairs),
        notes=(*sources.notes, *notes),
    )


def _pairs(
    sources: Sources, index: FrameIndex, options: DataOptions, names: Sequence[str], frames: int
) -> tuple[pa.Table, list[str]]:
    """The pairs of every split, those that nobody was asked about among them; what was left out."""
    _check_generators(options, index, sources.pairs)
    labelled, notes = _settled(_of(sources.pairs, "dimension", names), sources)
    known = _settled(_known(index, labelled, options, names, frames), sources)[0]
    pairs = pa.concat_tables([labelled, _of(known, "split", ["train"])])
    kept, more = _without_held_out(pairs, options.held_out_generators)
    return kept, notes + more


def _groups(
    pairs: pa.Table, names: Sequence[str], splits: Sequence[str], video_ids: Sequence[str]
) -> dict[str, tuple[Group, ...]]:
    generators = _generators(pairs)
    own = [generators[v] for v in video_ids]
    scores = mean_scores(pairs, names, video_ids)
    return {
        split: make_groups(_of(pairs, "split", [split]), names, video_ids, scores, own)
        for split in splits
    }


def _of(pairs: pa.Table, column: str, values: Sequence[str]) -> pa.Table:
    return pairs.filter(pc.is_in(pairs[column], pa.array(list(values), pa.string())))


def _places(
    pairs: pa.Table, index: FrameIndex, frames: int
) -> tuple[Places, list[tuple[str, str]]]:
    """Where the clips of the pairs lie, and which damaged copies of them there are to be."""
    ids = pa.array(sorted({v for c in "ab" for v in pc.unique(pairs[c]).to_pylist()}), pa.string())
    there = pc.is_in(ids, index.clips["video_id"])
    parts = [v.rpartition(COPY) for v in ids.filter(pc.invert(there)).to_pylist()]
    copies = [(v, damage) for v, mark, damage in parts if mark and damage in COPIES]
    made = {f"{v}{COPY}{damage}" for v, damage in copies}
    return index.places([v for v in ids.to_pylist() if v not in made], frames), copies


def _generators(pairs: pa.Table) -> dict[str, str]:
    """By video_id."""
    ends = (
        zip(pairs[c].to_pylist(), pairs[f"generator_{c}"].to_pylist(), strict=True) for c in "ba"
    )
    return {video: generator for end in ends for video, generator in end}


def _distinct(folders: Sequence[Path]) -> Sequence[Path]:
    if not folders:
        raise SetupError("videorm: no data; name the folder of a complete run")
    twice = [f for f, n in Counter(Path(f).resolve() for f in folders).items() if n > 1]
    if twice:
        raise SetupError(f"{twice[0]}: named twice; name each folder once")
    return folders


def _dimensions(sources: Sources, wanted: Sequence[str] | None) -> tuple[str, ...]:
    found = sorted(pc.unique(sources.pairs["dimension"]).to_pylist())
    absent = sorted(set(wanted or ()) - set(found))
    if absent or not found:
        raise SetupError(
            f"videorm.dimensions: no labels on {', '.join(absent) or 'any dimension'} in "
            f"{sources.where}; there are {', '.join(sources.machine) or 'none'} of machines and "
            f"{', '.join(sources.people) or 'none'} of people; name those to train, choose the labels "
            "by `videorm.data.labels`, or say which of the people's dimensions answer for ours"
        )
    return tuple(wanted or found)


def _check_generators(options: DataOptions, index: FrameIndex, pairs: pa.Table) -> None:
    columns = [index.clips["generator"], pairs["generator_a"], pairs["generator_b"]]
    known = sorted({name for column in columns for name in pc.unique(column).to_pylist()})
    for field, named in (
        ("held_out_generators", options.held_out_generators),
        ("real.generators", options.real.generators),
    ):
        absent = sorted(set(named) - set(known))
        if absent:
            raise SetupError(
                f"videorm.data.{field}: no clip is of {', '.join(absent)}; there are "
                f"{', '.join(known)}"
            )


def _known(
    index: FrameIndex, labelled: pa.Table, options: DataOptions, names: Sequence[str], frames: int
) -> pa.Table:
    real = options.real
    if not (real.generators and (real.over_generated or real.over_damaged)):
        return PAIRS.empty_table()
    absent = sorted(set(real.dimensions) - set(names))
    if absent:
        raise SetupError(
            f"videorm.data.real.dimensions: {', '.join(absent)} is not trained; there are "
            f"{', '.join(names)}"
        )
    return real_pairs(index.clips, labelled, real, frames)


def _settled(pairs: pa.Table, sources: Sources) -> tuple[pa.Table, list[str]]:
    """Every pair in its prompt's split; those stated to be in another one are left out."""
    key = list(zip(pairs["prompt_id"].to_pylist(), pairs["prompt"].to_pylist(), strict=True))
    split_of = settle(sources.prompts)
    words = {text: words_of(text) for _, text in key}
    settled = [split_of[prompt_id, words[text]] for prompt_id, text in key]
    stated = pairs["split"].to_pylist()
    kept = np.array(
        [t is not None and s in (None, t) for s, t in zip(stated, settled, strict=True)], bool
    )
    nowhere = {k for k, t in zip(key, settled, strict=True) if t is None}
    lost = {(k, s) for k, s, fine in zip(key, stated, kept, strict=True) if not fine}
    notes = [
        f"{n} prompts of {split} left out: by id or by words they stand in a stricter split"
        for split, n in sorted(Counter(s for k, s in lost if k not in nowhere).items())
    ]
    if nowhere:
        notes.append(
            f"{len(nowhere)} prompts left out: a dataset leaves them out of all its splits"
        )
    column = pa.array(settled, pa.string())
    return keep(
        pairs.set_column(pairs.schema.get_field_index("split"), "split", column), kept
    ), notes


def _without_held_out(pairs: pa.Table, held_out: Sequence[str]) -> tuple[pa.Table, list[str]]:
    if not held_out:
        return pairs, []
    names = pa.array(list(held_out), pa.string())
    theirs = {c: pc.is_in(pairs[f"generator_{c}"], names).to_numpy() for c in "ab"}
    trained = pc.is_in(pairs["split"], pa.array(TRAINED_ON)).to_numpy()
    lost = trained & (theirs["a"] | theirs["b"])
    clips = {v for c in "ab" for v in keep(pairs, trained & theirs[c])[c].to_pylist()}
    note = (
        f"{int(lost.sum())} pairs with {len(clips)} clips of {', '.join(held_out)} are neither trained "
        "on nor validated on"
    )
    return keep(pairs, ~lost), [note]


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
