"""VideoFeedback, written: what :mod:`pipeline.formats.videofeedback` reads.

``annotated/{train,validation,test}-00000-of-00001.parquet`` and the frames of each clip in
``images/<id>/<id>_<nn>.jpg``, as TIGER-AI-Lab/VideoScore unpacks them
(``training/prepare_regression.py``). The original has no validation split; a loader that asks for
train and test does not see ours. A source reads it back with ``{kind: videofeedback, path:
annotated/train-00000-of-00001.parquet, videos: images}``.

Decisions on scores and prompts are those of :mod:`pipeline.formats.aspects`. The first turn of the
conversation is in our words; what loaders look for in it is theirs. It holds one ``<image>`` a frame:
how many Mantis wants could not be verified.
"""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.formats.aspects import (
    IMAGE,
    THEIRS,
    ScoredClip,
    changes,
    frames_note,
    recovered,
    rounding,
    scored_clips,
)
from pipeline.formats.chosen import told
from pipeline.formats.held import Held, are_texts, are_turns, is_text, rows_back, whole
from pipeline.formats.videofeedback import DIMENSIONS, SCALE
from pipeline.formats.writing import Choice, Material, Plan, Row, Writer
from schemas import SPLITS

_TURN = pa.struct({"from": pa.string(), "value": pa.string()})
SCHEMA = pa.schema(
    {
        "id": pa.string(),
        "images": pa.list_(pa.string()),
        "text prompt": pa.string(),
        "video link": pa.string(),
        **dict.fromkeys(DIMENSIONS, pa.int64()),
        "conversations": pa.list_(_TURN),
    }
)
CELLS = {"id": is_text, "images": are_texts, "text prompt": is_text, "conversations": are_turns}
_LINE = re.compile(r"(?P<aspect>[^:]+): (?P<score>\d+)")


def plan(material: Material, choice: Choice) -> Plan:
    """A table for each split."""
    left_out: Counter[str] = Counter()
    clips = scored_clips(material, choice, left_out)
    files = {
        f"annotated/{split}-00000-of-00001.parquet": [_row(c) for c in clips if c.split == split]
        for split in SPLITS
    }
    return Plan(
        files={path: rows for path, rows in files.items() if rows},
        media={path: medium for clip in clips for path, medium in clip.media.items()},
        named=[clip.named for clip in clips],
        left_out=told(left_out),
        lost=[*changes(material, choice), *rounding(clips), *frames_note(material, clips)],
        notes=["read it back with {kind: videofeedback, path: FILE, videos: images}"],
    )


def _row(clip: ScoredClip) -> Row:
    return {
        "id": clip.name,
        "images": clip.files,
        "text prompt": clip.prompt,
        "video link": "",
        **dict(zip(DIMENSIONS, clip.whole, strict=True)),
        "conversations": clip.talk,
    }


def write(plan: Plan, folder: Path) -> None:
    """A Parquet file for each split."""
    for path, rows in plan.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(list(rows), SCHEMA), folder / path)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the tables to what the scripts of preparation assert or cut out of the text."""
    held = Held(folder)
    seen: set[str] = set()
    for path in plan.files:
        for at, row in held.rows(path, SCHEMA.names, CELLS):
            held.that(row["id"] not in seen, "ids differ", at, "id", row["id"])
            seen.add(row["id"])
            names = row["images"]
            check_names(held, at, row["id"], names)
            for name in names:  # the folder as their script derives it
                held.picture(at, "images", f"images/{names[0].split('_')[0]}/{name}")
            scores = [row[name] for name in DIMENSIONS]
            for name, score in zip(DIMENSIONS, scores, strict=True):
                good = whole(score) and SCALE[0] <= score <= SCALE[1]
                held.that(good, "scores are whole numbers from 1 to 4", at, name, score)
            check_talk(held, at, row["conversations"], len(names), scores, row["text prompt"])
    return held.counts


def check_names(held: Held, at: str, name: str, images: list[str]) -> None:
    """Two frames or more, each ``<id>_<nn>.jpg`` with an id that holds no underscore."""
    good = bool(name) and "_" not in name
    held.that(good, "an id holds no underscore", at, "id", name)
    expected = [f"{name}_{i:02d}.jpg" for i in range(len(images))]
    rule = "frames are <id>_<nn>.jpg, two or more"
    held.that(len(images) >= 2 and images == expected, rule, at, "images", images)


def check_talk(
    held: Held,
    at: str,
    turns: list[dict[str, str]],
    n_frames: int,
    scores: list[int] | None,
    prompt: str | None,
) -> None:
    """The two turns: roles, the prompt between its marks, five lines with the five scores."""
    roles = [turn.get("from") for turn in turns]
    held.that(roles == ["human", "gpt"], "two turns are human and gpt", at, "conversations", roles)
    good = all("value" in turn for turn in turns)
    held.that(good, "each turn says something", at, "conversations", turns)
    first, second = (turn["value"] for turn in turns)
    check_question(held, at, first, n_frames, prompt)
    lines = [_LINE.fullmatch(line) for line in second.split("\n")]
    names = [line["aspect"] for line in lines if line]
    rule = "the second turn is five lines aspect: whole number"
    held.that(names == list(DIMENSIONS), rule, at, "conversations", second)
    told = [int(line["score"]) for line in lines if line]
    rule = "the scores of the text are whole numbers from 1 to 4 and those of the columns"
    good = all(SCALE[0] <= score <= SCALE[1] for score in told) and scores in (None, told)
    held.that(good and len(lines) == len(told), rule, at, "conversations", second)


def check_question(held: Held, at: str, text: str, n_frames: int, prompt: str | None) -> None:
    """The first turn: their code finds the prompt in it, and a mark for each frame."""
    found = recovered(text)
    good = bool(found) if prompt is None else found == prompt
    held.that(good, "the prompt is found in the first turn", at, "prompt", text)
    rule = "the first turn has a mark for each frame"
    held.that(text.count(IMAGE) == n_frames, rule, at, "prompt", text)


WRITER = Writer(
    name="videofeedback",
    what="VideoFeedback: clips as frames, with five scores from 1 to 4",
    loader="TIGER-AI-Lab/VideoScore, training/prepare_regression.py and prepare_conv.py",
    unit="clip",
    theirs=THEIRS,
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="pairs, generators, other scores than five from 1 to 4 in whole numbers",
)
