"""Which rubrics a configuration asks by, and in which protocol."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from pipeline.config import Config
from prompts import as_protocol, load_rubric, rubric_names, rubric_text
from schemas import OVERALL, Rubric
from schemas.options import SetupError


def rubrics_of(config: Config) -> tuple[tuple[Rubric, ...], tuple[Rubric, ...]]:
    """The rubrics by which clips are scored, and those by which they are compared.

    A rubric for clips on their own serves for comparisons too, in the template of that protocol.
    Raises :class:`SetupError` where a rubric is written for another protocol than is asked for.
    """
    named, protocol = [load_rubric(name) for name in config.rubrics], config.protocol
    _refuse_repeated_names(named)
    _refuse_repeated_dimensions(named)
    if protocol.scores:
        _refuse_others("pointwise", named, protocol.kind)
    scoring = tuple(named) if protocol.scores else ()
    if (wanted := protocol.compares) is None:
        return scoring, ()
    _refuse_others(wanted, [r for r in named if r.protocol != "pointwise"], protocol.kind)
    return scoring, tuple(r if r.protocol == wanted else as_protocol(r, wanted) for r in named)


def texts_of(config: Config) -> dict[str, str]:
    """The files of one's own rubrics, and of plugins', by the rubric's name: whoever gets the dataset
    has no other."""
    texts = {name: rubric_text(name) for name in config.rubrics}
    return {load_rubric(name).name: text for name, text in texts.items() if text is not None}


def _refuse_others(wanted: str, rubrics: Sequence[Rubric], kind: str) -> None:
    for rubric in rubrics:
        if rubric.protocol != wanted:
            raise SetupError(
                f"rubrics: {rubric.name} is {rubric.protocol}, and protocol: {kind} asks for {wanted} "
                "ones; set `protocol:`, or name another rubric"
            )


def _refuse_repeated_names(rubrics: Sequence[Rubric]) -> None:
    counted = Counter(rubric.name for rubric in rubrics)
    if twice := [name for name, times in counted.items() if times > 1]:
        raise SetupError(
            f"rubrics: two are named {twice[0]!r}, and what is asked is kept by that name; change "
            "`name:` in one of the files, or drop one"
        )


def _refuse_repeated_dimensions(rubrics: Sequence[Rubric]) -> None:
    counted = Counter(d.name for rubric in rubrics for d in rubric.dimensions)
    twice = [name for name, times in counted.items() if times > 1]
    if twice or OVERALL in counted:
        raise SetupError(
            f"rubrics: dimension {(twice or [OVERALL])[0]!r} is asked for twice, or is "
            "the name of the mean of all; drop one rubric or rename the dimension"
        )


def scales_of(record: Mapping[str, Any]) -> dict[str, list[float]]:
    """The dimensions that a run's record names, in order, each with the points of its scale."""
    found: dict[str, list[float]] = {}
    for rubric in record.get("rubrics") or ():
        for name, scale in _dimensions(rubric).items():
            found.setdefault(name, scale)
    return found


def _dimensions(rubric: Mapping[str, Any]) -> dict[str, list[float]]:
    if rubric.get("text"):
        said = yaml.safe_load(rubric["text"])
        return {d["name"]: [float(p["score"]) for p in d["scale"]] for d in said["dimensions"]}
    exact = f"{rubric['name']}@{rubric['version']}"
    loaded = load_rubric(exact if exact in rubric_names() else rubric["name"])
    return {d.name: [float(p.score) for p in d.scale] for d in loaded.dimensions}
