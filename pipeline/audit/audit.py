"""The audit: every annotator and the consensus against people, one row per number."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from pipeline.audit import pair_measures as paired
from pipeline.audit.jury import jury_measures
from pipeline.audit.measures import (
    Measure,
    Resampling,
    pooled_measures,
    rater_measures,
    score_measures,
    whole_levels,
    within_measures,
)
from pipeline.audit.names import ALL, ALL_TIE, CHANCE, HUMAN_CEILING, RATERS, RESERVED
from pipeline.audit.options import AuditOptions
from pipeline.audit.panel import Panel, human_panel
from pipeline.audit.ratings import check_dimensions, check_ratings
from pipeline.audit.result import AuditResult, AuditRow, unmet
from pipeline.audit.scope import notes_of, scope_of
from schemas import CONSENSUS, HumanRating, Score
from schemas.options import SetupError

__all__ = ["AuditResult", "AuditRow", "audit", "check_ratings"]


def audit(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    options: AuditOptions,
    notes: Iterable[str] = (),
) -> AuditResult:
    """Hold scores against ratings of the same clips. The order of either changes nothing.

    ``notes`` of whoever read them (rows without a clip, off the scale) are passed on. Raises
    :class:`SetupError` where nothing can be compared: no rating, a human dimension named in the
    options that nobody rated, an annotator named like a baseline, a row given twice.
    """
    left_out = set(options.leave_out_generators)
    scores = [s for s in scores if s.generator not in left_out]
    ratings = [r for r in ratings if r.generator not in left_out]
    if not ratings:
        raise SetupError("audit: no rating is about a clip of this set")
    answers = _answers(scores, ratings, options)
    _check(scores, ratings, answers)
    rows: list[AuditRow] = []
    undefined: list[str] = []
    for row, n_undefined in _rows(scores, ratings, answers, options):
        rows.append(row)
        if n_undefined:
            undefined.append(
                f"{row.statistic} of {row.annotator} on {row.dimension}: {n_undefined} prompts are "
                "undefined (all clips tied) and left out"
            )
    return AuditResult(
        rows=tuple(rows),
        notes=(*notes, *notes_of(scores, ratings, answers, options), *undefined),
        scope=scope_of(scores, ratings, answers, options),
        unmet=tuple(m for r in options.require for m in unmet(r, rows)),
    )


def _answers(
    scores: Sequence[Score], ratings: Sequence[HumanRating], options: AuditOptions
) -> dict[str, list[str]]:
    """Ours -> theirs, for every dimension that has both scores and ratings to compare."""
    human = {r.dimension for r in ratings}
    check_dimensions(options, human)
    ours = sorted({s.dimension for s in scores})
    answers = {d: list(options.dimensions.get(d, [d])) for d in ours}
    return {d: theirs for d, theirs in answers.items() if human.issuperset(theirs)}


def _check(
    scores: Sequence[Score], ratings: Sequence[HumanRating], answers: Mapping[str, list[str]]
) -> None:
    if not answers:
        ours, theirs = ({x.dimension for x in xs} for xs in (scores, ratings))
        raise SetupError(
            f"audit: no dimension has both scores ({', '.join(sorted(ours)) or 'none'}) and "
            f"ratings ({', '.join(sorted(theirs))}); say in audit.dimensions which answer for which"
        )
    for name in sorted({s.annotator_id for s in scores} & set(RESERVED)):
        raise SetupError(f"audit: an annotator may not be called {name!r}; give it another name")
    twice = Counter(("rating", r.video_id, r.rater, r.dimension) for r in ratings)
    twice.update(("score", s.video_id, s.annotator_id, s.dimension) for s in scores)
    for (kind, *key), n in twice.items():
        if n > 1:
            raise SetupError(f"audit: {n} {kind}s have the same key {'/'.join(key)}; keep one")


def _rows(
    scores: Sequence[Score],
    ratings: Sequence[HumanRating],
    answers: Mapping[str, list[str]],
    options: AuditOptions,
) -> Iterator[tuple[AuditRow, int]]:
    how = Resampling(resamples=options.resamples, seed=options.seed, level=options.level)
    levels = whole_levels(options.scale)
    for dimension in sorted({r.dimension for r in ratings}):
        panel = human_panel(ratings, [dimension])
        for where, part in _slices(panel):
            yield from _named(RATERS, dimension, where, rater_measures(part, levels, how))
    for dimension, theirs in answers.items():
        panel = human_panel(ratings, theirs)
        yield from _baselines(panel, dimension, how)
        given = _by_annotator(scores, dimension)
        for annotator, own in given.items():
            judged = panel.judged_by(own)
            for where, part in _slices(judged):
                measures = [*score_measures(part, levels, how), *pooled_measures(part, how)]
                yield from _named(annotator, dimension, where, measures)
            yield from _pairs(judged, annotator, dimension, how)
        members = {name: own for name, own in given.items() if name != CONSENSUS}
        for who, measure in jury_measures(panel, members, how):
            yield from _named(who, dimension, ALL, [measure])


def _by_annotator(scores: Sequence[Score], dimension: str) -> dict[str, dict[str, float]]:
    """Scores on one dimension by annotator, sorted, and clip."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for score in scores:
        if score.dimension == dimension:
            found[score.annotator_id][score.video_id] = score.mean
    return dict(sorted(found.items()))


