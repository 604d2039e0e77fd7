"""The pairs on which an annotator and the raters differ most, for a person to look at.

A number says how often an annotator is wrong; only the clips show how. Of the pairs that both sides
decide, in opposite directions, those come first on which both are surest.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np

from pipeline.audit.pair_panel import PairPanel
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.pairs import signs
from pipeline.formats.choice import Pair

_DIGITS = 10  # the last ones depend on the machine's linear algebra


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What else is known of the clips of one dimension, and what one annotator said of them.

    ``prompts`` by prompt id; ``scores`` and ``rationales`` of the annotator and ``ratings`` (by
    rater) by video id; ``choice_rationales`` of comparisons by the two sorted video ids, each with the
    id of the clip that was shown first: words like "the first" tell clips by their place.
    """

    prompts: Mapping[str, str] = dataclasses.field(default_factory=dict)
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    rationales: Mapping[str, str] = dataclasses.field(default_factory=dict)
    ratings: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    choice_rationales: Mapping[Pair, tuple[str, str]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One clip of a disagreement: what the annotator and each rater gave it; None: not said."""

    video_id: str
    generator: str
    score: float | None
    rationale: str | None
    ratings: Mapping[str, float]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Disagreement:
    """One pair of clips of one prompt; ``a`` is the clip that the raters prefer.

    So ``human_margin`` is positive and ``judge_margin`` negative, each in its own points (of votes:
    the mean of +1, 0, -1). ``judge_sureness`` and ``human_sureness`` are their sizes in standard
    deviations of such margins, ``said`` each rater's own margin.
    """

    annotator: str
    dimension: str
    prompt_id: str
    prompt: str | None
    a: Side
    b: Side
    judge_margin: float
    human_margin: float
    judge_sureness: float
    human_sureness: float
    said: Mapping[str, float]
    rationale: str | None  # of the comparison, where the annotator compared the two
    shown_first: str | None  # ``a`` or ``b``: which of them that rationale calls the first


def worst_disagreements(
    panel: PairPanel, annotator: str, dimension: str, most: int, known: Known | None = None
) -> list[Disagreement]:
    """At most ``most`` pairs with opposite signs, each of another prompt, the surest first.

    ``panel`` as judged by the annotator (``PairPanel.judged``). Pairs are ranked by the product of
    the two sizes in units of their standard deviation over all judged pairs, taken about zero: which
    clip of a pair stands first is arbitrary, so a mean margin would be too. Of equals the lower ids
    come first. The order of rows changes nothing.
    """
    if panel.judge is None:
        raise ValueError("disagreements: expected a panel judged by an annotator")
    judge, human = panel.judge, panel.target
    sure = np.abs(_in_deviations(judge)), np.abs(_in_deviations(human))
    found = np.flatnonzero(signs(judge) * signs(human) < 0)
    order = sorted(
        found, key=lambda m: (-_rounded(float(sure[0][m] * sure[1][m])), *_key(panel, int(m)))
    )
    chosen: dict[int, int] = {}  # prompt -> its surest pair
    for m in order:
        chosen.setdefault(int(panel.prompts[m]), int(m))
    return [
        _disagreement(panel, m, annotator, dimension, sure, known or Known())
        for m in list(chosen.values())[:most]
    ]


def _in_deviations(margins: Array) -> Array:
    """Margins (M,) divided by the root of their mean square; all NaN where every one is zero."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(margins / np.sqrt(np.mean(margins**2))) if len(margins) else margins


def _rounded(value: float) -> float:
    return round(float(value), _DIGITS) + 0.0  # no minus zero


def _key(panel: PairPanel, m: int) -> tuple[str, ...]:
    videos = sorted((panel.videos[panel.first[m]], panel.videos[panel.second[m]]))
    return (panel.prompt_ids[panel.prompts[m]], *videos)


def _disagreement(
    panel: PairPanel,
    m: int,
    annotator: str,
    dimension: str,
    sure: tuple[Array, Array],
    known: Known,
) -> Disagreement:
    assert panel.judge is not None
    side = 1.0 if panel.target[m] > 0 else -1.0
    clips = (int(panel.first[m]), int(panel.second[m]))
    a, b = clips if side > 0 else clips[::-1]
    one, other = sorted((panel.videos[a], panel.videos[b]))
    words, first = known.choice_rationales.get((one, other), (None, None))
    prompt_id = panel.prompt_ids[panel.prompts[m]]
    return Disagreement(
        annotator=annotator,
        dimension=dimension,
        prompt_id=prompt_id,
        prompt=known.prompts.get(prompt_id),
        a=_side(panel, a, known),
        b=_side(panel, b, known),
        judge_margin=_rounded(side * panel.judge[m]),
        human_margin=_rounded(side * panel.target[m]),
        judge_sureness=_rounded(sure[0][m]),
        human_sureness=_rounded(sure[1][m]),
        said={
            rater: _rounded(side * own)
            for rater, own in zip(panel.raters, panel.human[m])
            if not np.isnan(own)
        },
        rationale=words,
        shown_first=None if words is None else "a" if first == panel.videos[a] else "b",
    )


def _side(panel: PairPanel, clip: int, known: Known) -> Side:
    video = panel.videos[clip]
    return Side(
        video_id=video,
        generator=panel.generators[clip],
        score=known.scores.get(video),
        rationale=known.rationales.get(video),
        ratings=dict(sorted(known.ratings.get(video, {}).items())),
    )
