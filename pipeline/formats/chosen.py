"""What formats of one dimension take of a dataset, and what they say of the rest.

A pair format holds one dimension: ``overall``, unless the user names another one with
``--dimension preference=OURS``. What it cannot say is left out and counted, never guessed.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from pipeline.formats.writing import Choice, Material
from schemas import OVERALL, SPLITS, Preference
from schemas.options import SetupError

PREFERENCE = "preference"  # the one dimension of such a format, as ``--dimension`` names it
TIES = "pairs are ties, which the format cannot say"
MARGINS = "margins and weights of pairs have no place in this format"


def one_dimension(material: Material, choice: Choice) -> str:
    """Our dimension that the export holds.

    Raises :class:`SetupError` where the user maps another name than ``preference``, or where no
    preference of the chosen splits is about the dimension.
    """
    unknown = sorted(set(choice.dimensions) - {PREFERENCE})
    if unknown:
        raise SetupError(
            f"--dimension {unknown[0]}={choice.dimensions[unknown[0]]}: this format has one dimension, "
            f"called {PREFERENCE!r}; say --dimension {PREFERENCE}={choice.dimensions[unknown[0]]}"
        )
    ours = choice.dimensions.get(PREFERENCE, OVERALL)
    known = sorted({pair.dimension for pair in material.preferences})
    if ours not in known:
        raise SetupError(
            f"--dimension {PREFERENCE}={ours}: no preference of the splits {', '.join(choice.splits)} is "
            f"about it; there are {', '.join(known) or 'none at all'}"
        )
    return ours


def pairs_of(material: Material, dimension: str) -> list[Preference]:
    """The pairs of one dimension, sorted by their id."""
    return [pair for pair in material.preferences if pair.dimension == dimension]


def kept(
    pairs: Sequence[Preference],
    good: Callable[[Preference], bool],
    phrase: str,
    left_out: Counter[str],
) -> list[Preference]:
    """The pairs that are ``good``; the others are counted under the phrase."""
    found = [pair for pair in pairs if good(pair)]
    left_out[phrase] += len(pairs) - len(found)
    return found


def decided(pairs: Sequence[Preference], left_out: Counter[str]) -> list[Preference]:
    """The pairs that are no ties."""
    return kept(pairs, lambda pair: pair.label != "tie", TIES, left_out)


def by_split(pairs: Sequence[Preference]) -> dict[str, list[Preference]]:
    """The pairs of each split that has some, in the order of the splits."""
    found: dict[str, list[Preference]] = {
        split: [pair for pair in pairs if pair.split == split] for split in SPLITS
    }
    return {split: own for split, own in found.items() if own}


def winner_first(pair: Preference) -> tuple[str, str]:
    """Video ids of the preferred clip and of the other. A tie has none."""
    if pair.label == "tie":
        raise ValueError(f"pair {pair.pair_id} is a tie")
    sides = pair.video_a, pair.video_b
    return sides if pair.label == "a" else sides[::-1]


def others_lost(material: Material, dimension: str) -> list[str]:
    """The sentence on the dimensions that the export does not hold; none where there is no other."""
    others = [name for name in material.dimensions if name != dimension]
    if not others:
        return []
    return [
        f"the export holds {dimension!r} alone; {', '.join(map(repr, others))} have no place in it "
        f"(--dimension {PREFERENCE}=NAME exports another one)"
    ]


def told(left_out: Mapping[str, int]) -> dict[str, int]:
    """The counts that are not zero, sorted by their phrase."""
    return {phrase: n for phrase, n in sorted(left_out.items()) if n}
