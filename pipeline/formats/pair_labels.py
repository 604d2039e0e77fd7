"""The preferences of one pair, all dimensions together: which clip is first, and what is said of both."""

import dataclasses
from collections.abc import Iterable, Mapping

from schemas import OVERALL, Preference
from schemas.ids import hash_fraction, pair_id

_MIRRORED = {"a": "b", "b": "a", "tie": "tie"}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairLabels:
    """Two clips and, by our dimension, which is preferred: ``a``, ``b`` or ``tie``."""

    prompt: str
    split: str
    video_a: str
    video_b: str
    labels: Mapping[str, str]


def labels_by_pair(preferences: Iterable[Preference]) -> list[PairLabels]:
    """Every pair once, sorted by its clips' ids.

    Each dimension of ours draws by itself which clip is ``a``; here it is as drawn for ``overall``,
    by the hash of that pair's id, whether or not the dimension is there.
    """
    found: dict[tuple[str, str], list[Preference]] = {}
    for one in preferences:
        low, high = sorted((one.video_a, one.video_b))
        found.setdefault((low, high), []).append(one)
    return [_together(low, high, own) for (low, high), own in sorted(found.items())]


def _together(low: str, high: str, own: list[Preference]) -> PairLabels:
    first_is_low = hash_fraction("side", pair_id(low, high, OVERALL)) < 0.5
    a, b = (low, high) if first_is_low else (high, low)
    return PairLabels(
        prompt=own[0].prompt,
        split=own[0].split,
        video_a=a,
        video_b=b,
        labels={p.dimension: p.label if p.video_a == a else _MIRRORED[p.label] for p in own},
    )
