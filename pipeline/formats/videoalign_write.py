"""VideoAlign's training CSV and VideoGen-RewardBench's, written.

One file a split (``train.csv``, ...), the clips in ``videos/``; ``data_dir`` of their programs is the
export's folder. ``VQ`` is our ``video_quality``, ``TA`` our ``prompt_following``, the benchmark's
``Overall`` our ``overall``; nothing of ours stands for ``MQ`` (motion quality) unless
``--dimension MQ=NAME`` says so. Which clip is ``A`` is drawn by the hash of the pair, as for our own
pairs of ``overall``. A tie is ``same``.

What is not labelled is ``invalid``: their training masks it from the loss. Their benchmark maps it to
NaN, which it counts as a wrong answer, and stops where a column is missing
(``eval_videogen_rewardbench.py``): there a column is labelled in every row or in none, and pairs that
lack one of the dimensions are left out.
"""

import csv
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from pipeline.formats.chosen import told
from pipeline.formats.clip_files import ClipFiles, fps_of, sayable
from pipeline.formats.csv_words import csv_fault
from pipeline.formats.held import Held
from pipeline.formats.pair_labels import PairLabels, labels_by_pair
from pipeline.formats.videoalign import DIMENSIONS, LABELS, SIDES
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import OVERALL, SPLITS, FrameSet
from schemas.options import SetupError

TRAINED = DIMENSIONS[:3]  # of the training file; the benchmark has Overall, too
THEIRS = {"VQ": "video_quality", "TA": "prompt_following", "Overall": OVERALL}
INVALID = "invalid"
_WORDS = {"a": "A", "b": "B", "tie": "same"}
_STATED = tuple(f"{stated}_{side}" for side in SIDES for stated in ("fps", "num_frames"))
TRAINING_COLUMNS = ("path_A", "path_B", "prompt", *TRAINED, *_STATED)
BENCH_COLUMNS = (
    "path_A", "A_model", "path_B", "B_model", "prompt", *DIMENSIONS, *_STATED
)  # fmt: skip


def _plan(bench: bool, material: Material, choice: Choice) -> Plan:
    columns = DIMENSIONS if bench else TRAINED
    ours = _answers(material, choice, columns)
    left_out: Counter[str] = Counter()
    files = ClipFiles(material, _needs)
    wanted = {*ours.values()}
    pairs = labels_by_pair(p for p in material.preferences if p.dimension in wanted)
    pairs = files.whole(sayable(pairs, csv_fault, left_out), left_out)
    if bench:
        pairs = [pair for pair in pairs if _models_fit(material, pair, left_out)]
    tables: dict[str, list[Row]] = {split: [] for split in SPLITS}
    named = []
    for pair in pairs:
        if bench and any(dimension not in pair.labels for dimension in ours.values()):
            left_out[
                "pairs have no label on one of the dimensions, which would count as wrong"
            ] += 1
            continue
        row = _row(material, files, pair, columns, ours, bench)
        for name in columns:
            if row[name] == INVALID:
                left_out[
                    f"labels of {name} are 'invalid': the pair has none of that dimension"
                ] += 1
        tables[pair.split].append(row)
        named.append(Named(prompt=pair.prompt, media=(row["path_A"], row["path_B"])))
    return Plan(
        files={f"{split}.csv": rows for split, rows in tables.items() if rows},
        media=files.media,
        named=named,
        left_out=told(left_out),
        lost=_lost(material, ours),
        notes=_notes(columns, ours, bench),
    )


def _answers(material: Material, choice: Choice, columns: Sequence[str]) -> dict[str, str]:
    """Their dimension -> ours, of those that some preference is about."""
    unknown = sorted(set(choice.dimensions) - set(columns))
    if unknown:
        raise SetupError(
            f"--dimension {unknown[0]}={choice.dimensions[unknown[0]]}: this format has the dimensions "
            + ", ".join(columns)
        )
    known = {preference.dimension for preference in material.preferences}
    for theirs, ours in choice.dimensions.items():
        if ours not in known:
            raise SetupError(
                f"--dimension {theirs}={ours}: no preference of the splits {', '.join(choice.splits)} is "
                f"about it; there are {', '.join(sorted(known)) or 'none at all'}"
            )
    meant = {**{name: THEIRS[name] for name in columns if name in THEIRS}, **choice.dimensions}
    found = {name: meant[name] for name in columns if meant.get(name) in known}
    if not found:
        raise SetupError(
            f"none of the dimensions {', '.join(sorted(known)) or '(there is no preference)'} stands for "
            f"one of {', '.join(columns)}; say which does with --dimension VQ=NAME"
        )
    return found


def _needs(frames: FrameSet) -> str | None:
    return None if fps_of(frames) else "whose frame rate is not known"


def _models_fit(material: Material, pair: PairLabels, left_out: Counter[str]) -> bool:
    models = (material.frames[video].generator for video in (pair.video_a, pair.video_b))
    fault = next(filter(None, map(csv_fault, models)), None)
    if fault is not None:
        left_out[f"pairs hold a clip whose generator's name is {fault}"] += 1
    return fault is None


