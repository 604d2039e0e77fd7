"""Which point to take: the cheapest within one standard error of the best.

Source: the one-standard-error rule of Breiman, Friedman, Olshen and Stone 1984, Classification and
Regression Trees, section 3.4.3: of several models take the simplest whose estimate is no worse than the
best one's by more than a standard error. "Simplest" is "cheapest" here.

Deviation: their standard error is that of the best estimate alone. All points of a study judge the
same clips, so that most of that error (some prompts are hard for everybody) is common to them and
says nothing of their order; what does is the standard error of the paired difference (Miller 2024,
arXiv:2411.00640, on questions in common), as in the R package projpred, whose suggest_size takes the
smallest model whose difference from the best reaches zero within one standard error. Of points that cost
the same, or within one per cent of it, the one that agrees best is taken.
"""

from collections.abc import Callable, Sequence

from pipeline.estimate.figures import plural, usd
from pipeline.study.result import Recommendation, Result

Order = tuple[float, ...]

NEAR = (
    0.01  # costs so close together, as a share, are one cost: lengths of replies differ by chance
)


def recommend(results: Sequence[Result], least_coverage: float) -> Recommendation | None:
    """The recommended point; None where no point has a value and an interval.

    Points that scored too small a share of the clips come into question only where all did.
    """
    best = next((result for result in results if result.best), None)
    if best is None or best.difference.se is None:
        return None
    within = [result for result in results if result.within]
    covered = [result for result in within if result.coverage >= least_coverage]
    by, order = _order(within)
    near = _near(covered or within, order)
    chosen = min(near, key=lambda result: (-(result.difference.value or 0.0), order(result)))
    return Recommendation(
        point=chosen.point.name,
        best=best.point.name,
        within=[result.point.name for result in within],
        cheapest_by=by,
        reasons=list(
            _reasons(
                chosen, best, within, by, len(near), len(within) - len(covered), least_coverage
            )
        ),
    )


def best_of(
    values: Sequence[float | None], coverages: Sequence[float], least_coverage: float
) -> int | None:
    """The number of the point with the highest value, of equals the first; None where there is none.

    One that scored too few clips may have been spared the hard ones: it is best only among its like.
    """
    known = [n for n, value in enumerate(values) if value is not None]
    covered = [n for n in known if coverages[n] >= least_coverage]
    return max(covered or known, key=lambda n: values[n] or 0.0, default=None)


def settled(
    first: int, covered: Sequence[bool], gaps: Callable[[int], Sequence[float | None]]
) -> int:
    """From ``first`` on to a point that no other beats on the clips that both scored.

    A value of one's own rests on one's own clips, and who left some out may have been spared the hard ones.
    ``gaps``: of every point from the one with that number. Points that are not covered do not count.
    """
    best, seen = first, set[int]()
    while best not in seen:  # on missing clips A may beat B, B beat C and C beat A
        seen.add(best)
        ahead = {n: gap for n, gap in enumerate(gaps(best)) if covered[n] and gap is not None}
        rival = max(ahead, key=ahead.__getitem__, default=best)
        if ahead.get(rival, 0.0) <= 0:
            break
        best = rival
    return best


def _order(within: Sequence[Result]) -> tuple[str, Callable[[Result], Order]]:
    """By what cost is told, and its order: money where all of it is known and some is paid."""

    def rest(result: Result) -> Order:
        return result.cost.tokens_per_clip, result.cost.requests, *free(result)

    def free(result: Result) -> Order:
        return result.point.setting.frames, result.point.setting.draws

    costs = [result.cost.usd for result in within]
    if None not in costs and any(costs):
        return "usd", lambda result: (result.cost.usd_per_clip or 0.0, *rest(result))
    if any(result.cost.tokens for result in within):
        return "tokens", rest
    return "frames", free


def _near(results: Sequence[Result], order: Callable[[Result], Order]) -> list[Result]:
    """The cheapest, and whatever costs as much."""
    least = min(order(result)[0] for result in results)
    return [result for result in results if order(result)[0] <= (1 + NEAR) * least]


def _reasons(
    chosen: Result,
    best: Result,
    within: Sequence[Result],
    by: str,
    n_near: int,
    n_bare: int,
    least: float,
) -> list[str]:
    gap = chosen.difference
    who = "it" if chosen is best else best.label
    others = len(within) - 1
    said = [
        f"{who} {_first(best, within)}, and {plural(others, 'other point') if others else 'no other'} "
        f"{'lies' if others < 2 else 'lie'} within one standard error of it"
    ]
    if chosen is not best and gap.value is not None:
        said.append(
            f"{chosen.label} differs from it by {gap.value:+.4f} with a standard error of "
            f"{gap.se:.4f}, on the same clips"
        )
    said.append(_cheapest(chosen, best, by))
    if n_near > 1:
        said.append(f"of the {n_near} that are equal in this it has the highest value")
    if n_bare:
        said.append(
            f"{plural(n_bare, 'point')} within one standard error scored less than {least:.0%} of "
            "the clips and did not come into question"
        )
    return said


def _first(best: Result, within: Sequence[Result]) -> str:
    """What makes it the best: with clips missing, values of one's own are of different clips."""
    own = max(result.headline.value or 0.0 for result in within)
    if (best.headline.value or 0.0) >= own:
        return "has the highest value"
    return "is beaten by no other on the clips that both scored"


def _cheapest(chosen: Result, best: Result, by: str) -> str:
    if by == "usd":
        return f"the cheapest is recommended: {usd(chosen.cost.usd_per_clip)} per clip" + (
            "" if chosen is best else f" against {usd(best.cost.usd_per_clip)}"
        )
    if by == "tokens":
        return (
            "prices are unknown or zero, so cost goes by tokens: "
            f"{chosen.cost.tokens_per_clip:,.0f} per clip"
            + ("" if chosen is best else f" against {best.cost.tokens_per_clip:,.0f}")
        )
    return (
        "nothing is paid for at any of these, so the fewest frames decide: "
        f"{plural(chosen.point.setting.frames, 'frame')}"
    )
