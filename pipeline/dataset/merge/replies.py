"""Paid replies of several runs in one journal, without those about clips that were withdrawn."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from annotators.journal.remove import remove
from pipeline.dataset.merge.files import bring, pictures
from pipeline.dataset.merge.parts import WITHDRAWN
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.tables import Chosen
from pipeline.dataset.merge.write import chosen_batches
from schemas.layout import Layout
from schemas.store import Store


def bring_journals(sources: Sequence[Source], layout: Layout, link: bool) -> tuple[int, list[str]]:
    """Replies, packs and marks of every run that keeps them inside; how many files, and notes.

    Where two runs hold another reply to the same question the earlier run's loose one stays, and of
    packs the journal's own rule decides; the rows say what each of them said.
    """
    n, notes = 0, []
    for source in sources:
        if not source.own_journal:
            notes.append(
                f"{source.name}: its paid replies lie at {source.journal.root}, and stay there; a run on "
                "the merged clips reuses them with the same journal:"
            )
            continue
        for name in source.journal.names():
            bring(Path(source.journal.path(name)), layout.root / "journal" / name, link)
            n += 1
    return n, notes


def take_out_withdrawn(sources: Sequence[Source], chosen: Chosen, layout: Layout) -> int:
    """Replies about clips that another run withdrew: those that its rows name, and any that was shown a
    picture of them. How many."""
    keys: set[str] = set()
    shown: set[str] = set()
    for number, source in enumerate(sources):
        for table in ("annotations", "comparisons", "failures"):
            for batch in _withdrawn(source, chosen, table, number):
                keys.update(batch.column("reply_key").drop_null().to_pylist())
        for batch in _withdrawn(source, chosen, "frames", number):
            shown.update(batch.column("jpeg_sha256").flatten().to_pylist())
            shown.update(batch.column("montage_sha256").drop_null().to_pylist())
    if not keys | shown:
        return 0
    for source, part in zip(sources, chosen.parts["frames"], strict=True):
        shown.difference_update(pictures(source, part))

    def about(key: str, request: Mapping[str, Any]) -> bool:
        return key in keys or not shown.isdisjoint(request.get("frames") or ())

    return len(remove(Store(str(layout.root / "journal")), about).keys)


def _withdrawn(source: Source, chosen: Chosen, table: str, number: int) -> Iterator[pa.RecordBatch]:
    out = chosen.parts[table][number].out.get(WITHDRAWN)
    if out is not None:
        yield from chosen_batches(source, table, out, {}, source.files(table))
