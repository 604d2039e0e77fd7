"""EvalCrafter's human feedback (arXiv 2310.11440): five aspects, 1 to 5, three raters a clip.

Not confirmed: the release lies on a drive that could not be opened, and no program in
evalcrafter/EvalCrafter reads it. What is known: 8.6 thousand rows over five aspects (README), and
three raters on 1 to 5 (TIGER-AI-Lab/VideoScore's ``eval_eval_crafter_*.json`` holds their means as
fifteenths). So a table is read whose rows name model and number and have a column for each aspect,
in any of the spellings below; rename the columns of another one.
"""

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from pipeline.formats.cells import number_or_none, optional_text
from pipeline.formats.evalcrafter import number_of, prompt_id_of
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.said import Said
from pipeline.formats.suites import prompt_id_for, told_apart
from schemas.options import SetupError
from schemas.rows import Row, read_rows

DIMENSIONS = {
    "visual_quality": ("visual_quality",),
    "text_video_alignment": (
        "text_video_alignment",
        "text_alignment",
        "t2v_alignment",
        "tv_alignment",
    ),
    "motion_quality": ("motion_quality",),
    "temporal_consistency": ("temporal_consistency",),
    "subjective_likeness": ("subjective_likeness", "likeness"),
}
MODEL = ("model", "model_name", "generator", "method")
NUMBER = ("number", "index", "idx", "prompt_idx", "video", "video_name", "file")
RATER = ("rater", "annotator", "user")
SCALE: Scale = (1, 5)
NOTES = (
    "the layout of EvalCrafter's release is not confirmed; check some rows against the file",
    "a cell that lists several scores gives raters slot0, slot1 and so on: slot 0 need not be the "
    "same person for every clip",
)


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Every row's scores; ``scale`` is 1 to 5 unless given.

    A row names a model, a number (``7``, ``0007`` or ``0007.mp4``: EvalCrafter's), perhaps the prompt
    and a rater; an aspect's cell holds a score, or a list of them. Prompts are ``evalcrafter-0007``
    by their number. Raises :class:`SetupError` naming file, row and column.
    """
    columns = _columns(path, columns_of(path))
    rows = list(read_rows(path, tuple(columns.values())))
    prompts = {_prompt((path, n), row, columns) for n, row in rows}
    alone = told_apart(sorted(prompts, key=str))
    gathering = Gathering()
    for number, row in rows:
        place = path, number
        position, text = _prompt(place, row, columns)
        said = Said(
            prompt_id=prompt_id_for(finder, prompt_id_of(position), alone.get(position)),
            prompt=text,
            generator=optional_text(row, columns["model"]),
        )
        clip = gathering.clip(place, finder, said)
        if clip is None:
            continue
        who = optional_text(row, columns["rater"]) if "rater" in columns else None
        for dimension in DIMENSIONS:
            for rater, score in _scores(place, row, columns.get(dimension), who):
                gathering.rating(
                    place,
                    clip,
                    rater=rater,
                    dimension=dimension,
                    score=score,
                    scale=scale or SCALE,
                )
    return gathering.read(*NOTES)


def _columns(path: Path, written: frozenset[str]) -> dict[str, str]:
    """Our names of the columns, with how the file spells them."""
    plain = {re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_"): name for name in sorted(written)}
    known = {"model": MODEL, "number": NUMBER, "rater": RATER, "prompt": ("prompt",), **DIMENSIONS}
    found = {
        ours: plain[next(name for name in spellings if name in plain)]
        for ours, spellings in known.items()
        if any(name in plain for name in spellings)
    }
    for needed, spellings in (("model", MODEL), ("number", NUMBER)):
        if needed not in found:
            raise SetupError(f"{path}: has no column {' or '.join(spellings)}")
    return found


def _prompt(place: Place, row: Row, columns: Mapping[str, str]) -> tuple[int, str | None]:
    """A row's number, and its prompt where it tells."""
    written = optional_text(row, columns["number"]) or ""
    number = number_of(PurePosixPath(written).stem)
    if number is None:
        raise SetupError(
            f"{place[0]}: row {place[1]}, column {columns['number']!r}: {written!r} is not a number "
            "such as 0007"
        )
    return number, optional_text(row, columns["prompt"]) if "prompt" in columns else None


def _scores(
    place: Place, row: Row, column: str | None, rater: str | None
) -> list[tuple[str, float | None]]:
    if column is None:
        return []
    cell = row[column]
    if not isinstance(cell, list):
        return [(rater or ANYBODY, number_or_none(*place, row, column))]
    named = f"{rater}_" if rater is not None else ""
    return [
        (f"{named}slot{i}", number_or_none(*place, {column: score}, column))
        for i, score in enumerate(cell)
    ]


def _is_it(path: Path) -> bool:
    try:
        columns = _columns(path, columns_of(path))
    except SetupError:
        return False
    return sum(dimension in columns for dimension in DIMENSIONS) >= 3


READER = Reader(
    kind="evalcrafter", what="EvalCrafter's human feedback", read=read_people, is_it=_is_it
)
