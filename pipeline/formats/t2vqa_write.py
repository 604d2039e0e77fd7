"""T2VQA-DB's lists, written: ``train.txt``, ``validation.txt``, ``test.txt``, clips below.

A clip lies in a folder of its generator's name, as in theirs; our reader takes the generator from it.

One file a split: their own program parts one list at random by lines (``train.py``), which puts a
prompt on both sides. ``MOS`` is our consensus ``overall`` unless ``--dimension MOS=NAME`` names another
dimension, drawn out linearly from the scale of its rubric to 0..100 and rounded to four places:
``100 (score - low) / (high - low)``. A dimension without bounds has no such place and is refused.
"""

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from pipeline.formats.chosen import told
from pipeline.formats.clip_files import ClipFiles, clip_splits, safe_name
from pipeline.formats.held import Held
from pipeline.formats.t2vqa import SCALE
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import OVERALL, Score
from schemas.options import SetupError

MOS = "MOS"
_BREAKS = ("|", "\n", "\r")


def _plan(material: Material, choice: Choice) -> Plan:
    ours = _dimension(material, choice)
    low, high = _scale(material, ours)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material)
    tables: dict[str, list[Row]] = {split: [] for split in choice.splits}
    named, splits = [], clip_splits(material, choice)
    for video_id, video in material.videos.items():
        score = material.scores.get((video_id, ours))
        if material.splits.get(video.prompt_id, choice.splits[0]) not in tables:
            continue  # not asked for
        split = splits.get(video_id)
        fault = _fault(material, files, video_id, video.prompt, score, split)
        if fault is not None or score is None or split is None:
            left_out[f"clips {fault}"] += 1
        else:
            path = files.place(video_id, safe_name(video.generator))
            mos = SCALE[0] + (SCALE[1] - SCALE[0]) * (score.mean - low) / (high - low)
            tables[split].append({"file": path, "prompt": video.prompt, MOS: round(mos, 4)})
            named.append(Named(prompt=video.prompt, media=(path,)))
    return Plan(
        files={f"{split}.txt": rows for split, rows in tables.items() if rows},
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=_lost(material, ours),
        notes=(
            f"MOS is our {ours}, drawn out linearly from {low:g}..{high:g} to {SCALE[0]:g}..{SCALE[1]:g}; "
            "it is a judge's score, not the mean opinion of people",
            "each split is a file of its own: give their program these, for its own split by lines puts "
            "a prompt on both sides",
        ),
    )


def _dimension(material: Material, choice: Choice) -> str:
    unknown = sorted(set(choice.dimensions) - {MOS})
    if unknown:
        raise SetupError(
            f"--dimension {unknown[0]}={choice.dimensions[unknown[0]]}: this format has one score, {MOS}"
        )
    ours = choice.dimensions.get(MOS, OVERALL)
    known = sorted({dimension for _, dimension in material.scores})
    if ours not in known:
        raise SetupError(
            f"--dimension {MOS}={ours}: no clip has a consensus on it; there are "
            f"{', '.join(known) or 'none at all'}"
        )
    return ours


def _scale(material: Material, ours: str) -> tuple[float, float]:
    if ours not in material.scales:
        raise SetupError(
            f"--dimension {MOS}={ours}: its scores have no bounds, or not those of one rubric, so that "
            "none of them can be placed between 0 and 100; name a dimension judged by a rubric: "
            f"{', '.join(sorted(material.scales)) or 'there is none'}"
        )
    low, high = material.scales[ours]
    for (video_id, dimension), score in material.scores.items():
        if dimension == ours and not low <= score.mean <= high:
            raise SetupError(
                f"clip {video_id!r}, {ours}: the consensus {score.mean:g} lies outside of the rubric's "
                f"scale {low:g} to {high:g}, so it cannot be placed between 0 and 100"
            )
    return low, high


def _fault(
    material: Material,
    files: ClipFiles,
    video_id: str,
    prompt: str,
    score: Score | None,
    split: str | None,
) -> str | None:
    if score is None:
        return "have no score"
    if split is None:
        return "are in no split: their prompt is in none, or their generator or content is kept out of it"
    if any(sign in prompt for sign in _BREAKS) or prompt != prompt.strip():
        return "have a prompt with | or a line break in it, or blanks at its ends"
    fault = files.fault(video_id)
    return None if fault is None else f"cannot be exported: one {fault}"


def _lost(material: Material, ours: str) -> list[str]:
    said = ["pairs are not written: a line holds one clip; of generators the folders' names remain"]
    others = [name for name in material.dimensions if name != ours]
    if others:
        said.append(f"the dimensions {', '.join(others)} are not written: a line has one score")
    return said


def _write(plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        lines = [f"{row['file']}|{row['prompt']}|{row[MOS]!r}\n" for row in rows]
        (folder / path).write_text("".join(lines), encoding="utf-8", newline="\n")


def _read(folder: Path, path: str) -> list[Row]:
    """As their loader reads it: the line stripped and parted at every bar."""
    found = []
    with (folder / path).open(encoding="utf-8") as stream:
        for line in stream:
            file, prompt, mos = line.strip().split("|")
            found.append({"file": file, "prompt": prompt, MOS: float(mos)})
    return found


def _check(folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    split_of: dict[str, str] = {}
    for path in plan.files:
        text = (folder / path).read_text("utf-8")
        whole = text.endswith("\n") and not text.endswith("\n\n")
        held.that(whole, "a file ends with one line feed", path, "its end", text[-20:])
        for number, line in enumerate(text[:-1].split("\n"), start=1):
            at = f"{path}: row {number}"
            parts = line.split("|")
            held.that(len(parts) == 3, "a line has three parts between two |", at, "line", line)
            held.file(at, "file", parts[0])
            blank = not parts[1] or parts[1] != parts[1].strip()
            held.that(
                not blank, "a prompt is there, without blanks at its ends", at, "prompt", line
            )
            good = _mos(parts[2])
            held.that(good, "MOS is a number from 0 to 100", at, MOS, parts[2])
            first = split_of.setdefault(parts[1], path)
            held.that(first == path, "a prompt is in one file", at, "prompt", parts[1])
    return dict(held.counts)


def _mos(text: str) -> bool:
    try:
        value = float(text)
    except ValueError:
        return False
    return math.isfinite(value) and SCALE[0] <= value <= SCALE[1]


WRITER = Writer(
    name="t2vqa",
    what="T2VQA-DB's lists: file|prompt|MOS a line, MOS from 0 to 100",
    loader="QMME/T2VQA: dataset/dataset.py, train.py",
    unit="clip",
    theirs={MOS: OVERALL},
    plan=_plan,
    write=_write,
    check=_check,
    read=_read,
    cannot="pairs, more than one score, prompts with | or line breaks",
)
