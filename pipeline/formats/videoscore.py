"""What VideoScore is trained on: VideoFeedback's clips as lists of JSON.

As ``training/prepare_regression.py`` and ``prepare_conv.py`` of TIGER-AI-Lab/VideoScore write them from
VideoFeedback: ``<split>_regression.json`` with ``id``, ``images`` (``images/<id>/<id>_<nn>.jpg``, relative to
the folder in which the trainer starts), ``prompt`` (the whole first turn) and ``labels`` (five numbers by
aspect); ``<split>_chat.json`` with ``id``, ``images`` and ``conversations``.

Labels of the regression are not rounded: a score of another scale than 1 to 4 is mapped linearly to it,
and the export says so. The chat states whole numbers, for their benchmark reads those alone.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.formats.aspects import (
    THEIRS,
    ScoredClip,
    changes,
    frames_note,
    rounding,
    scored_clips,
)
from pipeline.formats.chosen import told
from pipeline.formats.held import Held, are_texts, are_turns, is_text, rows_back, write_json_list
from pipeline.formats.videofeedback import DIMENSIONS, SCALE
from pipeline.formats.videofeedback_write import check_names, check_question, check_talk
from pipeline.formats.writing import Choice, Material, Plan, Row, Writer
from schemas import SPLITS

REGRESSION, CHAT = "_regression.json", "_chat.json"
COLUMNS = {
    REGRESSION: ("id", "images", "prompt", "labels"),
    CHAT: ("id", "images", "conversations"),
}
CELLS = {
    REGRESSION: {"id": is_text, "images": are_texts, "prompt": is_text},
    CHAT: {"id": is_text, "images": are_texts, "conversations": are_turns},
}


def plan(material: Material, choice: Choice) -> Plan:
    """Two lists for each split."""
    left_out: Counter[str] = Counter()
    clips = scored_clips(material, choice, left_out)
    files: dict[str, Sequence[Row]] = {}
    for split in SPLITS:
        own = [clip for clip in clips if clip.split == split]
        if own:
            files[f"{split}{REGRESSION}"] = [_regression(clip) for clip in own]
            files[f"{split}{CHAT}"] = [_chat(clip) for clip in own]
    chat = [f"in the chat: {sentence}" for sentence in rounding(clips)]
    return Plan(
        files=files,
        media={path: medium for clip in clips for path, medium in clip.media.items()},
        named=[clip.named for clip in clips],
        left_out=told(left_out),
        lost=[*changes(material, choice), *chat, *frames_note(material, clips)],
        notes=["paths are relative to this folder: start the trainer in it, or put it before them"],
    )


def _regression(clip: ScoredClip) -> Row:
    return {
        "id": clip.name,
        "images": list(clip.media),
        "prompt": clip.talk[0]["value"],
        "labels": dict(zip(DIMENSIONS, clip.scores, strict=True)),
    }


def _chat(clip: ScoredClip) -> Row:
    return {"id": clip.name, "images": list(clip.media), "conversations": clip.talk}


def write(plan: Plan, folder: Path) -> None:
    """A JSON list for each file."""
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the lists to what the trainer takes for granted."""
    held = Held(folder)
    for path in plan.files:
        kind = REGRESSION if path.endswith(REGRESSION) else CHAT
        for at, row in held.rows(path, COLUMNS[kind], CELLS[kind]):
            for image in row["images"]:
                held.picture(at, "images", image)
            start = f"images/{row['id']}/"
            check_names(held, at, row["id"], [i.removeprefix(start) for i in row["images"]])
            n = len(row["images"])
            if kind == CHAT:
                check_talk(held, at, row["conversations"], n, None, None)
            else:
                check_question(held, at, row["prompt"], n, None)
                _check_labels(held, at, row["labels"])
    return held.counts


def _check_labels(held: Held, at: str, labels: object) -> None:
    names = list(labels) if isinstance(labels, dict) else []
    held.that(names == list(DIMENSIONS), "labels are the five aspects", at, "labels", labels)
    assert isinstance(labels, dict)
    good = all(
        isinstance(value, float) and SCALE[0] <= value <= SCALE[1] for value in labels.values()
    )
    held.that(good, "labels are numbers from 1 to 4", at, "labels", labels)


WRITER = Writer(
    name="videoscore",
    what="VideoScore: lists of JSON for its regression and its chat, clips as frames",
    loader="TIGER-AI-Lab/VideoScore, training/prepare_regression.py and prepare_conv.py",
    unit="clip",
    theirs=THEIRS,
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="pairs, generators, other scores than five from 1 to 4",
)
