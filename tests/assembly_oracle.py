"""Scores and pairs of a prompt in the plainest words: no shards, no records, nothing kept in between."""

import hashlib
import itertools
import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from schemas import CONSENSUS, OVERALL, Annotation, Prompt

Row = dict[str, Any]


def scores_of(said: Iterable[Annotation], dimensions: Sequence[str], method: str) -> list[Row]:
    """Mean of draws; mean or median of annotators where all who scored the prompt scored the clip."""
    middle = {"mean": statistics.fmean, "median": statistics.median}[method]
    said = sorted(said, key=lambda a: (a.annotator_id, a.dimension, a.video_id, a.draw))
    rows: list[Row] = []
    for (judge, dimension, video), own in itertools.groupby(
        said, key=lambda a: (a.annotator_id, a.dimension, a.video_id)
    ):
        draws = list(own)
        values = [a.score for a in draws]
        spread = statistics.stdev(values) if len(values) > 1 else None
        rows.append(
            _score(draws[0], video, dimension, judge, statistics.fmean(values), spread, len(values))
        )
    for dimension in dimensions:
        here = [row for row in rows if row["dimension"] == dimension]
        judges = sorted({row["annotator_id"] for row in here} - {CONSENSUS})
        for video in sorted({row["video_id"] for row in here}):
            own = [
                row
                for j in judges
                for row in here
                if (row["annotator_id"], row["video_id"]) == (j, video)
            ]
            if len(own) == len(judges):
                means = [row["mean"] for row in own]
                spread = statistics.stdev(means) if len(means) > 1 else None
                rows.append(
                    {
                        **own[0],
                        "annotator_id": CONSENSUS,
                        "mean": middle(means),
                        "spread": spread,
                        "n": sum(row["n"] for row in own),
                    }
                )
    for judge, video in sorted({(row["annotator_id"], row["video_id"]) for row in rows}):
        own = [
            row
            for d in dimensions
            for row in rows
            if (row["dimension"], row["annotator_id"], row["video_id"]) == (d, judge, video)
        ]
        if len(own) == len(dimensions):
            mean, n = sum(row["mean"] for row in own) / len(own), sum(row["n"] for row in own)
            rows.append({**own[0], "dimension": OVERALL, "mean": mean, "spread": None, "n": n})
    return rows


def _score(
    one: Annotation,
    video: str,
    dimension: str,
    judge: str,
    mean: float,
    spread: float | None,
    n: int,
) -> Row:
    return {
        "video_id": video,
        "dimension": dimension,
        "annotator_id": judge,
        "prompt_id": one.prompt_id,
        "generator": one.generator,
        "mean": mean,
        "spread": spread,
        "n": n,
        "simulated": one.simulated,
    }


def pairs_of(prompt: Prompt, scores: Iterable[Row], tie_margin: float) -> list[Row]:
    """Every two clips with a consensus; the side is the coin of the pair's hash."""
    rows = []
    known = sorted(
        (row for row in scores if row["annotator_id"] == CONSENSUS), key=lambda row: row["video_id"]
    )
    for one, other in itertools.combinations(known, 2):
        if one["dimension"] != other["dimension"] or prompt.split is None:
            continue
        key = _hash(one["video_id"], other["video_id"], one["dimension"])[:16]
        heads = int(_hash("side", key)[:13], 16) / 16**13 < 0.5
        a, b = (one, other) if heads else (other, one)
        margin = round(a["mean"] - b["mean"], 9)
        rows.append(
            {
                "pair_id": key,
                "prompt_id": prompt.prompt_id,
                "prompt": prompt.text,
                "dimension": one["dimension"],
                "video_a": a["video_id"],
                "video_b": b["video_id"],
                "generator_a": a["generator"],
                "generator_b": b["generator"],
                "score_a": a["mean"],
                "score_b": b["mean"],
                "label": "tie" if abs(margin) <= tie_margin else "a" if margin > 0 else "b",
                "margin": margin,
                "weight": 1.0,
                "split": prompt.split,
                "annotator_id": CONSENSUS,
                "n_a": a["n"],
                "n_b": b["n"],
                "basis": "scores",
                "simulated": prompt.simulated,
            }
        )
    return rows


def _hash(*fields: str) -> str:
    return hashlib.sha256("\n".join(fields).encode()).hexdigest()
