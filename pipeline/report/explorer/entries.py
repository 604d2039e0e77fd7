"""The prompts a person browses: all that is known about each."""

import dataclasses
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.explorer.comparisons import comparison_rows
from pipeline.report.media import Media
from pipeline.report.tables import read_rows
from schemas.layout import Layout

Row = dict[str, Any]
Groups = dict[str, list[Row]]
AT_ONCE = 1000  # prompts whose rows are in memory


def prompt_entries(layout: Layout, ids: Sequence[str], media: Media) -> Iterator[Row]:
    """Everything the page shows of the given prompts, in their order.

    Rows are read for :data:`AT_ONCE` prompts at a time, so that memory does not grow with the run.
    """
    failures = _group(read_rows(layout, "failures"), _start_of_key)
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        material = _read(layout, some, failures)
        prompts = {
            row["prompt_id"]: row for row in read_rows(layout, "prompts", among=_among(some))
        }
        for key in some:
            yield _prompt(prompts[key], material, media)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Material:
    """Rows of the chosen prompts, by prompt (videos, preferences, comparisons, votes) or by clip.

    Failures stand under what their key starts with: a prompt for comparisons, else a clip.
    """

    videos: Groups
    preferences: Groups
    comparisons: Groups
    votes: Groups
    frames: Groups
    annotations: Groups
    scores: Groups
    ratings: Groups
    failures: Groups


def _among(ids: Collection[str]) -> tuple[str, Collection[str]]:
    return "prompt_id", ids


def _group(rows: Iterable[Row], key: Callable[[Row], str]) -> Groups:
    groups: Groups = defaultdict(list)
    for row in rows:
        groups[key(row)].append(row)
    return groups


def _start_of_key(row: Row) -> str:
    return str(row["key"]).split("/", 1)[0]


def _read(layout: Layout, ids: Sequence[str], failures: Groups) -> _Material:
    def by(name: str, field: str) -> Groups:
        return _group(read_rows(layout, name, among=_among(ids)), lambda row: str(row[field]))

    return _Material(
        videos=by("videos", "prompt_id"),
        preferences=by("preferences", "prompt_id"),
        comparisons=by("comparisons", "prompt_id"),
        votes=by("human_votes", "prompt_id"),
        frames=by("frames", "video_id"),
        annotations=by("annotations", "video_id"),
        scores=by("scores", "video_id"),
        ratings=by("human_ratings", "video_id"),
        failures=failures,
    )


def _prompt(row: Row, material: _Material, media: Media) -> Row:
    videos = sorted(
        material.videos.get(row["prompt_id"], []), key=lambda v: (v["generator"], v["video_id"])
    )
    position = {video["video_id"]: n for n, video in enumerate(videos)}
    pairs = [_pair(p, position) for p in material.preferences.get(row["prompt_id"], [])]
    return {
        "id": row["prompt_id"],
        "text": row["text"],
        "source": row["source"],
        "licence": row["licence"],
        "simulated": row["simulated"],
        "clips": [_clip(video, material, media) for video in videos],
        "pairs": sorted(pairs, key=lambda p: (p["a"], p["b"], p["dimension"])),
        "comparisons": comparison_rows(material.comparisons.get(row["prompt_id"], []), position),
        "votes": _votes(material.votes.get(row["prompt_id"], []), position),
        "failures": _failures(material.failures.get(row["prompt_id"], [])),
    }


def _votes(rows: Sequence[Row], position: Mapping[str, int]) -> list[Row]:
    """How people chose between two clips: ``{"a", "b", "dimension", "choices": {choice: n}, "n"}``.

    Clips by position, the left one first: choices ``a`` and ``b`` are turned with them.
    """
    other = {"a": "b", "b": "a"}
    found: dict[tuple[int, int, str], list[str]] = defaultdict(list)
    for row in rows:
        if row["video_a"] in position and row["video_b"] in position:
            a, b, choice = position[row["video_a"]], position[row["video_b"]], row["choice"]
            if a > b:
                a, b, choice = b, a, other.get(choice, choice)
            found[a, b, row["dimension"]].append(choice)
    return [
        {"a": a, "b": b, "dimension": name, "choices": dict(Counter(sorted(many))), "n": len(many)}
        for (a, b, name), many in sorted(found.items())
    ]


