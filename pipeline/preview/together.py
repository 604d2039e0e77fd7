"""What the orders of one comparison come to together, by the rule that a run's preferences follow."""

import dataclasses
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

from pipeline.estimate.figures import plural
from pipeline.preference.votes import Pair, Ranking, marks_of, votes_of
from schemas import Comparison


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One clip in all orders; None: that reply says nothing of use."""

    name: str
    ranks: tuple[int | None, ...]  # 1 = best, an order each
    share: float | None  # of its comparisons that it wins, a tie being half; None: one lacks a vote


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Together:
    """One annotator on one dimension. ``agreed``: every pair stands alike in both orders; None: a
    reply is missing."""

    dimension: str
    agreed: bool | None
    said: str
    places: tuple[Place, ...]


def together(
    dimension: str,
    orders: Sequence[Sequence[str]],
    rows: Sequence[Comparison],
    names: Mapping[str, str],
) -> Together:
    """``orders``: video ids as shown, of the one order and of its reverse; ``rows``: one annotator's
    comparisons on the dimension, of one draw; ``names`` by video_id."""
    rankings = [Ranking(*(getattr(row, name) for name in Ranking._fields)) for row in rows]
    votes = next(iter(votes_of(rankings).values()), {})
    n_pairs = math.comb(len(orders[0]), 2)
    ranks = [_ranks(order, rows) for order in orders]
    share = {mark.video_id: mark.score for mark in marks_of(rankings)}
    pair = n_pairs == 1
    said = _of_pair(votes, orders, ranks, names) if pair else _of_list(votes, n_pairs)
    return Together(
        dimension=dimension,
        agreed=None if len(votes) < n_pairs else 0 not in votes.values(),
        said=said,
        places=tuple(
            Place(
                name=names[video],
                ranks=tuple(ranked.get(video) for ranked in ranks),
                share=share.get(video),
            )
            for video in orders[0]
        ),
    )


def _ranks(order: Sequence[str], rows: Sequence[Comparison]) -> dict[str, int]:
    """By video_id; empty where the order has no comparison."""
    own = (row for row in rows if row.video_ids == tuple(order))
    return next((dict(zip(row.video_ids, row.ranking, strict=True)) for row in own), {})


def _of_pair(
    votes: Mapping[Pair, int],
    orders: Sequence[Sequence[str]],
    ranks: Sequence[Mapping[str, int]],
    names: Mapping[str, str],
) -> str:
    if not votes:
        return _missing(ranks)
    (((one, other), vote),) = votes.items()
    if vote:
        return f"prefers {names[one if vote > 0 else other]} in both orders"
    # below 0: the video shown first ranks higher
    shown = [ranked[order[0]] - ranked[order[1]] for order, ranked in zip(orders, ranks)]
    if max(shown) < 0:
        return "a tie: it prefers whichever is shown first"
    if min(shown) > 0:
        return "a tie: it prefers whichever is shown last"
    return "a tie, by what it says in both orders together"


def _missing(ranks: Sequence[Mapping[str, int]]) -> str:
    n = sum(bool(ranked) for ranked in ranks)
    return f"no vote: {n or 'none'} of its two replies is of use, and a vote takes both orders"


def _of_list(votes: Mapping[Pair, int], n_pairs: int) -> str:
    if not votes:
        return "no votes: a reply is of no use, and a vote takes both orders"
    changed = Counter(votes.values())[0]
    if not changed:
        return f"all {plural(n_pairs, 'pair')} stand alike in both orders"
    return (
        f"{n_pairs - changed} of {plural(n_pairs, 'pair')} stand alike in both orders; {changed} "
        f"{'changes' if changed == 1 else 'change'} with the order and "
        f"{'counts as a tie' if changed == 1 else 'count as ties'}"
    )


def names_of(clips: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What to call clips, given as (video_id, generator): by generator, and by id where two clips
    have the same."""
    times = Counter(generator for _, generator in clips)
    return {
        video: generator if times[generator] == 1 else f"{generator} {video}"
        for video, generator in clips
    }


def best_first(row: Comparison, called: Mapping[str, str]) -> str:
    """``B beta > A alpha``; clips of one rank are joined by ``=``."""
    ranked = sorted(zip(row.ranking, row.video_ids, strict=True))
    groups = itertools.groupby(ranked, key=lambda one: one[0])
    return " > ".join(" = ".join(called[video] for _, video in group) for _, group in groups)
