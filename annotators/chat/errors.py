"""What an error of a chat server means, how long to wait after it, and what may be said about it.

Three classes: errors that may pass (the same request is sent again, a bounded number of times),
errors of one request (it would fail again), and errors of the account (all others would fail too).
"""

import email.utils
import json
import re
import time
from collections.abc import Mapping

import tenacity

from annotators.judge.gate import Unanswered
from annotators.judge.printable import printable
from schemas import STOPS_RUN, Reason
from schemas.ids import hash_fraction

FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0
LONGEST_HINT_S = 120.0  # a longer Retry-After is cut: attempts are bounded, waiting must be too

_OUT_OF_MONEY = re.compile(
    r"insufficient_quota|billing_hard_limit|billing_not_active|"
    r"exceeded your current quota|credit balance|"
    r"insufficient (?:funds|credits)",
    re.IGNORECASE,
)
_FILTERED = re.compile(
    r"content_filter|content_policy|responsibleai|(?:input|content|prompt) was flagged",
    re.IGNORECASE,
)
_SECRET = re.compile(r"sk-[\w*.\-]+|(?i:bearer)\s+[^\s\"',]+")
_NEVER_SENT = frozenset({"ConnectError", "ConnectTimeout", "PoolTimeout"})
# Answers of what stands before the model, which may be at work, and paid, all the same
_GATEWAY = frozenset({502, 504, 520, 524})
_LONGEST = 500  # characters of a message


class TryElsewhere(Exception):
    """One endpoint of several is of no use any more; the same request goes to another."""


class NoCompletion(Exception):
    """The server said 200 and sent something that is no completion: an error in disguise, or the
    page of a proxy. There is no answer in it that could be kept."""

    def __init__(self, body: str, response: object = None) -> None:
        # far more than a message holds: a key in it is struck out before it is cut
        super().__init__(f"the server's reply is no chat completion: {body[: 4 * _LONGEST]!r}")
        self.status, self.words = _disguised(body)
        self.response = response


def _disguised(body: str) -> tuple[int | None, str]:
    """Some gateways put status and error into the body of a 200."""
    try:
        error = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None, ""
    words = json.dumps(error)
    try:
        return int(error["code"]), words
    except (ValueError, KeyError, TypeError, OverflowError):
        return (402 if _OUT_OF_MONEY.search(words) else None), words


def reason_of(error: BaseException) -> Reason | None:
    """Reason that ends the item; None where the error may pass by itself."""
    import openai

    if isinstance(error, Unanswered):
        return error.reason
    if isinstance(error, NoCompletion):
        return None if error.status is None else reason_of_status(error.status, error.words)
    if isinstance(error, TryElsewhere):
        return None
    if isinstance(error, TimeoutError | openai.APIConnectionError):  # the second: timeouts too
        return None
    if isinstance(error, openai.APIStatusError):
        return reason_of_status(error.status_code, f"{error.code} {error.type} {_words(error)}")
    return Reason.INTERNAL


def reason_of_status(status: int, words: str) -> Reason | None:
    """Reason that ends the item by the status of a response and the words in it; None: may pass."""
    if status == 402 or (status in (400, 403, 429) and _OUT_OF_MONEY.search(words)):
        return Reason.QUOTA  # 429 has two meanings; 400 has this one at some providers
    if status == 403 and _FILTERED.search(words):
        return Reason.CONTENT_FILTER  # of one item (OpenRouter): the key is not refused
    if status in (401, 403):
        return Reason.AUTHENTICATION
    if status in (408, 409, 429) or status >= 500:
        return None
    return Reason.CONTENT_FILTER if _FILTERED.search(words) else Reason.REJECTED


def is_transient(error: BaseException) -> bool:
    """Whether the same request is worth sending again."""
    return reason_of(error) is None


def closes_endpoint(error: BaseException) -> bool:
    """Whether nothing more is worth sending with this key: refused, or out of money."""
    return reason_of(error) in STOPS_RUN


def is_rate_limit(error: BaseException) -> bool:
    """Whether the server asks for a slower pace."""
    return _status(error) == 429 and is_transient(error)


def is_overload(error: BaseException) -> bool:
    """Whether the server has trouble of its own."""
    status = _status(error)
    return status is not None and status >= 500


def _status(error: BaseException) -> int | None:
    found = getattr(error, "status_code", None)  # the client's errors; ours: NoCompletion
    return found if found is not None else getattr(error, "status", None)


def headers_of(error: BaseException) -> Mapping[str, str]:
    """Headers of the response that the error stands for; empty where there was none."""
    return getattr(getattr(error, "response", None), "headers", {})


def maybe_billed(error: BaseException) -> bool:
    """Whether the request may have been worked on though no reply came back."""
    import openai

    if isinstance(error, openai.APIConnectionError):
        return type(error.__cause__).__name__ not in _NEVER_SENT
    if isinstance(error, openai.APIStatusError):
        return error.status_code in _GATEWAY
    # a timeout, a body that is no completion, the end of the process, a fault of our own
    return not isinstance(error, Unanswered)


def wait_for(request_key: str) -> "tenacity.wait.wait_base":
    """Doubling back-off with full jitter, or the server's own hint plus a little jitter.

    The jitter comes from the request's key, so that many requests spread out and each behaves the
    same in every run. Exponential back-off with jitter: M. Brooker, AWS Architecture Blog, 2015.
    """
    return _Wait(request_key)


class _Wait(tenacity.wait.wait_base):
    def __init__(self, request_key: str) -> None:
        self._key = request_key

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        jitter = hash_fraction("back-off", self._key, str(retry_state.attempt_number))
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, TryElsewhere):
            return 0.0
        hint = hinted_wait_s(headers_of(error) if error else {})
        if hint is not None:
            return min(hint, LONGEST_HINT_S) + jitter * FIRST_WAIT_S
        cap = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0**retry_state.attempt_number)
        return FIRST_WAIT_S / 2 + jitter * (cap - FIRST_WAIT_S / 2)


def hinted_wait_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: ``retry-after-ms``, else ``retry-after`` (seconds or a date), else None."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if seconds >= 0:
            return seconds
    try:
        return max(
            0.0,
            email.utils.parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
            - time.time(),
        )
    except (ValueError, OverflowError):
        return None


def said(error: BaseException, *secrets: str) -> str:
    """The error in one line for a person, without the keys or anything that looks like one."""
    import openai

    status, cause = getattr(error, "status_code", None), error.__cause__
    text = f"{'' if status is None else f'HTTP {status}: '}{_words(error)}"
    if isinstance(error, openai.APIConnectionError) and cause is not None:
        text = f"{text} ({type(cause).__name__}: {cause})"  # no such host, a certificate, ...
    return redact(" ".join(text.split()), *secrets)


def _words(error: BaseException) -> str:
    """What the server says, or the error. Servers differ in how they say it."""
    status, body = getattr(error, "status_code", None), getattr(error, "body", None)
    location = headers_of(error).get("location", "")
    if status is not None and 300 <= status < 400 and location:
        return (
            f"the server sends on to {location}; if that is right, make it the base_url, without "
            "/chat/completions"
        )
    found = body.get("message") or body if isinstance(body, dict) else body
    if found:
        return found if isinstance(found, str) else json.dumps(found)
    return str(getattr(error, "message", None) or error) or type(error).__name__


def redact(text: str, *secrets: str) -> str:
    """The text, at most 500 characters, without the keys or anything that looks like one."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "[key]")
    return printable(_SECRET.sub("[key]", text)[:_LONGEST])
