"""A small OpenAI-compatible judge on the loopback interface that counts what it would bill.

Scores follow from the pictures and the rubric alone, so that two runs agree and a test can say what
it expects (``expected_score``). Faults are scripted by arrival: a list in order, or a function.

    with JudgeServer(faults=["rate_limit", None, "refusal"]) as server:
        ... server.base_url, server.bills, server.bodies

By hand: ``python tests/judge_server.py --port 8377 --latency 0.2``.
"""

import argparse
import hashlib
import json
import math
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

# by name, or a function that answers by itself: it gets the handler and the request's body
Fault = str | Callable[["_Handler", dict[str, Any]], None] | None
Faults = Iterable[Fault] | Callable[[int, str], Fault]

INPUT_TOKENS_PER_FRAME, INPUT_TOKENS_TEXT, OUTPUT_TOKENS = 85, 600, 40
SNAPSHOT = "judge-2026-01-01"

# fault -> status, code, message: answered before the model has worked, so not billed
_ERRORS = {
    "rate_limit": (429, "rate_limit_exceeded", "Rate limit reached, try again later"),
    "server_error": (500, "server_error", "The server had an error"),
    "overloaded": (503, "overloaded", "Try again"),
    "bad_request": (400, "invalid_image", "An image could not be read"),
    "filtered_request": (400, "content_filter", "The prompt was filtered"),
    "unauthorized": (401, "invalid_api_key", "Incorrect API key provided: {key}"),
    "forbidden": (403, "forbidden", "This key may not use the model"),
    "payment": (402, "payment_required", "Add credits"),
    "insufficient_quota": (429, "insufficient_quota", "You exceeded your current quota"),
}
# fault -> finish_reason, message: billed, for the model has worked
_REPLIES = {
    "refusal": ("stop", {"content": None, "refusal": "I cannot judge this video."}),
    "content_filter": ("content_filter", {"content": "", "refusal": None}),
    "empty": ("stop", {"content": "", "refusal": None}),
    "prose": ("stop", {"content": "The video shows 3 dogs.", "refusal": None}),
    "off_scale": ("stop", {"content": '{"score": 9, "rationale": "great"}', "refusal": None}),
}
# "truncated", "malformed" (the model's JSON), "garbage" (no completion at all), "reset", "hang"
# of requests for several choices: "one_choice" (n is ignored), "unnumbered" (all have index 0),
# "cut_choice" (1), "refused_choice" (2), "filtered_choice" (0); "no_logprobs" (they are ignored)
_CHOICES = {"cut_choice": (1, "truncated"), "refused_choice": (2, "refusal"),
            "filtered_choice": (0, "content_filter")}  # fmt: skip
OFF_SCALE = 0.02  # of the probability in the score's place: on a line break


def expected_score(
    image_urls: Iterable[str], system: str, low: int = 1, high: int = 5, choice: int = 0
) -> int:
    """The score that the server gives, from the pictures and the rubric."""
    more = [f"choice {choice}"] if choice else []
    digest = hashlib.sha256("\n".join([*image_urls, system, *more]).encode()).digest()
    return low + digest[0] % (high - low + 1)


def expected_shares(
    image_urls: Iterable[str], system: str, low: int = 1, high: int = 5
) -> list[float]:
    """The probabilities that the server gives to the levels of a scale; they sum to 1."""
    digest = hashlib.sha256("\n".join([*image_urls, system, "shares"]).encode()).digest()
    weights = [1 + byte for byte in digest[: high - low + 1]]
    return [weight / sum(weights) for weight in weights]


def expected_taste(image_urls: Iterable[str], system: str) -> str:
    """How well the server likes a clip among others, from its pictures and the rubric: more is better."""
    return hashlib.sha256("\n".join([*image_urls, system, "taste"]).encode()).hexdigest()


