"""One split for every prompt over all folders: what is tested on anywhere is trained on nowhere."""

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import STRICTEST, drawn
from pipeline.preference.wording import words_of

__all__ = ["LEFT_OUT", "settle", "words_of"]

Key = tuple[str, str]  # prompt_id, words
LEFT_OUT = "left out"  # instead of a split: a dataset leaves the prompt out of all of them


def settle(stated: Iterable[tuple[str, str, str | None]]) -> Mapping[Key, str | None]:
    """The split of each prompt, from rows (prompt_id, text, split or None) of all folders.

    Prompts of one id or of the same words (case, punctuation and white space apart) belong together,
    also by way of a third. Where any row is :data:`LEFT_OUT` they are neither trained nor tested on, and
    have None. Else their split is the strictest that any row states: test before validation before
    train. Where none states one it is drawn by hash of the smallest id, as a run with default
    ``splits:`` does.
    """
    rows = {(prompt_id, words_of(text), split) for prompt_id, text, split in stated}
    keys = sorted({(prompt_id, words) for prompt_id, words, _ in rows})
    together = dict(zip(keys, _components(keys), strict=True))
    found: dict[int, str | None] = {}
    for split in reversed((LEFT_OUT, *STRICTEST)):
        own = None if split == LEFT_OUT else split
        found |= {together[p, w]: own for p, w, said in rows if said == split}
    for prompt_id, words in keys:  # sorted: the smallest id of each component comes first
        found.setdefault(together[prompt_id, words], drawn(prompt_id, SplitOptions()))
    return {key: found[together[key]] for key in keys}


def _components(keys: list[Key]) -> list[int]:
    ids = {name: i for i, name in enumerate(dict.fromkeys(p for p, _ in keys))}
    words = {name: i for i, name in enumerate(dict.fromkeys(w for _, w in keys), len(ids))}
    n = len(ids) + len(words)
    ends = ([ids[p] for p, _ in keys], [words[w] for _, w in keys])
    graph = coo_array((np.ones(len(keys)), ends), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    return [int(labels[i]) for i in ends[0]]
