"""One dimension as pairs: what each rater, all but one, all together and an annotator make of them.

Pairs are two clips of one prompt. A *difference* is for the first clip where it is positive. Raters
who scored clips differ by their scores; raters who voted by +1, 0 or -1. Everything that is counted
in pairs is counted from here, so that scores and votes are audited alike.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.audit.panel import Panel, check_size
from pipeline.audit.statistics.bootstrap import Array
from pipeline.audit.statistics.ceiling import others_mean
from pipeline.audit.statistics.pairs import within_prompt_pairs
from pipeline.formats.choice import SIGN, Pair
from pipeline.formats.labelled import UNKNOWN
from schemas import HumanVote


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class PairPanel:
    """M pairs of clips in P prompts with the differences of R raters; NaN where there is none.

    ``first`` and ``second`` (M,) are positions in ``videos``; ``prompts`` (M,) numbers in [0, P),
    each of them used; ``human`` (M, R) each rater's own difference; ``target`` (M,) that of all
    raters together; ``others`` (M, R) that of all raters but one, NaN where that one did not say;
    ``judge`` (M,), or None where the raters stand alone. ``videos`` and ``generators`` are of clips.
    """

    videos: tuple[str, ...]
    generators: tuple[str, ...]
    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    prompts: npt.NDArray[np.intp]
    human: Array
    target: Array
    others: Array
    raters: tuple[str, ...]
    prompt_ids: tuple[str, ...]  # (P,)
    judge: Array | None = None

    @property
    def n_pairs(self) -> int:
        return len(self.first)

    @property
    def n_prompts(self) -> int:
        return len(self.prompt_ids)

    @property
    def n_raters(self) -> int:
        return int((~np.isnan(self.human)).any(axis=0).sum())

    @property
    def pairs(self) -> list[Pair]:
        """The two video ids of each pair, first and second."""
        return [(self.videos[i], self.videos[j]) for i, j in zip(self.first, self.second)]

    def take(self, kept: npt.NDArray[np.bool_]) -> Self:
        """The pairs where ``kept`` (M,) is true; prompts are numbered anew."""
        index = np.flatnonzero(kept)
        used, prompts = np.unique(self.prompts[index], return_inverse=True)
        return dataclasses.replace(
            self,
            first=self.first[index],
            second=self.second[index],
            prompts=prompts.astype(np.intp),
            prompt_ids=tuple(self.prompt_ids[p] for p in used),
            human=self.human[index],
            target=self.target[index],
            others=self.others[index],
            judge=None if self.judge is None else self.judge[index],
        )

    def differences(
        self, scores: Mapping[str, float], choices: Mapping[Pair, float] | None = None
    ) -> Array:
        """What an annotator makes of each pair, (M,); NaN where it said nothing.

        ``scores`` by video id. ``choices``, by the two sorted video ids and for the lower of them where
        positive, come first: who compared two clips said more of them than two scores do.
        """
        own = np.asarray([scores.get(video, np.nan) for video in self.videos], dtype=np.float64)
        made = own[self.first] - own[self.second]
        for m, (one, other) in enumerate(self.pairs if choices else ()):
            said = (choices or {}).get((min(one, other), max(one, other)))
            if said is not None:
                made[m] = said if one < other else -said
        return made

    def judged(self, differences: Array) -> Self:
        """The pairs that an annotator judged; ``differences`` (M,), NaN where it did not."""
        return dataclasses.replace(self, judge=differences).take(~np.isnan(differences))


def pairs_of_ratings(panel: Panel) -> PairPanel:
    """Every pair of clips of one prompt that were rated.

    The target is the difference of the clips' means of all raters, ``others`` that of the means of
    all raters but one, on clips which that one rated.
    """
    first, second = within_prompt_pairs(panel.prompts)
    check_size(len(first), len(panel.raters), "pairs")
    target, others = panel.target, others_mean(panel.human)
    used, prompts = np.unique(panel.prompts[first], return_inverse=True)
    return PairPanel(
        videos=panel.videos,
        generators=panel.generators,
        first=first,
        second=second,
        prompts=prompts.astype(np.intp),
        human=panel.human[first] - panel.human[second],
        target=target[first] - target[second],
        others=others[first] - others[second],
        raters=panel.raters,
        prompt_ids=tuple(panel.prompt_ids[p] for p in used),
    )


def pairs_of_votes(
    votes: Sequence[HumanVote], dimensions: Sequence[str], generators: Mapping[str, str]
) -> PairPanel:
    """Every pair that somebody voted on, on the mean of the named dimensions.

    A vote is +1 for the first clip (the lower id), -1 for the second, 0 for a tie of any kind; a
    rater who voted twice on a pair counts with the mean, and one who left out a dimension has no vote
    on that pair. The target is the mean of all votes, so a majority. The order of rows changes nothing.
    ``generators`` by video id.
    """
    votes = [vote for vote in votes if vote.dimension in dimensions]
    layers = {name: i for i, name in enumerate(dict.fromkeys(dimensions))}
    raters = {name: i for i, name in enumerate(sorted({vote.rater for vote in votes}))}
    keys = sorted({(vote.prompt_id, _sorted(vote)) for vote in votes})
    place = {key: m for m, key in enumerate(keys)}
    check_size(len(keys), len(raters), "pairs")
    total = np.zeros((len(layers), len(keys), len(raters)))
    count = np.zeros_like(total)
    for vote in votes:
        pair = _sorted(vote)
        at = layers[vote.dimension], place[vote.prompt_id, pair], raters[vote.rater]
        total[at] += SIGN[vote.choice] if pair[0] == vote.video_a else -SIGN[vote.choice]
        count[at] += 1
    with np.errstate(invalid="ignore"):
        human = np.asarray((total / count).mean(axis=0))  # 0 / 0: a vote that is missing
    videos, pairs = np.unique(
        [pair for _, pair in keys] or np.empty((0, 2), str), return_inverse=True
    )
    prompt_ids, prompts = np.unique([prompt for prompt, _ in keys], return_inverse=True)
    first, second = pairs.reshape(-1, 2).T.astype(np.intp)
    panel = PairPanel(
        videos=tuple(map(str, videos)),
        generators=tuple(generators.get(str(video), UNKNOWN) for video in videos),
        first=first,
        second=second,
        prompts=prompts.astype(np.intp),
        human=human,
        target=mean_known(human),
        others=others_mean(human),
        raters=tuple(raters),
        prompt_ids=tuple(map(str, prompt_ids)),
    )
    return panel.take(~np.isnan(panel.target))


def mean_known(human: Array) -> Array:
    """Mean of those who said something, (M, R) to (M,); NaN where nobody did."""
    known = ~np.isnan(human)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, human, 0.0).sum(axis=1) / known.sum(axis=1))


def _sorted(vote: HumanVote) -> Pair:
    return min(vote.video_a, vote.video_b), max(vote.video_a, vote.video_b)
