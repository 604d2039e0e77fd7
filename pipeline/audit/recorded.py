"""Recorded scores as a plain table, for an audit that has no run behind it."""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pipeline.formats.cells import number_or_none, optional_text, text
from pipeline.formats.clip_index import ClipIndex
from pipeline.formats.ratings import ALIASES
from schemas import RecordError, Score
from schemas.ids import video_id
from schemas.options import SetupError
from schemas.rows import Row, read_rows

EVERY = "*"  # dimension of a score that is held against every human dimension
_COLUMNS = ("annotator", "score")
_ALIASES = {"metric": "annotator", **ALIASES}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Clip:
    video_id: str
    prompt_id: str
    generator: str


def recorded_scores(path: Path, others: Sequence[Path] = ()) -> list[Score]:
    """Scores of a table, one per row; those without a dimension have the dimension ``*``.

    Columns: ``video_id`` or (``prompt_id``, ``generator``), ``annotator`` (or ``metric``),
    ``score``, optional ``dimension``. Pairs are formed within a prompt, so a row with a
    ``video_id`` alone needs a row, here or in the ``others``, that says prompt and generator of
    that clip. A row without a score is left out: the annotator did not score the clip. Raises
    :class:`SetupError` naming file and row, both rows where one clip is scored twice.
    """
    clips = ClipIndex(_clips([path, *others]))
    scores: list[Score] = []
    seen: dict[tuple[str, ...], int] = {}
    for number, row in read_rows(path, _COLUMNS, _ALIASES):
        value = number_or_none(path, number, row, "score")
        clip = clips.find(path, number, row)
        if clip is None:
            raise SetupError(
                f"{path}: row {number}: nothing says the prompt and generator of clip "
                f"{optional_text(row, 'video_id')!r}; add columns prompt_id and generator"
            )
        annotator = text(path, number, row, "annotator")
        dimension = optional_text(row, "dimension") or EVERY
        first = seen.setdefault((clip.video_id, annotator, dimension), number)
        if first != number:
            raise SetupError(
                f"{path}: rows {first} and {number} are both scores of {annotator!r} for clip "
                f"{clip.video_id!r} on the same dimension; keep one"
            )
        if value is None:
            continue
        try:
            score = Score(
                video_id=clip.video_id,
                dimension=dimension,
                annotator_id=annotator,
                prompt_id=clip.prompt_id,
                generator=clip.generator,
                mean=value,
                spread=None,
                n=1,
            )
        except RecordError as error:
            raise SetupError(f"{path}: row {number}: {error}") from error
        scores.append(score)
    return scores


def spread_out(scores: Iterable[Score], dimensions: Sequence[str]) -> Iterator[Score]:
    """Scores with ``*`` once for every dimension of ``dimensions``, the others as they are."""
    for score in scores:
        for dimension in dimensions if score.dimension == EVERY else [score.dimension]:
            yield dataclasses.replace(score, dimension=dimension)


def _clips(paths: Iterable[Path]) -> list[_Clip]:
    """Every clip that some row describes by prompt and generator, with its id or one made here."""
    named: dict[str, _Clip] = {}
    origins: dict[tuple[str, str], None] = {}
    for path in paths:
        for number, row in read_rows(path):
            prompt, generator = optional_text(row, "prompt_id"), optional_text(row, "generator")
            if prompt is None or generator is None:
                continue
            origins[prompt, generator] = None
            given = optional_text(row, "video_id")
            if given is not None:
                _add(
                    path,
                    number,
                    row,
                    named,
                    _Clip(video_id=given, prompt_id=prompt, generator=generator),
                )
    known = {(clip.prompt_id, clip.generator) for clip in named.values()}
    made = [
        _Clip(video_id=video_id(*origin, ""), prompt_id=origin[0], generator=origin[1])
        for origin in origins
        if origin not in known
    ]
    return [*named.values(), *made]


def _add(path: Path, number: int, row: Row, named: dict[str, _Clip], clip: _Clip) -> None:
    known = named.setdefault(clip.video_id, clip)
    if known != clip:
        raise SetupError(
            f"{path}: row {number}: clip {clip.video_id!r} is of prompt {clip.prompt_id!r} and "
            f"generator {clip.generator!r} here, of {known.prompt_id!r} and {known.generator!r} in "
            "an earlier row"
        )
