"""What the answers say: means of every variant, shifts between variants, and who would not answer."""

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from pipeline.audit.statistics.bootstrap import Array, cluster_bootstrap
from pipeline.canary.ask import Asked
from pipeline.canary.variants import SHIFTS, VARIANTS
from schemas import HARMLESS, Annotation, Failure, Reason

MOVED = 1e-9  # a difference beyond it is one; smaller ones come of adding floats
REFUSED = frozenset({Reason.REFUSAL, Reason.CONTENT_FILTER})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A mean score (``minus`` empty) or a mean shift, in units of the scale.

    ``low`` and ``high``: 95 % percentile interval over resampled prompts, None where there are fewer
    than two. ``moved``: share of clips whose score is another one; None for a mean. Clips without a
    score under one of the two variants are in neither.
    """

    annotator: str
    dimension: str
    variant: str
    minus: str
    value: float | None
    low: float | None
    high: float | None
    moved: float | None
    n_clips: int
    n_prompts: int
    scale_low: float | None  # of the annotator's scores; None: without bounds
    scale_high: float | None

    @property
    def range(self) -> float | None:
        """How far a score can move at most."""
        if self.scale_low is None or self.scale_high is None:
            return None
        return self.scale_high - self.scale_low


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Replies:
    """How the questions of one annotator and one variant ended."""

    annotator: str
    variant: str
    questions: int
    refused: int  # by the judge, or stopped by a provider's filter
    failed: int  # no score for any other reason
    silent: int  # nothing to say here, which is no failure


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """One annotator on one dimension: by variant and clip the scores of its draws."""

    annotator: str
    dimension: str
    by_variant: Mapping[str, Mapping[str, Sequence[float]]]
    prompt_of: Mapping[str, str]  # the prompt_id of each video_id
    scale_low: float | None
    scale_high: float | None


def scores_of(answered: Iterable[Asked]) -> list[Scores]:
    """All scores, in the order in which annotators and dimensions are first met."""
    groups: dict[tuple[str, str], list[tuple[str, Annotation]]] = defaultdict(list)
    for one in answered:
        for row in one.outcomes:
            if isinstance(row, Annotation):
                groups[one.spec.annotator_id, row.dimension].append((one.variant, row))
    return [_scores(*key, rows) for key, rows in groups.items()]


def _scores(annotator: str, dimension: str, rows: Sequence[tuple[str, Annotation]]) -> Scores:
    by_variant: dict[str, dict[str, list[float]]] = {name: {} for name in VARIANTS}
    for variant, row in rows:
        by_variant[variant].setdefault(row.video_id, []).append(row.score)
    first = rows[0][1]
    return Scores(
        annotator=annotator,
        dimension=dimension,
        by_variant=by_variant,
        prompt_of={row.video_id: row.prompt_id for _, row in rows},
        scale_low=first.scale_low,
        scale_high=first.scale_high,
    )


def rows_of(scores: Scores) -> list[Row]:
    """The mean of every variant, then every shift."""
    means = {
        name: {clip: sum(drawn) / len(drawn) for clip, drawn in clips.items()}
        for name, clips in scores.by_variant.items()
    }
    return [
        *(_row(scores, name, "", means[name]) for name in VARIANTS),
        *(_row(scores, one, two, _differences(means[one], means[two])) for one, two in SHIFTS),
    ]


def _differences(one: Mapping[str, float], two: Mapping[str, float]) -> dict[str, float]:
    return {clip: one[clip] - two[clip] for clip in one if clip in two}


def _row(scores: Scores, variant: str, minus: str, values: Mapping[str, float]) -> Row:
    """Mean over clips; a prompt with several clips is drawn with all of them."""
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for clip in sorted(values):
        of_prompt = sums[scores.prompt_of[clip]]
        of_prompt[0] += values[clip]
        of_prompt[1] += 1
    table = np.array([sums[prompt] for prompt in sorted(sums)]).reshape(-1, 2)
    found = cluster_bootstrap(table, _mean)
    moved = sum(abs(value) > MOVED for value in values.values())
    return Row(
        annotator=scores.annotator,
        dimension=scores.dimension,
        variant=variant,
        minus=minus,
        value=_rounded(found.value),
        low=_rounded(found.low),
        high=_rounded(found.high),
        moved=moved / len(values) if minus and values else None,
        n_clips=len(values),
        n_prompts=len(sums),
        scale_low=scores.scale_low,
        scale_high=scores.scale_high,
    )


def _mean(sums: Array) -> Array:
    return sums[:, 0] / sums[:, 1]


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 9) + 0.0  # no minus zero


def replies_of(answered: Iterable[Asked]) -> list[Replies]:
    """How the questions ended, by annotator and variant."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for one in answered:
        reasons = {row.reason for row in one.outcomes if isinstance(row, Failure)}
        count = counts[one.spec.annotator_id, one.variant]
        count[0] += 1
        if reasons:
            count[1 if reasons & REFUSED else 3 if reasons <= HARMLESS else 2] += 1
    return [
        Replies(annotator=a, variant=v, questions=n, refused=refused, failed=failed, silent=silent)
        for (a, v), (n, refused, failed, silent) in counts.items()
    ]
