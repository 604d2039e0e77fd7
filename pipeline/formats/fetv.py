"""FETV's ratings as released: three raters, a file for each generator.

Read: llyx97/FETV-EVAL, all fifteen files of ``manual_eval_results/human{0,1,2}/``. A file is named
``manual_eval_results_GENERATOR.json`` and holds JSON Lines, one object a line with the sentence's
number as its only name: ``{"0": {"video_id": "video9033", "static_quality": 2, "temporal_quality": 2,
"alignment": 2, "fine-grained_alignment": {"color": 3}}}``. ``video_id`` is that of the real clip that
the sentence describes, not of the rated one, and is not read. Prompts and their complexity stand in
``fetv_data.json`` of llyx97/FETV, in the order of the numbers.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.formats.cells import number_or_none
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering, Place
from pipeline.formats.peek import first_line
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.prompt_list import prompt_text
from pipeline.formats.said import Said
from pipeline.formats.suites import beside
from schemas.options import SetupError
from schemas.rows import Row, read_json_lines

DIMENSIONS = ("static_quality", "temporal_quality", "alignment")
SCALE: Scale = (1, 5)
FINE = "fine-grained_alignment"
FINE_SCALE: Scale = (1, 3)  # of the single attributes that a prompt asks for
REAL = "real"
# One model has three names in the release's folders, and the real clips two.
GENERATORS = {
    "damo-text2video": "modelscope-t2v",
    "videofusion": "modelscope-t2v",
    "ground-truth": REAL,
    "gt": REAL,
}
PROMPTS = "fetv_data.json"

_NAME = re.compile(r"manual_eval_results_(.+)\.json(?:\.gz)?")


def read_fetv(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Ratings from one file, from a rater's folder, or from the folder of all raters.

    The rater is the folder's name, the generator that of the file (one spelling of each), the prompt
    ``fetv-0000`` by its number. Beside the three aspects, on ``scale`` (1 to 5), stand those of single
    attributes as ``fine_grained_color`` and so on, on 1 to 3. Text and complexity of the prompts come
    from a ``fetv_data.json`` in the folder, where there is one. Raises :class:`SetupError` naming file
    and line.
    """
    files = sorted(_files(path))
    if not files:
        raise SetupError(
            f"{path}: holds no file named manual_eval_results_GENERATOR.json, alone or in folders of "
            "raters such as human0"
        )
    prompts = _prompts(beside(path, PROMPTS))
    gathering = Gathering()
    for file in files:
        for number, row in read_json_lines(file):
            _line((file, number), row, finder, gathering, prompts, scale or SCALE)
    return gathering.read()


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        if not _NAME.fullmatch(path.name):
            raise SetupError(
                f"{path}: expected RATER/manual_eval_results_GENERATOR.json, since the names tell "
                "rater and generator"
            )
        yield path
        return
    for pattern in ("*.json*", "*/*.json*"):
        yield from (file for file in path.glob(pattern) if _NAME.fullmatch(file.name))


def _line(
    place: Place,
    row: Row,
    finder: ClipFinder,
    gathering: Gathering,
    prompts: Mapping[int, Said],
    scale: Scale,
) -> None:
    file, number = place
    ((key, marks),) = row.items() if len(row) == 1 else (("", None),)
    if not key.isascii() or not key.isdigit() or not isinstance(marks, dict):
        raise SetupError(f'{file}: row {number}: expected {{"NUMBER": {{"static_quality": ...}}}}')
    match = _NAME.fullmatch(file.name)
    generator = match[1] if match else ""
    said = Said(
        prompt_id=f"fetv-{int(key):04d}",
        generator=GENERATORS.get(generator, generator),
        **prompts.get(int(key), Said()),
    )
    clip = gathering.clip(place, finder, said)
    if clip is not None:
        _aspects(place, clip, marks, DIMENSIONS, gathering, scale)
        _aspects(place, clip, _fine(place, marks.get(FINE)), None, gathering, FINE_SCALE)


def _aspects(
    place: Place,
    clip: ClipFacts,
    marks: Row,
    names: tuple[str, ...] | None,
    gathering: Gathering,
    scale: Scale,
) -> None:
    for name in names or marks:
        gathering.rating(
            place,
            clip,
            rater=place[0].resolve().parent.name,
            dimension=name,
            score=number_or_none(*place, marks, name),
            scale=scale,
        )


def _fine(place: Place, marks: object) -> Row:
    if marks is None:
        return {}
    if not isinstance(marks, dict):
        raise SetupError(
            f"{place[0]}: row {place[1]}, {FINE!r}: expected {{attribute: score}}, got {marks!r}"
        )
    return {f"fine_grained_{name.replace(' ', '_')}": value for name, value in marks.items()}


def _prompts(file: Path | None) -> dict[int, Said]:
    """Text and facts of each prompt by its number, which is its line."""
    found: dict[int, Said] = {}
    for number, row in read_json_lines(file) if file is not None else ():
        complexity = row.get("prompt complexity")
        source = row.get("source")
        found[len(found)] = Said(
            prompt=prompt_text(file or Path(), f"row {number}", row.get("prompt")),
            source=source if isinstance(source, str) else None,
            complexity=str(complexity[0]) if isinstance(complexity, list) and complexity else None,
        )
    return found


def _is_it(path: Path) -> bool:
    if path.is_dir():
        return any(_files(path))
    if not _NAME.fullmatch(path.name):
        return False
    marks = next(iter(first_line(path).values()), None)
    return isinstance(marks, dict) and not {*DIMENSIONS}.isdisjoint(marks)


READER = Reader(
    kind="fetv",
    what="FETV's manual_eval_results, a file or the folder",
    read=read_fetv,
    is_it=_is_it,
)
