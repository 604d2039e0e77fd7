"""VBench's human preference labels: which model's clip is better, a file a dimension.

Read: the description in ``sampled_videos/README.md`` of Vchitect/VBench and in that of VBench-2.0,
which has the same layout without ``question_en``. The files lie on a drive that could not be opened:
that they hold both directions of a pair, and that nobody is named in them, is not confirmed. JSON
lists of ``{"prompt_en": ..., "question_en": ..., "videos": {MODEL: ADDRESS}, "human_anno": {MODEL_A:
{MODEL_B: 1}}}``: 1 where A is better, 0 where B is, 0.5 where they are equal.
"""

from pathlib import Path

from pipeline.formats.cells import number_or_none
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.genai_bench_results import NOTE
from pipeline.formats.labelled import words
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.said import Said
from pipeline.formats.video_bench import by_model, labels_of, path_of
from schemas.options import SetupError
from schemas.rows import Row, plain_name, read_rows

CHOICES = {1.0: "a", 0.0: "b", 0.5: "tie"}
UNUSABLE = "labels are blank, or none of 1, 0 and 0.5"


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """One vote a pair of models and row, on the dimension that the file's name tells.

    A pair may stand in one direction or in both, which must then agree; a label that is blank or
    none of the three is missing, and counted. There is no scale. Raises :class:`SetupError` naming
    file, row and models.
    """
    gathering = Gathering()
    for number, row in read_rows(path, ("prompt_en", "videos", "human_anno")):
        place = path, number
        prompt = words(path, number, row, "prompt_en")
        videos, marks = (by_model(place, row, name) for name in ("videos", "human_anno"))
        for (a, b), choice in sorted(_choices(place, marks, gathering).items()):
            said = [
                Said(prompt=prompt, generator=model, video=path_of(place, videos, model))
                for model in (a, b)
            ]
            pair = gathering.pair(place, finder, said[0], said[1])
            if pair is not None:
                gathering.vote(
                    place,
                    pair,
                    rater=ANYBODY,
                    dimension=plain_name(path).stem,
                    choice=choice,
                )
    return gathering.read(NOTE)


def _choices(place: Place, marks: Row, gathering: Gathering) -> dict[tuple[str, str], str]:
    """Each pair of models once, in alphabetical order, with what was said of it."""
    found: dict[tuple[str, str], float] = {}
    for a, others in marks.items():
        if not isinstance(others, dict):
            raise SetupError(
                f"{place[0]}: row {place[1]}, human_anno of {a!r}: expected an object by model, got "
                f"{others!r}"
            )
        for b in others:
            label = number_or_none(*place, others, b)
            if a == b:
                raise SetupError(f"{place[0]}: row {place[1]}: holds {a!r} against itself")
            if label not in CHOICES:
                gathering.left_out[UNUSABLE] += 1
                continue
            pair, of_first = ((a, b), label) if a < b else ((b, a), 1 - label)
            if found.setdefault(pair, of_first) != of_first:
                raise SetupError(
                    f"{place[0]}: row {place[1]}: human_anno says of {a!r} and {b!r} one thing in "
                    "one direction and another in the other; the two must add up to 1"
                )
    return {pair: CHOICES[label] for pair, label in found.items()}


def _is_it(path: Path) -> bool:
    return isinstance(labels_of(path), dict)


READER = Reader(
    kind="vbench", what="VBench's human preference labels", read=read_people, is_it=_is_it
)
