"""The prompts a person browses: all that is known about each."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.explorer.comparisons import comparison_rows
from pipeline.report.explorer.material import Material, material_of
from pipeline.report.media import Media
from schemas.layout import Layout

Row = dict[str, Any]


def prompt_entries(layout: Layout, ids: Sequence[str], media: Media) -> Iterator[Row]:
    """Everything the page shows of the given prompts, in their order."""
    for few, material in material_of(layout, ids, media.folder):
        for key in few:
            yield _prompt(material.prompts[key][0], material, media)


def _prompt(row: Row, material: Material, media: Media) -> Row:
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
        "votes": _votes(material.human_votes.get(row["prompt_id"], []), position),
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


def _clip(video: Row, material: Material, media: Media) -> Row:
    key = video["video_id"]
    shown = media.clip(video)
    frames = material.frames.get(key)
    return {
        "id": key,
        "generator": video["generator"],
        "media": shown.url,
        "why_no_media": shown.why,
        "preview": shown.preview,
        "preview_note": shown.note,
        "settings": video["settings"],
        "seed": video["seed"],
        "licence": video["licence"],
        "simulated": video["simulated"],
        "frames": shown_frames(frames[0], media) if frames else None,
        "scores": _scores(material.annotations.get(key, []), material.scores.get(key, [])),
        "ratings": _ratings(material.human_ratings.get(key, [])),
        "failures": _failures(material.failures.get(key, [])),
    }


def _failures(rows: Sequence[Row]) -> list[Row]:
    return [{name: row[name] for name in ("stage", "key", "reason", "message")} for row in rows]


def shown_frames(row: Mapping[str, Any], media: Media) -> Row:
    """A row of the frames table as a page shows it, with where its JPEGs lie."""
    names = zip(row["jpeg_sha256"], row["indices"], row["times_s"], strict=True)
    return {
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
        "draws": [{name: row[name] for name in ("draw", "score", "rationale")} for row in draws],
    }


def _ratings(ratings: Sequence[Row]) -> list[Row]:
    """One row per human dimension: the mean of the raters and how many there are."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in ratings:
        groups[row["dimension"]].append(row)
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
