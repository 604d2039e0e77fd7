"""One split for every prompt over all folders: what is tested on anywhere is trained on nowhere."""

from collections.abc import Iterable, Mapping

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipeline.preference.options import SplitOptions
from pipeline.preference.splits import split_of
from schemas import Prompt

Key = tuple[str, str]  # prompt_id, words
STRICTEST = ("test", "validation", "train")


def words_of(text: str) -> str:
    """A prompt's words alone: two texts that differ in white space or case are one prompt."""
    return " ".join(text.split()).casefold()


def settle(stated: Iterable[tuple[str, str, str | None]]) -> Mapping[Key, str]:
    """The split of each prompt, from rows (prompt_id, text, split or None) of all folders.

    Prompts of one id or of the same words belong together, also by way of a third. Their split is
    the strictest that any row states: test before validation before train. Where none states one it
    is drawn by hash of the smallest id, as a run with default ``splits:`` does.
    """
    rows = {(prompt_id, words_of(text), split) for prompt_id, text, split in stated}
    keys = sorted({(prompt_id, words) for prompt_id, words, _ in rows})
    together = dict(zip(keys, _components(keys), strict=True))
    found: dict[int, str] = {}
    for split in reversed(STRICTEST):
        found |= {together[p, w]: split for p, w, said in rows if said == split}
    for prompt_id, words in keys:  # sorted: the smallest id of each component comes first
        if together[prompt_id, words] not in found:
            prompt = Prompt(prompt_id=prompt_id, text=words, source="")
            found[together[prompt_id, words]] = split_of(prompt, SplitOptions())
    return {key: found[together[key]] for key in keys}


def _components(keys: list[Key]) -> list[int]:
    ids = {name: i for i, name in enumerate(dict.fromkeys(p for p, _ in keys))}
    words = {name: i for i, name in enumerate(dict.fromkeys(w for _, w in keys), len(ids))}
    n = len(ids) + len(words)
    ends = ([ids[p] for p, _ in keys], [words[w] for _, w in keys])
    graph = coo_array((np.ones(len(keys)), ends), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    return [int(labels[i]) for i in ends[0]]
