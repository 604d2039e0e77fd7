"""What the explorer searches and filters by, without the scores: prompts, clips, what failed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.report.explorer.order import Order
from pipeline.report.subjects import with_subject
from pipeline.report.tables import read_rows, read_table
from schemas import SPLITS
from schemas.layout import Layout

CLIP_CHECK = "clip check"  # the stage of a rule that a clip meets, whether or not it was left out


def index_of(
    layout: Layout, order: Order, *, per_file: int, dimensions: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """The columns of ``data/index.js``: of prompts ``ids``, ``texts``, ``split``; of clips ``generator``.

    ``starts`` (prompts + 1,) tells which clips are whose. ``reasons`` are what failed and what clip
    checks found, ``clip_reasons`` and ``prompt_reasons`` their numbers by position. Prompt n is read
    from ``prompts-<n // per_file>.js``; ``dimensions`` name the files with scores and margins.
    """
    texts = _texts(layout)
    generators = sorted(set(order.generators))
    number = {name: n for n, name in enumerate(generators)}
    splits = _splits(layout)
    return {
        "total": order.total,
        "per_file": per_file,
        "dimensions": list(dimensions),
        "generators": generators,
        "splits": list(SPLITS),
        "ids": list(order.prompts),
        "texts": [texts[prompt] for prompt in order.prompts],
        "split": [splits.get(prompt, -1) for prompt in order.prompts],
        "starts": order.starts.tolist(),
        "generator": [number[name] for name in order.generators],
        **_reasons(layout, order),
    }


def _texts(layout: Layout) -> dict[str, str]:
    table = read_table(layout, "prompts", columns=["prompt_id", "text"])
    return dict(zip(*(table.column(n).to_pylist() for n in ("prompt_id", "text")), strict=True))


def _splits(layout: Layout) -> dict[str, int]:
    """The split of each prompt that has one, by its number in ``SPLITS``.

    Before version 2 of the tables only the pairs tell what came of a split that was drawn.
    """
    found: dict[str, int] = {}
    for name in ("preferences", "prompts"):
        table = read_table(layout, name, columns=["prompt_id", "split"])
        for row in table.group_by(["prompt_id", "split"]).aggregate([]).to_pylist():
            if row["split"] in SPLITS:
                found[row["prompt_id"]] = SPLITS.index(row["split"])
    return found


def _reasons(layout: Layout, order: Order) -> dict[str, Any]:
    """Reasons in the order of how many clips and prompts meet them, and who meets which."""
    clips = {clip: n for n, clip in enumerate(order.clips)}
    prompts = {prompt: n for n, prompt in enumerate(order.prompts)}
    met: dict[tuple[str, str], tuple[set[int], set[int]]] = defaultdict(lambda: (set(), set()))
    for row in _failed(layout):
        for kind, places in enumerate((clips, prompts)):
            if row["subject"] in places:
                met[row["stage"], row["reason"]][kind].add(places[row["subject"]])
    for row in read_rows(layout, "clip_checks", columns=["video_id", "found"]):
        for reason in row["found"]:
            if row["video_id"] in clips:
                met[CLIP_CHECK, reason][0].add(clips[row["video_id"]])
    ordered = sorted(met, key=lambda reason: (-sum(map(len, met[reason])), reason))
    return {
        "reasons": [
            {
                "stage": key[0],
                "reason": key[1],
                "clips": len(met[key][0]),
                "prompts": len(met[key][1]),
            }
            for key in ordered
        ],
        "clip_reasons": _numbers([met[key][0] for key in ordered]),
        "prompt_reasons": _numbers([met[key][1] for key in ordered]),
    }


def _failed(layout: Layout) -> list[dict[str, str]]:
    """What failed at what stage and why, each once: ``{"stage", "reason", "subject"}``."""
    table = with_subject(read_table(layout, "failures", columns=["stage", "key", "reason"]))
    rows: list[dict[str, str]] = (
        table.group_by(["stage", "reason", "subject"]).aggregate([]).to_pylist()
    )
    return rows


def _numbers(places: Sequence[set[int]]) -> dict[str, list[int]]:
    """Numbers of the reasons by position: most clips have none."""
    found: dict[str, list[int]] = defaultdict(list)
    for number, those in enumerate(places):
        for place in sorted(those):
            found[str(place)].append(number)
    return dict(found)