def _slices(panel: Panel) -> Iterator[tuple[str, Panel]]:
    yield ALL, panel
    generators = sorted(set(panel.generators))
    if len(generators) > 1:
        for generator in generators:
            yield f"generator={generator}", panel.of_generator(generator)


def _pairs(
    judged: Panel, annotator: str, dimension: str, how: Resampling
) -> Iterator[tuple[AuditRow, int]]:
    """Rows of pairs, within-prompt ranks and the ceiling; by generator only the pairs."""
    panel = paired.in_pairs(judged)
    assert panel.judge is not None
    ranks = within_measures(panel, paired.pairs_of(panel), how)
    yield from _named(annotator, dimension, ALL, ranks)
    for where, part in _slices(panel):
        generator = None if where == ALL else part.generators[0]
        positions = paired.pairs_of(panel, generator)
        table = paired.target_table(panel, panel.judge, positions)
        measures = list(paired.pair_measures(table, panel.n_raters, how))
        if panel.n_raters > 1:
            measures += paired.left_out_measures(panel, positions, how)
        yield from _named(annotator, dimension, where, measures)
    if panel.n_raters > 1:
        yield from _named(annotator, dimension, ALL, paired.left_out_spearman(panel, how))


def _baselines(panel: Panel, dimension: str, how: Resampling) -> Iterator[tuple[AuditRow, int]]:
    """Chance, all ties and the raters themselves on every rated clip."""
    panel = paired.in_pairs(panel)
    positions, n = paired.pairs_of(panel), panel.n_raters
    all_tie = np.zeros(len(panel.videos))
    tied = paired.target_table(panel, all_tie, positions)
    guessed = paired.chance_table(tied)
    yield from _named(CHANCE, dimension, ALL, paired.pair_measures(guessed, n, how))
    yield from _named(ALL_TIE, dimension, ALL, paired.pair_measures(tied, n, how))
    if n > 1:
        people = paired.left_out_tables(panel, panel.human, positions)
        tables = {
            HUMAN_CEILING: people,
            CHANCE: [paired.chance_table(table) for table in people],
            ALL_TIE: paired.left_out_tables(panel, all_tie[:, None], positions),
        }
        for name, left_out in tables.items():
            yield from _named(name, dimension, ALL, paired.mean_measures(left_out, n, how))
        yield from _named(HUMAN_CEILING, dimension, ALL, [paired.mean_spearman(panel, how)])


def _named(
    annotator: str, dimension: str, where: str, measures: Iterable[Measure]
) -> Iterator[tuple[AuditRow, int]]:
    for measure in measures:
        bounds = (measure.interval.value, measure.interval.low, measure.interval.high)
        # ten digits: the last ones depend on the machine's linear algebra
        value, low, high = (None if b is None else round(b, 10) + 0.0 for b in bounds)
        row = AuditRow(
            annotator=annotator,
            statistic=measure.statistic,
            dimension=dimension,
            slice=where,
            value=value,
            low=low,
            high=high,
            n_items=measure.n_items,
            n_raters=measure.n_raters,
        )
        yield row, measure.undefined_prompts
