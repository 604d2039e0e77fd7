"""Where everything of a study's charts stands, in pixels: curves along each axis, cost against value."""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pipeline.estimate.figures import plural
from pipeline.study.grid import applies
from pipeline.study.labels import temperature
from pipeline.study.options import AXES
from pipeline.study.result import Result, Study
from pipeline.study.shapes import (
    BOTTOM,
    HEIGHT,
    LEFT,
    RIGHT,
    TOP,
    WIDTH,
    Chart,
    Line,
    Mark,
    Scale,
    Tick,
    nice,
    scale,
    side_by_side,
)
from pipeline.study.words import interval, small_usd

APART = 9  # pixels between the marks of two lines at one value
MOST_LINES = 4  # of one chart; more of them stand in several, one for each value of another setting
AIR = 0.06  # of the range, above and below
LOG_FROM = 20  # times as dear as the cheapest: then the axis is logarithmic
COLOURS = 8  # that the page has for lines


NAMES = {
    "annotators": "judge",
    "frames": "frames per clip",
    "temperature": "temperature",
    "draws": "draws per clip and rubric, averaged",
    "rubrics": "rubrics",
}


def curves(study: Study) -> list[Chart]:
    """Charts for each axis along which points can be compared, all with the same heights."""
    return [chart for axis in study.axes for chart in _along(study, axis)]


def _along(study: Study, axis: str) -> Iterator[Chart]:
    """One chart, or several where there are too many lines for one."""
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for result in study.results:
        if result.headline.value is not None and _has(result, axis):
            groups.setdefault(_others(result, axis), []).append(result)
    lines = [group for group in groups.values() if len(group) > 1]
    for facets, own in _parts(study, lines, axis, {}):
        yield _chart(study, axis, own, facets)


def _parts(
    study: Study, lines: list[list[Result]], axis: str, facets: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], list[list[Result]]]]:
    """So few lines that they can be told apart, and the settings that these have in common.

    They are parted by whatever they have the fewest values of; a measurement, which has no temperature,
    goes with every one.
    """
    values = {
        name: {_value(line[0], name) for line in lines if _has(line[0], name)}
        for name in study.axes
        if name != axis and name not in facets
    }
    several = sorted(
        (name for name in values if len(values[name]) > 1), key=lambda n: len(values[n])
    )
    if len(lines) <= MOST_LINES or len(several) < 2:
        if lines:
            yield facets, lines
        return
    facet = several[0]
    for value in (v for v in study.axes[facet] if v in values[facet]):
        own = [x for x in lines if not _has(x[0], facet) or _value(x[0], facet) == value]
        yield from _parts(study, own, axis, {**facets, facet: value})


def _chart(study: Study, axis: str, lines: Sequence[list[Result]], facets: dict[str, Any]) -> Chart:
    values, y = study.axes[axis], _heights(study)
    where = ", ".join(_setting(study, name, value) for name, value in facets.items())
    x = _places(axis, values)
    gap = min((b - a for a, b in itertools.pairwise(sorted(x))), default=WIDTH)
    apart = min(APART, gap / (2 * len(lines)))
    return Chart(
        title=f"{study.statistic} along {NAMES[axis]}" + (f", {where}" if where else ""),
        where=where,
        x_title=NAMES[axis],
        x_ticks=[Tick(at=x[i], label=_said(axis, value, i)) for i, value in enumerate(values)],
        y_ticks=_y_ticks(study, y),
        reference=_reference(study, y),
        lines=[
            Line(
                label=_label(study, group[0], (axis, *facets)),
                colour=n % COLOURS,
                joined=axis not in ("annotators", "rubrics") and None not in values,
                marks=[
                    _mark(study, r, x[values.index(_value(r, axis))] + shift, y)
                    for r in sorted(group, key=lambda r: values.index(_value(r, axis)))
                ],
            )
            for n, group in enumerate(lines)
            for shift in [apart * (n - (len(lines) - 1) / 2)]
        ],
    )


def _has(result: Result, axis: str) -> bool:
    """Whether a value of the axis is one of the point's own."""
    return axis == "annotators" or applies(result.point.judge, axis)


def _value(result: Result, axis: str) -> Any:
    point = result.point
    return point.judge.annotator_id if axis == "annotators" else getattr(point.setting, axis)


def _others(result: Result, axis: str) -> tuple[Any, ...]:
    """Everything but the axis: who agrees in it stands on one line."""
    return tuple(_value(result, name) for name in ("annotators", *AXES) if name != axis)


