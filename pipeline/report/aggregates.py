"""Numbers over the whole run, computed here so that a page never holds all of its rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.health.interval import ratio
from pipeline.report.subjects import prompts_of, subject_of
from pipeline.report.tables import read_table
from schemas import CONSENSUS
from schemas.layout import Layout

RESAMPLES = 1000

MAX_LEVELS = 21  # a scale with more steps than this is drawn in equal-width bins
N_BINS = 16


def histogram(values: Sequence[float], low: float | None, high: float | None) -> list[Any]:
    """Bins ``{"low", "high", "count"}`` of scores; a bin with low == high is a level of a scale.

    ``low`` and ``high`` are the ends of the scale, None where it has none. Scores on a coarse grid
    (steps of 1, 1/2 or 1/4) get one bin per level, also the levels nobody used; anything else gets
    equal-width bins.
    """
    array = np.asarray(values, dtype=float)
    if not len(array):
        return []
    start = float(array.min()) if low is None else min(low, float(array.min()))
    end = float(array.max()) if high is None else max(high, float(array.max()))
    for step in (1.0, 0.5, 0.25):
        n_levels = round((end - start) / step) + 1
        places = (array - start) / step
        if n_levels <= MAX_LEVELS and np.allclose(places, np.round(places), atol=1e-9):
            counts = np.bincount(np.round(places).astype(int), minlength=n_levels)
            return [
                {"low": start + n * step, "high": start + n * step, "count": int(count)}
                for n, count in enumerate(counts)
            ]
    counts, edges = np.histogram(array, bins=N_BINS, range=(start, end))
    return [
        {"low": float(edges[n]), "high": float(edges[n + 1]), "count": int(count)}
        for n, count in enumerate(counts)
    ]


def human_dimensions(manifest: Mapping[str, Any]) -> dict[str, list[str]]:
    """Which human dimensions answer for one of ours, as the configuration's audit block says."""
    audit = (manifest.get("config") or {}).get("audit") or {}
    return {ours: list(theirs) for ours, theirs in (audit.get("dimensions") or {}).items()}


