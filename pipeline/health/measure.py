"""One figure of many items, and its rows: per annotator, dimension and generator."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from pipeline.health.interval import ratio
from pipeline.health.items import Bools, Codes, Floats, Items
from pipeline.health.names import ALL

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A ratio of two sums over items: ``top`` (N,) over ``bottom`` (N,).

    ``share``: the ratio lies in [0, 1]. ``whole``: it is told for all dimensions together only,
    because a reply that answers several carries its cost on the first.
    """

    statistic: str
    items: Items
    top: Floats
    bottom: Floats
    share: bool = True
    whole: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """The names behind the numbers of all items of a run."""

    annotators: Codes
    dimensions: Codes
    generators: Codes
    prompts: Codes


def rows_of(measure: Measure, names: Names) -> Iterator[Row]:
    """The rows of a measure: every annotator on all and on each dimension and generator.

    An item that shows clips of several generators counts once for each of them. Where there is
    nothing to divide by there is no row.
    """
    items = measure.items
    for a, annotator in enumerate(names.annotators.names):
        own = items.annotator == a
        if not own.any():
            continue
        yield from _slices(measure, names, own, annotator, ALL)
        if measure.whole:
            continue
        for d, dimension in enumerate(names.dimensions.names):
            yield from _slices(measure, names, own & (items.dimension == d), annotator, dimension)


def _slices(
    measure: Measure, names: Names, own: Bools, annotator: str, dimension: str
) -> Iterator[Row]:
    places = np.flatnonzero(own)
    shows = measure.items.shows[places]
    for g, generator in enumerate((ALL, *names.generators.names)):
        where = places if generator == ALL and g == 0 else places[shows[:, g - 1]]
        n_items = int(np.count_nonzero(measure.bottom[where]))
        if not n_items:
            continue
        found = ratio(
            measure.top[where],
            measure.bottom[where],
            measure.items.prompt[where],
            len(names.prompts),
            share=measure.share,
        )
        yield {
            "annotator": annotator,
            "statistic": measure.statistic,
            "dimension": dimension,
            "generator": generator,
            **dataclasses.asdict(found),
            "n_items": n_items,
        }
