"""Exports of Label Studio: what annotators said of clips and pairs, as ratings and votes.

Formats JSON, JSON-MIN and CSV, as documented (guides "Export annotations", "Task format"; tags Rating and
Choices) and as its converter writes them (HumanSignal/label-studio-sdk, ``converter/converter.py``,
``exports/csv2.py``, ``utils.prettify_result``). Tasks of ours (:mod:`pipeline.formats.label_studio_tasks`)
say which clips and dimensions they are about. Of other people's, ``data`` must name the clip as any
table does (``video_id``; ``video``; or ``prompt_id`` or ``prompt`` with ``generator``) or the pair
(``video_a`` and ``video_b``, ids in the order shown); each rating and each choice is then an answer, and
its control tag's name the dimension. In JSON-MIN and CSV only what must be an answer is one there: a
number alone may as well be the task's own.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.label_studio_answers import choice_of, must_be_answer, score_of, value_of
from pipeline.formats.label_studio_tasks import DATA, EXPORTED, unveiled
from pipeline.formats.people import PeopleRead, Reader
from schemas import HumanRating, HumanVote, RecordError
from schemas.options import SetupError
from schemas.rows import read_rows

_HEAD = 65_536
NOT_HERE = "rows are about clips that are not here"
CANCELLED = "annotations were cancelled or skipped"
OPEN = "tasks have no annotation"
EMPTY = "annotations hold no answer"
REPLACED = "answers were replaced by a later one of the same rater"
_ADDRESSES = (
    "raters are named by their e-mail addresses, as the export names them; replace them before "
    "anything that holds them is published"
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Annotation:
    """What one annotator said of one task. ``said``: by control tag, as the export has it."""

    number: int  # of the task or row, as in schemas.rows
    data: Mapping[str, Any]
    rater: str
    at: tuple[str, int]  # when, and the annotation's id: the greatest is the last
    said: Mapping[str, Any]
    declared: bool  # whether the task names its dimensions

    def cell(self, name: str) -> str | None:
        """A value of the task's data as text."""
        value = self.data.get(name)
        return unveiled(str(value).strip()) or None if value is not None else None


def read_label_studio(
    path: str | Path, finder: ClipFinder, scale: tuple[float, float] | None = None
) -> PeopleRead:
    """Ratings and votes of an export (JSON, JSON-MIN, CSV), every annotator a rater.

    Predictions and drafts are nobody's word and are not read. Annotators are named by their id in Label
    Studio where the export has it, else by their e-mail address. ``scale`` bounds scores; None: what
    our own tasks say, and no bounds for others. Raises :class:`SetupError` naming file and row for
    what is no such export, several answers where one is asked for, an answer that a dimension of ours
    does not know, and a pair of two prompts.
    """
    file, left_out = Path(path), Counter[str]()
    scales: set[tuple[float, float]] = set()
    found: dict[
        tuple[tuple[str, ...], str, str], tuple[tuple[str, int], HumanRating | HumanVote]
    ] = {}
    by_address = False
    for one in _annotations(file, left_out):
        clips = _clips(file, one, finder)
        if clips is None:
            left_out[NOT_HERE] += 1
            continue
        by_address |= "@" in one.rater
        bounds = scale or _scale(one)
        if len(clips) == 1 and bounds:
            scales.add(bounds)
        for record in _records(file, one, clips, bounds, left_out):
            key = (tuple(sorted(c.video_id for c in clips)), record.rater, record.dimension)
            earlier = found.get(key)
            left_out[REPLACED] += earlier is not None
            if earlier is None or earlier[0] < one.at:
                found[key] = (one.at, record)
    records = [record for _, record in found.values()]
    return PeopleRead(
        ratings=tuple(r for r in records if isinstance(r, HumanRating)),
        votes=tuple(r for r in records if isinstance(r, HumanVote)),
        scale=scales.pop() if len(scales) == 1 else None,
        left_out={what: n for what, n in left_out.items() if n},
        notes=(_ADDRESSES,) if by_address else (),
    )


def _annotations(file: Path, left_out: Counter[str]) -> Iterator[_Annotation]:
    for number, row in read_rows(file):
        if isinstance(row.get("data"), dict):
            yield from _of_task(file, number, row, left_out)
        elif "annotator" in row and "annotation_id" in row:
            yield from _of_row(file, number, row, left_out)
        else:
            raise SetupError(
                f"{file}: row {number}: is no task of a Label Studio export (JSON: data and "
                "annotations; JSON-MIN and CSV: annotator and annotation_id); export the project again"
            )


def _of_task(
    file: Path, number: int, task: Mapping[str, Any], left_out: Counter[str]
) -> Iterator[_Annotation]:
    annotations = task.get("annotations", task.get("completions")) or []
    left_out[OPEN] += not annotations
    for annotation in annotations:
        if annotation.get("was_cancelled") or annotation.get("skipped"):
            left_out[CANCELLED] += 1
            continue
        said: dict[str, Any] = {}
        for result in annotation.get("result") or ():
            if result.get("type") in ("rating", "choices"):
                if result["from_name"] in said:
                    raise SetupError(
                        f"{file}: row {number}: two answers to {result['from_name']!r} in annotation "
                        f"{annotation.get('id')}; a clip has one"
                    )
                said[result["from_name"]] = result.get("value")
        yield from _annotation(file, number, task["data"], annotation, said, left_out)


