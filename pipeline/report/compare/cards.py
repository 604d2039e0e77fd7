"""The chosen flips as the page draws them: two clips in step, what both runs and people said of each."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipeline.report.aggregates import human_dimensions
from pipeline.report.audit_page import ClipPlace, places_of_run, shown_clip
from pipeline.report.compare.flips import chosen_flips
from pipeline.report.compare.pairs import CommonPairs
from pipeline.report.compare.sides import Side
from pipeline.report.explorer.entries import shown_frames
from pipeline.report.media import Media
from pipeline.report.previews.of_run import previews_of_clips
from pipeline.report.tables import read_rows
from schemas import CONSENSUS

Row = dict[str, Any]
SAID_LONG = 6000  # characters of a rationale that are kept


def shown_flips(pairs: CommonPairs, old: Side, new: Side, medias: Sequence[Media]) -> list[Row]:
    """The chosen flips as the page draws them; clips and frames are put where ``medias`` say, the old
    run's first. The clip that the old run preferred stands left; of a tie that which the new one prefers.
    """
    rows = [pairs.table.slice(n, 1).to_pylist()[0] for n in chosen_flips(pairs)]
    videos = sorted({row[side] for row in rows for side in ("first", "second")})
    material = [_Material(side, videos, [row["prompt_id"] for row in rows]) for side in (old, new)]
    places = [place for own in material for place in own.places.values()]
    there = [(place.layout, place.uri, place.sha256) for place in places]
    previews = previews_of_clips(medias[0].folder, there)
    medias = [dataclasses.replace(media, previews=previews) for media in medias]
    clips = {video: _clip(video, material, medias) for video in videos}
    texts = _texts((new, old), [row["prompt_id"] for row in rows])
    return [_flip(row, texts, clips, material) for row in rows]


def _texts(sides: Sequence[Side], prompts: Sequence[str]) -> dict[str, str]:
    rows = [
        row
        for side in sides
        for row in read_rows(side.layout, "prompts", among=("prompt_id", prompts))
    ]
    return {row["prompt_id"]: row["text"] for row in rows}


class _Material:
    """What one run has of the chosen clips: places, rows of tables."""

    def __init__(self, side: Side, videos: Sequence[str], prompts: Sequence[str]) -> None:
        self.side = side
        self.places = places_of_run(side.layout.root, videos)
        among = ("video_id", videos)
        self.scores = read_rows(side.layout, "scores", among=among)
        self.annotations = read_rows(side.layout, "annotations", among=among)
        self.ratings = read_rows(side.layout, "human_ratings", among=among)
        prompted = ("prompt_id", sorted(set(prompts)))
        self.votes = read_rows(side.layout, "human_votes", among=prompted)
        self.comparisons = read_rows(side.layout, "comparisons", among=prompted)
        self.answers = human_dimensions(side.record)


def _clip(video: str, material: Sequence[_Material], medias: Sequence[Media]) -> Row:
    """One clip to play, from the run that has its file, with the frames of both: as ``new_frames`` those
    of the new run where they are others."""
    shown = [shown_clip(video, own.places[video], media)
             for own, media in zip(material, medias) if video in own.places]  # fmt: skip
    clip = next((one for one in shown if one["media"]), shown[0])
    frames = [_frames(own.places.get(video), media) for own, media in zip(material, medias)]
    same = frames[0] == frames[1]
    return {
        **clip,
        "frames": frames[0],
        "new_frames": None if same else frames[1],
        "same_frames": same,
    }


def _frames(place: ClipPlace | None, media: Media) -> Row | None:
    return shown_frames(place.frames, media) if place and place.frames else None


def _flip(
    row: Row, texts: Mapping[str, str], clips: Mapping[str, Row], material: Sequence[_Material]
) -> Row:
    swap = (row["label"] or row["label_new"]) < 0  # the preferred clip stands left
    sign = -1 if swap else 1
    names = ("second", "first") if swap else ("first", "second")
    a, b = (row[name] for name in names)
    dimension = row["dimension"]
    return {
        "pair_id": row["pair_id"],
        "prompt_id": row["prompt_id"],
        "prompt": texts.get(row["prompt_id"]),
        "dimension": dimension,
        "labels": [sign * row["label"], sign * row["label_new"]],
        "margins": [sign * row["margin"] + 0.0, sign * row["margin_new"] + 0.0],
        "clips": [_facts(clips[video], dimension, material) for video in (a, b)],
        "compared": [_compared(own, a, b, dimension) for own in material],
        "votes": _votes(material, a, b, dimension),
    }


def _facts(clip: Row, dimension: str, material: Sequence[_Material]) -> Row:
    """A clip with both runs' scores of it, in words and numbers, and what people gave it."""
    video = clip["id"]
    said = [list(_scores(own, video, dimension)) for own in material]
    return {**clip, "old": said[0], "new": said[1], "ratings": _ratings(material, video, dimension)}


