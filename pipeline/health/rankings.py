"""Comparisons as columns of numbers: who was shown where, and who was preferred."""

import dataclasses

import numpy as np

from pipeline.health.items import Bools, Codes, Ints, Items


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """N comparisons, (N,) each.

    ``shown`` numbers the clips in the order shown, ``clips`` the same clips in any order, ``best``
    those ranked first. ``decided``: one alone is ranked first; ``first``: it is the one that was
    shown first. ``said`` and ``worded`` as for annotations.
    """

    items: Items
    draw: Ints
    n_shown: Ints
    shown: Ints
    clips: Ints
    best: Ints
    decided: Bools
    first: Bools
    said: Ints
    worded: Bools


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ordered:
    """Every two clips (M,) that a comparison ranks: ``pair`` is one number whatever the order,
    ``sign`` 1 where the clip with the lower number is preferred, -1 the other, 0 neither."""

    items: Items
    pair: Ints
    sign: Ints


def compared(
    items: Items,
    draw: Ints,
    rows: Ints,
    clip: Ints,
    rank: Ints,
    sets: Codes,
    *,
    said: Ints,
    worded: Bools,
) -> Compared:
    """Comparisons from their clips shown: ``rows``, ``clip``, ``rank`` (S,), in the order shown.

    ``sets`` numbers sequences of clips; it is the same one for all batches of a run.
    """
    n_shown = np.bincount(rows, minlength=len(items)).astype(np.intp)
    starts = np.cumsum(n_shown) - n_shown
    top = np.full(len(items), np.iinfo(np.intp).max)
    np.minimum.at(top, rows, rank)
    is_top = rank == top[rows]
    tops = np.bincount(rows, weights=is_top, minlength=len(items))
    numbers = {"shown": [], "clips": [], "best": []}  # type: dict[str, list[int]]
    for start, n in zip(starts.tolist(), n_shown.tolist(), strict=True):
        ids, best = clip[start : start + n], is_top[start : start + n]
        numbers["shown"].append(sets.code(ids.tobytes().hex()))
        numbers["clips"].append(sets.code(np.sort(ids).tobytes().hex()))
        numbers["best"].append(sets.code(np.sort(ids[best]).tobytes().hex()))
    return Compared(
        items=items,
        draw=draw,
        n_shown=n_shown,
        decided=tops == 1,
        first=(tops == 1) & is_top[starts] if len(items) else np.zeros(0, bool),
        said=said,
        worded=worded,
        **{name: np.array(found, dtype=np.intp) for name, found in numbers.items()},
    )


def ordered(items: Items, rows: Ints, clip: Ints, rank: Ints, n_clips: int) -> Ordered:
    """The pairs within each comparison; the arguments as for :func:`compared`."""
    n_shown = np.bincount(rows, minlength=len(items)).astype(np.intp)
    starts = np.cumsum(n_shown) - n_shown
    places, one, other = [], [], []
    for n in np.unique(n_shown):
        own = np.flatnonzero(n_shown == n)
        left, right = np.triu_indices(n, 1)
        places.append(np.repeat(own, len(left)))
        one.append((starts[own][:, None] + left).ravel())
        other.append((starts[own][:, None] + right).ravel())
    if not places:
        none = np.zeros(0, np.intp)
        return Ordered(items=items.take(none), pair=none, sign=none)
    a, b = np.concatenate(one), np.concatenate(other)
    low, high = np.minimum(clip[a], clip[b]), np.maximum(clip[a], clip[b])
    sign = np.sign(rank[b] - rank[a]) * np.where(clip[a] < clip[b], 1, -1)
    return Ordered(items=items.take(np.concatenate(places)), pair=low * n_clips + high, sign=sign)
