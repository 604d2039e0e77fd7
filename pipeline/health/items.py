"""What a figure is about: verdicts, clips or pairs as columns of numbers, never as records."""

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.intp]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
T = TypeVar("T")


class Codes:
    """Numbers for names, in the order of their first appearance."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._of: dict[str, int] = {}
        for name in names:
            self.code(name)

    def __len__(self) -> int:
        return len(self._of)

    def __contains__(self, name: object) -> bool:
        return name in self._of

    @property
    def names(self) -> list[str]:
        """The names in the order of their numbers."""
        return list(self._of)

    def code(self, name: str) -> int:
        """The number of a name, a new one where it is new."""
        return self._of.setdefault(name, len(self._of))

    def column(self, column: pa.Array) -> Ints:
        """The numbers (N,) of a column of names; -1 for null."""
        encoded = column.dictionary_encode()
        numbers = np.array([self.code(n) for n in encoded.dictionary.to_pylist()], dtype=np.intp)
        places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.where(places < 0, -1, np.append(numbers, -1)[places]).astype(np.intp)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """N items: who judged, on what (N,), and the generators of the clips shown (N, G)."""

    annotator: Ints
    dimension: Ints
    prompt: Ints
    shows: Bools

    def __len__(self) -> int:
        return len(self.annotator)

    def take(self, where: Any) -> "Items":
        """The items at some positions (an index or a mask)."""
        return Items(**{f.name: getattr(self, f.name)[where] for f in dataclasses.fields(self)})


def join(parts: Sequence[T]) -> T:
    """Several records of arrays as one, array by array; at least one part."""
    values: dict[str, Any] = {}
    for field in dataclasses.fields(parts[0]):  # type: ignore[arg-type]
        own = [getattr(part, field.name) for part in parts]
        values[field.name] = np.concatenate(own) if isinstance(own[0], np.ndarray) else join(own)
    return type(parts[0])(**values)


def grouped(*columns: Ints) -> tuple[Ints, Ints]:
    """Number each row (N,) by its combination of columns, and one row (M,) of each combination."""
    if not len(columns[0]):
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    order = np.lexsort(columns)
    new = np.zeros(len(order), bool)
    new[0] = True
    for column in columns:
        new[1:] |= np.diff(column[order]) != 0
    groups = np.empty(len(order), np.intp)
    groups[order] = np.cumsum(new) - 1
    return groups, order[new]
