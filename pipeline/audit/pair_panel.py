"""One dimension as pairs: what each rater, all but one, all together and an annotator make of them.

Pairs are two clips of one prompt. A *difference* is for the first clip where it is positive. Raters
who scored clips differ by their scores; raters who voted by +1, 0 or -1. Everything that is counted
in pairs is counted from here, so that scores and votes are audited alike.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.audit.bootstrap import Array
from pipeline.audit.ceiling import others_mean
from pipeline.audit.pairs import within_prompt_pairs
from pipeline.audit.panel import Panel
from schemas import HumanVote

SIGN = {"a": 1.0, "b": -1.0, "tie": 0.0, "both_good": 0.0, "both_bad": 0.0}

Pair = tuple[str, str]  # of video ids, sorted


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

    def judged_by(
        self, scores: Mapping[str, float], choices: Mapping[Pair, float] | None = None
    ) -> Self:
        """The pairs that an annotator judged, with its differences.

        ``scores`` by video id; ``choices`` by the two sorted video ids, for the lower of them where
        positive, count for pairs that lack a score.
        """
        own = np.asarray([scores.get(video, np.nan) for video in self.videos], dtype=np.float64)
        judge = own[self.first] - own[self.second] if len(own) else np.empty(0)
        if choices:
            for m in np.flatnonzero(np.isnan(judge)):
                one, other = self.videos[self.first[m]], self.videos[self.second[m]]
                said = choices.get((one, other) if one < other else (other, one))
                if said is not None:
                    judge[m] = said if one < other else -said
        return dataclasses.replace(self, judge=judge).take(~np.isnan(judge))


def pairs_of_ratings(panel: Panel) -> PairPanel:
    """Every pair of clips of one prompt that were rated.

    The target is the difference of the clips' means of all raters, ``others`` that of the means of
    all raters but one, on clips which that one rated.
    """
    first, second = within_prompt_pairs(panel.prompts)
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
    votes: Sequence[HumanVote], dimension: str, generators: Mapping[str, str]
) -> PairPanel:
    """Every pair that somebody voted on, on one dimension.

    A vote is +1 for the first clip (the lower id), -1 for the second, 0 for a tie of any kind; a
    rater who voted twice on a pair counts with the mean. The target is the mean of all votes, so a
    majority. The order of rows changes nothing. ``generators`` by video id.
    """
    votes = [vote for vote in votes if vote.dimension == dimension]
    raters = {name: i for i, name in enumerate(sorted({vote.rater for vote in votes}))}
    said: dict[tuple[str, Pair], dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for vote in votes:
        forward = vote.video_a < vote.video_b
        pair = (vote.video_a, vote.video_b) if forward else (vote.video_b, vote.video_a)
        sign = SIGN[vote.choice] if forward else -SIGN[vote.choice]
        said[vote.prompt_id, pair][raters[vote.rater]].append(sign)
    keys = sorted(said)
    human = np.full((len(keys), len(raters)), np.nan)
    for m, key in enumerate(keys):
        for rater, signs in said[key].items():
            human[m, rater] = np.mean(signs)
    videos = sorted({video for _, pair in keys for video in pair})
    place = {video: i for i, video in enumerate(videos)}
    prompt_ids = sorted({prompt for prompt, _ in keys})
    number = {prompt: i for i, prompt in enumerate(prompt_ids)}
    return PairPanel(
        videos=tuple(videos),
        generators=tuple(generators.get(video, "unknown") for video in videos),
        first=np.asarray([place[pair[0]] for _, pair in keys], dtype=np.intp),
        second=np.asarray([place[pair[1]] for _, pair in keys], dtype=np.intp),
        prompts=np.asarray([number[prompt] for prompt, _ in keys], dtype=np.intp),
        human=human,
        target=np.asarray(np.nanmean(human, axis=1)) if len(keys) else np.empty(0),
        others=others_mean(human),
        raters=tuple(raters),
        prompt_ids=tuple(prompt_ids),
    )
