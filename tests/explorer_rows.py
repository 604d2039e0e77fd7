"""Tables with a few rows for the tests of the explorer: ids that can be read, everything else by default.

Prompt ``p`` has the clips ``p.a``, ``p.b``, .. of the generators ``a``, ``b``, ..
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas import (
    Annotation,
    ClipCheck,
    Comparison,
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
from schemas.tables import table_of, to_table


def of_clip(clip: str) -> dict[str, str]:
    prompt, generator = clip.split(".")
    return {"video_id": clip, "prompt_id": prompt, "generator": generator}


def prompt(name: str, split: str | None = None) -> Prompt:
    return Prompt(prompt_id=name, text=f"text of {name}", source="test", split=split)


def video(clip: str) -> Video:
    return Video(
        **of_clip(clip),
        prompt="text",
        uri=f"media/{clip}.mp4",
        sha256="0" * 64,
        n_bytes=1,
        source="test",
    )


def prompts_of(sizes: dict[str, int], split: str | None = None) -> list[Any]:
    """Prompts with that many clips each, and the clips."""
    return [
        row
        for name, n in sizes.items()
        for row in (prompt(name, split), *(video(f"{name}.{'abcdefgh'[k]}") for k in range(n)))
    ]


def annotation(clip: str, dimension: str, annotator: str, score: float, draw: int = 0) -> Any:
    return Annotation(
        **of_clip(clip),
        dimension=dimension,
        annotator_id=annotator,
        draw=draw,
        score=score,
        scale_low=1,
        scale_high=5,
        n_frames=1,
    )


def score(
    clip: str, dimension: str, annotator: str, mean: float, spread: float | None = None
) -> Score:
    return Score(
        **of_clip(clip),
        dimension=dimension,
        annotator_id=annotator,
        mean=mean,
        spread=spread,
        n=1 if spread is None else 2,
    )


def rating(clip: str, dimension: str, rater: str, value: float) -> HumanRating:
    return HumanRating(
        **of_clip(clip), dimension=dimension, rater=rater, score=value, source="test"
    )


def vote(a: str, b: str, dimension: str, rater: str, choice: str) -> HumanVote:
    return HumanVote(
        prompt_id=of_clip(a)["prompt_id"],
        video_a=a,
        video_b=b,
        rater=rater,
        dimension=dimension,
        choice=choice,
        source="test",
    )


def comparison(
    shown: Sequence[str], dimension: str, annotator: str, ranking: Sequence[int], draw: int = 0
) -> Comparison:
    return Comparison(
        prompt_id=of_clip(shown[0])["prompt_id"],
        video_ids=tuple(shown),
        generators=tuple(of_clip(clip)["generator"] for clip in shown),
        dimension=dimension,
        annotator_id=annotator,
        draw=draw,
        ranking=tuple(ranking),
        n_frames=1,
    )


def preference(
    a: str,
    b: str,
    dimension: str,
    margin: float,
    *,
    tie: bool = False,
    annotator: str = "consensus",
    split: str = "train",
) -> Preference:
    """A label for the side that the margin favours; ``tie``: by a margin that was not enough."""
    return Preference(
        pair_id=pair_id(a, b, f"{dimension}{annotator}"),
        prompt_id=of_clip(a)["prompt_id"],
        prompt="text",
        dimension=dimension,
        video_a=a,
        video_b=b,
        generator_a=of_clip(a)["generator"],
        generator_b=of_clip(b)["generator"],
        score_a=3.0,
        score_b=3.0 - margin,
        label="tie" if tie or not margin else "a" if margin > 0 else "b",
        margin=margin,
        weight=1.0,
        split=split,
        annotator_id=annotator,
        n_a=1,
        n_b=1,
    )


def failure(stage: str, key: str, reason: Reason = Reason.REFUSAL) -> Failure:
    return Failure(stage=stage, key=key, reason=reason, message=f"no {key}")


def check(clip: str, *found: str) -> ClipCheck:
    return ClipCheck(**of_clip(clip), found=found, left_out=False)


def written(root: Path, rows: Iterable[Any]) -> Layout:
    """The rows as the published tables of a run, in the order in which they come."""
    layout, tables = Layout(root), {}
    for row in rows:
        name = table_of(type(row))
        split = row.split if name == "preferences" else None
        tables.setdefault((name, split), []).append(row)
    for (name, split), found in tables.items():
        folder = layout.table(name, split)
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(to_table(type(found[0]), found), folder / "part-00000-of-00001.parquet")
    return layout
