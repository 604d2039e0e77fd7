"""The published tables of a run as columns of numbers, read batch by batch.

Of a verdict stay about a hundred bytes: no text is kept, however long the rationales are.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.dataset.parquet import parts, read_batches
from pipeline.health.items import Bools, Codes, Floats, Ints, Items, join
from pipeline.health.keys import owed_by
from pipeline.health.kinds import USABLE, kind_of
from pipeline.health.measure import Names
from pipeline.health.rankings import Compared, Ordered, compared, ordered
from schemas.layout import Layout
from schemas.tables import TABLES, arrow_schema

NO_REPLY = -1  # no hash in Python is
_BATCH = 50_000  # rows
_PAID = ("cost_usd", "output_tokens", "reply_key")
_ANNOTATION = ("video_id", "annotator_id", "dimension", "score", "rationale", *_PAID)
_COMPARISON = ("video_ids", "annotator_id", "dimension", "draw", "ranking", "rationale", *_PAID)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Verdicts:
    """N verdicts owed, usable or not: ``kind`` (N,) of `kinds`, and what they cost.

    ``cost`` in USD is NaN where a price is unknown, ``tokens`` of output NaN where the row states
    none; ``reply`` numbers the reply, NO_REPLY for none.
    """

    items: Items
    kind: Ints
    cost: Floats
    tokens: Floats
    reply: Ints


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What annotations say, (N,) each: ``said`` numbers equal words and scores, ``worded`` marks
    rows with a rationale."""

    items: Items
    clip: Ints
    score: Floats
    said: Ints
    worded: Bools