class JudgeServer:
    """Runs while the ``with`` block does. ``bills`` counts paid replies by request."""

    def __init__(
        self,
        *,
        faults: Faults = (),
        latency_s: float = 0.0,
        retry_after_s: float = 0.01,
        port: int = 0,
    ) -> None:
        self.bills: Counter[str] = Counter()  # by SHA-256 of the request's body
        self.bodies: list[dict[str, Any]] = []  # every request that arrived, in order
        self.most_at_once = 0
        self.latency_s, self.retry_after_s = latency_s, retry_after_s
        self._faults = faults if callable(faults) else _in_order(faults)
        self._now = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.judge = self
        self._thread = threading.Thread(
            target=self._server.serve_forever, daemon=True, kwargs={"poll_interval": 0.02}
        )

    @property
    def base_url(self) -> str:
        """What ``base_url:`` of an annotator must be."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def n_bills(self) -> int:
        """Paid replies so far."""
        with self._lock:
            return sum(self.bills.values())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def serve(self) -> None:
        """Serve until interrupted."""
        self._server.serve_forever()

    def arrive(self, body: dict[str, Any]) -> tuple[str, Fault]:
        """Note a request. Returns its key and its fault."""
        key = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
        with self._lock:
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
            self.bodies.append(body)
            return key, self._faults(len(self.bodies) - 1, key)

    def leave(self) -> None:
        """Note that a request is over."""
        with self._lock:
            self._now -= 1

    def bill(self, key: str) -> None:
        """Note a paid reply, before it is sent: once the model has worked, it is owed."""
        with self._lock:
            self.bills[key] += 1


def _in_order(faults: Iterable[Fault]) -> Callable[[int, str], Fault]:
    script = list(faults)
    return lambda n, key: script[n] if n < len(script) else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 1024
    judge: JudgeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed closes its connections; that is what tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        judge = self.server.judge
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key, fault = judge.arrive(body)
        try:
            time.sleep(judge.latency_s)
            self._answer(judge, body, key, fault)
        finally:
            judge.leave()

    def _answer(self, judge: JudgeServer, body: dict[str, Any], key: str, fault: Fault) -> None:
        if callable(fault):
            fault(self, body)
        elif fault == "reset":
            # zero linger: closing sends RST instead of FIN
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "hang":
            time.sleep(1.0)
            self.close_connection = True
        elif fault == "garbage":
            self.send(200, "<html>The proxy says hello.</html>")
        elif fault in _ERRORS:
            self._error(judge, *_ERRORS[fault])
        else:
            judge.bill(key)
            self.send(200, json.dumps(_completion(body, fault)))

    def _error(self, judge: JudgeServer, status: int, code: str, message: str) -> None:
        sent_key = self.headers.get("Authorization", "").removeprefix("Bearer ")
        error = {"message": message.format(key=sent_key), "type": code, "code": code, "param": None}
        waits = {"Retry-After": str(judge.retry_after_s)} if status == 429 else {}
        self.send(status, json.dumps({"error": error}), waits)

    def send(
        self, status: int, content: str | bytes, headers: dict[str, str] | None = None
    ) -> None:
        """A response; the headers given replace the usual ones."""
        data = content if isinstance(content, bytes) else content.encode()
        self.send_response(status)
        for name, value in (
            {"Content-Type": "application/json", "Content-Length": str(len(data))} | (headers or {})
        ).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: tests read the counters."""


def _completion(body: dict[str, Any], fault: str | None) -> dict[str, Any]:
    n = 1 if fault == "one_choice" else body.get("n", 1)
    tokens_in = INPUT_TOKENS_TEXT + INPUT_TOKENS_PER_FRAME * len(_images(body))
    choices = [_choice(body, k, fault) for k in range(n)]
    if fault == "unnumbered":
        choices = [choice | {"index": 0} for choice in choices]
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 0,
        "model": SNAPSHOT,
        "system_fingerprint": "fp_loopback",
        "choices": choices,
        "usage": {
            "prompt_tokens": tokens_in,
            "completion_tokens": n * OUTPUT_TOKENS,
            "total_tokens": tokens_in + n * OUTPUT_TOKENS,
        },
    }


