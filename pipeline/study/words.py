"""Numbers of a study as a person reads them."""

from pipeline.estimate.figures import plural, usd
from pipeline.study.cost import Cost
from pipeline.study.grid import applies
from pipeline.study.labels import value_of
from pipeline.study.result import Difference, Row, Study

NONE = "–"


def interval(row: Row) -> str:
    """``0.712 [0.680, 0.741]``."""
    if row.value is None:
        return "undefined"
    ends = "" if row.low is None or row.high is None else f" [{row.low:.3f}, {row.high:.3f}]"
    return f"{row.value:.3f}{ends}"


def gap(difference: Difference) -> str:
    """``-0.012 (0.008)``; of the best itself, and of whatever never differs from it, a dash."""
    if difference.value is None:
        return "undefined"
    if not difference.value and not difference.se:
        return NONE
    se = "" if difference.se is None else f" ({difference.se:.3f})"
    return f"{difference.value:+.3f}{se}".replace("-0.000", "0.000").replace("+0.000", "0.000")


def gap_interval(difference: Difference) -> str:
    """``[-0.031, 0.004]``."""
    if difference.low is None or difference.high is None or not difference.se:
        return NONE
    return f"[{difference.low:+.3f}, {difference.high:+.3f}]"


def costs(cost: Cost) -> str:
    """Money where it is known, tokens where it is not, nothing where nothing is paid."""
    if cost.usd:
        return f"{small_usd(cost.usd_per_clip)}"
    if cost.tokens:
        return f"{cost.tokens_per_clip:,.0f} tokens"
    return "free"


def small_usd(value: float | None) -> str:
    """Dollars of one clip: three digits that count."""
    if value is None:
        return "unknown"
    return f"${value:,.2f}" if value >= 1 or not value else f"${value:.3g}"


def recommended(study: Study) -> list[str]:
    """What to take, and why; or why nobody can say."""
    if study.stopped:
        done = f"{len(study.results)} of {plural(study.n_points, 'point')}"
        return [f"stopped with {done} done, so nothing is recommended yet: {study.stopped}"]
    found = study.recommendation
    if found is None:
        return ["nothing can be recommended: no point has a value with an interval"]
    chosen = study.named(found.point)
    why = "; ".join(found.reasons)
    return [f"recommended: {chosen.label}. {why[0].upper()}{why[1:]}."]


def fixed(study: Study) -> str:
    """What all points have in common; empty where everything was varied."""
    points = [result.point for result in study.results]
    same = []
    for axis in ("frames", "temperature", "draws"):
        own = [point for point in points if applies(point.judge, axis)]
        if own and len({getattr(point.setting, axis) for point in own}) == 1:
            same.append(value_of(own[0], axis, []))
    return ", ".join(same)


def whole_cost(cost: Cost) -> str:
    """Of all clips."""
    if cost.usd is None:
        return "unknown"
    return usd(cost.usd)
