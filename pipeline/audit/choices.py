"""What the choices of an annotator between two clips come to, pair by pair."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from pipeline.formats.choice import Choice, Pair

Who = tuple[str, str]  # annotator, dimension
Margins = Mapping[Who, Mapping[Pair, float]]  # for the lower id where positive


def margins_of(choices: Iterable[Choice]) -> Margins:
    """What each annotator makes of each pair, from -1 to 1: the mean of its draws.

    A draw that was asked in both orders and prefers another clip each time is a tie; one that was
    asked in one order only counts as it is.
    """
    draws: dict[Who, dict[Pair, dict[int, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for one in choices:
        if one.sign is not None:
            draws[one.annotator_id, one.dimension][one.pair][one.draw].append(one.sign)
    return {
        who: {
            pair: _mean([_agreed(signs) for signs in own.values()]) for pair, own in pairs.items()
        }
        for who, pairs in draws.items()
    }


def _agreed(signs: Sequence[float]) -> float:
    return signs[0] if all(sign == signs[0] for sign in signs) else 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def rationales_of(
    choices: Iterable[Choice], annotator: str, dimension: str
) -> dict[Pair, tuple[str, str]]:
    """The first draw's words on each pair, and the clip that was shown first: words tell by place."""
    found: dict[Pair, tuple[str, str]] = {}
    for one in sorted(choices, key=lambda c: (c.draw, c.video_a)):
        if (one.annotator_id, one.dimension) == (annotator, dimension) and one.rationale:
            found.setdefault(one.pair, (one.rationale, one.video_a))
    return found
