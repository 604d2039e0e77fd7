"""A study in plain values: page, terminal and JSON tell the same."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from annotators.ledger import Spent
from pipeline.study.cost import Cost
from pipeline.study.grid import Point
from schemas.layout import Layout

MEAN = "mean"  # of the audited dimensions, in place of one's name


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The statistic on one dimension, or on their mean. None: undefined.

    ``low`` and ``high``: percentile interval over resampled prompts.
    """

    dimension: str
    value: float | None
    low: float | None
    high: float | None
    n_items: int
    n_raters: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A point minus the best one, on the clips that both scored and under the same draws of prompts.

    ``se``: standard error, the standard deviation over these draws (Efron and Tibshirani 1993, An
    Introduction to the Bootstrap, chapter 6).
    """

    value: float | None
    low: float | None
    high: float | None
    se: float | None
    n_items: int


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One point and what became of it. ``scored`` of ``rated`` clip and dimension pairs."""

    point: Point
    label: str  # of its settings, as a person reads them
    rows: Sequence[Row]
    scored: int
    rated: int
    cost: Cost
    difference: Difference
    within: bool  # one standard error of the best
    best: bool = False  # the one that differences are from

    @property
    def headline(self) -> Row:
        """What points are ranked by; it comes last."""
        return self.rows[-1]

    @property
    def coverage(self) -> float:
        """Share of rated clips with a score."""
        return self.scored / self.rated if self.rated else 0.0

    def plain(self, study: Layout, place: Layout) -> dict[str, Any]:
        """As JSON values."""
        setting = dataclasses.asdict(self.point.setting)
        return {
            "name": self.point.name,
            "label": self.label,
            "annotator": self.point.judge.annotator_id,
            "kind": self.point.judge.kind,
            "settings": {**setting, "rubrics": list(setting["rubrics"])},
            "own": self.point.own,
            "folder": str(place.root.relative_to(study.root)),
            "rows": [dataclasses.asdict(row) for row in self.rows],
            "coverage": {"scored": self.scored, "rated": self.rated, "share": self.coverage},
            "cost": {
                **dataclasses.asdict(self.cost),
                "usd_per_clip": self.cost.usd_per_clip,
                "tokens_per_clip": self.cost.tokens_per_clip,
            },
            "difference_from_best": dataclasses.asdict(self.difference),
            "within_one_standard_error": self.within,
        }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The cheapest point within one standard error of the best, and why."""

    point: str  # name
    best: str
    within: Sequence[str]  # names, the recommended and the best one included
    cheapest_by: str  # usd, tokens or frames
    reasons: Sequence[str]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """Everything there is to tell."""

    name: str
    layout: Layout
    stopped: str  # why it ended early; empty: it did not
    simulated: bool
    statistic: str
    design: str
    dimension: str  # that points are ranked by, or MEAN
    dimensions: Sequence[str]
    axes: dict[str, Sequence[Any]]  # values of each axis that has several
    n_points: int  # that there are to be
    n_clips: int
    n_prompts: int
    n_raters: int
    level: float
    resamples: int
    results: Sequence[Result]
    places: Sequence[Layout]  # of the results
    ceiling: Sequence[Row]  # empty where there is none
    recommendation: Recommendation | None
    notes: Sequence[str]
    paid: Spent  # now

    def named(self, name: str) -> Result:
        """The result of a point."""
        return next(result for result in self.results if result.point.name == name)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        kept = (
            "name", "simulated", "statistic", "design", "dimension", "n_points", "n_clips",
            "n_prompts", "n_raters", "level", "resamples", "axes",
        )  # fmt: skip
        return {
            **{name: getattr(self, name) for name in kept},
            "dimensions": list(self.dimensions),
            "state": "stopped" if self.stopped else "complete",
            "stopped": self.stopped or None,
            "points": [
                result.plain(self.layout, place)
                for result, place in zip(self.results, self.places, strict=True)
            ],
            "ceiling": [dataclasses.asdict(row) for row in self.ceiling],
            "recommendation": self.recommendation and dataclasses.asdict(self.recommendation),
            "notes": list(self.notes),
            "paid": {
                "requests": self.paid.requests,
                "usd": None if self.paid.unpriced else round(self.paid.usd, 6),
                "input_tokens": self.paid.input_tokens,
                "output_tokens": self.paid.output_tokens,
            },
        }
