"""TC-Bench's human scores: two lists of three numbers for each clip.

Read: ``eval_results/human_eval/i2v/human_scores_all.json`` of weixi-feng/TC-Bench, whole, and
``i2v_prompts.json``. One JSON object by clip, ``{"seine_00025-00001": [[5, 4, 3], [5, 3, 3]], ...}``:
generator, prompt's number, sample's number. The release names neither the two lists nor the numbers
in them. 951 of 952 clips have two lists of three, one has two of two: so the lists are dimensions and
the numbers raters, as in the paper; which dimension is which could not be confirmed.
"""

import re
from pathlib import Path
from typing import Any

from pipeline.formats.cells import number_or_none
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.peek import first_entry
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.prompt_list import Pairs, prompt_text, read_json
from pipeline.formats.said import Said
from pipeline.formats.suites import beside, prompt_id_for, told_apart
from schemas.options import SetupError
from schemas.rows import read_rows

DIMENSIONS = ("dimension_1", "dimension_2")
SCALE: Scale = (1, 5)
PROMPTS = "i2v_prompts.json"
NOTES = (
    "the release names neither its two dimensions nor its raters",
    "raters are slots of a list: slot 0 need not be the same person for every clip",
)

_NAME = re.compile(r"(.+)_([0-9]{1,9})-([0-9]{1,9})", re.DOTALL)


def read_tc_bench(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Every clip's scores; ``scale`` is 1 to 5 unless given, the raters ``slot0``, ``slot1``, ``slot2``.

    Prompts are ``tc-bench-i2v-00025`` by their number; their texts come from an ``i2v_prompts.json``
    in the same folder, where there is one. Raises :class:`SetupError` naming file and entry.
    """
    entries = read_json(path)
    if not isinstance(entries, Pairs) or not entries:
        raise SetupError(f'{path}: expected an object {{"MODEL_00000-00000": [[...], [...]]}}')
    texts = _texts(beside(path, PROMPTS))
    alone = told_apart(texts.items())
    gathering = Gathering()
    for number, (name, lists) in enumerate(entries, start=1):
        place, match = (path, number), _NAME.fullmatch(name)
        if match is None or not isinstance(lists, list) or len(lists) != len(DIMENSIONS):
            raise SetupError(
                f"{path}: entry {name!r}: expected MODEL_PROMPT-SAMPLE with two lists of scores"
            )
        text, only = (known.get(int(match[2])) for known in (texts, alone))
        numbered = f"tc-bench-i2v-{int(match[2]):05d}"
        said = Said(
            prompt_id=prompt_id_for(finder, numbered, only),
            prompt=text,
            generator=match[1],
            video=name,
        )
        clip = gathering.clip(place, finder, said)
        if clip is None:
            continue
        for dimension, scores in zip(DIMENSIONS, lists, strict=True):
            for slot, score in enumerate(_scores(place, name, scores)):
                gathering.rating(
                    place,
                    clip,
                    rater=f"slot{slot}",
                    dimension=dimension,
                    score=score,
                    scale=scale or SCALE,
                )
    return gathering.read(*NOTES)


def _scores(place: Place, name: str, scores: Any) -> list[float | None]:
    if not isinstance(scores, list):
        raise SetupError(f"{place[0]}: entry {name!r}: expected a list of scores, got {scores!r}")
    return [number_or_none(*place, {name: score}, name) for score in scores]


def _texts(file: Path | None) -> dict[int, str]:
    if file is None:
        return {}
    rows = read_rows(file, ("id", "prompt"))
    return {int(row["id"]): prompt_text(file, f"row {n}", row["prompt"]) for n, row in rows}


def _is_it(path: Path) -> bool:
    name, lists = first_entry(path) or ("", None)
    return (
        _NAME.fullmatch(name) is not None
        and isinstance(lists, list)
        and len(lists) == len(DIMENSIONS)
        and all(isinstance(scores, list) for scores in lists)
    )


READER = Reader(kind="tc_bench", what="TC-Bench's human scores", read=read_tc_bench, is_it=_is_it)
