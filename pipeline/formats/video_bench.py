"""Video-Bench's human labels (arXiv 2504.04907): four scores for each clip, a file a dimension.

Read: all nine files of ``data/human_anno/`` of Video-Bench/Video-Bench, whole, and its README for the
scales. JSON lists of ``{"prompt_en": ..., "videos": {MODEL: PATH}, "human_anno": {MODEL: [3, 3, 2, 3]}}``,
with ``grid_view`` in some. Three clips of each prompt and model, told by their path. Zeros stand in
three of the nine files, which is no point of any scale. Nothing says who gave which of the four.
"""

from pathlib import Path

from pipeline.formats.cells import number_or_none
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.labelled import without_dot, words
from pipeline.formats.peek import first_row
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.said import Said
from schemas.options import SetupError
from schemas.rows import Row, plain_name, read_rows

SCALES: dict[str, Scale] = {
    "aesthetic_quality": (1, 5),
    "imaging_quality": (1, 5),
    "motion_effects": (1, 5),
    "temporal_consistency": (1, 5),
    "video-text consistency": (1, 5),
    "action": (1, 3),
    "color": (1, 3),
    "object_class": (1, 3),
    "scene": (1, 3),
}
NOTE = "raters are slots of a list: slot 0 need not be the same person for every clip"


def read_video_bench(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """One file, of the dimension that its name tells; the raters are ``slot0`` to ``slot3``.

    ``scale`` is that of the dimension unless given: 1 to 5 of the quality and the text, 1 to 3 of
    action, colour, object and scene. A zero is a missing mark, and counted. Raises
    :class:`SetupError` naming file, row and model.
    """
    dimension = plain_name(path).stem
    scale = scale or SCALES.get(dimension)
    if scale is None:
        raise SetupError(
            f"{path}: its name is none of the dimensions {', '.join(SCALES)}; name it so, or say the "
            "scale"
        )
    gathering = Gathering()
    for number, row in read_rows(path, ("prompt_en", "videos", "human_anno")):
        place = path, number
        prompt = words(path, number, row, "prompt_en")
        videos, marks = (by_model(place, row, name) for name in ("videos", "human_anno"))
        for model, scores in marks.items():
            said = Said(prompt=prompt, generator=model, video=path_of(place, videos, model))
            clip = gathering.clip(place, finder, said)
            if clip is None:
                continue
            for slot, score in enumerate(_scores(place, model, scores)):
                gathering.rating(
                    place,
                    clip,
                    rater=f"slot{slot}",
                    dimension=dimension,
                    score=score,
                    scale=scale,
                )
    return gathering.read(NOTE)


def by_model(place: Place, row: Row, column: str) -> Row:
    """A cell that says something of each model. Raises :class:`SetupError` for another."""
    value = row[column]
    if not isinstance(value, dict) or not value:
        raise SetupError(
            f"{place[0]}: row {place[1]}, {column!r}: expected an object by model, got {value!r}"
        )
    return value


def path_of(place: Place, videos: Row, model: str) -> str:
    """A model's clip. Raises :class:`SetupError` where the row names none."""
    if model not in videos:
        raise SetupError(
            f"{place[0]}: row {place[1]}: human_anno has model {model!r}, videos has not"
        )
    return without_dot(words(*place, videos, model))


def _scores(place: Place, model: str, scores: object) -> list[float | None]:
    if not isinstance(scores, list):
        raise SetupError(
            f"{place[0]}: row {place[1]}, human_anno of {model!r}: expected a list of scores, got "
            f"{scores!r}"
        )
    return [number_or_none(*place, {model: score}, model) for score in scores]


def labels_of(path: Path) -> object:
    """What the first row's ``human_anno`` says of its first model; None where there is none."""
    row = first_row(path)
    marks = row.get("human_anno") if "videos" in row and "prompt_en" in row else None
    return next(iter(marks.values()), None) if isinstance(marks, dict) else None


def _is_it(path: Path) -> bool:
    return isinstance(labels_of(path), list)


READER = Reader(
    kind="video_bench", what="Video-Bench's human_anno", read=read_video_bench, is_it=_is_it
)
