"""Ratings and votes of one release on their way to a :class:`PeopleRead`: each said once, and counted."""

from collections import Counter
from collections.abc import Hashable
from pathlib import Path

from pipeline.formats.facts import ClipFacts
from pipeline.formats.finder import ClipFinder
from pipeline.formats.people import PeopleRead, Scale
from pipeline.formats.said import Said
from schemas import HumanRating, HumanVote, RecordError
from schemas.options import SetupError

NOT_HERE = "rows are about clips that are not here"
NO_SCORE = "rows have no score"
REPEATED = "votes repeat an earlier row"

_MIRRORED = {"a": "b", "b": "a"}

Place = tuple[Path, int]  # file and row


class Gathering:
    """Takes what rows say, in any order, and refuses what is said twice."""

    def __init__(self) -> None:
        self._ratings: list[HumanRating] = []
        self._votes: list[HumanVote] = []
        self._seen: dict[Hashable, Place] = {}
        self._choices: dict[Hashable, str] = {}
        self._scales: dict[str, Scale] = {}
        self.left_out: Counter[str] = Counter()

    def clip(self, place: Place, finder: ClipFinder, said: Said) -> ClipFacts | None:
        """The clip of a row. Where it is not here, None, and the row is counted."""
        found = finder.find(*place, **said)
        self.left_out[NOT_HERE] += found is None
        return found

    def pair(
        self, place: Place, finder: ClipFinder, a: Said, b: Said
    ) -> tuple[ClipFacts, ClipFacts] | None:
        """The two clips of a row. Where one is not here, None, and the row is counted.

        Raises :class:`SetupError` for a clip held against itself, and for clips of two prompts.
        """
        first, second = finder.find(*place, **a), finder.find(*place, **b)
        if first is None or second is None:
            self.left_out[NOT_HERE] += 1
            return None
        file, number = place
        if first.video_id == second.video_id:
            raise SetupError(
                f"{file}: row {number}: holds clip {first.video_id!r} against itself; a pair is two "
                "clips of one prompt"
            )
        if first.prompt_id != second.prompt_id:
            raise SetupError(
                f"{file}: row {number}: clip {first.video_id!r} is of prompt {first.prompt_id!r}, "
                f"clip {second.video_id!r} of {second.prompt_id!r}; a pair is two clips of one prompt"
            )
        return first, second

    def rating(
        self,
        place: Place,
        clip: ClipFacts,
        *,
        rater: str,
        dimension: str,
        score: float | None,
        scale: Scale | None,
        simulated: bool = False,
    ) -> None:
        """One rater's score of a clip. None is a blank one; one off the scale is a missing mark.

        Raises :class:`SetupError` for the second score of one rater for a clip and dimension.
        """
        said = f"about clip {clip.video_id!r}, rater {rater!r}, dimension {dimension!r}"
        self._once(place, ("rating", clip.video_id, rater, dimension), f"both {said}")
        if scale is not None:
            self._scales[dimension] = scale
        if score is None:
            self.left_out[NO_SCORE] += 1
        elif scale is not None and not scale[0] <= score <= scale[1]:
            self.left_out[f"scores are off the scale {scale[0]:g} to {scale[1]:g}"] += 1
        else:
            self._ratings.append(self._rating(place, clip, rater, dimension, score, simulated))

    @staticmethod
    def _rating(
        place: Place, clip: ClipFacts, rater: str, dimension: str, score: float, simulated: bool
    ) -> HumanRating:
        try:
            return HumanRating(
                video_id=clip.video_id,
                rater=rater,
                dimension=dimension,
                prompt_id=clip.prompt_id,
                generator=clip.generator,
                score=score,
                source=place[0].name,
                simulated=simulated,
            )
        except RecordError as error:
            raise SetupError(f"{place[0]}: row {place[1]}: {error}") from error

    def vote(
        self,
        place: Place,
        clips: tuple[ClipFacts, ClipFacts],
        *,
        rater: str,
        dimension: str,
        choice: str,
        simulated: bool = False,
        may_repeat: bool = False,
    ) -> None:
        """One rater's choice between two clips.

        Where a release ``may_repeat`` itself, the same vote given again is counted and left out.
        Raises :class:`SetupError` for an unknown choice, and for the second of two votes of one rater
        on one pair and dimension, whichever clip stands first.
        """
        a, b = clips
        low, high = sorted((a.video_id, b.video_id))
        key = "vote", low, high, rater, dimension
        said = choice if a.video_id == low else _MIRRORED.get(choice, choice)
        if may_repeat and self._choices.setdefault(key, said) == said and key in self._seen:
            self.left_out[REPEATED] += 1
            return
        self._once(
            place, key, f"votes of rater {rater!r} on the same pair and dimension {dimension!r}"
        )
        try:
            vote = HumanVote(
                prompt_id=a.prompt_id,
                video_a=a.video_id,
                video_b=b.video_id,
                rater=rater,
                dimension=dimension,
                choice=choice,
                source=place[0].name,
                simulated=simulated,
            )
        except RecordError as error:
            raise SetupError(f"{place[0]}: row {place[1]}: {error}") from error
        self._votes.append(vote)

    def _once(self, place: Place, key: Hashable, what: str) -> None:
        file, number = place
        first_file, first = self._seen.setdefault(key, place)
        if (first_file, first) == place:
            return
        if first_file != file:
            raise SetupError(
                f"{file}: row {number} and {first_file}: row {first} are {what}; keep one"
            )
        raise SetupError(f"{file}: rows {first} and {number} are {what}; keep one")

    def read(self, *notes: str) -> PeopleRead:
        """All of it, in an order that does not depend on that of the rows."""
        scales = set(self._scales.values())
        return PeopleRead(
            ratings=tuple(
                sorted(self._ratings, key=lambda r: (r.video_id, r.dimension, r.rater, r.source))
            ),
            votes=tuple(
                sorted(self._votes, key=lambda v: (v.video_a, v.video_b, v.dimension, v.rater))
            ),
            scale=next(iter(scales)) if len(scales) == 1 else None,
            scales=dict(sorted(self._scales.items())),
            left_out={what: n for what, n in sorted(self.left_out.items()) if n},
            notes=notes,
        )