def _scores(own: _Material, video: str, dimension: str) -> Iterator[Row]:
    """The consensus first, then every annotator with the words of its first draw."""
    words: dict[str, str] = {}
    for row in sorted(own.annotations, key=lambda r: -r["draw"]):
        if (row["video_id"], row["dimension"]) == (video, dimension) and row["rationale"]:
            words[row["annotator_id"]] = row["rationale"][:SAID_LONG]
    rows = [r for r in own.scores if (r["video_id"], r["dimension"]) == (video, dimension)]
    for row in sorted(rows, key=lambda r: (r["annotator_id"] != CONSENSUS, r["annotator_id"])):
        who = row["annotator_id"]
        yield {"annotator": who, "mean": row["mean"], "n": row["n"], "rationale": words.get(who)}


def _ratings(material: Sequence[_Material], video: str, dimension: str) -> list[Row]:
    """Ratings of the human dimensions that answer for ours: those of both runs, each rater once."""
    found: dict[tuple[str, str], float] = {}
    for own in material:
        theirs = own.answers.get(dimension, [dimension])
        for r in own.ratings:
            if r["video_id"] == video and r["dimension"] in theirs:
                found.setdefault((r["dimension"], r["rater"]), r["score"])
    by: dict[str, list[Row]] = defaultdict(list)
    for (theirs_name, rater), score in sorted(found.items()):
        by[theirs_name].append({"rater": rater, "score": score})
    return [
        {"dimension": name, "mean": sum(one["score"] for one in said) / len(said), "said": said}
        for name, said in by.items()
    ]


def _compared(own: _Material, a: str, b: str, dimension: str) -> list[Row]:
    """Comparisons that showed both clips: what the judge made of them, in the order shown."""
    found = []
    for row in own.comparisons:
        shown = list(row["video_ids"])
        if row["dimension"] == dimension and a in shown and b in shown:
            ranks = [row["ranking"][shown.index(video)] for video in (a, b)]
            found.append(
                {"annotator": row["annotator_id"], "draw": row["draw"],
                 "said": (ranks[0] < ranks[1]) - (ranks[0] > ranks[1]),
                 "left_first": shown.index(a) < shown.index(b),
                 "rationale": (row["rationale"] or "")[:SAID_LONG] or None}
            )  # fmt: skip
    return sorted(found, key=lambda c: (c["annotator"], c["draw"], not c["left_first"]))


def _votes(material: Sequence[_Material], a: str, b: str, dimension: str) -> list[Row]:
    """Choices of people between the two, each rater once; turned to how the page has the two."""
    other = {"a": "b", "b": "a"}
    found: dict[tuple[str, str], str] = {}
    for own in material:
        theirs = own.answers.get(dimension, [dimension])
        for v in own.votes:
            if {v["video_a"], v["video_b"]} == {a, b} and v["dimension"] in theirs:
                choice = v["choice"] if v["video_a"] == a else other.get(v["choice"], v["choice"])
                found.setdefault((v["dimension"], v["rater"]), choice)
    return [{"dimension": name, "rater": rater, "choice": choice}
            for (name, rater), choice in sorted(found.items())]  # fmt: skip
