"""From the points' tables to numbers: the audit's rows, their mean, and differences from the best."""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from pipeline.audit.audit import audit
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.names import ALL
from pipeline.audit.options import AuditOptions
from pipeline.audit.ratings import People
from pipeline.audit.result import AuditRow
from pipeline.audit.statistics.bootstrap import Array, Interval, draws
from pipeline.audit.targets import Said, our_targets
from pipeline.dataset.parquet import parts, read_rows
from pipeline.formats.facts import ClipFacts
from pipeline.people import people_of
from pipeline.study.cost import Cost
from pipeline.study.labels import labels_of
from pipeline.study.measured import (
    HumanPairs,
    Measured,
    ceiling,
    counted,
    mean_of,
    measured,
    minus,
)
from pipeline.study.place import Placed
from pipeline.study.recommend import best_of, settled
from pipeline.study.result import MEAN, Difference, Result, Row
from pipeline.study.subset import Subset
from schemas import Score, Video
from schemas.options import SetupError

DIGITS = 10  # the last ones depend on the machine's linear algebra


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The people of a study, and how points are held against them."""

    subset: Subset
    options: AuditOptions
    people: People
    clips: Sequence[ClipFacts]  # every one, scored or not
    pairs: Sequence[HumanPairs]  # of each audited dimension
    how: Resampling

    @property
    def rated(self) -> set[tuple[str, str]]:
        """Clip and dimension of everything that a point ought to have scored."""
        return {(video, pairs.ours) for pairs in self.pairs for video in pairs.videos}

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
    targets = [
        target
        for target in our_targets(said, answers)
        if counted(target.pairs, subset.statistic).any()
    ]
    if not targets:
        raise SetupError("study: no two labelled clips of a prompt could be read; see the failures")
    prompts = sorted({prompt for target in targets for prompt in target.pairs.prompt_ids})
    return Bench(
        subset=subset,
        options=options,
        people=people,
        clips=[
            ClipFacts(video_id=v.video_id, prompt_id=v.prompt_id, generator=v.generator)
            for v in videos
        ],
        pairs=[HumanPairs.of(target, prompts) for target in targets],
        how=Resampling(resamples=options.resamples, seed=options.seed, level=options.level),
    )


def scores_of(placed: Placed) -> list[Score]:
    """What the point's judge makes of each clip: the mean of its draws."""
    judge = placed.point.judge.annotator_id
    rows = read_rows(Score, parts(placed.layout.table("scores")))
    return [score for score in rows if score.annotator_id == judge]


def results_of(bench: Bench, points: Sequence[Placed], least_coverage: float) -> list[Result]:
    """Every point with its rows, its cost, and its difference from the best of them."""
    scores = [scores_of(placed) for placed in points]
    rows = [_rows(bench, own) for own in scores]
    judged = [[_differences(pairs, own) for pairs in bench.pairs] for own in scores]
    scored = [_n_scored(bench, own) for own in scores]
    n_rated = len(bench.rated)
    shares = [n / n_rated for n in scored]
    first = best_of([own[-1].value for own in rows], shares, least_coverage)
    labels = labels_of([placed.point for placed in points])

    @functools.cache
    def gaps_from(number: int) -> list[Difference]:
        return [_gap(bench, own, judged[number]) for own in judged]

    enough = least_coverage if max(shares) >= least_coverage else 0.0
    covered = [share >= enough for share in shares]
    best = settled(first or 0, covered, lambda n: [gap.value for gap in gaps_from(n)])
    gaps = gaps_from(best)
    return [
        Result(
            point=placed.point,
            label=labels[n],
            rows=rows[n],
            scored=scored[n],
            rated=n_rated,
            cost=Cost.of(placed, len(bench.subset.videos)),
            difference=gaps[n],
            within=_within(gaps[n]),
            best=first is not None and n == best,
        )
        for n, placed in enumerate(points)
    ]


