"""HPDv3, which HPSv3 trains on: pairs of pictures, the preferred one first.

Keys as in PlantPotatoOnMoon/HPSv3-PlusPlus (``hpsv3/dataset/pairwise_dataset.py``), taken to be those
of MizzenAI's own loader: a JSON list of ``path1`` (preferred), ``path2``, ``prompt``, ``choice_dist``,
``confidence``, ``model1``, ``model2``. The releases of PlusPlus hold ``choice_dist`` and ``confidence``
as text, which is read as well; the plain trainer wants a list and a number, which is written.

Decisions. A picture is one frame of a clip, motion is lost. Paths are relative to the export's
folder: their loader opens them from the working directory. A tie has no place: with equal counts the
soft label would be 0.5, but the same row without soft labels says that ``path1`` won; ties are left
out and counted. ``choice_dist`` counts verdicts, for the winner first. Where a preference rests on
comparisons they are the verdicts for each side (a verdict that changes with the order counts half for
both, so that counts need not be whole). Where it rests on scores nobody chose between the clips: the
one verdict is that of the consensus, and the counts are ``[1, 0]``, soft label 1, whatever the number
of annotations behind the scores. ``confidence`` is null, which their threshold keeps: a margin is no
probability.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.formats.chosen import (
    MARGINS,
    by_split,
    decided,
    one_dimension,
    others_lost,
    pairs_of,
    told,
    winner_first,
)
from pipeline.formats.finder import ClipFinder
from pipeline.formats.held import Held, is_text, rows_back, write_json_list
from pipeline.formats.labelled import (
    UNKNOWN,
    NamedClip,
    PairRow,
    refuse_label,
    without_dot,
    words,
    words_or_none,
)
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.picture_votes import DIMENSION, NO_RATERS, PICTURES, pair_votes
from pipeline.formats.pictures import Pictures
from pipeline.formats.writing import Choice, Material, Named, Plan, Row, Writer
from schemas import Preference
from schemas.options import SetupError
from schemas.rows import read_rows

REQUIRED = ("path1", "path2", "prompt")
COLUMNS = (*REQUIRED, "choice_dist", "confidence", "model1", "model2")
TEXTS = (*REQUIRED, "model1", "model2")
FOLDER = "images"
MAJORITY = "a vote is the majority's of several people, where choice_dist counts them"


# reading


def read_hpdv3(path: str | Path, generator: str = UNKNOWN) -> Iterator[PairRow]:
    """Every pair, the preferred clip as ``a``; equal counts in ``choice_dist`` are a tie.

    Raises :class:`SetupError` naming file, row and column.
    """
    file = Path(path)
    for number, row in read_rows(file, REQUIRED):
        a, b = (
            NamedClip(
                video=without_dot(words(file, number, row, f"path{side}")),
                generator=words_or_none(file, number, row, f"model{side}") or generator,
            )
            for side in (1, 2)
        )
        if a.video == b.video:
            raise SetupError(f"{file}: row {number}: both pictures are the same, {a.video}")
        counts = _counts(file, number, row.get("choice_dist"))
        yield PairRow(
            number=number,
            prompt=words(file, number, row, "prompt"),
            a=a,
            b=b,
            labels={DIMENSION: None if counts is None else str(list(counts))},
            votes={DIMENSION: "tie" if counts and counts[0] == counts[1] else "a"},
        )


def _counts(file: Path, number: int, value: Any) -> tuple[float, float] | None:
    if isinstance(value, str):
        with contextlib.suppress(ValueError):  # refused below, as it was written
            value = json.loads(value)
    if value is None:
        return None
    if not _are_counts(value):
        raise refuse_label(file, number, "choice_dist", value, "two counts, not both 0")
    return value[0], value[1]


def _are_counts(value: Any) -> bool:
    def is_count(one: Any) -> bool:
        return isinstance(one, int | float) and not isinstance(one, bool) and one >= 0

    return isinstance(value, list) and len(value) == 2 and all(map(is_count, value)) and any(value)


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """A vote a pair. There is no scale. Raises :class:`SetupError` as :func:`read_hpdv3` does."""
    rows = ((ANYBODY, row) for row in read_hpdv3(path))
    return pair_votes(path, rows, finder, PICTURES, MAJORITY, NO_RATERS)


READER = Reader(
    kind="hpdv3",
    what="HPDv3's pairs of pictures",
    read=read_people,
    is_it=lambda path: columns_of(path).issuperset(REQUIRED),
)


# writing


def plan(material: Material, choice: Choice) -> Plan:
    """A list for each split, ties left out."""
    dimension, pictures = one_dimension(material, choice), Pictures(material, choice)
    left_out: Counter[str] = Counter()
    pairs = decided(pictures.seen(pairs_of(material, dimension), left_out), left_out)
    files = {
        f"{split}.json": [_row(pair, pictures) for pair in own]
        for split, own in by_split(pairs).items()
    }
    scored = sum(pair.basis == "scores" for pair in pairs)
    notes = ["paths are relative to this folder: start the trainer in it, or put it before them"]
    if scored:
        notes.append(
            f"{scored} of {len(pairs)} pairs rest on scores of each clip: their choice_dist is [1, 0], "
            "one verdict of the consensus, not a count of people or of annotations"
        )
    return Plan(
        files=files,
        media=pictures.media,
        named=[
            Named(prompt=row["prompt"], media=(row["path1"], row["path2"]))
            for rows in files.values()
            for row in rows
        ],
        left_out=told(left_out),
        lost=[pictures.lost, MARGINS, *others_lost(material, dimension)],
        notes=notes,
    )


def _row(pair: Preference, pictures: Pictures) -> Row:
    makers = {pair.video_a: pair.generator_a, pair.video_b: pair.generator_b}
    first, second = winner_first(pair)
    return {
        "path1": pictures.place(first, FOLDER),
        "path2": pictures.place(second, FOLDER),
        "prompt": pair.prompt,
        "choice_dist": choice_dist(pair),
        "confidence": None,
        "model1": makers[first],
        "model2": makers[second],
    }


def choice_dist(pair: Preference) -> list[float]:
    """Verdicts for the winner and for the other: ``[1, 0]`` where there are scores alone."""
    if pair.basis == "scores":
        return [1, 0]
    won = [pair.score_a * pair.n_a, pair.score_b * pair.n_b]
    return [_plain(count) for count in (won if pair.label == "a" else won[::-1])]


def _plain(count: float) -> float:
    rounded = round(count, 6)
    return int(rounded) if rounded == int(rounded) else rounded


def write(plan: Plan, folder: Path) -> None:
    """A JSON list for each split."""
    for path, rows in plan.files.items():
        write_json_list(folder / path, rows)


def check(folder: Path, plan: Plan) -> Mapping[str, int]:
    """Hold the files to what their loader replaces by a random row, with no more than a print."""
    held = Held(folder)
    for path in plan.files:
        for at, row in held.rows(path, COLUMNS, {name: is_text for name in TEXTS}):
            _check(held, at, row)
    return held.counts


def _check(held: Held, at: str, row: Row) -> None:
    counts, confidence = row["choice_dist"], row["confidence"]
    for side in (1, 2):
        held.picture(at, f"path{side}", row[f"path{side}"])
    held.that(row["path1"] != row["path2"], "pictures of a row differ", at, "path2", row["path2"])
    rule = "choice_dist is a list of two counts, not both 0"
    held.that(_are_counts(counts), rule, at, "choice_dist", counts)
    held.that(counts[0] > counts[1], "more verdicts are for path1", at, "choice_dist", counts)
    bounded = confidence is None or (isinstance(confidence, float) and 0 <= confidence <= 1)
    held.that(bounded, "confidence is null or from 0 to 1", at, "confidence", confidence)


WRITER = Writer(
    name="hpdv3",
    what="HPDv3 and HPSv3: pairs of pictures, the preferred one first (one frame of each clip)",
    loader="PlantPotatoOnMoon/HPSv3-PlusPlus, hpsv3/dataset/pairwise_dataset.py",
    unit="pair",
    theirs={},
    plan=plan,
    write=write,
    check=check,
    read=rows_back,
    cannot="motion, ties, margins, more than one dimension",
)
