"""What people said, dimension by dimension, in the form that annotators are held against."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from pipeline.audit.names import RATER, RESERVED
from pipeline.audit.options import AuditOptions
from pipeline.audit.pair_panel import PairPanel, pairs_of_ratings, pairs_of_votes
from pipeline.audit.panel import Panel, human_panel
from pipeline.audit.ratings import check_dimensions
from pipeline.formats.choice import Choice
from schemas import HumanRating, HumanVote, Score
from schemas.options import SetupError

VOTES = " (votes)"  # ends the name of a dimension that was voted on, where it was rated, too


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """All that an audit compares: scores and choices of annotators, ratings and votes of people."""

    scores: Sequence[Score]
    choices: Sequence[Choice]
    ratings: Sequence[HumanRating]
    votes: Sequence[HumanVote]
    generators: Mapping[str, str]  # of every clip

    @property
    def ours(self) -> list[str]:
        """Dimensions on which an annotator said something."""
        return sorted({x.dimension for x in self.of_annotators})

    @property
    def annotators(self) -> list[str]:
        """Every annotator, sorted."""
        return sorted({x.annotator_id for x in self.of_annotators})

    @property
    def of_annotators(self) -> list[Score | Choice]:
        """Everything that annotators said."""
        return [*self.scores, *self.choices]

    @property
    def of_people(self) -> list[HumanRating | HumanVote]:
        """Everything that people said."""
        return [*self.ratings, *self.votes]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One dimension as people see it; ``panel`` is None where they voted instead of rating clips.

    ``name`` is that of the rows, ``ours`` the annotators' dimension and ``theirs`` the human ones that
    answer for it; ``ours`` is None where no annotator has it.
    """

    name: str
    ours: str | None
    theirs: tuple[str, ...]
    panel: Panel | None
    pairs: PairPanel

    @property
    def n_raters(self) -> int:
        return self.pairs.n_raters if self.panel is None else self.panel.n_raters


def human_targets(said: Said) -> Iterator[Target]:
    """Every human dimension on its own."""
    rated = {r.dimension for r in said.ratings}
    for dimension in sorted(rated):
        yield _rated(said, dimension, None, [dimension])
    for dimension in sorted({v.dimension for v in said.votes}):
        name = dimension + VOTES if dimension in rated else dimension
        yield _voted(said, name, None, [dimension])


def our_targets(said: Said, answers: Mapping[str, Sequence[str]]) -> Iterator[Target]:
    """Every dimension of ours that human ones answer for."""
    rated, voted = _human_dimensions(said)
    for ours, theirs in answers.items():
        by_rating = rated.issuperset(theirs)
        if by_rating:
            yield _rated(said, ours, ours, theirs)
        if voted.issuperset(theirs):
            yield _voted(said, ours + VOTES if by_rating else ours, ours, theirs)


def _human_dimensions(said: Said) -> tuple[set[str], set[str]]:
    """Those that were rated, and those that were voted on."""
    return {r.dimension for r in said.ratings}, {v.dimension for v in said.votes}


def _rated(said: Said, name: str, ours: str | None, theirs: Sequence[str]) -> Target:
    panel = human_panel(said.ratings, theirs)
    return Target(
        name=name, ours=ours, theirs=tuple(theirs), panel=panel, pairs=pairs_of_ratings(panel)
    )


def _voted(said: Said, name: str, ours: str | None, theirs: Sequence[str]) -> Target:
    pairs = pairs_of_votes(said.votes, theirs, said.generators)
    return Target(name=name, ours=ours, theirs=tuple(theirs), panel=None, pairs=pairs)


def answers_of(said: Said, options: AuditOptions) -> dict[str, list[str]]:
    """Ours -> theirs, for every dimension that has both verdicts and what people said to compare.

    Raises :class:`SetupError` for a human dimension named in the options that nobody rated.
    """
    rated, voted = _human_dimensions(said)
    check_dimensions(options, rated | voted)
    answers = {d: list(options.dimensions.get(d, [d])) for d in said.ours}
    return {d: t for d, t in answers.items() if rated.issuperset(t) or voted.issuperset(t)}


def check_said(said: Said, answers: Mapping[str, Sequence[str]]) -> None:
    """Raise :class:`SetupError` where nothing can be compared, or something was said twice."""
    if not said.ratings and not said.votes:
        raise SetupError("audit: no rating is about a clip of this set")
    if not answers:
        theirs = {x.dimension for x in said.of_people}
        raise SetupError(
            f"audit: no dimension has both scores ({', '.join(said.ours) or 'none'}) and "
            f"ratings ({', '.join(sorted(theirs))}); say in audit.dimensions (of the "
            "command: --dimension OURS=THEIRS) which answer for which"
        )
    for name in said.annotators:
        if name in RESERVED or name.startswith(RATER):
            raise SetupError(
                f"audit: an annotator may not be called {name!r}; give it another name"
            )
    twice: Counter[tuple[str, ...]] = Counter()
    twice.update(("rating", r.video_id, r.rater, r.dimension) for r in said.ratings)
    twice.update(("score", s.video_id, s.annotator_id, s.dimension) for s in said.scores)
    twice.update(
        ("vote", *sorted((v.video_a, v.video_b)), v.rater, v.dimension) for v in said.votes
    )
    for (kind, *key), n in twice.items():
        if n > 1:
            where = _places(said, key) if kind != "score" else ""
            raise SetupError(
                f"audit: {n} {kind}s have the same key {'/'.join(key)}{where}; keep one"
            )


def _places(said: Said, key: Sequence[str]) -> str:
    """Which clip or pair that is, and in which files."""
    votes = [v for v in said.votes if [*_pair(v), v.rater, v.dimension] == [*key]]
    same = [r for r in said.ratings if [r.video_id, r.rater, r.dimension] == [*key]]
    files = " and ".join(sorted({v.source for v in votes} | {r.source for r in same}))
    if votes:
        return f" (prompt {votes[0].prompt_id}; in {files}; two people need two names)"
    return f" (prompt {same[0].prompt_id}, generator {same[0].generator}; in {files})"


def _pair(vote: HumanVote) -> list[str]:
    return sorted((vote.video_a, vote.video_b))