def _row(
    material: Material,
    files: ClipFiles,
    pair: PairLabels,
    columns: Sequence[str],
    ours: Mapping[str, str],
    bench: bool,
) -> Row:
    row: Row = {"prompt": pair.prompt}
    for side, video_id in zip(SIDES, (pair.video_a, pair.video_b), strict=True):
        frames = material.frames[video_id]
        row[f"path_{side}"] = files.place(video_id, "videos")
        row[f"fps_{side}"] = round(fps_of(frames) or 0.0, 6)
        row[f"num_frames_{side}"] = float(frames.n_frames_in_clip)
        if bench:
            row[f"{side}_model"] = frames.generator
    for name in columns:
        label = pair.labels.get(ours.get(name, ""))
        row[name] = INVALID if label is None else _WORDS[label]
    return {name: row[name] for name in (BENCH_COLUMNS if bench else TRAINING_COLUMNS)}


def _lost(material: Material, ours: Mapping[str, str]) -> list[str]:
    said = ["margins, weights and scores are not written: a label says which clip, not by how much"]
    others = [name for name in material.dimensions if name not in ours.values()]
    if others:
        said.append(f"the dimensions {', '.join(others)} are not written")
    return said


def _notes(columns: Sequence[str], ours: Mapping[str, str], bench: bool) -> list[str]:
    notes = [f"{name} is our {ours[name]}" for name in columns if name in ours]
    for name in columns:
        if name in ours:
            continue
        notes.append(
            f"{name} has no counterpart and is 'invalid' in every row: the accuracy that their program "
            "prints for it is 0 and says nothing"
            if bench
            else f"{name} has no counterpart and is 'invalid' in every row, which their loss masks"
        )
    notes.append("the labels are those of the dataset's judges, not of people")
    return notes


def _write(columns: Sequence[str], plan: Plan, folder: Path) -> None:
    for path, rows in plan.files.items():
        with (folder / path).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _read(folder: Path, path: str) -> list[Row]:
    with (folder / path).open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, strict=True))
    return [
        {
            name: float(cell) if name in _STATED else cell
            for name, cell in zip(rows[0], row, strict=True)
        }
        for row in rows[1:]
    ]


def _check(columns: Sequence[str], folder: Path, plan: Plan) -> Mapping[str, int]:
    held = Held(folder)
    bench = columns is BENCH_COLUMNS
    labelled: dict[str, Counter[str]] = {}
    for path in plan.files:
        counts = labelled.setdefault(path, Counter())
        owner: dict[str, tuple[str, str]] = {}
        for at, row in held.rows(path, columns):
            for name in DIMENSIONS if bench else TRAINED:
                rule = "labels are A, B, same or invalid, in just these letters"
                held.that(row[name] in LABELS, rule, at, name, row[name])
                counts[f"{name}:{row[name] == INVALID}"] += 1
            for side in SIDES:
                _check_side(held, at, row, side)
                if bench:
                    _check_owner(held, at, row, side, owner)
            held.that(
                row["path_A"] != row["path_B"], "a pair is two clips", at, "path_B", row["path_B"]
            )
    if bench:
        for path, counts in labelled.items():
            for name in DIMENSIONS:
                mixed = counts[f"{name}:True"] and counts[f"{name}:False"]
                rule = "a dimension is labelled in every row or in none: others count as wrong"
                held.that(not mixed, rule, path, name, dict(counts))
    return dict(held.counts)


def _check_side(held: Held, at: str, row: Row, side: str) -> None:
    held.file(at, f"path_{side}", row[f"path_{side}"])
    for name, least in ((f"fps_{side}", 0.0), (f"num_frames_{side}", 2.0)):
        rule = "frame rates are above 0 and clips have two frames"
        held.that(_number(row[name]) >= max(least, 1e-9), rule, at, name, row[name])


def _number(cell: object) -> float:
    try:
        return float(str(cell))
    except ValueError:
        return -1.0


def _check_owner(
    held: Held, at: str, row: Row, side: str, owner: dict[str, tuple[str, str]]
) -> None:
    said = (row["prompt"], row[f"{side}_model"])
    first = owner.setdefault(row[f"path_{side}"], said)
    rule = "a path has one prompt and one model: its clip is scored once"
    held.that(first == said, rule, at, f"path_{side}", row[f"path_{side}"])


def _writer(bench: bool) -> Writer:
    columns = BENCH_COLUMNS if bench else TRAINING_COLUMNS
    check: Callable[[Path, Plan], Mapping[str, int]] = partial(_check, columns)
    return Writer(
        name="videogen_rewardbench" if bench else "videoalign",
        what="VideoGen-RewardBench's CSV: pairs with models and labels, to test a reward model"
        if bench
        else "VideoAlign's training CSV: pairs with a label per dimension",
        loader="KwaiVGI/VideoAlign: eval_videogen_rewardbench.py, calc_accuracy.py"
        if bench
        else "KwaiVGI/VideoAlign: data.py, train_reward.py",
        unit="pair",
        theirs={
            name: THEIRS[name] for name in (DIMENSIONS if bench else TRAINED) if name in THEIRS
        },
        plan=partial(_plan, bench),
        write=partial(_write, columns),
        check=check,
        read=_read,
        cannot="margins, scores and dimensions other than "
        + ", ".join(DIMENSIONS if bench else TRAINED),
    )


VIDEOALIGN = _writer(bench=False)
REWARDBENCH = _writer(bench=True)
