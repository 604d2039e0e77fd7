"""A plain table of judges' scores: one row per clip, annotator, dimension, draw and temperature."""

import dataclasses
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pipeline.formats.cells import flag, number_or_none, optional_text, text
from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import NO_SCORE, NOT_HERE
from pipeline.formats.judged import ALIASES, EVERY, JudgesRead, Key
from pipeline.formats.said import clip_of, introduce
from schemas import RecordError, Score
from schemas.options import SetupError
from schemas.rows import Row, read_rows

COLUMNS = ("annotator", "score")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One row: one draw at one temperature."""

    number: int
    draw: int
    temperature: float | None
    score: float | None
    rationale: str | None
    simulated: bool

    @property
    def place(self) -> tuple[int, float]:
        """What tells it from the other rows of the same clip, and orders them."""
        return self.draw, -math.inf if self.temperature is None else self.temperature


def read_scores(path: Path, finder: ClipFinder) -> JudgesRead:
    """Scores of the clips that the finder finds, several draws of one clip averaged.

    Columns: those of :func:`pipeline.formats.said.clip_of`; ``annotator`` (or ``metric``), ``score``;
    optional ``dimension`` (or ``aspect``; ``*`` where absent), ``draw`` (a whole number, 0 where
    absent), ``temperature``, ``rationale``, ``simulated``. A row without a score is left out: the
    annotator did not score the clip. The mean is over all draws at all temperatures, ``spread`` their
    sample standard deviation.

    Raises :class:`SetupError` naming file and row: the second row of one annotator for the same clip,
    dimension, draw and temperature; and where rows make clips known, one whose clip nothing tells the
    prompt and generator of.
    """
    introduce(path, finder)
    marks: dict[Key, list[Mark]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for number, row in read_rows(path, COLUMNS, ALIASES):
        clip = finder.find(path, number, **clip_of(path, number, row))
        if clip is None:
            refuse_untold(path, number, row, "video_id", finder)
            left_out[NOT_HERE] += 1
            continue
        key = (
            text(path, number, row, "annotator"),
            optional_text(row, "dimension") or EVERY,
            clip.video_id,
        )
        marks[key].append(_mark(path, number, row))
    _refuse_twice(path, marks)
    scored = {key: _scored(rows) for key, rows in marks.items()}
    left_out[NO_SCORE] += sum(len(rows) for rows in marks.values())
    left_out[NO_SCORE] -= sum(len(rows) for rows in scored.values())
    return _read(path, scored, finder.clips, {what: n for what, n in left_out.items() if n})


def refuse_untold(path: Path, number: int, row: Row, column: str, finder: ClipFinder) -> None:
    """Raise where rows make clips known and this one tells too little to make its clip known."""
    if finder.takes_clips:
        named = optional_text(row, column) or optional_text(row, "video")
        raise SetupError(
            f"{path}: row {number}: nothing says the prompt and generator of clip {named!r}; add "
            "columns prompt_id and generator"
        )


def _mark(path: Path, number: int, row: Row) -> Mark:
    return Mark(
        number=number,
        draw=draw_of(path, number, row),
        temperature=number_or_none(path, number, row, "temperature"),
        score=number_or_none(path, number, row, "score"),
        rationale=optional_text(row, "rationale"),
        simulated=flag(path, number, row, "simulated"),
    )


def draw_of(path: Path, number: int, row: Row) -> int:
    """Which of several draws a row is, 0 where it does not say."""
    draw = number_or_none(path, number, row, "draw")
    if draw is not None and (draw < 0 or not draw.is_integer()):
        raise SetupError(
            f"{path}: row {number}: column 'draw': expected a whole number from 0, got {row['draw']!r}"
        )
    return int(draw or 0)


def _refuse_twice(path: Path, marks: Mapping[Key, Sequence[Mark]]) -> None:
    for (annotator, _, video_id), rows in marks.items():
        first: dict[tuple[int, float], int] = {}
        for mark in rows:
            if first.setdefault(mark.place, mark.number) != mark.number:
                raise SetupError(
                    f"{path}: rows {first[mark.place]} and {mark.number} are both scores of "
                    f"{annotator!r} for clip {video_id!r} on the same dimension; keep one, or number "
                    "them in a column draw"
                )


def _scored(rows: Sequence[Mark]) -> list[Mark]:
    return sorted((mark for mark in rows if mark.score is not None), key=lambda mark: mark.place)


def _read(
    path: Path,
    scored: Mapping[Key, Sequence[Mark]],
    clips: Mapping[str, ClipFacts],
    left_out: Mapping[str, int],
) -> JudgesRead:
    kept = {key: rows for key, rows in sorted(scored.items()) if rows}
    said = {key: [m.rationale for m in rows if m.rationale] for key, rows in kept.items()}
    return JudgesRead(
        scores=tuple(_score(path, key, rows, clips[key[2]]) for key, rows in kept.items()),
        left_out=left_out,
        notes=tuple(_notes(kept)),
        rationales={key: texts[0] for key, texts in said.items() if texts},
        temperatures={key: at for key, rows in kept.items() if (at := _by_temperature(rows))},
        asked=frozenset(video_id for _, _, video_id in scored),
    )


def _by_temperature(rows: Sequence[Mark]) -> dict[float, float]:
    """The mean score at each temperature that the rows tell."""
    found: dict[float, list[float]] = defaultdict(list)
    for mark in rows:
        if mark.temperature is not None and mark.score is not None:
            found[mark.temperature].append(mark.score)
    return {degrees: math.fsum(scores) / len(scores) for degrees, scores in sorted(found.items())}


def _score(path: Path, key: Key, rows: Sequence[Mark], clip: ClipFacts) -> Score:
    annotator, dimension, video_id = key
    values = [mark.score for mark in rows if mark.score is not None]
    try:
        return Score(
            video_id=video_id,
            dimension=dimension,
            annotator_id=annotator,
            prompt_id=clip.prompt_id,
            generator=clip.generator,
            mean=math.fsum(values) / len(values),
            spread=statistics.stdev(values) if len(values) > 1 else None,
            n=len(values),
            simulated=any(mark.simulated for mark in rows),
        )
    except RecordError as error:
        raise SetupError(f"{path}: row {rows[0].number}: {error}") from error


def _notes(kept: Mapping[Key, Sequence[Mark]]) -> Iterator[str]:
    several = Counter(
        annotator
        for (annotator, _, _), rows in kept.items()
        if len({mark.temperature for mark in rows}) > 1
    )
    for annotator, n in sorted(several.items()):
        yield f"{n} scores of {annotator} are means over several temperatures"
