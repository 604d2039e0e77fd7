"""What rewards are held against: pairs of clips with the annotator's word, or people's, on each.

The audit's own arrays of pairs, so that a model, the annotator it learned from and the raters meet
the very same pairs and targets.
"""

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from pipeline.audit.pair_panel import PairPanel, pairs_of_ratings, pairs_of_votes
from pipeline.audit.panel import human_panel
from pipeline.formats.choice import Pair
from schemas import HumanRating, HumanVote, Preference
from schemas.options import SetupError

ANNOTATOR, RATERS, VOTES = "annotator", "raters", "votes"
SIGN = {"a": 1.0, "b": -1.0, "tie": 0.0}

Answers = Mapping[str, Sequence[str]]  # our dimension -> the people's dimensions that answer for it
Panels = Mapping[str, PairPanel]  # by dimension


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """All that annotator and people said of the clips of some prompts."""

    preferences: Sequence[Preference]
    ratings: Sequence[HumanRating] = ()
    votes: Sequence[HumanVote] = ()

    def of(self, prompts: Iterable[str]) -> "Said":
        """The same of these prompts alone."""
        kept = frozenset(prompts)
        return Said(
            preferences=[row for row in self.preferences if row.prompt_id in kept],
            ratings=[row for row in self.ratings if row.prompt_id in kept],
            votes=[row for row in self.votes if row.prompt_id in kept],
        )

    @property
    def generators(self) -> dict[str, str]:
        """Of every clip that the preferences or the ratings name."""
        found = {row.video_id: row.generator for row in self.ratings}
        for row in self.preferences:
            found |= {row.video_a: row.generator_a, row.video_b: row.generator_b}
        return found


def check_answers(answers: Answers, ours: Sequence[str], human: Collection[str]) -> None:
    """Raise :class:`SetupError` for an answer to what a model does not score, or by what nobody said."""
    for name, theirs in answers.items():
        if name not in ours:
            raise SetupError(
                f"--dimension {name}: the model does not score it; it has {', '.join(ours)}"
            )
        for one in theirs:
            if one not in human:
                raise SetupError(
                    f"--dimension {name}={one}: no rating or vote of these clips is on {one!r}; they are on "
                    + (", ".join(sorted(human)) or "nothing")
                )


def annotator_panel(preferences: Sequence[Preference], dimension: str) -> PairPanel:
    """The annotator's labels of one dimension as pairs with a single rater."""
    rows = sorted((r for r in preferences if r.dimension == dimension), key=lambda r: r.pair_id)
    generators = {r.video_a: r.generator_a for r in rows} | {r.video_b: r.generator_b for r in rows}
    place = {video: i for i, video in enumerate(sorted(generators))}
    prompt_ids, prompts = np.unique([r.prompt_id for r in rows], return_inverse=True)
    label = np.array([SIGN[r.label] for r in rows], np.float64)
    return PairPanel(
        videos=tuple(place),
        generators=tuple(generators[video] for video in place),
        first=np.array([place[r.video_a] for r in rows], np.intp),
        second=np.array([place[r.video_b] for r in rows], np.intp),
        prompts=prompts.astype(np.intp),
        human=label[:, None],
        target=label,
        others=label[:, None],
        raters=(ANNOTATOR,),
        prompt_ids=tuple(map(str, prompt_ids)),
    )


def panels(
    said: Said, dimensions: Sequence[str], answers: Answers
) -> dict[str, dict[str, PairPanel]]:
    """Pairs by who spoke (``annotator``, ``raters``, ``votes``) and by dimension; none empty.

    Of people only dimensions on which two or more said something: a target that leaves one out needs
    another. ``votes`` are told apart from ``raters``, who scored clips one by one.
    """
    found: dict[str, dict[str, PairPanel]] = {ANNOTATOR: {}, RATERS: {}, VOTES: {}}
    for name in dimensions:
        theirs = answers.get(name, (name,))
        found[ANNOTATOR][name] = annotator_panel(said.preferences, name)
        found[RATERS][name] = pairs_of_ratings(human_panel(said.ratings, theirs))
        found[VOTES][name] = pairs_of_votes(said.votes, theirs, said.generators)
    least = {ANNOTATOR: 1, RATERS: 2, VOTES: 2}
    kept = {
        who: {d: p for d, p in by.items() if p.n_pairs and p.n_raters >= least[who]}
        for who, by in found.items()
    }
    return {who: by for who, by in kept.items() if by}


def annotator_scores(preferences: Iterable[Preference], dimension: str) -> dict[str, float]:
    """Score of every clip by video_id; of comparisons the mean share of verdicts for the clip."""
    found: dict[str, list[float]] = {}
    for row in preferences:
        if row.dimension == dimension:
            found.setdefault(row.video_a, []).append(row.score_a)
            found.setdefault(row.video_b, []).append(row.score_b)
    return {video: float(np.mean(scores)) for video, scores in found.items()}


def annotator_choices(preferences: Iterable[Preference], dimension: str) -> dict[Pair, float]:
    """Margin of every pair that was compared, by sorted ids and for the lower of them."""
    return {
        (min(r.video_a, r.video_b), max(r.video_a, r.video_b)): (
            r.margin if r.video_a < r.video_b else -r.margin
        )
        for r in preferences
        if r.dimension == dimension and r.basis == "comparisons"
    }
