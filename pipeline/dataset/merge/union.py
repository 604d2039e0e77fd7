"""Rows of several runs under their keys: which are new, which are known, and which contradict.

A row is three numbers here (:mod:`pipeline.dataset.digests`): the digest of its key, that of what it says,
and its place. So the union of a million rows with another million takes some tens of megabytes.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from pipeline.dataset.digests import U64

Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.int64]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What became of one run's rows of one table: in the output, the same as a row there, or left out by
    a rule, which is named in words."""

    rows: int
    added: int
    same: int
    left_out: Mapping[str, int]

    @property
    def balanced(self) -> bool:
        """Whether every row is accounted for."""
        return self.rows == self.added + self.same + sum(self.left_out.values())


class Part:
    """The rows of one run's table, (N,) each, and what becomes of them: every row has one fate."""

    def __init__(self, keys: U64, said: U64) -> None:
        self.keys, self.said = keys, said
        self.keep: Mask = np.ones(len(keys), bool)
        self.same: Mask = np.zeros(len(keys), bool)
        self.out: dict[str, Mask] = {}

    def leave_out(self, rows: Mask, why: str) -> None:
        """Leave rows out that were kept so far; others have their reason already."""
        rows = rows & self.keep
        if rows.any():
            self.out[why] = self.out.get(why, np.zeros(len(rows), bool)) | rows
            self.keep = self.keep & ~rows

    def known(self, rows: Mask) -> None:
        """Rows that are the same as others, which are in the output."""
        rows = rows & self.keep
        self.same, self.keep = self.same | rows, self.keep & ~rows

    def counts(self) -> Counts:
        """How many rows met which fate."""
        return Counts(
            rows=len(self.keys),
            added=int(self.keep.sum()),
            same=int(self.same.sum()),
            left_out={why: int(rows.sum()) for why, rows in self.out.items()},
        )


class Union:
    """The rows of all parts so far, by key."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._keys: U64 = np.zeros(0, np.uint64)
        self._said: U64 = np.zeros(0, np.uint64)
        self._part = np.zeros(0, np.int64)
        self._place: Places = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return len(self._keys)

    def has(self, keys: U64) -> Mask:
        """Which of some keys have a row."""
        return self._find(keys)[0]

    def meet(self, part: Part) -> tuple[Mask, Mask]:
        """Which of a part's kept rows say the same as a known row of their key, and which another thing."""
        there, at = self._find(part.keys)
        there = there & part.keep
        alike = np.zeros(len(there), bool)
        alike[there] = self._said[at[there]] == part.said[there]
        return alike, there & ~alike

    def holders(self, keys: U64) -> tuple[npt.NDArray[np.int64], Places]:
        """Part and place of the rows that hold some known keys."""
        _, at = self._find(keys)
        return self._part[at], self._place[at]

    def replace(self, keys: U64, why: str) -> None:
        """Leave out the rows that hold some known keys, so that others may."""
        holder, place = self.holders(keys)
        for number, part in enumerate(self.parts):
            rows = np.zeros(len(part.keys), bool)
            rows[place[holder == number]] = True
            part.leave_out(rows, why)
        stay = ~np.isin(self._keys, keys)
        self._set(self._keys[stay], self._said[stay], self._part[stay], self._place[stay])

    def add(self, part: Part) -> None:
        """The part's kept rows, whose keys are new."""
        new = np.flatnonzero(part.keep)
        number = np.full(len(new), len(self.parts), np.int64)
        self.parts.append(part)
        self._set(
            np.concatenate([self._keys, part.keys[new]]),
            np.concatenate([self._said, part.said[new]]),
            np.concatenate([self._part, number]),
            np.concatenate([self._place, new]),
        )

    def _find(self, keys: U64) -> tuple[Mask, Places]:
        if not len(self._keys):
            return np.zeros(len(keys), bool), np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return self._keys[at] == keys, at

    def _set(self, keys: U64, said: U64, part: Places, place: Places) -> None:
        order = np.argsort(keys, kind="stable")
        self._keys, self._said = keys[order], said[order]
        self._part, self._place = part[order], place[order]


def repeated(keys: U64) -> Places:
    """The first two places of a key that is there twice; empty where every key is there once."""
    order = np.argsort(keys, kind="stable")
    twice = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    return np.zeros(0, np.int64) if not len(twice) else order[twice[0] : twice[0] + 2]
