"""What a point is called where a person reads it: what sets it apart from the others, and no more."""

from collections.abc import Sequence

from pipeline.estimate.figures import plural
from pipeline.study.grid import Point, applies
from pipeline.study.options import AXES


def labels_of(points: Sequence[Point]) -> list[str]:
    """One label for each point, different from all others."""
    judges = {point.judge.annotator_id for point in points}
    varied = [
        axis
        for axis in AXES
        if len({getattr(p.setting, axis) for p in points if applies(p.judge, axis)}) > 1
    ]
    rubrics = list(dict.fromkeys(point.setting.rubrics for point in points))
    return [
        ", ".join(
            [
                *([point.judge.annotator_id] if len(judges) > 1 or not varied else []),
                *(value_of(point, axis, rubrics) for axis in varied if applies(point.judge, axis)),
            ]
        )
        or point.judge.annotator_id
        for point in points
    ]


def value_of(point: Point, axis: str, rubrics: Sequence[tuple[str, ...]]) -> str:
    """One setting in words."""
    setting = point.setting
    if axis == "frames":
        return plural(setting.frames, "frame")
    if axis == "temperature":
        return temperature(setting.temperature)
    if axis == "draws":
        return plural(setting.draws, "draw")
    return f"rubrics {1 + list(rubrics).index(setting.rubrics)}"


def temperature(value: float | None) -> str:
    """None: the model's default."""
    return "default temperature" if value is None else f"temperature {value:g}"
