"""Small runs to compare: scores in a table of prompts and generators, preferences that follow from them."""

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from report_run import DIMENSIONS, JUDGE, TEXTS, make_rows, manifest, write_tables

from pipeline.dataset.parquet import write_rows
from pipeline.report.compare.sides import Side, open_sides
from schemas import (
    Annotation,
    Failure,
    HumanRating,
    HumanVote,
    Preference,
    Prompt,
    Reason,
    Score,
    Video,
)
from schemas.ids import pair_id
from schemas.layout import Layout
from schemas.tables import TABLES

Scores = Mapping[str, Mapping[str, float]]  # prompt -> generator -> score
QUALITY = "quality"

# Prompt p turns round, q is no tie any more, r stays a tie, s stays as it is; t is in the old run only.
OLD: Scores = {"p": {"A": 3, "B": 1, "C": 2}, "q": {"A": 2, "B": 2}, "r": {"A": 1, "B": 1},
               "s": {"A": 2, "B": 1}, "t": {"A": 5, "B": 4}}  # fmt: skip
NEW: Scores = {"p": {"A": 1, "B": 3, "C": 2}, "q": {"A": 3, "B": 2}, "r": {"A": 1, "B": 1},
               "s": {"A": 2, "B": 1}}  # fmt: skip
PEOPLE: Scores = {"p": {"A": 5, "B": 1, "C": 3}, "q": {"A": 1, "B": 4}}


def small_run(
    root: Path,
    scores: Scores,
    *,
    people: Scores | None = None,
    votes: Sequence[HumanVote] = (),
    usd: float | None = 0.001,
    turned: bool = False,
    record: Mapping[str, Any] | None = None,
) -> Path:
    """A run's folder; ``turned``: every pair is told with its clips the other way about."""
    clips = [(prompt, name, value) for prompt, own in scores.items() for name, value in own.items()]
    rows: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    rows["prompts"] = [Prompt(prompt_id=p, text=f"prompt {p}", source="small") for p in scores]
    rows["videos"] = [
        Video(video_id=p + g, prompt_id=p, prompt=f"prompt {p}", generator=g, uri=f"media/{p}{g}.mp4",
              sha256="0" * 64, n_bytes=1, source="small")
        for p, g, _ in clips
    ]  # fmt: skip
    rows["annotations"] = [
        Annotation(video_id=p + g, dimension=QUALITY, annotator_id="judge", draw=0, prompt_id=p,
                   generator=g, score=v, scale_low=1, scale_high=5, n_frames=8, cost_usd=usd,
                   input_tokens=100, output_tokens=10)
        for p, g, v in clips
    ]  # fmt: skip
    rows["scores"] = [
        Score(video_id=p + g, dimension=QUALITY, annotator_id=who, prompt_id=p, generator=g, mean=v,
              spread=None, n=1)
        for who in ("judge", "consensus") for p, g, v in clips
    ]  # fmt: skip
    rows["human_ratings"] = [
        HumanRating(video_id=p + g, rater="r1", dimension=QUALITY, prompt_id=p, generator=g, score=v,
                    source="small")
        for p, own in (people or {}).items() for g, v in own.items()
    ]  # fmt: skip
    rows["human_votes"] = list(votes)
    rows["failures"] = [
        Failure(stage="annotate", key=f"gone/{QUALITY}/judge/0", reason=Reason.REFUSAL,
                message="no", cost_usd=usd and 10 * usd)
    ]  # fmt: skip
    rows["preferences"] = list(preferences(scores, turned=turned))
    layout = Layout(root)
    for name, found in rows.items():
        folder = layout.table(name, "train" if name == "preferences" else None)
        write_rows(TABLES[name][0], found, folder / "part.parquet")
    whole = {
        "name": root.name,
        "run_id": root.name,
        "state": "complete",
        "config": {},
        **(record or {}),
    }
    layout.run.write_text(json.dumps(whole), "utf-8")
    return root


def preferences(scores: Scores, *, turned: bool) -> list[Preference]:
    found = []
    for prompt, own in scores.items():
        for one, other in itertools.combinations(sorted(own), 2):
            a, b = (other, one) if turned else (one, other)
            margin = own[a] - own[b]
            found.append(
                Preference(
                    pair_id=pair_id(prompt + a, prompt + b, QUALITY),
                    prompt_id=prompt,
                    prompt=f"prompt {prompt}",
                    dimension=QUALITY,
                    video_a=prompt + a,
                    video_b=prompt + b,
                    generator_a=a,
                    generator_b=b,
                    score_a=own[a],
                    score_b=own[b],
                    label="tie" if margin == 0 else "a" if margin > 0 else "b",
                    margin=margin,
                    weight=1.0,
                    split="train",
                    annotator_id="consensus",
                    n_a=1,
                    n_b=1,
                )
            )
    return found


def two_sides(
    folder: Path, old: Scores = OLD, new: Scores = NEW, **of_both: Any
) -> tuple[Side, Side]:
    """Two runs of scores, the second with its pairs the other way about."""
    one = small_run(folder / "old", old, **of_both)
    return open_sides(one, small_run(folder / "new", new, **{"turned": True, **of_both}))


def pictured_runs(folder: Path) -> tuple[Path, Path]:
    """Two runs with clips and frames and hostile text: another judge in the second."""
    for name in ("june <b>", "july & é"):
        layout = Layout(folder / name)
        rows = make_rows(layout)
        if name != "june <b>":
            rows = turned_rows(rows)
        write_tables(layout, rows)
        record = manifest(rows)
        record["config"]["report"] = {}
        record["spend"] |= {"usd": 1.5 if "june" in name else 0.5}
        layout.run.write_text(json.dumps(record), "utf-8")
    return folder / "june <b>", folder / "july & é"


def turned_rows(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Another judge in the place of JUDGE: the first prompt's first dimension turns round, the second's
    second dimension is no tie any more."""

    def judged(row: Any) -> Any:
        who = f"{JUDGE} 2" if row.annotator_id == JUDGE else row.annotator_id
        return dataclasses.replace(row, annotator_id=who)

    def turned(row: Preference) -> Preference:
        if (row.prompt, row.dimension) == (TEXTS[0], DIMENSIONS[0]):
            swapped = {"score_a": row.score_b, "score_b": row.score_a, "margin": -row.margin}
            return dataclasses.replace(row, label="b", **swapped)
        if (row.prompt, row.dimension) == (TEXTS[1], DIMENSIONS[1]):
            return dataclasses.replace(row, label="a", score_a=row.score_b + 1, margin=1.0)
        return row

    own = {
        name: [judged(row) for row in rows[name]]
        for name in ("annotations", "comparisons", "scores")
    }
    return {**rows, **own, "preferences": [turned(row) for row in rows["preferences"]]}
