"""GenAI-Bench's files of results: a human vote and what judges said, for pairs known by position.

Read: TIGER-AI-Lab/GenAI-Bench, ``results/video_generation/*/pairwise.json`` and ``.jsonl`` of
eighteen judges (``idx``, ``prompt``, ``response``, ``model_vote``, ``human_vote``, ``correct``) and
``inference.py``. The same in one wide table: ``idx``, ``prompt``, ``human_vote``, ``judge_NAME`` ...,
in short words. No file of results names clips: each pair's two clips are made up from prompt and
position, so that every file of results speaks of the same pairs.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.formats.finder import ClipFinder
from pipeline.formats.gathering import Gathering
from pipeline.formats.genai_bench import DIMENSION, position_of, read_bench_votes, read_genai_bench
from pipeline.formats.labelled import UNKNOWN, NamedClip, refuse_label, words, words_or_none
from pipeline.formats.peek import columns_of
from pipeline.formats.people import ANYBODY, PeopleRead, Reader, Scale
from pipeline.formats.said import Said
from schemas import ids
from schemas.rows import Row, plain_name, read_rows

SIDES = ("left", "right")
JUDGE = "judge_"
RESULTS = ("idx", "prompt", "human_vote")
# What a judge says, as inference.py holds it against the vote. It takes [[A=B]] for right whichever
# of the two ties people voted; everything else that a reply may hold between brackets is no verdict.
VERDICTS = {
    "[[A>B]]": "a",
    "[[A>>B]]": "a",
    "[[B>A]]": "b",
    "[[B>>A]]": "b",
    "[[A=B=Good]]": "both_good",
    "[[A=B=Bad]]": "both_bad",
    "[[A=B]]": "tie",
}
SHORT: Mapping[str, str | None] = {
    "A": "a",
    "B": "b",
    "tie_good": "both_good",
    "tie_bad": "both_bad",
    "tie": "tie",
    "invalid": None,
}
NOTE = "the file names no raters; all its votes stand under one, 'human'"


def pair_said(prompt: str, index: int) -> tuple[Said, Said]:
    """What a file of results says of the two clips of a pair: the left one is first.

    ``index`` is the pair's position in the benchmark's split, from 0; the ids are made from prompt, side
    and position. A file of results names no generators.
    """
    prompt_id = ids.prompt_id(prompt)
    left, right = (
        Said(
            video_id=ids.video_id(prompt_id, side, f"genai_bench {index}"),
            prompt=prompt,
            generator=UNKNOWN,
        )
        for side in SIDES
    )
    return left, right


def read_people(path: Path, finder: ClipFinder, scale: Scale | None = None) -> PeopleRead:
    """The human votes of a file of pairs or of results. There is no scale.

    A file of pairs numbers them by position, as the benchmark does: results name them so.

    Raises :class:`SetupError` naming file, row and column, as the readers of the two layouts do.
    """
    gathering = Gathering()
    listed = not _is_results(columns_of(path))
    for position, (number, vote, a, b) in enumerate(_votes(path)):
        pair = gathering.pair((path, number), finder, a, b)
        if pair is not None:
            if listed:
                finder.number(position, *pair)
            gathering.vote(
                (path, number),
                pair,
                rater=ANYBODY,
                dimension=DIMENSION,
                choice=vote,
                may_repeat=True,
            )
    return gathering.read(NOTE)


def _votes(path: Path) -> Iterator[tuple[int, str, Said, Said]]:
    if _is_results(columns_of(path)):
        for vote in read_bench_votes(path):
            yield vote.number, vote.vote, *pair_said(vote.prompt, vote.index)
        return
    for row in read_genai_bench(path):
        a, b = (said_of(row.prompt, clip) for clip in (row.a, row.b))
        yield row.number, row.votes[DIMENSION], a, b


def said_of(prompt: str, clip: NamedClip) -> Said:
    """What a labelled list says of a clip."""
    return Said(prompt=prompt, generator=clip.generator, video=clip.video)


def _is_results(columns: frozenset[str]) -> bool:
    return columns.issuperset(RESULTS)


def _is_it(path: Path) -> bool:
    columns = columns_of(path)
    pairs = {"prompt", "vote_type"} <= columns and bool(columns & {"left_video", "video_left"})
    return pairs or _is_results(columns)


READER = Reader(
    kind="genai_bench",
    what="GenAI-Bench's pairs, or a file of its results",
    read=read_people,
    is_it=_is_it,
)


def judged_by(columns: frozenset[str]) -> tuple[str, ...]:
    """The columns of a file of results that hold what judges said; none where it is another file."""
    if not columns.issuperset({"idx", "prompt"}):
        return ()
    if "model_vote" in columns:
        return ("model_vote",)
    return tuple(sorted(name for name in columns if name.startswith(JUDGE)))


def judge_of(path: Path, column: str) -> str:
    """The judge that a column belongs to; that of ``model_vote`` is told by the file's name.

    ``gpt4o.pairwise.json.gz`` and ``gpt4o/pairwise.json`` are both of ``gpt4o``.
    """
    if column != "model_vote":
        return column.removeprefix(JUDGE)
    name = plain_name(path).stem.removesuffix("pairwise").rstrip("._-")
    return name or path.resolve().parent.name


def read_verdicts(
    path: Path, columns: tuple[str, ...]
) -> Iterator[tuple[int, str, int, str, str | None, str | None]]:
    """Row, prompt, index, judge, choice and reply of every verdict, in the order of the file.

    The choice is None where the reply held no verdict that the benchmark knows. Raises
    :class:`SetupError` naming file, row and column: a pair that stands twice, a word that a wide
    table does not know.
    """
    first: dict[int, int] = {}
    for number, row in read_rows(path, ("idx", "prompt", *columns)):
        index = position_of(path, number, row, first)
        prompt = words(path, number, row, "prompt")
        for column in columns:
            choice = _choice(path, number, row, column)
            reply = words_or_none(path, number, row, "response") if _long(column) else None
            yield number, prompt, index, judge_of(path, column), choice, reply


def _long(column: str) -> bool:
    return column == "model_vote"


def _choice(path: Path, number: int, row: Row, column: str) -> str | None:
    said = words_or_none(path, number, row, column)
    if said is None or _long(column):
        return VERDICTS.get(said or "")
    if said not in SHORT:
        raise refuse_label(path, number, column, said, "one of " + ", ".join(SHORT))
    return SHORT[said]
