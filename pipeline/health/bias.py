"""Does a judge fail on one generator's clips more than on the others'? Then who fails is selected.

The test is of two proportions, stratified by prompt: a generator that is refused because it was
given other prompts is not to blame. The unit is a generator within a prompt, its value the share
of the verdicts about its clips that failed, so that draws, dimensions and orders count once. If
the generator did not matter, each of a prompt's values would be its own with the same chance; that
permutation is the test. Source: Mantel 1963, JASA 58, 690 (the extended Mantel-Haenszel test; for
shares of 0 and 1 it is Cochran-Mantel-Haenszel's). Where few prompts tell anything, its normal
approximation is replaced by drawn permutations.
"""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from pipeline.health.items import Floats
from pipeline.health.measure import Names
from pipeline.health.read import Verdicts
from pipeline.health.verdicts import RATES
from pipeline.sentinels.permutation import holm
from schemas.ids import sha256_hex

TESTED = ("refusal_rate", "parse_failure_rate")
LEVEL = 0.05
MATTERS = 0.01  # a smaller excess is not reported, however certain: it can move nothing
_ENOUGH = 400  # prompts that tell something, above which the normal approximation is used
_PERMUTATIONS = 9_999
_BLOCK = 500  # permutations at a time: memory stays small


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """One generator against the others of the same prompts: shares of failed verdicts, p values.

    ``p_adjusted`` is Holm's over all tests of the run.
    """

    annotator: str
    statistic: str
    generator: str
    share: float
    others: float
    n_prompts: int
    p: float
    p_adjusted: float = math.nan


def selection_bias(verdicts: Verdicts, names: Names) -> list[Tested]:
    """A test for each annotator, kind of failure and generator that any prompt tells about."""
    tests = []
    for a, annotator in enumerate(names.annotators.names):
        own = np.flatnonzero(verdicts.items.annotator == a)
        for statistic in TESTED:
            failed = (verdicts.kind[own] == RATES[statistic]).astype(float)
            if failed.any():
                cells = _cells(verdicts, own, failed, names)
                tests += _of_cells(cells, annotator, statistic, names.generators.names)
    adjusted = holm([test.p for test in tests], len(tests))
    return [dataclasses.replace(t, p_adjusted=p) for t, p in zip(tests, adjusted, strict=True)]


def _cells(verdicts: Verdicts, own: np.ndarray, failed: Floats, names: Names) -> Floats:
    """Share of failed verdicts per prompt and generator (P, G); NaN where there is none."""
    shows, prompt, size = verdicts.items.shows[own], verdicts.items.prompt[own], len(names.prompts)
    columns = []
    for here in shows.T:
        n = np.bincount(prompt[here], minlength=size)
        top = np.bincount(prompt[here], weights=failed[here], minlength=size)
        columns.append(np.where(n > 0, top / np.maximum(n, 1), np.nan))
    return np.stack(columns, axis=1)


def _of_cells(
    cells: Floats, annotator: str, statistic: str, generators: Sequence[str]
) -> list[Tested]:
    several = cells[np.isfinite(cells).sum(axis=1) > 1]
    tests = []
    for g, generator in enumerate(generators):
        own = several[np.isfinite(several[:, g])]
        rest = np.delete(own, g, axis=1)
        telling = own[np.nanmax(own, axis=1) > np.nanmin(own, axis=1)] if len(own) else own
        if not len(telling):
            continue
        tests.append(
            Tested(
                annotator=annotator,
                statistic=statistic,
                generator=generator,
                share=float(own[:, g].mean()),
                others=float(np.nanmean(rest)),
                n_prompts=len(own),
                p=p_value(telling, g),
            )
        )
    return tests


def p_value(cells: Floats, generator: int) -> float:
    """Two-sided p of one column of (P, G) values against the others of its row; NaN: no value.

    The statistic is sum over rows of value - mean of the row; under permutation a row's term has
    variance mean((value - mean of the row)^2).
    """
    centred = cells - np.nanmean(cells, axis=1, keepdims=True)
    observed = abs(float(centred[:, generator].sum()))
    if len(cells) > _ENOUGH:
        deviation = math.sqrt(float(np.nanmean(centred**2, axis=1).sum()))
        return math.erfc(observed / deviation / math.sqrt(2))
    return _drawn(centred, observed)


def _drawn(centred: Floats, observed: float) -> float:
    """Share of permutations at least as far from zero, the data counted as one of them."""
    n = np.isfinite(centred).sum(axis=1)
    values = np.take_along_axis(centred, np.argsort(np.isnan(centred), axis=1, kind="stable"), 1)
    rng = np.random.default_rng(int(sha256_hex(b"selection bias")[:16], 16))
    beyond, done = 0, 0
    while done < _PERMUTATIONS:
        size = min(_BLOCK, _PERMUTATIONS - done)
        picked = rng.integers(n, size=(size, len(n)))
        sums = values[np.arange(len(n)), picked].sum(axis=1)
        beyond += int((np.abs(sums) >= observed - 1e-9).sum())
        done += size
    return (beyond + 1) / (_PERMUTATIONS + 1)