def _pair(row: Row, position: Mapping[str, int]) -> Row:
    """A preference with its clips by position on the page, the left one first."""
    a, b, label, margin = row["video_a"], row["video_b"], row["label"], row["margin"]
    if position[a] > position[b]:
        a, b, margin = b, a, -margin
        label = {"a": "b", "b": "a", "tie": "tie"}[label]
    return {
        "a": position[a],
        "b": position[b],
        "dimension": row["dimension"],
        "label": label,
        "margin": margin,
        "split": row["split"],
        "annotator": row["annotator_id"],
        "basis": row["basis"] or "scores",  # null in tables from before there was a choice
    }


def _clip(video: Row, material: _Material, media: Media) -> Row:
    key = video["video_id"]
    url, why = media.clip(video)
    frames = material.frames.get(key)
    return {
        "id": key,
        "generator": video["generator"],
        "media": url,
        "why_no_media": why,
        "settings": video["settings"],
        "seed": video["seed"],
        "licence": video["licence"],
        "simulated": video["simulated"],
        "frames": shown_frames(frames[0], media) if frames else None,
        "scores": _scores(material.annotations.get(key, []), material.scores.get(key, [])),
        "ratings": _ratings(material.ratings.get(key, [])),
        "failures": _failures(material.failures.get(key, [])),
    }


def _failures(rows: Sequence[Row]) -> list[Row]:
    return [{name: row[name] for name in ("stage", "key", "reason", "message")} for row in rows]


def shown_frames(row: Mapping[str, Any], media: Media) -> Row:
    """A row of the frames table as a page shows it, with where its JPEGs lie."""
    names = zip(row["jpeg_sha256"], row["indices"], row["times_s"], strict=True)
    return {
        "policy": row["policy"],
        "flags": row["flags"],
        "clip": [row["width_px"], row["height_px"]],
        "size": [row["frame_width_px"], row["frame_height_px"]],
        "n_in_clip": row["n_frames_in_clip"],
        "fps": row["fps"],
        "duration_s": row["duration_s"],
        "items": [
            {"src": media.frame(sha256), "index": index, "time_s": time}
            for sha256, index, time in names
        ],
    }


def _scores(annotations: Sequence[Row], scores: Sequence[Row]) -> list[Row]:
    """One row per annotator and dimension: the consensus over its draws, and the draws."""
    draws: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(annotations, key=lambda r: r["draw"]):
        draws[row["annotator_id"], row["dimension"]].append(row)
    means = {(row["annotator_id"], row["dimension"]): row for row in scores}
    return [_score(key, means.get(key), draws.get(key, [])) for key in sorted({*means, *draws})]


def _score(key: tuple[str, str], score: Row | None, draws: Sequence[Row]) -> Row:
    first = draws[0] if draws else {}
    mean = score["mean"] if score else statistics.fmean(row["score"] for row in draws)
    return {
        "annotator": key[0],
        "dimension": key[1],
        "mean": mean,
        "spread": score["spread"] if score else None,
        "n": score["n"] if score else len(draws),
        "low": first.get("scale_low"),
        "high": first.get("scale_high"),
        "simulated": bool(first.get("simulated")),
        "draws": [
            {name: row[name] for name in ("draw", "score", "rationale", "model")} for row in draws
        ],
    }


def _ratings(ratings: Sequence[Row]) -> list[Row]:
    """One row per human dimension: the mean of the raters and how many there are."""
    groups = _group(ratings, lambda row: str(row["dimension"]))
    return [
        {
            "dimension": dimension,
            "mean": statistics.fmean(row["score"] for row in rows),
            "n": len(rows),
            "scores": [row["score"] for row in sorted(rows, key=lambda r: r["rater"])],
            "simulated": any(row["simulated"] for row in rows),
        }
        for dimension, rows in sorted(groups.items())
    ]
