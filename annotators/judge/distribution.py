"""The probabilities that a judge gave to the levels of a scale, read from the tokens of its reply.

The score of a reply is one draw; the log-probabilities of its token say what the other draws would have
been. G-Eval (arXiv 2303.16634, "Scoring Function") scores by their mean, the sum of p(s) s over the
levels s; arXiv 2503.03064 finds the mean better than the mode in most comparisons. Deviations from
G-Eval, which leaves both open: probabilities are made to sum to 1 over the levels, and a reply in which
everything else is likelier than all levels together is unusable.

Whether the probabilities hold before or after the temperature and the reply schema is the server's
affair: they are taken as they come.
"""

import dataclasses
import itertools
import math
import re
from collections.abc import Collection, Iterator, Sequence

from annotators.judge.places import Span, score_places
from schemas import Dimension, Rubric

LEAST_ON_SCALE = 0.5  # of the probability in the score's place: below it the rest decides
MOST_OPEN = 0.01  # of it on digits that may be the beginning of several levels

_FIRST = re.compile(r"""[\s"':]*(-?\d{0,9})""")  # with what a token may carry before the digits
_MORE = re.compile(r"(\d{0,9})")
_ENDS = re.compile(r"""[\s"',}\]`]""")  # what may follow a number
_HINT = "set score: sampled where this happens often"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of a reply, its log-probability, and those of what could have stood in its place.

    ``top`` may hold the token itself or not, in any order. ``raw``: the token's bytes where the server
    tells them; ``text`` of a token that is only a part of a letter is not the letter's.
    """

    text: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()
    raw: bytes | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Missing:
    """Why there is no distribution."""

    message: str


def read_distribution(
    text: str, logprobs: Sequence[Token], rubric: Rubric
) -> dict[str, tuple[float, ...] | Missing]:
    """Per dimension the probabilities of its levels, ascending; they sum to 1.

    ``logprobs`` are all tokens of the reply. Spellings of one number add up (``4``, `` 4``, ``"4``). A
    number in several tokens (``1``, ``0``) is followed token by token; alternatives of which nobody can
    tell whether they end there make it :class:`Missing` from a probability of ``MOST_OPEN`` on.
    """
    if not any(token.top for token in logprobs):
        what = "has no alternatives to its tokens" if logprobs else "came without log-probabilities"
        missing = Missing(f"the reply {what}, and score: expected needs them; set score: sampled")
        return dict.fromkeys((dimension.name for dimension in rubric.dimensions), missing)
    places = score_places(text, rubric)
    return {
        dimension.name: _at(places[dimension.name], text, logprobs, dimension)
        for dimension in rubric.dimensions
    }


def expected(distribution: Sequence[float], dimension: Dimension) -> float:
    """The mean of the scale's levels under a distribution (G-Eval, arXiv 2303.16634)."""
    levels = [point.score for point in dimension.scale]
    mean = math.fsum(p * level for p, level in zip(distribution, levels, strict=True))
    return min(max(mean, float(dimension.low)), float(dimension.high))  # but for rounding


def _at(
    places: Sequence[Span], text: str, tokens: Sequence[Token], dimension: Dimension
) -> tuple[float, ...] | Missing:
    if len(places) != 1:
        where = f"in {len(places)} places" if places else "in no field of a JSON object"
        return Missing(f"the reply gives the score of {dimension.name} {where}; {_HINT}")
    first = _first_token(text, tokens, places[0])
    if first is None:
        return Missing(
            f"the tokens that came with the reply do not spell it up to the score of {dimension.name}; "
            + _HINT
        )
    if not tokens[first].top:
        return Missing(f"the token of the score of {dimension.name} has no alternatives; {_HINT}")
    start, end = places[0]
    return _shares(str(int(text[start:end])), tokens[first:], dimension)


def _first_token(text: str, tokens: Sequence[Token], span: Span) -> int | None:
    """Which token holds the first character of a place; None where the tokens are another text's."""
    whole = text.encode("utf-8", "replace")
    start, end = (len(text[:at].encode("utf-8", "replace")) for at in span)
    for pieces in (list(_bytes(tokens)), [t.text.encode("utf-8", "replace") for t in tokens]):
        said = b"".join(pieces)
        # what follows the score may be cut, or broken in letters; before it there may be thoughts
        # that the server took out of the text
        if (begin := 0 if said.startswith(whole[:end]) else _only(said, whole)) is not None:
            ends = itertools.accumulate(map(len, pieces))
            return next(i for i, to in enumerate(ends) if to > begin + start)
    return None


def _bytes(tokens: Sequence[Token]) -> Iterator[bytes]:
    for token in tokens:
        yield token.text.encode("utf-8", "replace") if token.raw is None else token.raw


def _only(said: bytes, whole: bytes) -> int | None:
    return said.find(whole) if said.count(whole) == 1 else None


def _shares(
    given: str, tokens: Sequence[Token], dimension: Dimension
) -> tuple[float, ...] | Missing:
    weights = {str(point.score): 0.0 for point in dimension.scale}
    open_to_several = _weigh(given, tokens, weights)
    total = math.fsum(weights.values())
    if open_to_several > MOST_OPEN:
        return Missing(
            f"a probability of {open_to_several:.2f} lies on digits that may begin several levels of "
            f"{dimension.name}: the model writes numbers digit by digit; set score: sampled, or give "
            "the scale levels that do not begin alike"
        )
    if total < LEAST_ON_SCALE:
        return Missing(
            f"the levels of {dimension.name} have a probability of {total:.2f} together, less than "
            f"{LEAST_ON_SCALE:g}; {_HINT}"
        )
    return tuple(weight / total for weight in weights.values())


def _weigh(given: str, tokens: Sequence[Token], weights: dict[str, float]) -> float:
    """Add each alternative's probability to its level; returns what is open to several.

    ``tokens`` begin with the first of the number that was ``given``. While that may go on behind the
    token that was drawn, the next token's alternatives share its probability. A model that could have
    written a longer number in one token means the short one by its digits.
    """
    said, mass, open_to_several = "", 1.0, 0.0
    for token in tokens:
        drawn, options = None, _options(token)
        read = {text: _number(said, text) for text in options}
        spelled = {number for number, _ in filter(None, read.values())}
        for text, probability in options.items():
            number, ended = read[text] or ("", True)
            longer = set() if ended else _longer(number, weights)
            several = bool(longer) and not longer & spelled
            if text == token.text and (several or (longer and number != given)):
                drawn = number, probability
            elif several:
                open_to_several += mass * probability
            elif number in weights:
                weights[number] += mass * probability
        if drawn is None:
            return open_to_several
        said, mass = drawn[0], mass * drawn[1]
    return open_to_several + mass


def _options(token: Token) -> dict[str, float]:
    """What could stand here, with probabilities; the order in which they came does not matter."""
    options: dict[str, float] = {}
    for text, logprob in sorted(set(token.top)):
        options[text] = options.get(text, 0.0) + _probability(logprob)
    options.setdefault(token.text, _probability(token.logprob))
    return options


def _probability(logprob: float) -> float:
    """Servers write -9999 or -inf for hardly any; rounding may leave a trace above 0."""
    return 0.0 if math.isnan(logprob) else math.exp(min(logprob, 0.0))


def _number(said: str, text: str) -> tuple[str, bool] | None:
    """The number so far if the text comes next, and whether it ends there; None: no number."""
    found = (_MORE if said else _FIRST).match(text)
    assert found is not None, "both may match nothing"
    digits, rest = said + found[1], text[found.end() :]
    ended = bool(rest)
    if not digits or (ended and (digits == "-" or not _ENDS.match(rest))):
        return None
    if not ended and digits == said:  # the end of the reply, by a token without text
        return None
    return (digits if digits == "-" else str(int(digits))), ended


def _longer(number: str, levels: Collection[str]) -> set[str]:
    """The levels of which these digits are only the beginning."""
    return {level for level in levels if level.startswith(number) and level != number}
