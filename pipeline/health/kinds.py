"""What became of a verdict that was owed, in five kinds that together are all of them."""

from schemas import HARMLESS, Reason

USABLE, REFUSAL, PARSE_FAILURE, OTHER_FAILURE, NOT_APPLICABLE = range(5)

_REFUSED = frozenset({Reason.REFUSAL, Reason.CONTENT_FILTER})
_UNREADABLE = frozenset(
    {
        Reason.NO_ANSWER,
        Reason.SEVERAL_ANSWERS,
        Reason.OFF_SCALE,
        Reason.MISSING_DIMENSION,
        Reason.CONTRADICTION,
        Reason.TRUNCATED,
        Reason.NO_DISTRIBUTION,
    }
)


def kind_of(reason: str) -> int:
    """The kind of a failure: refused, answered but unreadable, without an answer, or harmless."""
    found = Reason(reason)
    if found in _REFUSED:
        return REFUSAL
    if found in _UNREADABLE:
        return PARSE_FAILURE
    return NOT_APPLICABLE if found in HARMLESS else OTHER_FAILURE
