"""From the points' tables to numbers: the audit's rows, their mean, and differences from the best."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from pipeline.audit.audit import audit
from pipeline.audit.bootstrap import Array, draws
from pipeline.audit.measure import Resampling
from pipeline.audit.names import ALL
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People
from pipeline.audit.result import AuditRow
from pipeline.audit.targets import Said, our_targets
from pipeline.dataset.parquet import parts, read_rows
from pipeline.people import people_of
from pipeline.study.cost import Cost
from pipeline.study.labels import labels_of
from pipeline.study.measured import HumanPairs, Measured, ceiling, mean_of, measured, minus
from pipeline.study.place import Placed
from pipeline.study.result import MEAN, Difference, Result, Row
from pipeline.study.subset import Subset
from schemas import Score, Video

DIGITS = 10  # the last ones depend on the machine's linear algebra


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The people of a study, and how points are held against them."""

    subset: Subset
    options: AuditOptions
    people: People
    pairs: Sequence[HumanPairs]  # of each audited dimension
    how: Resampling

    @property
    def n_prompts(self) -> int:
        """With two labelled clips."""
        return self.pairs[0].n_prompts


def bench_of(first: Placed, subset: Subset) -> Bench:
    """What people said of the clips, as the first point of a study has them.

    A clip that cannot be read is in no point.
    """
    options = first.config.audit
    assert options is not None
    videos = list(read_rows(Video, parts(first.layout.table("videos"))))
    people = people_of(first.config, videos)
    said = Said(
        scores=[],
        choices=[],
        ratings=[r for r in people.ratings if r.generator not in options.leave_out_generators],
        votes=people.votes,
        generators={video.video_id: video.generator for video in videos},
    )
    answers = {name: options.dimensions.get(name, [name]) for name in subset.dimensions}
    targets = [target for target in our_targets(said, answers) if target.pairs.n_pairs]
    prompts = sorted({prompt for target in targets for prompt in target.pairs.prompt_ids})
    return Bench(
        subset=subset,
        options=options,
        people=people,
        pairs=[HumanPairs.of(target, prompts) for target in targets],
        how=Resampling(resamples=options.resamples, seed=options.seed, level=options.level),
    )


def scores_of(placed: Placed) -> list[Score]:
    """What the point's judge makes of each clip: the mean of its draws."""
    judge = placed.point.judge.annotator_id
    rows = read_rows(Score, parts(placed.layout.table("scores")))
    return [score for score in rows if score.annotator_id == judge]


def results_of(bench: Bench, points: Sequence[Placed]) -> list[Result]:
    """Every point with its rows, its cost, and its difference from the best of them."""
    scores = [scores_of(placed) for placed in points]
    rows = [_rows(bench, own) for own in scores]
    judged = [[_differences(bench, pairs, own) for pairs in bench.pairs] for own in scores]
    best = _best([own[-1] for own in rows])
    labels = labels_of([placed.point for placed in points])
    return [
        _result(bench, placed, labels[n], scores[n], rows[n], _gap(bench, judged[n], judged[best]))
        for n, placed in enumerate(points)
    ]


def _result(
    bench: Bench,
    placed: Placed,
    label: str,
    scores: Sequence[Score],
    rows: Sequence[Row],
    gap: Difference,
) -> Result:
    said = {(score.video_id, score.dimension) for score in scores}
    rated = {(video, pairs.ours) for pairs in bench.pairs for video in pairs.videos}
    return Result(
        point=placed.point,
        label=label,
        rows=rows,
        scored=len(rated & said),
        rated=len(rated),
        cost=Cost.of(placed, len(bench.subset.videos)),
        difference=gap,
        within=gap.value is not None and gap.se is not None and gap.value + gap.se >= 0,
    )


