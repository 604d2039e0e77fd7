"""How clips are judged: each on its own, against each other, or against each other where scores tie.

Plain functions from clips to questions; which pairs and lists are asked for, in which order.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from annotators.base import AnnotatorSpec, Question
from schemas import FrameSet, Lineup, Rubric
from schemas.ids import hash_fraction
from schemas.options import Options
from schemas.tables import key_of


class ProtocolOptions(Options):
    """``protocol:`` of a configuration; a word alone is the kind."""

    # pointwise: each clip alone. pairwise: every pair of a prompt's clips, in both orders. listwise:
    # all clips of a prompt at once, in an order and in its reverse. tie_band: pointwise, and then
    # pairwise those pairs whose consensus scores lie within the band.
    kind: Literal["pointwise", "pairwise", "listwise", "tie_band"] = "pointwise"
    band: float = Field(0.0, ge=0)  # of tie_band: |difference| of scores up to this

    @model_validator(mode="before")
    @classmethod
    def _a_word_is_the_kind(cls, given: Any) -> Any:
        return {"kind": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _band_of_what(self) -> "ProtocolOptions":
        if self.band and self.kind != "tie_band":
            raise ValueError(f"band: goes with kind: tie_band, not with {self.kind}")
        return self

    @property
    def scores(self) -> bool:
        """Whether clips are scored on their own."""
        return self.kind in ("pointwise", "tie_band")

    @property
    def compares(self) -> str | None:
        """The protocol of the rubrics by which clips are compared; None: they are not."""
        return {"pointwise": None, "tie_band": "pairwise"}.get(self.kind, self.kind)


def alone(frames: FrameSet, rubrics: Sequence[Rubric], draws: int) -> Iterator[Question]:
    """The questions about one clip."""
    for rubric in rubrics:
        for draw in range(draws):
            yield Question(frames=frames, rubric=rubric, draw=draw)


def compared(lineup: Lineup, clips: Sequence[FrameSet], rubrics: Iterable[Rubric]) -> Question:
    """The question of a lineup; ``clips`` in its order."""
    first, *others = clips
    (rubric,) = (rubric for rubric in rubrics if rubric.name == lineup.rubric)
    return Question(frames=first, others=tuple(others), rubric=rubric, draw=lineup.draw)


def comparing(
    annotators: Iterable[AnnotatorSpec], protocol: ProtocolOptions
) -> list[AnnotatorSpec]:
    """Those that are asked to compare."""
    return [a for a in annotators if protocol.compares in a.protocols]


def lineups_of_pairs(
    prompt_id: str, pairs: Iterable[tuple[str, str]], rubric: str, draws: int
) -> Iterator[Lineup]:
    """Each pair in both orders, in every draw: a judge's liking for the first cannot win."""
    for one, other in pairs:
        for draw in range(draws):
            for shown in ((one, other), (other, one)):
                yield Lineup(prompt_id=prompt_id, rubric=rubric, draw=draw, video_ids=shown)


def lineups_of_list(
    prompt_id: str, videos: Iterable[str], rubric: str, draws: int
) -> Iterator[Lineup]:
    """All of them in an order drawn by hash and in its reverse, in every draw another: so each pair
    stands in both orders."""
    for draw in range(draws):
        order = sorted(videos, key=lambda video: hash_fraction("list", str(draw), video))
        for shown in (order, order[::-1]):
            yield Lineup(prompt_id=prompt_id, rubric=rubric, draw=draw, video_ids=tuple(shown))


def lineups_of_prompt(
    protocol: ProtocolOptions,
    prompt_id: str,
    videos: Iterable[str],
    rubric: Rubric,
    draws: int,
    close: Iterable[tuple[str, str]] = (),
) -> Iterator[Lineup]:
    """Everything a prompt's clips are compared in. ``close``: the pairs of a tie band."""
    videos = sorted(videos)
    if len(videos) < 2:
        return
    if protocol.kind == "listwise":
        yield from lineups_of_list(prompt_id, videos, rubric.name, draws)
    else:
        pairs = itertools.combinations(videos, 2) if protocol.kind == "pairwise" else close
        yield from lineups_of_pairs(prompt_id, pairs, rubric.name, draws)


def written_alike(lineups: Iterable[Lineup]) -> tuple[Lineup, Lineup] | None:
    """Two lineups whose keys are the same text, if any: ids are joined by ``+``, and may hold one."""
    known: dict[str, Lineup] = {}
    for lineup in lineups:
        other = known.setdefault(key_of(lineup), lineup)
        if other is not lineup:
            return other, lineup
    return None
