"""VBench's preference labels, written: ``SPLIT/DIMENSION.json``, which model's clip is better.

The layout of ``sampled_videos/README.md`` in Vchitect/VBench (without ``question_en``, as VBench-2.0
has it, and without the styles and colours of its own prompts). Every dimension of the dataset has a
file of its name, or those that ``--dimension THEIRS=OURS`` names; both directions of a pair are
written, 1 and 0, or 0.5 twice for a tie. A model is our generator, its clip in the split's ``videos/``.

A row holds one clip of a model. Where a prompt has several clips of one generator, its pairs are spread
over as many rows as that needs; a pair of two clips of one generator cannot be said and is left out.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.formats.chosen import MARGINS, by_split, told
from pipeline.formats.clip_files import ClipFiles
from pipeline.formats.held import Held, rows_back, write_json_list
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import Preference
from schemas.options import SetupError

KEYS = ("prompt_en", "videos", "human_anno")
OF_A = {"a": 1, "b": 0, "tie": 0.5}
ONE_MAKER = "pairs hold two clips of one generator, which a table of models cannot part"
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,63}\Z")


def _plan(material: Material, choice: Choice) -> Plan:
    theirs = _files_of(material, choice)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material)
    tables: dict[str, Sequence[Row]] = {}
    named: list[Named] = []
    good = _good(material, files, set(theirs.values()), left_out)
    for name, ours in theirs.items():
        pairs = [p for p in material.preferences if p.dimension == ours and _clips(p) in good]
        for split, own in by_split(pairs).items():
            tables[f"{split}/{name}.json"] = [_row(files, split, row, named) for row in _rows(own)]
    others = [name for name in material.dimensions if name not in theirs.values()]
    return Plan(
        files=tables,
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=[
            MARGINS,
            *([f"the dimensions {', '.join(others)} are not written"] if others else []),
        ],
        notes=(
            "the labels stand under human_anno, as the format calls them, but are a judge's",
            "paths start at the folder of the split",
        ),
    )


def _clips(pair: Preference) -> frozenset[str]:
    return frozenset((pair.video_a, pair.video_b))


def _good(
    material: Material, files: ClipFiles, dimensions: set[str], left_out: Counter[str]
) -> set[frozenset[str]]:
    """The pairs that can be written, whatever the dimension; each other one is counted once."""
    every = {_clips(p): p for p in material.preferences if p.dimension in dimensions}
    apart = [pair for pair in every.values() if pair.generator_a != pair.generator_b]
    left_out[ONE_MAKER] += len(every) - len(apart)
    return {_clips(pair) for pair in files.whole(apart, left_out)}


def _files_of(material: Material, choice: Choice) -> dict[str, str]:
    """Name of the file -> our dimension."""
    known = sorted({preference.dimension for preference in material.preferences})
    theirs = dict(choice.dimensions) or {name: name for name in known}
    for name, ours in theirs.items():
        if ours not in known:
            raise SetupError(
                f"--dimension {name}={ours}: no preference of the splits {', '.join(choice.splits)} is "
                f"about it; there are {', '.join(known) or 'none at all'}"
            )
        if not _FILE_NAME.match(name):
            raise SetupError(
                f"--dimension {name}={ours}: {name!r} is no name for a file; say another one, with "
                "letters and digits"
            )
    return theirs


def _rows(pairs: Sequence[Preference]) -> list[list[Preference]]:
    """The pairs of each row: of one prompt, with one clip of each generator."""
    rows: dict[str, list[tuple[dict[str, str], list[Preference]]]] = {}
    for pair in pairs:
        clips = {pair.generator_a: pair.video_a, pair.generator_b: pair.video_b}
        own = rows.setdefault(pair.prompt_id, [])
        for held, row in own:
            if all(held.get(generator, clip) == clip for generator, clip in clips.items()):
                held.update(clips)
                row.append(pair)
                break
        else:
            own.append((clips, [pair]))
    return [row for _, own in sorted(rows.items()) for _, row in own]


def _row(files: ClipFiles, split: str, pairs: Sequence[Preference], named: list[Named]) -> Row:
    videos: dict[str, str] = {}
    said: dict[str, dict[str, float]] = {}
    for pair in pairs:
        sides = ((pair.generator_a, pair.video_a), (pair.generator_b, pair.video_b))
        paths = []
        for generator, video_id in sides:
            paths.append(files.place(video_id, f"{split}/videos"))
            videos[generator] = paths[-1].removeprefix(f"{split}/")
        (a, _), (b, _) = sides
        said.setdefault(a, {})[b] = OF_A[pair.label]
        said.setdefault(b, {})[a] = 1 - OF_A[pair.label]
        named.append(Named(prompt=pair.prompt, media=tuple(paths)))
    return {
        "prompt_en": pairs[0].prompt,
        "videos": dict(sorted(videos.items())),
        "human_anno": {a: dict(sorted(said[a].items())) for a in sorted(said)},
    }


def _write(plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def _check(folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    for path in plan.files:
        split = PurePosixPath(path).parent.as_posix()
        for at, row in held.rows(path, KEYS):
            prompt = row["prompt_en"]
            good = isinstance(prompt, str) and bool(prompt.strip())
            held.that(good, "a prompt is there", at, "prompt_en", prompt)
            for model, clip in row["videos"].items():
                held.file(at, f"videos of {model}", f"{split}/{clip}")
            _check_labels(held, at, row["human_anno"], row["videos"])
    return dict(held.counts)


def _check_labels(held: Held, at: str, said: Mapping[str, Any], videos: Mapping[str, str]) -> None:
    held.that(bool(said), "a row holds a pair", at, "human_anno", said)
    for a, others in said.items():
        for b, label in others.items():
            field = f"human_anno of {a} and {b}"
            held.that(label in (0, 0.5, 1), "labels are 0, 0.5 or 1", at, field, label)
            held.that(a != b, "no model is held against itself", at, field, a)
            known = a in videos and b in videos
            held.that(known, "every model of human_anno has a video", at, field, list(videos))
            other = said.get(b, {}).get(a)
            rule = "both directions of a pair are there and add up to 1"
            held.that(other is not None and label + other == 1, rule, at, field, (label, other))
            rule = "the two clips of a pair differ"
            held.that(videos[a] != videos[b], rule, at, field, videos[a])


WRITER = Writer(
    name="vbench",
    what="VBench's preference labels, model against model: a JSON file a split and dimension",
    loader="Vchitect/VBench: sampled_videos/README.md",
    unit="pair",
    theirs={},
    plan=_plan,
    write=_write,
    check=_check,
    read=rows_back,
    cannot="margins, pairs of two clips of one generator",
)