def _choice(body: dict[str, Any], k: int, fault: str | None) -> dict[str, Any]:
    faulty, inner = _CHOICES.get(fault or "", (k, fault))
    own = inner if faulty == k else None
    finish, message = _REPLIES.get(own or "", ("stop", None))
    if message is None:
        content = json.dumps(_verdict(body, k))
        if own in ("truncated", "malformed"):
            content = content[: len(content) // 2]
        finish = "length" if own == "truncated" else "stop"
        message = {"content": content, "refusal": None}
    wanted = body.get("logprobs") and fault != "no_logprobs"
    return {
        "index": k,
        "finish_reason": finish,
        "logprobs": _logprobs(body, message["content"] or "") if wanted else None,
        "message": {"role": "assistant", **message},
    }


def _logprobs(body: dict[str, Any], content: str) -> dict[str, Any]:
    """The reply's tokens, cut about as the tokenizers of OpenAI cut them (digits by three)."""
    scores = {found.start(1) for found in re.finditer(r'"score": (\d+)', content)}
    tokens = []
    for piece in re.finditer(r" ?[A-Za-z_]+|\d{1,3}|[^\w\s]+|\s", content):
        said, shares = piece[0], [(piece[0], 0.9)]
        if piece.start() in scores:
            shares = [*_level_shares(body), ("\n", OFF_SCALE)]
        top = [_token(text, share) for text, share in shares][: body.get("top_logprobs", 0)]
        tokens.append(_token(said, dict(shares)[said]) | {"top_logprobs": top})
    return {"content": tokens, "refusal": None}


def _level_shares(body: dict[str, Any]) -> list[tuple[str, float]]:
    # every rubric of the tests has the scale 1 to 5 wherever it is asked for probabilities
    shares = expected_shares(_images(body), body["messages"][0]["content"])
    return [(str(1 + i), (1 - OFF_SCALE) * share) for i, share in enumerate(shares)]


def _token(text: str, share: float) -> dict[str, Any]:
    return {"token": text, "logprob": math.log(share), "bytes": list(text.encode())}


def _images(body: dict[str, Any]) -> list[str]:
    parts = body["messages"][-1]["content"]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def _clips(body: dict[str, Any]) -> list[list[str]]:
    """The pictures of each clip: words stand between them."""
    clips: list[list[str]] = []
    for part in body["messages"][-1]["content"]:
        if part["type"] == "text":
            clips.append([])
        else:
            clips[-1].append(part["image_url"]["url"])
    return [clip for clip in clips if clip]


def _verdict(body: dict[str, Any], choice: int) -> dict[str, Any]:
    """Fills the reply schema; without one, the two fields of a rubric of one dimension."""
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return _fill(
        schema
        or {
            "type": "object",
            "properties": {
                "score": {"type": "integer", "enum": [1, 2, 3, 4, 5]},
                "rationale": {"type": "string"},
            },
        },
        _clips(body),
        body["messages"][0]["content"],
        choice,
    )


def _liked(clips: list[list[str]], system: str, letters: list[str]) -> list[tuple[str, str]]:
    tastes = [expected_taste(clip, system) for clip in clips]
    return sorted(zip(tastes, letters, strict=True), reverse=True)


def _fill(schema: dict[str, Any], clips: list[list[str]], system: str, choice: int) -> Any:
    if schema["type"] == "object":
        return {
            name: _fill(inner, clips, system, choice)
            for name, inner in schema["properties"].items()
        }
    if schema["type"] == "array":  # a ranking
        return [letter for _, letter in _liked(clips, system, schema["items"]["enum"])]
    if "enum" in schema and schema["type"] == "string":  # a choice between clips
        return _liked(clips, system, schema["enum"])[0][1]
    images = [url for clip in clips for url in clip]
    if schema["type"] == "integer":
        return expected_score(images, system, schema["enum"][0], schema["enum"][-1], choice)
    return f"A loopback judge looked at {len(images)} frames."


def main() -> None:
    """Serve by hand."""
    parser = argparse.ArgumentParser(description="A loopback judge (OpenAI chat completions).")
    parser.add_argument("--port", type=int, default=8377)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before each reply")
    parser.add_argument("--every", type=int, default=0, help="every how many requests fail")
    parser.add_argument("--fault", default="rate_limit", help="what happens to those")
    given = parser.parse_args()
    server = JudgeServer(
        port=given.port,
        latency_s=given.latency,
        faults=lambda n, key: given.fault if given.every and n % given.every == 0 else None,
    )
    print(f"{server.base_url} (any key)", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        print(f"{server.n_bills} replies billed")


if __name__ == "__main__":
    main()
