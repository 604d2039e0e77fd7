"""What judges chose between two clips: a plain table, or GenAI-Bench's files of results."""

from collections import Counter
from pathlib import Path

from pipeline.formats.cells import optional_text, text
from pipeline.formats.choice import Choice
from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import NOT_HERE, Gathering
from pipeline.formats.genai_bench import DIMENSION
from pipeline.formats.genai_bench_results import pair_said, read_verdicts
from pipeline.formats.judge_scores import draw_of, refuse_untold
from pipeline.formats.judged import ALIASES, EVERY, JudgesRead
from pipeline.formats.labelled import refuse_label
from pipeline.formats.votes import introduce_pairs, pair_of
from schemas.human import CHOICES
from schemas.options import SetupError
from schemas.rows import Row, read_rows

COLUMNS = ("annotator", "choice")
NO_VERDICT = "invalid"  # in a choice's cell, or nothing: asked, and no usable verdict


def read_choices(path: Path, finder: ClipFinder) -> JudgesRead:
    """Choices between clips that the finder finds, the clip shown first as ``video_a``.

    Columns: those of :func:`pipeline.formats.votes.pair_of`; ``annotator`` (or ``metric``),
    ``choice`` (a, b, tie, both_good, both_bad; ``invalid`` or blank: no usable verdict); optional
    ``dimension`` (``*`` where absent), ``draw``, ``rationale``. The same pair in both orders is two
    choices. Raises :class:`SetupError` naming file and row: another word, a clip held against itself,
    clips of two prompts, the second row of one annotator for the same clips in the same order,
    dimension and draw.
    """
    gathering, first = Gathering(), dict[tuple[object, ...], int]()
    found: dict[tuple[object, ...], Choice] = {}
    rows = list(read_rows(path, COLUMNS, ALIASES))
    introduce_pairs(path, rows, finder)
    for number, row in rows:
        pair = gathering.pair((path, number), finder, *pair_of(path, number, row, finder))
        if pair is None:
            refuse_untold(path, number, row, "video_a", finder)
            continue
        choice = Choice(
            prompt_id=pair[0].prompt_id,
            video_a=pair[0].video_id,
            video_b=pair[1].video_id,
            dimension=optional_text(row, "dimension") or EVERY,
            annotator_id=text(path, number, row, "annotator"),
            choice=_choice(path, number, row),
            draw=draw_of(path, number, row),
            rationale=optional_text(row, "rationale"),
        )
        key = _key(choice)
        if first.setdefault(key, number) != number:
            raise SetupError(
                f"{path}: rows {first[key]} and {number} are both choices of "
                f"{choice.annotator_id!r} between the same clips in the same order; keep one, or "
                "number them in a column draw"
            )
        found[key] = choice
    left_out = {what: n for what, n in gathering.left_out.items() if n}
    return _read(list(found.values()), left_out)


def read_bench(path: Path, columns: tuple[str, ...], finder: ClipFinder) -> JudgesRead:
    """What the judges of a file of GenAI-Bench's results chose, each with its reply where it stands.

    The pairs are those of the benchmark's list where that was read, by position; else those of
    :func:`pipeline.formats.genai_bench_results.pair_said`, so every file of results speaks of the same.
    They are left out where the finder knows other clips.
    """
    gathering, found, left = Gathering(), list[Choice](), set[int]()
    for number, prompt, index, judge, choice, reply in read_verdicts(path, columns):
        pair = finder.numbered(path, number, index, prompt) or gathering.pair(
            (path, number), finder, *pair_said(prompt, index)
        )
        if pair is None:
            left.add(number)
            continue
        found.append(
            Choice(
                prompt_id=pair[0].prompt_id,
                video_a=pair[0].video_id,
                video_b=pair[1].video_id,
                dimension=DIMENSION,
                annotator_id=judge,
                choice=choice,
                rationale=reply,
            )
        )
    return _read(found, {NOT_HERE: len(left)} if left else {})


def _choice(path: Path, number: int, row: Row) -> str | None:
    said = optional_text(row, "choice")
    if said is None or said == NO_VERDICT:
        return None
    if said not in CHOICES:
        raise refuse_label(path, number, "choice", said, "one of " + ", ".join(CHOICES))
    return said


def _key(choice: Choice) -> tuple[object, ...]:
    names = ("annotator_id", "dimension", "video_a", "video_b", "draw")
    return tuple(getattr(choice, name) for name in names)


def _read(choices: list[Choice], left_out: dict[str, int]) -> JudgesRead:
    mute = Counter(choice.annotator_id for choice in choices if choice.choice is None)
    asked = Counter(choice.annotator_id for choice in choices)
    return JudgesRead(
        choices=tuple(sorted(choices, key=_key)),
        left_out=left_out,
        asked=frozenset(video for c in choices for video in (c.video_a, c.video_b)),
        notes=tuple(
            f"{n} of {asked[judge]} replies of {judge} hold no usable verdict"
            for judge, n in sorted(mute.items())
        ),
    )
