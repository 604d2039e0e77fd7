"""A run's published tables as an audit reads them."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from pipeline.audit.choices import Margins, Who
from pipeline.audit.names import ALL, POSITION, REPLIES
from pipeline.audit.ratings import complexity
from pipeline.audit.result import AuditRow
from pipeline.dataset.parquet import parts, read_columns, read_rows
from pipeline.formats.choice import Pair
from pipeline.formats.facts import ClipFacts
from pipeline.health.write import judges_health
from pipeline.preference.votes import RANKING_COLUMNS, keyed_ranking, votes_of
from schemas import CONSENSUS, SPLITS, Score
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import R, table_of

Conditions = Mapping[Who, Mapping[str, Mapping[str, float]]]  # then slice, then clip -> score


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RunTables:
    """What annotators said in a run, what is known of its clips, and how its judges replied.

    ``margins`` holds what annotators make of each pair that they compared, which comes before what scores
    make of it: so it does in the preferences. ``conditions`` are the scores that were given at each
    temperature; ``rationales`` are by annotator and dimension, then by clip.
    """

    scores: Sequence[Score]
    margins: Margins
    clips: Sequence[ClipFacts]
    conditions: Conditions
    rationales: Mapping[Who, Mapping[str, str]]
    replies: Sequence[AuditRow]


def read_run(layout: Layout) -> RunTables:
    """Everything an audit needs of a run's folder. Raises :class:`SetupError` for another folder."""
    scores = list(_rows(layout, Score))
    conditions, rationales = _said(layout)
    return RunTables(
        scores=scores,
        margins=_margins(layout),
        clips=list(clips_of_run(layout)),
        conditions=conditions,
        rationales=rationales,
        replies=list(_replies(layout)),
    )


def clips_of_run(layout: Layout) -> Iterator[ClipFacts]:
    """Every clip of a run, with the length that its frames tell."""
    columns = ("video_id", "duration_s")
    lengths = dict(read_columns(_files(layout, "frames", needed=False), columns))
    wanted = ("video_id", "prompt_id", "generator", "prompt", "source", "extra")
    for video, prompt_id, generator, prompt, source, extra in read_columns(
        _files(layout, "videos"), wanted
    ):
        yield ClipFacts(
            video_id=video,
            prompt_id=prompt_id,
            generator=generator,
            prompt=prompt,
            source=source,
            complexity=complexity(extra),
            duration_s=lengths.get(video),
        )


def _files(layout: Layout, table: str, needed: bool = True) -> list[Path]:
    found = parts(layout.table(table))
    if needed and not found:
        raise SetupError(
            f"{layout.table(table)}: no Parquet file; is {layout.root} the folder of a run?"
        )
    return found


def _rows(layout: Layout, record: type[R]) -> Iterator[R]:
    files = _files(layout, table_of(record))
    try:
        yield from read_rows(record, files)
    except pa.ArrowException as error:
        folder = layout.table(table_of(record))
        raise SetupError(f"{folder}: not readable as Parquet: {error}") from error


def _said(layout: Layout) -> tuple[Conditions, dict[Who, dict[str, str]]]:
    """Mean scores by temperature, and rationales; of several draws the first's words.

    An annotator without a temperature (a metric) is in the first, with nothing in it.
    """
    marks: dict[Who, dict[str, dict[str, list[float]]]] = defaultdict(dict)
    rationales: dict[Who, dict[str, str]] = defaultdict(dict)
    columns = ("video_id", "dimension", "annotator_id", "draw", "score", "effective", "rationale")
    for video, dimension, annotator, draw, score, effective, words in read_columns(
        _files(layout, "annotations", needed=False), columns
    ):
        own = marks[annotator, dimension]
        degrees = (effective or {}).get("temperature")
        if degrees is not None:
            by_clip = own.setdefault(f"temperature={degrees:g}", {})
            by_clip.setdefault(video, []).append(score)
        if words and draw == 0:
            rationales[annotator, dimension][video] = words
    conditions = {
        who: {
            where: {video: sum(given) / len(given) for video, given in by_clip.items()}
            for where, by_clip in slices.items()
        }
        for who, slices in marks.items()
    }
    return conditions, rationales


def _margins(layout: Layout) -> Margins:
    """What comparing annotators, and their consensus, make of every pair that they compared."""
    comparisons = _files(layout, "comparisons", needed=False)
    rankings = [keyed_ranking(row)[1] for row in read_columns(comparisons, RANKING_COLUMNS)]
    votes: dict[Who, dict[Pair, list[int]]] = defaultdict(lambda: defaultdict(list))
    for draw, pairs in votes_of(rankings).items():
        for pair, vote in pairs.items():
            votes[draw.annotator_id, draw.dimension][pair].append(vote)
    found: dict[Who, dict[Pair, float]] = {
        who: {pair: sum(said) / len(said) for pair, said in pairs.items()}
        for who, pairs in votes.items()
    }
    if found:
        columns = ("video_a", "video_b", "dimension", "margin", "basis")
        files = [file for split in SPLITS for file in parts(layout.table("preferences", split))]
        for a, b, dimension, margin, basis in read_columns(files, columns):
            if basis == "comparisons":
                own = found.setdefault((CONSENSUS, dimension), {})
                own[min(a, b), max(a, b)] = margin if a < b else -margin
    return found


def _replies(layout: Layout) -> Iterator[AuditRow]:
    """How often each judge gave no usable verdict, and how it deals with the order of clips that it
    compares; over all and by generator."""
    for row in judges_health(layout, [])["rows"]:
        if row["statistic"] in (*REPLIES, *POSITION):
            yield AuditRow(
                annotator=row["annotator"],
                statistic=row["statistic"],
                dimension=row["dimension"],
                slice=ALL if row["generator"] == ALL else f"generator={row['generator']}",
                value=row["value"],
                low=row["low"],
                high=row["high"],
                n_items=row["n_items"],
                n_raters=0,
            )
