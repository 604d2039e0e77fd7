"""Whether the judges of several runs can be averaged: a run asks that of its own before any work."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.dataset.digests import batches
from pipeline.dataset.merge.config import MergeRules
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.tables import Chosen
from pipeline.preference.checks import OwnScale, check_consensus
from pipeline.preference.options import ConsensusOptions
from pipeline.rubrics import scales_of
from schemas import Annotation
from schemas.options import SetupError

COLUMNS = ("annotator_id", "dimension", "scale_low", "scale_high")


def check_scales(sources: Sequence[Source], rules: MergeRules, chosen: Chosen) -> None:
    """Raise :class:`SetupError` where the merged consensus would average scores on different scales, or
    names an annotator that no run has."""
    asked = {d: scale for s in reversed(sources) for d, scale in scales_of(s.record).items()}
    own = own_scales(sources, chosen, asked)
    if not own:
        return
    try:
        check_consensus(
            _of_rows(rules.rules.consensus, own, _named(sources, chosen)),
            own,
            asked,
            scored=rules.rules.protocol.scores,
            compared=bool(rules.rules.protocol.compares),
        )
    except SetupError as error:
        raise SetupError(
            f"{error}. A merge takes these as --set consensus.scale=standardised and "
            "--set consensus.annotators=[NAME]"
        ) from None


def _of_rows(
    options: ConsensusOptions, own: Mapping[str, OwnScale], named: Collection[str]
) -> ConsensusOptions:
    """Without annotators that no row is of, though a run had them; what is learned from people is asked
    for where it is learned."""
    counted = options.annotators and [a for a in options.annotators if a in own or a not in named]
    method = "mean" if options.method == "human_weights" else options.method
    return options.model_copy(update={"annotators": counted, "method": method})


def _named(sources: Sequence[Source], chosen: Chosen) -> set[str]:
    pairs = zip(sources, chosen.renamed, strict=True)
    ids = (
        (one["annotator_id"], names)
        for s, names in pairs
        for one in s.record.get("annotators") or ()
    )
    return {names.get(name, name) for name, names in ids}


def own_scales(
    sources: Sequence[Source], chosen: Chosen, asked: Mapping[str, Sequence[float]]
) -> dict[str, OwnScale]:
    """Of every annotator with kept rows the scale of its scores, as these say: None for the rubric's."""
    found: dict[str, OwnScale] = {}
    parts = zip(sources, chosen.parts["annotations"], chosen.renamed, strict=True)
    for source, part, renamed in parts:
        at = 0
        for batch in batches(source.files("annotations"), Annotation, COLUMNS, renamed=renamed):
            kept = batch.filter(pa.array(part.keep[at : at + len(batch)]))
            at += len(batch)
            distinct = pa.Table.from_batches([kept]).group_by(list(COLUMNS)).aggregate([])
            for row in distinct.to_pylist():
                scale = _own(row["scale_low"], row["scale_high"], asked.get(row["dimension"]))
                found[row["annotator_id"]] = scale or found.get(row["annotator_id"])
    return found


def _own(low: float | None, high: float | None, points: Sequence[float] | None) -> OwnScale:
    if low is None or high is None:
        return "unbounded"
    ends = None if not points else (min(points), max(points))
    return None if ends is None or np.allclose(ends, (low, high)) else (low, high)
