"""The books of a merge: what was chosen is what is there, row for row, read back from the output."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.books import BooksError
from pipeline.dataset.digests import U64, batches, column_digests, combined, digests_of, row_digests
from pipeline.dataset.merge.parts import SAYS
from pipeline.dataset.merge.sources import PREFERENCES, Source, table_files
from pipeline.dataset.merge.tables import Chosen
from pipeline.dataset.merge.union import Counts
from schemas import Failure, Preference
from schemas.layout import Layout
from schemas.tables import TABLES

PAIR = ("pair_id", "prompt_id", "video_a", "video_b")


def counts_of(chosen: Chosen) -> dict[str, list[Counts]]:
    """What became of the rows of every table, run by run."""
    return {table: [part.counts() for part in parts] for table, parts in chosen.parts.items()}


def require_balanced(sources: Sequence[Source], counts: Mapping[str, Sequence[Counts]]) -> None:
    """Raise :class:`BooksError` unless every row of every run has one fate."""
    for table, of_all in counts.items():
        for source, one in zip(sources, of_all, strict=True):
            if not one.balanced:
                raise BooksError(
                    f"the books of table {table} do not balance: of {one.rows} rows of {source.name} "
                    f"{one.added} are in the output, {one.same} the same as others and "
                    f"{sum(one.left_out.values())} left out by a rule"
                )


def check_books(layout: Layout, chosen: Chosen, prompts: int) -> None:
    """Read the output back: every chosen row is in its table once, with what it said, and no other.

    Raises :class:`BooksError` naming the table.
    """
    for table, parts in chosen.parts.items():
        wanted = np.concatenate([combined([p.keys[p.keep], p.said[p.keep]]) for p in parts])
        _require_same(table, wanted, _rows_in(layout, table))
    there = sum(
        len(batch) for batch in batches(table_files(layout, "prompts"), TABLES["prompts"][0])
    )
    if there != prompts:
        raise BooksError(
            f"the books of table prompts do not balance: {there} of {prompts} are there"
        )


def _rows_in(layout: Layout, table: str) -> U64:
    record, keys = TABLES[table]
    files = list(table_files(layout, table))
    if table == "failures":  # what a failure says is its own
        found = digests_of(files, Failure, keys)
        of_keys = combined([found[name] for name in keys])
        return combined([of_keys, np.zeros_like(of_keys)])
    if says := SAYS.get(table):
        found = digests_of(files, record, dict.fromkeys((*keys, *says)))
        return combined([combined([found[n] for n in keys]), combined([found[n] for n in says])])
    return combined(list(row_digests(files, record, keys)))


def _require_same(table: str, wanted: U64, there: U64) -> None:
    lost = len(np.setdiff1d(wanted, there))
    more = len(there) - len(np.unique(there)) + len(np.setdiff1d(there, wanted))
    if lost or more:
        raise BooksError(
            f"the books of table {table} do not balance: of {len(wanted)} rows that were chosen {lost} are "
            f"not there, and {more} are there that were not, or twice. The merge is not complete; run it "
            "again, and report it if it happens again"
        )


def lost_pairs(first: Source, layout: Layout, left_out: Collection[str]) -> list[str]:
    """A note on pairs of the first run that the merged dataset has nothing to say of; those of prompts
    that are left out of all splits, and of clips that were withdrawn, are told elsewhere."""
    ours, prompts, *sides = _digests(first.layout, PREFERENCES, PAIR)
    (clips,) = _digests(layout, "videos", ("video_id",))
    told = np.isin(prompts, column_digests(pa.array(sorted(left_out), pa.string())))
    ours = ours[~told & np.isin(sides[0], clips) & np.isin(sides[1], clips)]
    lost = len(np.setdiff1d(ours, _digests(layout, PREFERENCES, PAIR)[0]))
    if not lost:
        return []
    return [
        f"{lost} of {len(ours)} pairs of {first.name} have no preference here: the consensus of a clip "
        "needs every annotator that scored any clip of its prompt, and those of later runs did not score "
        "all of them; --set consensus.annotators=[...] names those that count"
    ]


def _digests(layout: Layout, table: str, columns: Sequence[str]) -> list[U64]:
    """Digests of some columns of a table, (N,) each."""
    record = Preference if table == PREFERENCES else TABLES[table][0]
    found = digests_of(table_files(layout, table), record, columns)
    return [found[name] for name in columns]
