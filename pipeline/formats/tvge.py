"""TVGE, the ratings behind T2VScore (arXiv 2401.07781): means of ten raters for each clip.

Read: ``datasets/t2vscore_alignment_score.json`` and ``t2vscore_quality_score.json`` of
linzhiqiu/t2v_metrics, whole, and its loader (``dataset.py``); showlab/T2VScore itself holds no data.
One JSON object, ``{"0": {"prompt": ..., "models": {"floor33": [1.3], "gen2": [2.2], ...}}, ...}``: 512
prompts by their number in EvalCrafter's list, 508 different texts, five models, 2,543 clips, each
with a list of one mean. That it is of ten raters is said in the paper alone.
"""

from pathlib import Path
from typing import Any

from pipeline.formats import evalcrafter
from pipeline.formats.cells import number_or_none
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.peek import first_entry
from pipeline.formats.people import MEAN, PeopleRead, Reader, Scale
from pipeline.formats.prompt_list import Pairs, prompt_text, read_json
from pipeline.formats.said import Said
from pipeline.formats.suites import prompt_id_for, told_apart
from schemas.options import SetupError

DIMENSIONS = ("alignment", "quality")
SCALE: Scale = (1, 5)
NOTE = "scores are means of ten raters: agreement between raters is not known"


def read_tvge(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """One file, of one dimension, which its name tells; ``scale`` is 1 to 5 unless given.

    The rater is ``mean``. The clip of a prompt and model is the one of that prompt (``evalcrafter-0000``
    by its number, or that of its text where known clips have it so) and generator; an empty list is a
    missing score. Raises :class:`SetupError` naming file and entry.
    """
    dimension = _dimension(path)
    entries = read_json(path)
    if not isinstance(entries, Pairs) or not entries:
        raise SetupError(f'{path}: expected an object {{"0": {{"prompt": ..., "models": ...}}}}')
    rated = [_entry(path, name, entry) for name, entry in entries]
    alone = told_apart((position, text) for position, text, _ in rated)
    gathering = Gathering()
    for number, (position, text, models) in enumerate(rated, start=1):
        place, where = (path, number), f"entry '{position}'"
        numbered = evalcrafter.prompt_id_of(position)
        prompt_id = prompt_id_for(finder, numbered, alone.get(position))
        for model, means in models:
            said = Said(prompt_id=prompt_id, prompt=text, generator=model)
            clip = gathering.clip(place, finder, said)
            if clip is not None:
                gathering.rating(
                    place,
                    clip,
                    rater=MEAN,
                    dimension=dimension,
                    score=_mean(place, where, model, means),
                    scale=scale or SCALE,
                )
    return gathering.read(NOTE)


def _entry(path: Path, name: str, entry: Any) -> tuple[int, str, Pairs]:
    fields = dict(entry) if isinstance(entry, Pairs) else {}
    position, models = evalcrafter.number_of(name), fields.get("models")
    if position is None or not isinstance(models, Pairs):
        raise SetupError(
            f'{path}: entry {name!r}: expected a number with {{"prompt": ..., "models": {{...}}}}'
        )
    return position, prompt_text(path, f"entry {name!r}", fields.get("prompt")), models


def _dimension(path: Path) -> str:
    named = [name for name in DIMENSIONS if name in path.name.lower()]
    if len(named) != 1:
        raise SetupError(
            f"{path}: its name must say which of alignment and quality it holds, as "
            "t2vscore_alignment_score.json does"
        )
    return named[0]


def _mean(place: Place, where: str, model: str, means: Any) -> float | None:
    if not isinstance(means, list) or len(means) > 1:
        raise SetupError(
            f"{place[0]}: {where}, {model!r}: expected a list of one mean, got {means!r}"
        )
    return number_or_none(*place, {model: means[0]}, model) if means else None


def _is_it(path: Path) -> bool:
    name, entry = first_entry(path) or ("", None)
    return (
        evalcrafter.number_of(name) is not None
        and isinstance(entry, dict)
        and isinstance(entry.get("models"), dict)
    )


READER = Reader(kind="tvge", what="TVGE's mean scores (T2VScore)", read=read_tvge, is_it=_is_it)
