"""Human votes from a plain table: one row per pair of clips, rater and dimension."""

from pathlib import Path

from pipeline.formats.cells import flag, optional_text, text
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.labelled import UNKNOWN
from pipeline.formats.peek import columns_of
from pipeline.formats.people import PeopleRead, Reader, Scale
from pipeline.formats.ratings import ALIASES
from pipeline.formats.said import Said
from schemas.options import SetupError
from schemas.rows import Row, read_rows

COLUMNS = ("rater", "dimension", "choice")
SIDES = ("a", "b")
NO_CHOICE = "rows have no choice"


def read_votes(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """Votes between clips that the finder finds. There is no scale: ``scale`` changes nothing.

    Columns: ``rater``, ``dimension`` (or ``aspect``), ``choice`` (a, b, tie, both_good, both_bad),
    those of :func:`pair_of`, optional ``simulated``.

    Raises :class:`SetupError` naming file and row for a missing column, another choice, a clip held
    against itself, clips that are not of the row's prompt, and the second of two votes of one rater
    on one pair and dimension, whichever clip stands first.
    """
    gathering = Gathering()
    rows = list(read_rows(path, COLUMNS, ALIASES))
    introduce_pairs(path, rows, finder)
    for number, row in rows:
        place = path, number
        pair = gathering.pair(place, finder, *pair_of(path, number, row, finder))
        if pair is None:
            continue
        _check_prompt(place, row, pair[0].prompt_id)
        rater, dimension = (text(path, number, row, name) for name in ("rater", "dimension"))
        choice = optional_text(row, "choice")
        if choice is None:
            gathering.left_out[NO_CHOICE] += 1
            continue
        gathering.vote(
            place,
            pair,
            rater=rater,
            dimension=dimension,
            choice=choice,
            simulated=flag(path, number, row, "simulated"),
        )
    return gathering.read()


def pair_of(file: Path, number: int, row: Row, finder: ClipFinder) -> tuple[Said, Said]:
    """What a row says of its two clips.

    ``video_a`` and ``video_b`` are their ids; ``generator_a`` and ``generator_b`` with ``prompt_id``
    (or ``prompt``) say more of clips that nothing else tells of, or name them without ids. Where a
    finder takes clips from rows and nobody says who made one, its generator is ``unknown``. Raises
    :class:`SetupError` for a row with neither ids nor generators.
    """
    a, b = (_side(file, number, row, side, finder) for side in SIDES)
    return a, b


def _side(file: Path, number: int, row: Row, side: str, finder: ClipFinder) -> Said:
    video_id = optional_text(row, f"video_{side}")
    generator = optional_text(row, f"generator_{side}")
    if video_id is None and generator is None:
        raise SetupError(
            f"{file}: row {number}: needs video_{side}, or generator_{side} with prompt_id or prompt"
        )
    if generator is None and finder.takes_clips:
        generator = UNKNOWN
    return Said(
        video_id=video_id,
        prompt_id=optional_text(row, "prompt_id"),
        prompt=optional_text(row, "prompt"),
        generator=generator,
        source=optional_text(row, "source"),
        complexity=optional_text(row, "complexity"),
    )


def introduce_pairs(file: Path, rows: list[tuple[int, Row]], finder: ClipFinder) -> None:
    """Make known the clips that rows name in full, so that the order of rows does not matter."""
    if not finder.takes_clips:
        return
    for number, row in rows:
        for said in pair_of(file, number, row, finder):
            of_prompt = said["prompt_id"] or said["prompt"]
            if said["video_id"] and of_prompt:
                finder.find(file, number, **said)


def _check_prompt(place: tuple[Path, int], row: Row, known: str) -> None:
    given = optional_text(row, "prompt_id")
    if given not in (None, known):
        raise SetupError(
            f"{place[0]}: row {place[1]}: its clips are of prompt {known!r}, not of {given!r}; a "
            "pair is two clips of one prompt"
        )


def _is_it(path: Path) -> bool:
    columns = {ALIASES.get(name, name) for name in columns_of(path)}
    return columns.issuperset(COLUMNS) and bool(columns & {"video_a", "generator_a"})


READER = Reader(kind="votes", what="a plain table of votes", read=read_votes, is_it=_is_it)
