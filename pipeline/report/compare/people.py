"""Agreement with people: what both audits say, and the paired difference where tables allow it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow.compute as pc

from pipeline.audit.choices import Margins, Who
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.measures.of_pairs import target_table
from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics import pairs as of_pairs
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.targets import Target, our_targets
from pipeline.formats.choice import Pair
from pipeline.preference.votes import RANKING_COLUMNS, keyed_ranking, votes_of
from pipeline.report.agreement import is_whole
from pipeline.report.compare.labels import ends
from pipeline.report.compare.said import answers_of_both, people_of_both
from pipeline.report.compare.sides import Side
from pipeline.report.tables import read_audit, read_table
from schemas import CONSENSUS
from schemas.options import SetupError

Row = dict[str, Any]
PAIRED = {
    "pair_accuracy_ties_half": of_pairs.accuracy,
    "pair_agreement_with_ties": of_pairs.agreement_with_ties,
    "judge_tie_share": of_pairs.judge_tie_share,
}


def audits_beside(old: Side, new: Side) -> list[Row]:
    """Rows of both ``audit.json`` about everything, matched by annotator, statistic and dimension."""
    before, after = (_whole_rows(side) for side in (old, new))
    kept = ("value", "low", "high", "n_items", "n_raters")
    return [
        {
            **dict(zip(("annotator", "statistic", "dimension"), key, strict=True)),
            "old": _some(before.get(key), kept),
            "new": _some(after.get(key), kept),
        }
        for key in dict.fromkeys([*before, *after])
    ]


def _whole_rows(side: Side) -> dict[tuple[str, str, str], Row]:
    rows = (read_audit(side.layout.root) or {}).get("rows") or ()
    return {(r["annotator"], r["statistic"], r["dimension"]): r for r in rows if is_whole(r)}


def _some(row: Row | None, names: Sequence[str]) -> Row | None:
    return None if row is None else {name: row.get(name) for name in names}


def people_differences(old: Side, new: Side, how: Resampling) -> Row:
    """Agreement of each annotator that both runs have, ``old`` and ``new`` on the same pairs, and the paired
    ``change`` with a percentile interval over prompts.

    People are those of both runs together, so that both are held to one target; ``why`` says what could
    not be compared: nobody rated common clips, or one rater said two things. A pair counts where both runs
    made something of it; ``n_items`` leaves out pairs tied by people where the statistic does
    (:mod:`pipeline.audit.measures.of_pairs`, from which targets and statistics are).
    """
    people, why = people_of_both(old, new)
    answers, more = answers_of_both(old, new)
    why += more
    if not people.ratings and not people.votes:
        return {"rows": [], "why": why or ["nobody rated clips that both runs have"]}
    rows: list[Row] = []
    try:
        targets = list(our_targets(people, answers))
    except SetupError as error:  # more ratings than an audit holds: all else can still be compared
        return {"rows": [], "why": [*why, str(error)]}
    for target in targets:
        of = [_made_of(side, target) for side in (old, new)]
        for name in _names(of):
            rows += _differences(target, name, of[0][name], of[1][name], how)
    return {"rows": rows, "why": why if rows else [*why, "no dimension was both judged and rated"]}


def _names(of: Sequence[Mapping[str, Array]]) -> list[str]:
    """Annotators that both runs have, the consensus first; without one that is all of it in both."""
    both = sorted(of[0].keys() & of[1].keys(), key=lambda name: (name != CONSENSUS, name))
    return [
        name for name in both if name == CONSENSUS or not all(_repeats(name, made) for made in of)
    ]


def _repeats(name: str, made: Mapping[str, Array]) -> bool:
    return CONSENSUS in made and np.array_equal(made[name], made[CONSENSUS], equal_nan=True)


def _made_of(side: Side, target: Target) -> dict[str, Array]:
    """What every annotator of a run makes of the target's pairs, (M,), NaN where it said nothing."""
    panel = target.pairs
    used = sorted({panel.videos[i] for i in np.union1d(panel.first, panel.second)})
    columns = ["video_id", "annotator_id", "mean", "dimension"]
    table = read_table(side.layout, "scores", columns=columns, among=("video_id", used))
    table = table.filter(pc.equal(table["dimension"], target.ours))
    scores: dict[str, Mapping[str, float]] = {}
    for name in pc.unique(table["annotator_id"]).to_pylist():
        own = table.filter(pc.equal(table["annotator_id"], name))
        scores[name] = dict(zip(own["video_id"].to_pylist(), own["mean"].to_pylist()))
    margins = {
        who: pairs for (who, ours), pairs in _margins(side, panel).items() if ours == target.ours
    }
    return {
        name: panel.differences(scores.get(name, {}), margins.get(name))
        for name in sorted(scores.keys() | margins.keys())
    }


def _margins(side: Side, panel: PairPanel) -> Margins:
    """What annotators, and their consensus, make of pairs that they compared, of the panel's prompts.

    As :func:`pipeline.audit.of_run.read_run` has it, of a part of the run.
    """
    among = ("prompt_id", panel.prompt_ids)
    table = read_table(side.layout, "comparisons", columns=RANKING_COLUMNS, among=among)
    rankings = [
        keyed_ranking(row)[1]
        for row in zip(*(table[name].to_pylist() for name in RANKING_COLUMNS), strict=True)
    ]
    votes: dict[Who, dict[Pair, list[int]]] = defaultdict(lambda: defaultdict(list))
    for draw, own in votes_of(rankings).items():
        for pair, vote in own.items():
            votes[draw.annotator_id, draw.dimension][pair].append(vote)
    found: dict[Who, dict[Pair, float]] = {
        who: {pair: sum(said) / len(said) for pair, said in own.items()}
        for who, own in votes.items()
    }
    if found:
        for pair, dimension, margin in _compared(side, among):
            found.setdefault((CONSENSUS, dimension), {})[pair] = margin
    return found


def _compared(side: Side, among: tuple[str, Sequence[str]]) -> Iterator[tuple[Pair, str, float]]:
    """Preferences that rest on comparisons, for the lower id where positive."""
    columns = ["video_a", "video_b", "dimension", "margin", "basis"]
    table = read_table(side.layout, "preferences", columns=columns, among=among)
    for row in table.filter(pc.equal(table["basis"], "comparisons")).to_pylist():
        a, b = row["video_a"], row["video_b"]
        yield (min(a, b), max(a, b)), row["dimension"], row["margin"] if a < b else -row["margin"]


def _differences(
    target: Target, name: str, old: Array, new: Array, how: Resampling
) -> Iterator[Row]:
    both = ~np.isnan(old) & ~np.isnan(new)
    panel = target.pairs.take(both)
    if not panel.n_pairs:
        return
    table = np.hstack([target_table(panel, made[both]) for made in (old, new)])
    n = table.shape[1] // 2

    def each(sums: Array) -> Array:
        one, other = ([s(part) for s in PAIRED.values()] for part in (sums[:, :n], sums[:, n:]))
        return np.column_stack([*one, *other, *(b - a for a, b in zip(one, other))])

    intervals = how.each_of_sums(table, each, 3 * len(PAIRED))
    for i, statistic in enumerate(PAIRED):
        untied = statistic.startswith("pair_accuracy")
        parts = zip(("old", "new", "change"), intervals[i :: len(PAIRED)])
        yield {
            "dimension": target.name,
            "annotator": name,
            "statistic": statistic,
            **{part: ends(interval) for part, interval in parts},
            "n_items": int(table[:, of_pairs.UNTIED if untied else of_pairs.PAIRS].sum()),
            "n_prompts": panel.n_prompts,
            "n_raters": panel.n_raters,
        }