def _n_scored(bench: Bench, scores: Sequence[Score]) -> int:
    return len(bench.rated & {(score.video_id, score.dimension) for score in scores})


def _within(gap: Difference) -> bool:
    """One standard error of the best."""
    return gap.value is not None and gap.se is not None and gap.value + gap.se >= 0


def _rows(bench: Bench, scores: Sequence[Score]) -> list[Row]:
    """The audit's rows of the study's statistic, the one that points are ranked by last.

    Where an annotator has no score on a dimension its row there, and that of the mean, is undefined.
    """
    found = _audited(bench, [s for s in scores if s.dimension in {p.ours for p in bench.pairs}])
    own = [found.get(pairs.name) or _nothing(pairs.name) for pairs in bench.pairs]
    if len(own) == 1:
        return own
    parts_ = [
        measured(pairs, _differences(pairs, scores), bench.subset.statistic)
        for pairs in bench.pairs
    ]
    return [*own, _row_of_mean(bench, parts_, max(row.n_raters for row in own))]


def _audited(bench: Bench, scores: Sequence[Score]) -> dict[str, Row]:
    """An annotator's rows over everything, by dimension."""
    if not scores:
        return {}
    people, name = bench.people, scores[0].annotator_id
    result = audit(
        scores,
        people.ratings,
        bench.options,
        (),
        votes=people.votes,
        scales=people.scales,
        clips=bench.clips,
    )
    rows = [row for row in result.rows if (row.annotator, row.slice) == (name, ALL)]
    return {r.dimension: _row(r) for r in rows if r.statistic == bench.subset.statistic}


def _row(row: AuditRow) -> Row:
    return Row(**{field.name: getattr(row, field.name) for field in dataclasses.fields(Row)})


def _nothing(dimension: str) -> Row:
    return Row(dimension=dimension, value=None, low=None, high=None, n_items=0, n_raters=0)


def _row_of_mean(bench: Bench, parts_: Sequence[Measured], n_raters: int) -> Row:
    mean = mean_of(parts_)
    interval = _interval(bench, mean)
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


def _differences(pairs: HumanPairs, scores: Sequence[Score]) -> Array:
    """Of each pair (M,) on one dimension; NaN where a score is missing."""
    own = {s.video_id: s.mean for s in scores if s.dimension == pairs.ours}
    return pairs.pairs.differences(own)


def _gap(bench: Bench, own: Sequence[Array], best: Sequence[Array]) -> Difference:
    """A point minus the best one on the pairs that both judged, the mean over dimensions."""
    statistic = bench.subset.statistic
    gaps = []
    for pairs, mine, theirs in zip(bench.pairs, own, best, strict=True):
        both = np.isfinite(mine) & np.isfinite(theirs)
        one, other = (np.where(both, x, np.nan) for x in (mine, theirs))
        gaps.append(minus(measured(pairs, one, statistic), measured(pairs, other, statistic)))
    gap, how = mean_of(gaps), bench.how
    interval = _interval(bench, gap)
    return Difference(
        value=_rounded(interval.value),
        low=_rounded(interval.low),
        high=_rounded(interval.high),
        se=None if interval.low is None else _rounded(standard_error(gap, bench.n_prompts, how)),
        n_items=gap.n_items,
    )


def _interval(bench: Bench, of: Measured) -> Interval:
    """Without ends where a dimension has pairs of one prompt alone."""
    found = bench.how.of_counts(bench.n_prompts, of.of_counts)
    return found if of.spreads else dataclasses.replace(found, low=None, high=None)


def standard_error(of: Measured, n_prompts: int, how: Resampling) -> float:
    """Standard deviation over the very draws that the interval rests on, undefined ones left out."""
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.concatenate(
            [of.of_counts(counts) for counts in draws(n_prompts, how.resamples, how.seed)]
        )
    return float(np.std(values[np.isfinite(values)], ddof=1))


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS) + 0.0  # no minus zero