def _label(study: Study, result: Result, but: Sequence[str]) -> str:
    """The settings of a line, where there are other lines."""
    return ", ".join(
        _setting(study, name, _value(result, name))
        for name in study.axes
        if name not in but and _has(result, name)
    )


def _setting(study: Study, axis: str, value: Any) -> str:
    if axis in ("frames", "draws"):
        return plural(value, axis.removesuffix("s"))
    said = _said(axis, value, list(study.axes[axis]).index(value))
    return f"temperature {said}" if axis == "temperature" else said


def _said(axis: str, value: Any, number: int) -> str:
    if axis == "rubrics":
        return f"rubrics {number + 1}"
    if axis == "temperature":
        return temperature(value).removeprefix("temperature ").removesuffix(" temperature")
    return str(value)


def _places(axis: str, values: Sequence[Any]) -> list[float]:
    """Numbers to scale, everything else evenly."""
    numbers = [v for v in values if isinstance(v, int | float)]
    spots = numbers if len(numbers) == len(values) else list(range(len(values)))
    x = scale(min(spots), max(spots), LEFT + 46, WIDTH - RIGHT - 46)
    return [x(spot) for spot in spots]


def cost_chart(study: Study) -> Chart | None:
    """Cost per clip against the value, every point numbered; None where nothing is paid for."""
    shown = [r for r in study.results if r.headline.value is not None]
    priced = [r.cost.usd_per_clip for r in shown]
    by_money = None not in priced and any(priced)
    costs = [(r.cost.usd_per_clip or 0.0) if by_money else r.cost.tokens_per_clip for r in shown]
    if not shown or not any(costs):
        return None
    x, ticks, log = _cost_axis(costs, small_usd if by_money else lambda v: f"{v:,.0f}")
    y = _heights(study)
    unit = "USD per clip" if by_money else "tokens per clip (a price is unknown or zero)"
    spots = side_by_side([x(cost) for cost in costs])
    marks = [_mark(study, r, spot, y) for r, spot in zip(shown, spots, strict=True)]
    return Chart(
        title=f"{study.statistic} against cost",
        x_title=unit + (", logarithmic" if log else ""),
        x_ticks=ticks,
        y_ticks=_y_ticks(study, y),
        reference=_reference(study, y),
        lines=[Line(label="", colour=0, marks=marks, joined=False)],
        width=2 * WIDTH,
        right=2 * WIDTH - RIGHT,
    )


def _cost_axis(
    costs: Sequence[float], said: Callable[[float], str]
) -> tuple[Scale, list[Tick], bool]:
    ends = LEFT + 30, 2 * WIDTH - RIGHT - 30
    low, high = min(costs), max(costs)
    if low > 0 and high > LOG_FROM * low:
        along = scale(math.log10(low), math.log10(high), *ends)
        powers = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        found = [10.0**p for p in powers]
        return (
            lambda v: along(math.log10(v)),
            [Tick(at=along(math.log10(v)), label=said(v)) for v in found],
            True,
        )
    along = scale(0, high, *ends)
    return along, [Tick(at=along(v), label=said(v)) for v in nice(0, high, 6)], False


def _mark(study: Study, result: Result, x: float, y: Scale) -> Mark:
    row = result.headline
    assert row.value is not None
    chosen = study.recommendation is not None and study.recommendation.point == result.point.name
    return Mark(
        x=x,
        y=y(row.value),
        low=None if row.low is None else y(row.low),
        high=None if row.high is None else y(row.high),
        title=f"{result.label}: {interval(row)}, n {row.n_items:,}",
        number=study.results.index(result) + 1,
        recommended=chosen,
        bare=result.scored < result.rated,
    )


def _reference(study: Study, y: Scale) -> Tick | None:
    if not study.ceiling or study.ceiling[-1].value is None:
        return None
    value = study.ceiling[-1].value
    return Tick(at=y(value), label=f"a person against the others: {value:.3f}")


def _range(study: Study) -> tuple[float, float]:
    rows = [r.headline for r in study.results] + list(study.ceiling[-1:])
    values = [v for row in rows for v in (row.value, row.low, row.high) if v is not None]
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    air = AIR * (high - low or 0.1)
    return low - air, high + air


def _heights(study: Study) -> Scale:
    return scale(*_range(study), HEIGHT - BOTTOM, TOP)


def _y_ticks(study: Study, y: Scale) -> list[Tick]:
    return [Tick(at=y(v), label=f"{v:.2f}") for v in nice(*_range(study), 5)]
