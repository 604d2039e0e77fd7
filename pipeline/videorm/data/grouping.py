"""From columns of labelled pairs to one group per prompt."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.videorm.data.groups import Group
from pipeline.videorm.data.pairs import keep
from pipeline.videorm.data.splits import words_of

Column = NDArray[Any]


def make_groups(
    pairs: pa.Table,
    dimensions: Sequence[str],
    video_ids: Sequence[str],
    scores: NDArray[np.float64],
    generators: Sequence[str],
) -> tuple[Group, ...]:
    """One group per prompt, sorted by prompt_id; pairs sorted by dimension and clips.

    ``scores`` (n, dimensions) and ``generators`` of the rows of ``video_ids``. A prompt_id that two
    texts share makes two groups; texts that differ in white space or case make one.
    """
    columns = _columns(pairs, dimensions, video_ids)
    order = _order(columns)
    columns = {name: values[order] for name, values in columns.items()}
    new = (columns["prompt_id"][1:] != columns["prompt_id"][:-1]) | (
        columns["words"][1:] != columns["words"][:-1]
    )
    starts = [0, *(np.flatnonzero(new) + 1).tolist(), len(pairs)]
    return tuple(
        _group({name: values[start:end] for name, values in columns.items()}, scores, generators)
        for start, end in itertools.pairwise(starts)
        if end > start
    )


def _columns(
    pairs: pa.Table, dimensions: Sequence[str], video_ids: Sequence[str]
) -> dict[str, Column]:
    places = pa.array(video_ids, pa.string())
    texts = {text: words_of(text) for text in pc.unique(pairs["prompt"]).to_pylist()}
    prompt = pairs["prompt"].to_pylist()
    found = {
        "prompt_id": np.array(pairs["prompt_id"].to_pylist(), object),
        "words": np.array([texts[text] for text in prompt], object),
        "prompt": np.array(prompt, object),
        "dimension": pc.index_in(pairs["dimension"], pa.array(dimensions, pa.string())),
        "a": pc.index_in(pairs["a"], places),
        "b": pc.index_in(pairs["b"], places),
    }
    found |= {n: pairs[n] for n in ("label", "margin", "share", "weight", "by_people")}
    whole = ("dimension", "a", "b", "label")
    columns = {n: v if isinstance(v, np.ndarray) else v.to_numpy() for n, v in found.items()}
    return columns | {n: columns[n].astype(np.int64) for n in whole}


def _order(columns: dict[str, Column]) -> NDArray[np.intp]:
    """By prompt, dimension, clips and then the opinions: whatever order the rows came in."""
    low, high = np.minimum(columns["a"], columns["b"]), np.maximum(columns["a"], columns["b"])
    opinion = [columns[n] for n in ("weight", "share", "margin", "label", "by_people")]
    turned = np.where(columns["a"] > columns["b"], -1, 1)
    opinion[1:4] = [turned * (columns["share"] - 0.5), *(turned * v for v in opinion[2:4])]
    prompt = [np.unique(columns[n], return_inverse=True)[1] for n in ("words", "prompt_id")]
    return np.lexsort((*opinion, high, low, columns["dimension"], *prompt))


def _group(
    columns: dict[str, Column], scores: NDArray[np.float64], generators: Sequence[str]
) -> Group:
    ends = np.concatenate([columns["a"], columns["b"]])
    rows, place = np.unique(ends, return_inverse=True)
    a, b = np.split(place.astype(np.int64), 2)
    own = ("dimension", "label", "margin", "share", "weight", "by_people")
    return Group(
        prompt_id=str(columns["prompt_id"][0]),
        prompt=min(columns["prompt"]),
        rows=rows,
        generators=tuple(generators[row] for row in rows),
        scores=scores[rows],
        a=a,
        b=b,
        **{name: columns[name] for name in own},
    )


def mean_scores(
    pairs: pa.Table, dimensions: Sequence[str], video_ids: Sequence[str]
) -> NDArray[np.float64]:
    """(n, dimensions) score of each clip, NaN where there is none: the mean of the raters' where
    there are any, else the mean of what the machines gave, each score counted once."""
    found = np.full((len(video_ids), len(dimensions)), np.nan)
    for by_people in (False, True):
        own = keep(pairs, pairs["by_people"].to_numpy() == by_people)
        means = _means(_columns(own, dimensions, video_ids), own, found.shape)
        found = np.where(np.isnan(means), found, means)
    return found


def _means(
    columns: dict[str, Column], pairs: pa.Table, shape: tuple[int, ...]
) -> NDArray[np.float64]:
    score = np.concatenate([pairs[f"score_{c}"].to_numpy() for c in "ab"])
    row = np.concatenate([columns["a"], columns["b"]])
    dimension = np.tile(columns["dimension"], 2)
    known = ~np.isnan(score)
    # sorted, so that the sum does not depend on the order of the rows
    each = np.unique(np.stack([row[known], dimension[known], score[known]]), axis=1)
    place = each[0].astype(np.int64), each[1].astype(np.int64)
    total, n = np.zeros(shape), np.zeros(shape)
    np.add.at(total, place, each[2])
    np.add.at(n, place, 1)
    return np.divide(total, n, out=np.full(shape, np.nan), where=n > 0)