class Tables:
    """Reads one run's tables into numbers that mean the same in all of them."""

    def __init__(self, layout: Layout, annotators: Sequence[str]) -> None:
        self._layout = layout
        self.names = Names(
            annotators=Codes(annotators), dimensions=Codes(), generators=Codes(), prompts=Codes()
        )
        self.clips = Codes()
        self._sets = Codes()
        prompts, generators = [], []
        for batch in self._batches("videos", ("video_id", "prompt_id", "generator")):
            self.clips.column(batch.column("video_id"))
            prompts.append(self.names.prompts.column(batch.column("prompt_id")))
            generators.append(self.names.generators.column(batch.column("generator")))
        self.prompt_of, self._generator_of = np.concatenate(prompts), np.concatenate(generators)

    def annotations(self) -> tuple[Verdicts, Scored]:
        """Table ``annotations``. Raises ValueError where it names a clip that is not in videos."""
        verdicts, scored = [], []
        for batch in self._batches("annotations", _ANNOTATION):
            names = batch.column("video_id").to_pylist()
            clip = self._clips(names, "annotations")
            items = self._items(batch, clip, np.arange(len(clip)))
            score = batch.column("score").to_numpy(zero_copy_only=False)
            said, worded = self._said(batch, score.tolist())
            verdicts.append(self._verdicts(batch, items))
            scored.append(Scored(items=items, clip=clip, score=score, said=said, worded=worded))
        return join(verdicts), join(scored)

    def comparisons(self) -> tuple[Verdicts, Compared, Ordered]:
        """Table ``comparisons``. Raises ValueError where it names a clip that is not in videos."""
        verdicts, whole, pairs = [], [], []
        for batch in self._batches("comparisons", _COMPARISON):
            shown, ranking = (batch.column(c).to_pylist() for c in ("video_ids", "ranking"))
            rows = np.repeat(np.arange(len(shown)), [len(ids) for ids in shown]).astype(np.intp)
            clip = self._clips([name for ids in shown for name in ids], "comparisons")
            ranks = np.array([rank for own in ranking for rank in own], dtype=np.intp)
            items = self._items(batch, clip, rows)
            said, worded = self._said(batch, ranking)
            draw = batch.column("draw").to_numpy(zero_copy_only=False).astype(np.intp)
            verdicts.append(self._verdicts(batch, items))
            whole.append(
                compared(items, draw, rows, clip, ranks, self._sets, said=said, worded=worded)
            )
            pairs.append(ordered(items, rows, clip, ranks, len(self.clips)))
        return join(verdicts), join(whole), join(pairs)

    def failures(self) -> Verdicts:
        """Table ``failures``, stages annotate and compare. Raises ValueError as `owed_by` does."""
        verdicts = []
        for batch in self._batches("failures", ("stage", "key", "reason", *_PAID)):
            table = pa.Table.from_batches([batch])
            judged = pc.is_in(batch.column("stage"), value_set=pa.array(["annotate", "compare"]))
            verdicts.append(self._failed(table.filter(judged).combine_chunks()))
        return join(verdicts)

    def _failed(self, table: pa.Table) -> Verdicts:
        stages, keys = (table.column(c).to_pylist() for c in ("stage", "key"))
        owed = [owed_by(stage, key, self.clips) for stage, key in zip(stages, keys, strict=True)]
        rows = np.repeat(np.arange(len(owed)), [len(one.clips) for one in owed]).astype(np.intp)
        clip = self._clips([name for one in owed for name in one.clips], "failures")
        named = pa.record_batch(
            {
                "annotator_id": pa.array([one.annotator_id for one in owed], pa.string()),
                "dimension": pa.array([one.dimension for one in owed], pa.string()),
                **{name: table.column(name).combine_chunks() for name in _PAID},
            }
        )
        kinds = [kind_of(reason) for reason in table.column("reason").to_pylist()]
        items = self._items(named, clip, rows)
        return self._verdicts(named, items, np.array(kinds, dtype=np.intp))

    def _batches(self, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        record = TABLES[table][0]
        schema = pa.schema([arrow_schema(record).field(name) for name in columns])
        yield pa.RecordBatch.from_pylist([], schema=schema)  # a table may have no rows at all
        for path in parts(self._layout.table(table)):
            yield from read_batches(path, columns, record, rows=_BATCH)

    def _clips(self, names: Sequence[str], table: str) -> Ints:
        gone = next((name for name in names if name not in self.clips), None)
        if gone is not None:
            raise ValueError(f"table {table} names clip {gone!r}, which table videos does not have")
        return np.array([self.clips.code(name) for name in names], dtype=np.intp)

    def _items(self, batch: pa.RecordBatch, clip: Ints, rows: Ints) -> Items:
        """Items of a batch; ``clip`` (S,) are the clips shown, ``rows`` (S,) the row of each."""
        shows = np.zeros((len(batch), len(self.names.generators)), bool)
        shows[rows, self._generator_of[clip]] = True
        prompt = np.zeros(len(batch), np.intp)
        prompt[rows] = self.prompt_of[clip]
        return Items(
            annotator=self.names.annotators.column(batch.column("annotator_id")),
            dimension=self.names.dimensions.column(batch.column("dimension")),
            prompt=prompt,
            shows=shows,
        )

    def _verdicts(self, batch: pa.RecordBatch, items: Items, kind: Ints | None = None) -> Verdicts:
        cost, tokens = (_floats(batch.column(name)) for name in _PAID[:2])
        return Verdicts(
            items=items,
            kind=np.full(len(items), USABLE, np.intp) if kind is None else kind,
            cost=cost,
            tokens=tokens,
            reply=_hashes(batch.column("reply_key").to_pylist()),
        )

    def _said(self, batch: pa.RecordBatch, verdicts: Sequence[Any]) -> tuple[Ints, Bools]:
        """Numbers of what was said, rationale and all, and whether there is one."""
        words = batch.column("rationale").to_pylist()
        said = list(zip(map(str, verdicts), words, strict=True))
        return _hashes(said), np.array([bool(w) for w in words], dtype=bool)


def _floats(column: pa.Array) -> Floats:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)


def _hashes(values: Sequence[Any]) -> Ints:
    """A number of 64 bits for each value, NO_REPLY for None: a million texts in eight megabytes."""
    return np.array([NO_REPLY if v is None else hash(v) for v in values], dtype=np.intp)
