"""What tells points apart, as functions of how often each prompt is drawn.

A point, the point it is held against and the raters themselves are tables of the same prompts, so that
one draw of prompts is a draw for all of them: differences are paired.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import pairs
from pipeline.audit.statistics.bootstrap import Array, Statistic
from pipeline.audit.statistics.ceiling import mean_over_raters
from pipeline.audit.targets import Target
from pipeline.study.names import ACCURACIES, LEFT_OUT, WITH_TIES

_OF_TABLE: dict[str, Statistic] = {
    **{
        name: functools.partial(pairs.accuracy, rule=name.removeprefix("pair_accuracy_"))
        for name in ACCURACIES
    },
    WITH_TIES: pairs.agreement_with_ties,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class HumanPairs:
    """What people made of M pairs on one dimension, each numbered by its prompt among the study's P."""

    name: str  # of the dimension, as the audit's rows have it
    ours: str  # as annotators have it
    pairs: PairPanel
    places: npt.NDArray[np.intp]  # (M,) in [0, P)
    n_prompts: int  # P

    @property
    def videos(self) -> set[str]:
        """Ids of the clips of any pair."""
        used = np.union1d(self.pairs.first, self.pairs.second)
        return {self.pairs.videos[i] for i in used}

    @classmethod
    def of(cls, target: Target, prompts: Sequence[str]) -> Self:
        """Of one dimension as people see it. ``prompts``: ids of all of the study."""
        place = {prompt: i for i, prompt in enumerate(prompts)}
        numbers = [place[prompt] for prompt in target.pairs.prompt_ids]
        return cls(
            name=target.name,
            ours=target.ours or target.name,
            pairs=target.pairs,
            places=np.asarray(numbers, dtype=np.intp)[target.pairs.prompts],
            n_prompts=len(prompts),
        )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A statistic as a function of prompt counts (B, P) -> (B,), and what it rests on."""

    of_counts: Statistic
    n_items: int  # pairs, those tied in the target left out of accuracies; _loo: times raters
    n_prompts: int  # that they are of; of several dimensions the fewest

    @property
    def spreads(self) -> bool:
        """Whether there is more than one prompt everywhere: one tells nothing about the spread."""
        return self.n_prompts > 1


def counted(panel: PairPanel, statistic: str) -> npt.NDArray[np.bool_]:
    """Which of M pairs can count at all, whatever a judge says: not those that nobody else labelled
    where a rater is left out, nor for an accuracy those that are tied in the target."""
    target = panel.others if statistic.endswith(LEFT_OUT) else panel.target[:, None]
    known = np.isfinite(target)
    if statistic.removesuffix(LEFT_OUT) in ACCURACIES:
        known &= pairs.signs(np.where(known, target, 0.0)) != 0
    return np.asarray(known.any(axis=1))


def measured(people: HumanPairs, judge: Array, statistic: str) -> Measured:
    """The statistic of an annotator's differences (M,); pairs that are NaN are left out."""
    own = np.broadcast_to(judge[:, None], people.pairs.human.shape)
    return _measured(people, own, judge, statistic)


def ceiling(people: HumanPairs, statistic: str) -> Measured | None:
    """The same of each rater against the others, averaged; None where the raters are the target."""
    if not statistic.endswith(LEFT_OUT):
        return None
    return _measured(people, people.pairs.human, None, statistic)


def _measured(people: HumanPairs, own: Array, judge: Array | None, statistic: str) -> Measured:
    """``own`` (M, R): what stands against all raters but each one."""
    base = statistic.removesuffix(LEFT_OUT)
    where = people.places, people.n_prompts
    if judge is not None and base == statistic:
        tables = [pairs.pair_table(judge, people.pairs.target, *where)]
    else:
        tables = [
            pairs.pair_table(x, y, *where)
            for x, y in zip(own.T, people.pairs.others.T, strict=True)
        ]
    column = pairs.UNTIED if base in ACCURACIES else pairs.PAIRS
    return Measured(
        of_counts=mean_over_raters(tables, _OF_TABLE[base]),
        n_items=int(sum(table[:, column].sum() for table in tables)),
        n_prompts=int(np.count_nonzero(sum(table[:, column] for table in tables))),
    )


def mean_of(parts: Sequence[Measured]) -> Measured:
    """The mean over dimensions; undefined where one of them is."""

    def of_counts(counts: Array) -> Array:
        return np.asarray(np.mean([part.of_counts(counts) for part in parts], axis=0))

    return Measured(
        of_counts=of_counts,
        n_items=sum(part.n_items for part in parts),
        n_prompts=min(part.n_prompts for part in parts),
    )


def minus(one: Measured, other: Measured) -> Measured:
    """The difference, of the same draws of prompts."""
    return Measured(
        of_counts=lambda counts: np.asarray(one.of_counts(counts) - other.of_counts(counts)),
        n_items=one.n_items,
        n_prompts=min(one.n_prompts, other.n_prompts),
    )
