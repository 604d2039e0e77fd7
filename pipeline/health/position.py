"""Figures of the order in which clips are shown: does it decide who is preferred."""

from collections.abc import Iterator

import numpy as np

from pipeline.health.items import grouped
from pipeline.health.measure import Measure
from pipeline.health.rankings import Compared


def position_measures(compared: Compared) -> Iterator[Measure]:
    """Share of first-position picks, what is expected of it, and position consistency.

    A judge that looks at the clips alone picks the first of n in 1 / n of its decided verdicts,
    because every draw is asked in both orders; ``first_position_expected`` is the mean of 1 / n.
    Consistency is the share of items (clips, dimension, draw) on which every order prefers the same
    clip: Zheng et al. 2023 (arXiv:2306.05685), Shi et al. 2024 (arXiv:2406.07791). Verdicts that
    rank several clips first are the same where they name the same clips.
    """
    decided = np.flatnonzero(compared.decided)
    items, ones = compared.items.take(decided), np.ones(len(decided))
    first = compared.first[decided].astype(float)
    yield Measure(statistic="first_position_rate", items=items, top=first, bottom=ones)
    yield Measure(
        statistic="first_position_expected",
        items=items,
        top=1 / compared.n_shown[decided],
        bottom=ones,
        share=False,
    )
    yield _consistency(compared)


def _consistency(compared: Compared) -> Measure:
    items = compared.items
    groups, first = grouped(compared.draw, compared.clips, items.dimension, items.annotator)
    _, one_order = grouped(compared.shown, groups)
    _, one_verdict = grouped(compared.best, groups)
    orders = np.bincount(groups[one_order], minlength=len(first))
    verdicts = np.bincount(groups[one_verdict], minlength=len(first))
    both = np.flatnonzero(orders > 1)
    return Measure(
        statistic="position_consistency",
        items=items.take(first[both]),
        top=(verdicts[both] == 1).astype(float),
        bottom=np.ones(len(both)),
    )