def distributions(layout: Layout, answers: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Score histograms per dimension: one of each annotator, then those of the raters.

    ``answers`` names the human dimensions that answer for one of ours; a human dimension that
    nothing claims stands for itself. ``low`` and ``high`` are the ends of the mean's 95 % interval over
    prompts, as :func:`pipeline.health.interval.ratio` has it.
    """
    panels = [*_annotator_panels(layout), *_rater_panels(layout, answers)]
    return sorted(panels, key=lambda p: (p["dimension"], p["kind"], p["source"]))


def _annotator_panels(layout: Layout) -> Iterator[dict[str, Any]]:
    columns = ["annotator_id", "dimension", "score", "scale_low", "scale_high", "simulated"]
    columns.append("prompt_id")
    annotations = read_table(layout, "annotations", columns=columns)
    for (dimension, annotator), part in _parts(annotations, "dimension", "annotator_id"):
        ends = pc.min(part.column("scale_low")).as_py(), pc.max(part.column("scale_high")).as_py()
        yield _panel(part, ends, dimension=dimension, source=annotator, kind="annotator")


def _rater_panels(layout: Layout, answers: Mapping[str, Sequence[str]]) -> Iterator[dict[str, Any]]:
    """Raters state no scale: the lowest and highest of all their ratings stand for its ends."""
    columns = ["dimension", "rater", "score", "simulated", "prompt_id"]
    ratings = read_table(layout, "human_ratings", columns=columns)
    ends = pc.min(ratings.column("score")).as_py(), pc.max(ratings.column("score")).as_py()
    for (theirs,), part in _parts(ratings, "dimension"):
        who = f"{pc.count_distinct(part.column('rater')).as_py()} raters"
        ours = [dimension for dimension, many in answers.items() if theirs in many] or [theirs]
        for dimension in ours:
            source = who if dimension == theirs else f"{who} on {theirs}"
            yield _panel(part, ends, dimension=dimension, source=source, kind="raters")


def _parts(table: pa.Table, *keys: str) -> list[tuple[tuple[str, ...], pa.Table]]:
    """The table cut into one part per combination of keys, sorted by key."""
    combinations = table.select(keys).group_by(list(keys)).aggregate([]).to_pylist()
    parts = []
    for values in sorted(tuple(row[key] for key in keys) for row in combinations):
        mask = np.ones(len(table), dtype=bool)
        for key, value in zip(keys, values, strict=True):
            mask &= pc.equal(table.column(key), value).to_numpy()
        parts.append((values, table.filter(pa.array(mask))))
    return parts


def _panel(part: pa.Table, ends: tuple[float | None, float | None], **names: str) -> dict[str, Any]:
    values = part.column("score").to_numpy()
    prompts = part.column("prompt_id").combine_chunks().dictionary_encode()
    codes = prompts.indices.to_numpy().astype(np.intp)
    mean = ratio(values, np.ones(len(values)), codes, len(prompts.dictionary), share=False)
    return {
        **names,
        "bins": histogram(values, *ends),
        "n": len(values),
        "mean": float(values.mean()),
        "low": mean.low,
        "high": mean.high,
        "simulated": bool(pc.any(part.column("simulated")).as_py()),
    }


def generator_means(layout: Layout) -> list[dict[str, Any]]:
    """Mean consensus score of each generator per dimension, with a 95 % interval over prompts.

    Clips of one prompt are averaged first, so that a prompt counts once; the interval is that of a
    percentile bootstrap over the prompts (Efron & Tibshirani 1993, chapter 13), which stays on the
    scale; None for a single prompt.
    """
    columns = ["annotator_id", "dimension", "generator", "prompt_id", "mean"]
    scores = read_table(layout, "scores", columns=columns, among=("annotator_id", [CONSENSUS]))
    keys = ["dimension", "generator", "prompt_id"]
    per_prompt = scores.group_by(keys).aggregate([("mean", "mean"), ("mean", "count")])
    return [
        {"dimension": dimension, "generator": generator, **_mean_with_interval(part)}
        for (dimension, generator), part in _parts(per_prompt, "dimension", "generator")
    ]


def _mean_with_interval(part: pa.Table) -> dict[str, Any]:
    values = part.column("mean_mean").to_numpy()
    n = len(values)
    low, high = _interval(values) if n > 1 else (None, None)
    return {
        "value": float(values.mean()),
        "low": low,
        "high": high,
        "n_prompts": n,
        "n_clips": int(pc.sum(part.column("mean_count")).as_py()),
    }


def _interval(values: np.ndarray) -> tuple[float, float]:
    drawn = np.random.default_rng(0)
    means = [drawn.choice(values, len(values)).mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def preference_counts(layout: Layout) -> list[dict[str, Any]]:
    """Pairs of each dimension and split, how many are ties, and how many rest on comparisons.

    ``{"dimension", "split", "pairs", "ties", "compared"}``
    """
    table = read_table(layout, "preferences", columns=["dimension", "split", "label", "basis"])
    return [
        {
            "dimension": dimension,
            "split": split,
            "pairs": len(part),
            "ties": _equal(part, "label", "tie"),
            "compared": _equal(part, "basis", "comparisons"),
        }
        for (dimension, split), part in _parts(table, "dimension", "split")
    ]


def _equal(part: pa.Table, column: str, value: str) -> int:
    return int(pc.sum(pc.equal(part.column(column), value), min_count=0).as_py())


def failure_groups(
    layout: Layout, n_examples: int, shown: Collection[str] | None = None
) -> list[dict[str, Any]]:
    """Failures by stage and reason, the commonest first, with a few examples each.

    An example is ``{"key", "message", "prompt"}``: the prompt that the key is about, where the key
    begins with its id or with that of one of its clips, else None. ``shown`` leaves only the prompts
    that a page has.
    """
    table = read_table(layout, "failures", columns=["stage", "reason", "key", "message"])
    groups = []
    for (stage, reason), part in _parts(table, "stage", "reason"):
        rows = part.select(["key", "message"]).sort_by("key").slice(0, n_examples).to_pylist()
        groups.append({"stage": stage, "reason": reason, "count": len(part), "examples": rows})
    examples = [row for group in groups for row in group["examples"]]
    prompts = prompts_of(layout, {subject_of(row["key"]) for row in examples})
    for row in examples:
        prompt = prompts.get(subject_of(row["key"]))
        row["prompt"] = prompt if shown is None or prompt in shown else None
    return sorted(groups, key=lambda g: -g["count"])