def _rows(bench: Bench, scores: Sequence[Score]) -> list[Row]:
    """The audit's rows of the study's statistic, the one that points are ranked by last."""
    if not scores:
        nothing = [_nothing(pairs.name) for pairs in bench.pairs]
        return nothing if len(nothing) == 1 else [*nothing, _nothing(MEAN)]
    found = _audited(bench, scores)
    own = [_row(found[scores[0].annotator_id, pairs.name]) for pairs in bench.pairs]
    if len(own) == 1:
        return own
    parts_ = [
        measured(pairs, _differences(bench, pairs, scores), bench.subset.statistic)
        for pairs in bench.pairs
    ]
    return [*own, _row_of_mean(bench, parts_, max(row.n_raters for row in own))]


def _audited(bench: Bench, scores: Sequence[Score]) -> dict[tuple[str, str], AuditRow]:
    """Rows over everything, by annotator and dimension."""
    people = bench.people
    result = audit(
        scores, people.ratings, bench.options, (), votes=people.votes, scales=people.scales
    )
    return {
        (row.annotator, row.dimension): row
        for row in result.rows
        if row.statistic == bench.subset.statistic and row.slice == ALL
    }


def _row(row: AuditRow) -> Row:
    return Row(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Row)})


def _nothing(dimension: str) -> Row:
    return Row(dimension=dimension, value=None, low=None, high=None, n_items=0, n_raters=0)


def _row_of_mean(bench: Bench, parts_: Sequence[Measured], n_raters: int) -> Row:
    mean = mean_of(parts_)
    interval = bench.how.of_counts(bench.n_prompts, mean.of_counts)
    return Row(
        dimension=MEAN,
        value=_rounded(interval.value),
        low=_rounded(interval.low),
        high=_rounded(interval.high),
        n_items=mean.n_items,
        n_raters=n_raters,
    )


def ceiling_of(bench: Bench) -> list[Row]:
    """What one person reaches against the others, on every pair; empty where nobody is left out."""
    parts_ = [ceiling(pairs, bench.subset.statistic) for pairs in bench.pairs]
    known = [part for part in parts_ if part is not None]
    if not known:
        return []
    rows = [
        dataclasses.replace(_row_of_mean(bench, [part], pairs.pairs.n_raters), dimension=pairs.name)
        for pairs, part in zip(bench.pairs, known, strict=True)
    ]
    if len(rows) == 1:
        return rows
    return [*rows, _row_of_mean(bench, known, max(row.n_raters for row in rows))]


def _differences(bench: Bench, pairs: HumanPairs, scores: Sequence[Score]) -> Array:
    """Of each pair (M,) on one dimension; NaN where a score is missing."""
    own = {s.video_id: s.mean for s in scores if s.dimension == pairs.ours}
    return pairs.pairs.differences(own)


def _best(headlines: Sequence[Row]) -> int:
    """The number of the point with the highest value; of equals the first."""
    values = [-math.inf if row.value is None else row.value for row in headlines]
    return values.index(max(values))


def _gap(bench: Bench, own: Sequence[Array], best: Sequence[Array]) -> Difference:
    """A point minus the best one on the pairs that both judged, the mean over dimensions."""
    statistic = bench.subset.statistic
    gaps = []
    for pairs, mine, theirs in zip(bench.pairs, own, best, strict=True):
        both = np.isfinite(mine) & np.isfinite(theirs)
        one, other = (np.where(both, x, np.nan) for x in (mine, theirs))
        gaps.append(minus(measured(pairs, one, statistic), measured(pairs, other, statistic)))
    gap, how = mean_of(gaps), bench.how
    interval = how.of_counts(bench.n_prompts, gap.of_counts)
    return Difference(
        value=_rounded(interval.value),
        low=_rounded(interval.low),
        high=_rounded(interval.high),
        se=None if interval.low is None else _rounded(standard_error(gap, bench.n_prompts, how)),
        n_items=gap.n_items,
    )


def standard_error(of: Measured, n_prompts: int, how: Resampling) -> float:
    """Standard deviation over the very draws that the interval rests on, undefined ones left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.concatenate(
            [of.of_counts(counts) for counts in draws(n_prompts, how.resamples, how.seed)]
        )
    return float(np.std(values[np.isfinite(values)], ddof=1))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS) + 0.0  # no minus zero
