"""What people are asked about a clip or a pair: the run's dimensions with their rubric's words."""

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from prompts import load_rubric
from schemas import Dimension, ScalePoint
from schemas.options import SetupError

# Where no rubric of the run has the dimension (recorded scores): the grades of ITU-T P.910 (ACR).
GRADES = ("Bad", "Poor", "Fair", "Good", "Excellent")


def title(name: str) -> str:
    """A dimension's name as people read it."""
    return name.replace("_", " ").capitalize()


def asked_about(
    record: Mapping[str, Any], present: Sequence[str], wanted: Sequence[str] = ()
) -> tuple[Dimension, ...]:
    """The dimensions to ask about: ``wanted``, or all that the run has (``present``).

    ``record`` is the run's ``run.json``: it names its rubrics and holds the text of those that are
    not packaged. Raises :class:`SetupError` for a dimension that the run lacks, or one named twice.
    """
    for name in wanted:
        if name not in present or wanted.count(name) > 1:
            what = "is named twice" if name in present else "is no dimension of this run"
            raise SetupError(f"--dimension {name}: {what}; it has {', '.join(present) or 'none'}")
    known = {asked.name: asked for rubric in record["rubrics"] for asked in _of(rubric)}
    return tuple(known.get(name) or _plain(name) for name in (wanted or present))


def _of(rubric: Mapping[str, Any]) -> list[Dimension]:
    if text := rubric.get("text"):
        return [_given(given) for given in yaml.safe_load(text)["dimensions"]]
    packaged = load_rubric(f"{rubric['name']}@{rubric['version']}")
    return list(packaged.dimensions)


def _given(given: Mapping[str, Any]) -> Dimension:
    """A dimension of a rubric file that was checked when the run began."""
    points = tuple(ScalePoint(**point) for point in given["scale"])
    return Dimension(name=given["name"], question=given["question"], scale=points)


def _plain(name: str) -> Dimension:
    points = tuple(
        ScalePoint(score=score, label=label, anchor="") for score, label in enumerate(GRADES, 1)
    )
    return Dimension(name=name, question=f"How good is the {title(name).lower()}?", scale=points)
