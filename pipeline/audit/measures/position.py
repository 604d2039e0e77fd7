"""What an annotator that compares two clips makes of their order, and of labels with two kinds of tie.

Choices and votes are of one annotator and one dimension. Items of a prompt are not independent: every
interval is over prompts.

Sources: Zheng et al. 2023, arXiv:2306.05685 (position bias and consistency); Jiang et al. 2024, GenAI
Arena, arXiv:2406.04485, and the script of its benchmark, GenAI-Bench, for the accuracy of labels.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.audit.measures.measure import Measure, Resampling
from pipeline.audit.statistics.agreement import ratio, sum_by_prompt
from pipeline.formats.choice import Choice
from schemas import HumanVote

Item = tuple[str, float]  # prompt id and what it counts, 0 to 1

_TIES = ("tie", "both_good", "both_bad")
_TURNED = {"a": "b", "b": "a"}


def position_measures(
    choices: Sequence[Choice], votes: Sequence[HumanVote], how: Resampling
) -> Iterator[Measure]:
    """How an annotator deals with order, how often it answers, and how often it is right."""
    answered = [(choice.prompt_id, float(choice.choice is not None)) for choice in choices]
    decided = [(choice.prompt_id, choice.choice) for choice in choices]
    labels, raters = _labels(choices, votes)
    yield _measure("answered_share", answered, how)
    yield _measure("first_position_rate", _first(decided), how)
    yield _measure("position_consistency", _consistency(choices), how)
    yield _measure("label_accuracy", labels, how, len(raters))


def vote_position_measures(votes: Sequence[HumanVote], how: Resampling) -> Iterator[Measure]:
    """``first_position_rate`` of the raters' own votes: ``video_a`` was shown first."""
    items = _first([(vote.prompt_id, vote.choice) for vote in votes])
    yield _measure("first_position_rate", items, how, len({vote.rater for vote in votes}))


def _first(said: Sequence[tuple[str, str | None]]) -> list[Item]:
    """Decided choices: is it the clip shown first."""
    return [(prompt, float(choice == "a")) for prompt, choice in said if choice in ("a", "b")]


def _consistency(choices: Sequence[Choice]) -> list[Item]:
    """Pairs with a usable choice in both orders: the share of choices, one of each order, that agree.

    They agree where both prefer the same clip or both tie, however. Each draw of one order is held
    against each of the other, so draws need not be numbered alike.
    """
    orders: dict[tuple[str, str, str], tuple[list[str], list[str]]]
    orders = defaultdict(lambda: ([], []))
    for choice in choices:
        if choice.choice is None:
            continue
        forward = choice.video_a < choice.video_b
        pair = (choice.video_a, choice.video_b) if forward else (choice.video_b, choice.video_a)
        said = "tie" if choice.choice in _TIES else choice.choice
        orders[choice.prompt_id, *pair][forward].append(said if forward else _turned(said))
    return [
        (prompt, float(np.mean([one == other for one in ahead for other in back])))
        for (prompt, _, _), (back, ahead) in sorted(orders.items())
        if ahead and back
    ]


def _labels(choices: Sequence[Choice], votes: Sequence[HumanVote]) -> tuple[list[Item], set[str]]:
    """Every choice with every vote on its pair: do they say the same; and who voted.

    An unusable choice is wrong. Both kinds of tie are told apart, but for a plain ``tie``, which is
    the same as either. A vote on the clips the other way round is turned.
    """
    by_pair: dict[tuple[str, frozenset[str]], list[HumanVote]] = defaultdict(list)
    for vote in votes:
        by_pair[vote.prompt_id, frozenset((vote.video_a, vote.video_b))].append(vote)
    items, raters = [], set()
    for choice in choices:
        key = choice.prompt_id, frozenset((choice.video_a, choice.video_b))
        for vote in by_pair.get(key, ()):
            label = vote.choice if vote.video_a == choice.video_a else _turned(vote.choice)
            items.append((choice.prompt_id, float(_same_label(choice.choice, label))))
            raters.add(vote.rater)
    return items, raters


def _same_label(choice: str | None, label: str) -> bool:
    if "tie" in (choice, label):
        return choice in _TIES and label in _TIES
    return choice == label


def _turned(label: str) -> str:
    return _TURNED.get(label, label)


def _measure(statistic: str, items: Sequence[Item], how: Resampling, n_raters: int = 0) -> Measure:
    used, prompts = np.unique([prompt for prompt, _ in items], return_inverse=True)
    values = np.asarray([value for _, value in items], dtype=np.float64)
    table = np.empty((0, 2))
    if items:
        columns = np.column_stack([values, np.ones(len(values))])
        table = sum_by_prompt(columns, prompts, len(used))
    return Measure(
        statistic=statistic,
        interval=how.of_sums(table, ratio(0, 1)),
        n_items=len(items),
        n_raters=n_raters,
    )