def _of_row(
    file: Path, number: int, row: Mapping[str, Any], left_out: Counter[str]
) -> Iterator[_Annotation]:
    if row.get("annotation_id") is None:
        left_out[OPEN] += 1
        return
    if str(row.get("was_cancelled") or "false").lower() == "true":
        left_out[CANCELLED] += 1
        return
    said = {n: v for n, v in row.items() if n not in (*DATA, *EXPORTED) and v is not None}
    if not row.get("dimensions"):
        said = {n: v for n, v in said.items() if must_be_answer(v)}
    about = {**row, "id": row["annotation_id"], "completed_by": row["annotator"]}
    yield from _annotation(file, number, row, about, said, left_out)


def _annotation(
    file: Path,
    number: int,
    data: Mapping[str, Any],
    about: Mapping[str, Any],
    said: Mapping[str, Any],
    left_out: Counter[str],
) -> Iterator[_Annotation]:
    names = str(data.get("dimensions") or "").split(",") if data.get("dimensions") else None
    if names is not None:
        said = {name: said[name] for name in names if name in said}
    when = str(about.get("updated_at") or about.get("created_at") or "")
    identifier = str(about.get("id") or "")
    if not said:
        left_out[EMPTY] += 1
        return
    yield _Annotation(
        number=number,
        data=data,
        rater=_rater(file, number, about.get("completed_by")),
        at=(when, int(identifier) if identifier.isdecimal() else 0),
        said=said,
        declared=names is not None,
    )


def _rater(file: Path, number: int, completed_by: Any) -> str:
    if isinstance(completed_by, Mapping):
        completed_by = completed_by.get("id") or completed_by.get("email")
    name = str(completed_by if completed_by is not None else "").strip()
    if not name:
        raise SetupError(f"{file}: row {number}: an annotation says not who made it (completed_by)")
    return name


def _clips(file: Path, one: _Annotation, finder: ClipFinder) -> tuple[ClipFacts, ...] | None:
    """The clip, or the two; None where one of them is not known."""
    if one.cell("video_a") is None or one.cell("video_b") is None:
        clip = _named(file, one, finder)
        return (clip,) if clip else None
    both = [finder.find(file, one.number, video_id=one.cell(n)) for n in ("video_a", "video_b")]
    known = tuple(clip for clip in both if clip is not None)
    if len(known) < 2:
        return None
    if known[0].prompt_id != known[1].prompt_id or known[0].video_id == known[1].video_id:
        raise SetupError(
            f"{file}: row {one.number}: {known[0].video_id!r} and {known[1].video_id!r} are not two "
            "clips of one prompt"
        )
    return known


def _named(file: Path, one: _Annotation, finder: ClipFinder) -> ClipFacts | None:
    if (video_id := one.cell("video_id")) is not None:
        return finder.find(file, one.number, video_id=video_id)
    return finder.find(
        file,
        one.number,
        video=_path(one.cell("video")),
        prompt_id=one.cell("prompt_id"),
        prompt=one.cell("prompt"),
        generator=one.cell("generator"),
    )


def _path(address: str | None) -> str | None:
    """The path that a local-files address serves; another address as it is."""
    if address is None or "/data/local-files/" not in address:
        return address
    return next(iter(parse_qs(urlsplit(address).query).get("d", [])), address)


def _scale(one: _Annotation) -> tuple[float, float] | None:
    low, high = one.cell("scale_low"), one.cell("scale_high")
    return (float(low), float(high)) if low is not None and high is not None else None


def _records(
    file: Path,
    one: _Annotation,
    clips: tuple[ClipFacts, ...],
    scale: tuple[float, float] | None,
    left_out: Counter[str],
) -> Iterator[HumanRating | HumanVote]:
    for name, raw in one.said.items():
        value = value_of(file, one.number, name, raw)
        mark = choice_of(value) if len(clips) == 2 else score_of(value)
        if mark is None:
            if one.declared and value is not None:
                raise SetupError(f"{file}: row {one.number}, {name}: {value!r} is no answer to it")
            continue
        if isinstance(mark, float) and scale and not scale[0] <= mark <= scale[1]:
            left_out[f"scores are off the scale {scale[0]:g} to {scale[1]:g}"] += 1
            continue
        yield _record(file, one, clips, name, mark)


def _record(
    file: Path, one: _Annotation, clips: tuple[ClipFacts, ...], name: str, mark: str | float
) -> HumanRating | HumanVote:
    shared: dict[str, Any] = {"rater": one.rater, "dimension": name, "source": file.name}
    first, last = clips[0], clips[-1]
    try:
        if isinstance(mark, str):
            return HumanVote(
                **shared,
                prompt_id=first.prompt_id,
                video_a=first.video_id,
                video_b=last.video_id,
                choice=mark,
            )
        return HumanRating(
            **shared,
            video_id=first.video_id,
            prompt_id=first.prompt_id,
            generator=first.generator,
            score=mark,
        )
    except RecordError as error:
        raise SetupError(f"{file}: row {one.number}: {error}") from error


def is_label_studio(path: Path) -> bool:
    """Whether a file begins as an export of Label Studio does."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            head = stream.read(_HEAD)
    except OSError:
        return False
    if path.suffix.lower() == ".json":
        whole = '"annotations"' in head or '"completions"' in head
        return (whole and '"result"' in head) or (
            '"annotation_id"' in head and '"lead_time"' in head
        )
    header = head.partition("\n")[0]
    return all(name in header for name in ("annotator", "annotation_id", "lead_time"))


READER = Reader(
    kind="label_studio",
    what="an export of Label Studio: JSON, JSON-MIN or CSV",
    read=read_label_studio,
    is_it=is_label_studio,
)
