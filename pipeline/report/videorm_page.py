"""VideoRM's page: what was measured of the reward model, in words first, and the clips it gets most wrong."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.report.explorer.entries import prompt_entries
from pipeline.report.media import Media
from pipeline.report.pages import write_script
from pipeline.report.tables import read_rows
from pipeline.report.videorm_findings import findings

Row = Mapping[str, Any]
OF_A_CLIP = (
    "id",
    "generator",
    "media",
    "why_no_media",
    "preview",
    "preview_note",
    "simulated",
    "frames",
    "scores",
    "ratings",
)
DRAWS = 1  # rationales of an annotator on one clip: the others say it in other words


def write_videorm_data(media: Media, metrics: Row | None, labels: str = "machine") -> None:
    """Write ``data/videorm.js``: ``metrics.json`` with ``findings`` and the ``clips`` its pairs name.

    ``labels``: what it was trained on, as ``videorm.data.labels`` has it. None: no model was trained.
    Clips that the run has not are left out: then the page shows ids.
    """
    if metrics is None:
        write_script(media.folder, "videorm.js", "videorm", None)
        return
    shown = shown_pairs(media, metrics.get("worst_pairs") or ())
    told = {"labels": labels, **metrics}
    found = {**told, "findings": findings(told), **shown}
    write_script(media.folder, "videorm.js", "videorm", found)


def shown_pairs(media: Media, worst: Sequence[Row]) -> dict[str, Any]:
    """``prompts`` (text by id), ``clips`` (by id, with ``number`` in the prompt from 1 on, as the
    explorer counts) and ``comparisons`` (of both clips of a pair, by prompt) that the pairs name."""
    named = sorted({pair["prompt_id"] for pair in _pairs(worst)})
    among = ("prompt_id", named)
    there = {row["prompt_id"] for row in read_rows(media.layout, "prompts", among=among)}
    wanted = {pair[side]["video_id"] for pair in _pairs(worst) for side in ("a", "b")}
    prompts, clips, comparisons = {}, {}, {}
    for entry in prompt_entries(media.layout, [p for p in named if p in there], media):
        prompts[entry["id"]] = entry["text"]
        for number, clip in enumerate(entry["clips"], 1):
            if clip["id"] in wanted:
                clips[clip["id"]] = _clip(clip, number)
        if said := _compared(entry, wanted):
            comparisons[entry["id"]] = said
    return {"prompts": prompts, "clips": clips, "comparisons": comparisons}


def _pairs(worst: Iterable[Row]) -> Iterable[Row]:
    return (pair for row in worst for pair in row["pairs"])


def _clip(clip: Row, number: int) -> dict[str, Any]:
    scores = [{**score, "draws": score["draws"][:DRAWS]} for score in clip["scores"]]
    return {**{name: clip[name] for name in OF_A_CLIP}, "scores": scores, "number": number}


def _compared(entry: Row, wanted: set[str]) -> list[dict[str, Any]]:
    """What a judge said that saw two of the clips together, by their ids in the order shown."""
    ids = [clip["id"] for clip in entry["clips"]]
    found = []
    for one in entry["comparisons"]:
        shown = [ids[n] for n in one["shown"]]
        if one["rationale"] and len(shown) == 2 and wanted.issuperset(shown):
            found.append({**one, "shown": shown})
    return found
