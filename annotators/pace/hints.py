"""What the headers of a reply say about when to send again.

``x-ratelimit-{limit,remaining,reset}-{requests,tokens}`` are hints, never the only control: some
endpoints send 0 or -1 whatever the load (openai-dotnet #838), and only a remaining 0 together
with a limit above 0 (or none given) and a readable reset is believed.
"""

import math
import re
from collections.abc import Mapping

LONGEST_RESET_S = 60.0  # limits are per minute; a longer reset is a day's quota, or nonsense

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_PART = r"(\d+(?:\.\d+)?)(ms|s|m|h)"
_DURATION = re.compile(rf"(?:{_PART})+")


def duration_s(text: str) -> float | None:
    """Seconds in ``1s``, ``6m0s``, ``250ms`` or a plain number of seconds; None: not readable."""
    text = text.strip()
    if _DURATION.fullmatch(text):
        return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, text))
    found = _number(text)
    return found if found is not None and found >= 0 else None


def reset_s(headers: Mapping[str, str]) -> float:
    """Seconds until an exhausted limit is reset, at most :data:`LONGEST_RESET_S`; 0.0: no hint.

    Where both requests and tokens are exhausted, the longer one. Names are in lower case; a mapping
    that ignores case, as HTTP clients have, fits too.
    """
    return max(_reset_s(headers, "requests"), _reset_s(headers, "tokens"))


def _reset_s(headers: Mapping[str, str], what: str) -> float:
    if _number(headers.get(f"x-ratelimit-remaining-{what}", "")) != 0:
        return 0.0
    limit = headers.get(f"x-ratelimit-limit-{what}")
    if limit is not None and (_number(limit) or 0.0) <= 0:
        return 0.0
    seconds = duration_s(headers.get(f"x-ratelimit-reset-{what}", ""))
    return 0.0 if seconds is None else min(seconds, LONGEST_RESET_S)


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None
