"""What is measured: a question, the data that it is asked of, and who can answer it."""

import dataclasses
import functools
from collections.abc import Callable

from audit_data import Arrays, comparisons, counted, judged, long_rows, ratings, two_raters

RESAMPLES = 2000
POINT, RESAMPLED = 5.0, 10.0  # how many times as fast as the fastest peer


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """``make`` gives the data of the whole case, ``quick`` a small one of the same kind.

    ``peers`` are contestants (see ``audit_theirs.py``), each before a ``:`` the package it is of.
    ``close`` is how far two answers to the same question may be apart; ``seconds`` is the most that
    the case may take.
    """

    name: str
    what: str  # what goes in, what comes out
    make: Callable[[], Arrays]
    quick: Callable[[], Arrays]
    peers: tuple[str, ...]
    goal: float = POINT
    close: float = 1e-6
    seconds: float | None = None
    compared: int | None = None  # of the answer, how many numbers; None: all


def _sized(make: Callable[..., Arrays], whole: int, quick: int, *more: float) -> dict[str, object]:
    return {
        "make": functools.partial(make, whole, *more),
        "quick": functools.partial(make, quick, *more),
    }


CASES = {
    case.name: case
    for case in (
        Case(
            name="alpha-2000",
            what="table of 60,000 ratings (20,000 clips, 3 raters, 5 levels, a tenth missing), prompt "
            "of each clip -> ordinal alpha and its 95 % interval, 2,000 resamples",
            **_sized(ratings, 20_000, 400, 0.1, 0),
            peers=("evalica:alpha_bootstrap", "krippendorff:loop", "evalica:loop"),
            goal=RESAMPLED,
            seconds=2.0,
            compared=1,
        ),
        Case(
            name="alpha",
            what="the same table -> ordinal alpha",
            **_sized(ratings, 20_000, 400, 0.1, 0),
            peers=("evalica", "krippendorff"),
        ),
        Case(
            name="alpha-700k",
            what="table of 700,000 ratings -> ordinal alpha",
            **_sized(ratings, 233_334, 400, 0.1, 1),
            peers=("evalica", "krippendorff"),
        ),
        Case(
            name="icc-60k",
            what="60,000 rows of clip, rater, score in no order -> ICC(2,1)",
            **_sized(long_rows, 60_000, 600, 2),
            peers=("pingouin",),
        ),
        Case(
            name="icc-167k",
            what="167,000 such rows -> ICC(2,1)",
            **_sized(long_rows, 167_000, 600, 3),
            peers=("pingouin",),
        ),
        Case(
            name="bradley-terry",
            what="a million comparisons of 12 models, none tied: arrays of first, second, who won -> "
            "strengths",
            **_sized(comparisons, 1_000_000, 5_000, 0.0, 4),
            peers=("evalica", "choix"),
            close=1e-4,
        ),
        Case(
            name="bradley-terry-counts",
            what="the table of wins of the same, 12 x 12 -> strengths",
            **_sized(counted, 1_000_000, 5_000, 0.0, 4),
            peers=("choix",),
            goal=1.0,  # for comparison: the time is that of a few calls of numpy on either side
            close=1e-4,
        ),
        Case(
            name="davidson",
            what="a million comparisons, a fifth tied -> strengths and nu",
            **_sized(comparisons, 1_000_000, 5_000, 0.2, 5),
            peers=("evalica",),
            close=1e-3,
        ),
        Case(
            name="bradley-terry-2000",
            what="100,000 comparisons, a fifth tied, and their prompts -> strengths and 95 % intervals, "
            "2,000 resamples",
            **_sized(comparisons, 100_000, 5_000, 0.2, 6),
            peers=("evalica:bootstrap", "evalica:loop"),
            goal=RESAMPLED,
            close=1e-4,
            compared=12,
        ),
        Case(
            name="kappa",
            what="two arrays of 98,000 scores -> kappa with quadratic weights",
            **_sized(two_raters, 98_000, 500, 7),
            peers=("scikit-learn",),
        ),
        Case(
            name="tau-within",
            what="scores of 20,000 clips of 5,000 prompts, and their targets -> mean tau-b of a prompt",
            **_sized(judged, 20_000, 400, 8),
            peers=("scipy",),
        ),
        Case(
            name="tau-2000",
            what="scores of 2,476 clips of 619 prompts, and their targets -> pooled tau-b and its 95 % "
            "interval, 2,000 resamples",
            **_sized(judged, 2_476, 400, 9),
            peers=("scipy:loop",),
            goal=RESAMPLED,
            compared=1,
        ),
    )
}
