"""Several clips of one prompt in an order: made of a dataset's pairs, and read as votes."""

import dataclasses
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.formats.held import whole
from pipeline.formats.labelled import NamedClip
from pipeline.formats.writing import Row
from schemas import Preference
from schemas.options import SetupError

EQUAL = "rankings hold equal ranks alone, which tell no clip from another"
TWINS = "clips of a ranking show the same picture as another one of it"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Clips of one prompt with a rank each: 1 is best, equal ranks are ties."""

    key: str  # the prompt's id, or the pair's where the ranking is one pair
    prompt: str
    clips: tuple[str, ...]  # video ids
    ranks: tuple[int, ...]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RankRow:
    """What a row of somebody's list of rankings says."""

    number: int
    prompt: str
    clips: tuple[NamedClip, ...]
    ranks: tuple[int, ...]  # of each clip, lower is better
    by_rater: tuple[tuple[str, tuple[int, ...]], ...] = ()  # where the row names who ranked


def rankings(
    pairs: Sequence[Preference],
    picture: Callable[[str], str | None],
    left_out: Counter[str],
    lost: Counter[str],
) -> list[Ranking]:
    """A ranking of each prompt's clips by their scores, sorted by key.

    The scores are those that the pairs rest on; equal ones get equal ranks, and a clip's rank is 1
    and one more for every better clip. Where a pair of the prompt rests on comparisons there is no
    score of a clip alone: each pair is a ranking of two. Clips that show the same ``picture`` (its
    digest, by video id) as another one of their prompt are in no ranking. ``left_out`` counts them and
    rankings of equal ranks alone, ``lost`` the ties of the dataset that their scores part, and the
    pairs that follow from a ranking though the dataset does not hold them.
    """
    prompts: dict[str, list[Preference]] = {}
    for pair in pairs:
        prompts.setdefault(pair.prompt_id, []).append(pair)
    found: list[Ranking] = []
    for prompt_id, own in sorted(prompts.items()):
        if any(pair.basis != "scores" for pair in own):
            found += map(_of_two, own)
            continue
        ranking = _by_scores(prompt_id, own, picture, left_out)
        if len(ranking.clips) > 1:
            found.append(ranking)
            _count(ranking, own, lost)
    good = [ranking for ranking in found if len(set(ranking.ranks)) > 1]
    left_out[EQUAL] += len(found) - len(good)
    return good


def _by_scores(
    prompt_id: str,
    pairs: Sequence[Preference],
    picture: Callable[[str], str | None],
    left_out: Counter[str],
) -> Ranking:
    scores: dict[str, float] = {}
    for pair in pairs:
        scores[pair.video_a] = round(pair.score_a, 9)
        scores[pair.video_b] = round(pair.score_b, 9)
    shown = Counter(picture(clip) for clip in scores)
    clips = tuple(clip for clip in sorted(scores) if shown[picture(clip)] == 1)
    left_out[TWINS] += len(scores) - len(clips)
    ranks = tuple(1 + sum(scores[other] > scores[clip] for other in clips) for clip in clips)
    return Ranking(key=prompt_id, prompt=pairs[0].prompt, clips=clips, ranks=ranks)


def _of_two(pair: Preference) -> Ranking:
    ranks = {"a": (1, 2), "b": (2, 1), "tie": (1, 1)}[pair.label]
    return Ranking(
        key=pair.pair_id, prompt=pair.prompt, clips=(pair.video_a, pair.video_b), ranks=ranks
    )


def _count(ranking: Ranking, pairs: Sequence[Preference], lost: Counter[str]) -> None:
    rank = dict(zip(ranking.clips, ranking.ranks, strict=True))
    inside = [pair for pair in pairs if {pair.video_a, pair.video_b} <= rank.keys()]
    lost["parted"] += sum(p.label == "tie" and rank[p.video_a] != rank[p.video_b] for p in inside)
    lost["implied"] += len(rank) * (len(rank) - 1) // 2 - len(inside)


def sentences(lost: Mapping[str, int]) -> list[str]:
    """What making rankings of pairs changed."""
    said = {
        "parted": "pairs that are ties, because their scores differ by little, are parted by their scores",
        "implied": "pairs that the dataset does not hold follow from the rankings",
    }
    return [f"{lost[key]} {text}" for key, text in said.items() if lost.get(key)]


def ranks_of(file: Path, number: int, row: Row, column: str, n: int) -> tuple[int, ...]:
    """A cell with a rank for each of ``n`` clips. Raises :class:`SetupError` for anything else."""
    value: Any = row.get(column)
    if not isinstance(value, list) or len(value) != n or not all(map(whole, value)):
        raise SetupError(
            f"{file}: row {number}, column {column!r}: expected {n} whole numbers, one for each "
            f"picture, got {str(value)[:100]}"
        )
    return tuple(value)


def votes_of(ranks: Iterable[int]) -> Iterator[tuple[int, int, str]]:
    """Every two of a ranking and the choice between them: positions, and a, b or tie."""
    for (i, first), (j, second) in itertools.combinations(enumerate(ranks), 2):
        yield i, j, "tie" if first == second else "a" if first < second else "b"
