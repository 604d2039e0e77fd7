"""Kind `openai` against servers that do what servers should not: nothing paid is lost, nothing raises."""

import contextlib
import http.server
import json
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from judge_server import Fault, JudgeServer, _completion
from questions import QUALITY, frame_set, question, resources

from annotators import OpenAISpec
from annotators.base import Outcome, Resources
from annotators.chat import errors
from annotators.chat.descriptors import SPARE, make_room
from annotators.chat.lanes import lanes_of
from annotators.ledger import Budget, Ledger, Spent
from annotators.models import Capabilities, Price
from schemas import Annotation, Failure, Reason
from schemas.options import SetupError
from schemas.store import Store
from schemas.tables import to_table

KEY = "plain-words-as-own-servers-have-them"
PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)
KNOWN = Capabilities(
    temperature=(0, 2), top_p=True, seed=True, choices=True, logprobs=True, batch=True,
    reply_formats=("json_schema", "json_object", "text"), image_details=("low", "high", "auto"),
    images=100, efforts=("low",), default_effort="low", sampling_needs_effort_none=False,
)  # fmt: skip
Completion = dict[str, Any]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def place(tmp_path: Path) -> Resources:
    plain = resources(tmp_path)
    ledger = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=1000))
    return Resources(frames=plain.frames, journal=plain.journal, ledger=ledger)


def spec_for(base_url: str, **changes: object) -> OpenAISpec:
    given = {"model": "judge", "base_url": base_url, "price": PRICE, "capabilities": KNOWN}
    return OpenAISpec.model_validate({**given, "max_attempts": 2, **changes})


def ask(spec: OpenAISpec, place: Resources, n: int = 1) -> list[Outcome]:
    judge = spec.open(place)
    try:
        asked = [question(frame_set(f"v{i}", store=place.frames)) for i in range(n)]
        return [future.result(30)[0] for future in [judge.submit(one) for one in asked]]
    finally:
        judge.close()


def always(fault: Fault) -> Callable[[int, str], Fault]:
    return lambda n, key: fault


def reply(
    change: Callable[[Completion], object] = lambda c: None,
    headers: dict[str, str] | None = None,
) -> Fault:
    """A paid reply that is not quite what it should be; ``change`` alters it, or returns a text."""

    def fault(handler: Any, body: dict[str, Any]) -> None:
        whole = _completion(body, None)
        changed = change(whole)
        handler.server.judge.bill("paid")
        handler.send(200, changed if isinstance(changed, str) else json.dumps(whole), headers)

    return fault


def refusal(status: int, text: str, headers: dict[str, str] | None = None) -> Fault:
    return lambda handler, body: handler.send(status, text, headers)


def says(content: object) -> Callable[[Completion], object]:
    return lambda c: c["choices"][0]["message"].update(content=content)


def spent(place: Resources) -> Spent:
    return place.ledger.totals()["judge"]


def n_kept(place: Resources) -> int:
    return len(list(place.journal.names()))


ODD = {
    "half a letter in the rationale": reply(says('{"score": 3, "rationale": "a\\ud800b"}')),
    "the same in the reply itself": reply(says('{"score": 3, "rationale": "a\ud800b"}')),
    "in the model's name": reply(lambda c: c.update(model="m\udfff")),
    "in the fingerprint": reply(lambda c: c.update(system_fingerprint="\udfff")),
    "in a refusal": reply(lambda c: c["choices"][0]["message"].update(refusal="no \udfff")),
    "in what is no answer": reply(says("\ud800 hello")),
    "a zero byte": reply(says('{"score": 3, "rationale": "a\\u0000b"}')),
    "a long rationale": reply(says(json.dumps({"score": 3, "rationale": "x" * 100_000}))),
    "parts": reply(says([{"type": "text", "text": '{"score": 3, "rationale": "x"}'}])),
    "several choices": reply(lambda c: c["choices"].append(c["choices"][0])),
    "no usage": reply(lambda c: c.pop("usage") and None),
    "usage null": reply(lambda c: c.update(usage=None)),
    "more tokens than a column holds": reply(lambda c: c["usage"].update(prompt_tokens=10**30)),
    "more money than a ledger holds": reply(lambda c: c["usage"].update(prompt_tokens=10**15)),
    "more cached than sent": reply(
        lambda c: c["usage"].update(prompt_tokens_details={"cached_tokens": 10**9})
    ),
    "a byte order mark": reply(lambda c: "\ufeff" + json.dumps(c)),
    "a charset that is none": reply(headers={"Content-Type": "application/json; charset=hex"}),
    "a charset that lies": reply(
        headers={"Content-Type": "application/json; charset=unicode_escape"}
    ),
}


@pytest.mark.parametrize("fault", ODD.values(), ids=ODD)
def test_an_odd_reply_is_kept_and_its_rows_fit_a_table(place: Resources, fault: Fault) -> None:
    with JudgeServer(faults=always(fault)) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert server.n_bills == n_kept(place) == 1
    assert to_table(type(row), [row]).num_rows == 1
    assert (spent(place).requests, spent(place).reserved_requests) == (1, 0)
    assert ask(spec_for(server.base_url), place) == [row]  # from the journal: the server is gone


def test_a_count_that_is_no_count_is_billed_at_the_worst_case(place: Resources) -> None:
    """512 tokens of output at 10 USD per million are 0.00512 USD; the input comes on top."""
    with JudgeServer(faults=always(ODD["more money than a ledger holds"])) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert isinstance(row, Annotation)
    assert (row.input_tokens, row.cost_usd) == (None, None)
    assert spent(place).lost_requests == 1
    assert 0.00512 < spent(place).usd == spent(place).lost_usd < 0.02


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (None, 0)),
        # reasoning, which is billed as output, stands in the total alone
        ({"prompt_tokens": 700, "completion_tokens": 9, "total_tokens": 1009}, (700, 309)),
        ({"prompt_tokens": 700, "completion_tokens": 9, "total_tokens": 3}, (700, 9)),
        ({"prompt_tokens": 700, "total_tokens": 709}, (700, None)),
        ({"prompt_tokens": True, "completion_tokens": -1}, (None, None)),
    ],
)
def test_what_a_reply_used_is_never_taken_for_less(
    place: Resources, usage: dict[str, int], tokens: tuple[int | None, int | None]
) -> None:
    """A cap that trusts a count of zero is no cap. 2 and 10 USD per million."""
    with JudgeServer(faults=always(reply(lambda c: c.update(usage=usage)))) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert (row.input_tokens, row.output_tokens) == tokens
    if None in tokens:
        assert (row.cost_usd, spent(place).lost_requests) == (None, 1)
        assert spent(place).usd > 512 * 10e-6
    else:
        cost = (tokens[0] or 0) * 2e-6 + (tokens[1] or 0) * 10e-6
        assert row.cost_usd == pytest.approx(cost) == spent(place).usd


def test_a_reply_that_cannot_be_booked_is_kept_and_stops_the_run(
    place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Ledger, "settle", full)
    with JudgeServer() as server:
        rows = ask(spec_for(server.base_url, concurrency=1), place, 10)
    answered = [row for row in rows if isinstance(row, Annotation)]
    assert 1 <= len(answered) == server.n_bills == n_kept(place) <= 2
    said = {row.message for row in rows if isinstance(row, Failure)}
    assert any("could not be booked" in one and "No space left" in one for one in said)


def test_whatever_keeps_a_reply_from_being_kept_stops_the_buying(
    place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Object stores raise errors of their own, which are no OSError."""
    put = Store.put

    def down(store: Store, name: str, data: bytes, *, durable: bool = False) -> bool:
        if durable:
            raise RuntimeError("bucket: 403 forbidden")
        return put(store, name, data)

    monkeypatch.setattr(Store, "put", down)
    with JudgeServer() as server:
        rows = ask(spec_for(server.base_url, concurrency=1), place, 15)
    assert server.n_bills <= 2
    reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
    assert reasons == {Reason.INTERNAL: server.n_bills, Reason.NOT_ATTEMPTED: 15 - server.n_bills}
    assert "could not be kept" in rows[-1].message  # type: ignore[union-attr]


# --- what is billed, and what is not ---


@pytest.mark.parametrize(
    ("status", "lost"), [(500, 0), (503, 0), (529, 0), (502, 2), (504, 2), (524, 2)]
)
def test_a_gateway_that_gives_up_says_nothing_about_the_bill(
    place: Resources, status: int, lost: int
) -> None:
    with JudgeServer(faults=always(refusal(status, "<html>sorry</html>"))) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.UNAVAILABLE, None if lost else 0.0)
    assert row.message.endswith(f"HTTP {status}: <html>sorry</html>")
    assert (spent(place).requests, spent(place).lost_requests) == (lost, lost)


def _cut(handler: Any, body: dict[str, Any]) -> None:
    data = json.dumps(_completion(body, None))
    handler.send(200, data, {"Content-Length": str(len(data) + 1)})
    handler.close_connection = True


def _unread(handler: Any, body: dict[str, Any]) -> None:
    handler.close_connection = True


def _slow(handler: Any, body: dict[str, Any]) -> None:
    handler.send(200, "", {"Content-Length": "1000"})
    with contextlib.suppress(OSError):
        for _ in range(20):  # each byte in time, the whole never
            handler.wfile.write(b" ")
            time.sleep(0.1)


@pytest.mark.parametrize("fault", [_cut, _unread, _slow])
def test_half_a_reply_is_billed_and_asked_again(place: Resources, fault: Fault) -> None:
    with JudgeServer(faults=[fault]) as server:
        (row,) = ask(spec_for(server.base_url, timeout_s=0.6), place)
    assert isinstance(row, Annotation)
    assert (spent(place).requests, spent(place).lost_requests, n_kept(place)) == (2, 1, 1)


def test_what_never_left_is_not_billed(place: Resources, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame that cannot be read, and a server whose door stays shut."""
    with socket.socket() as deaf, contextlib.ExitStack() as callers:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(3):  # its queue is full now: whoever comes next is not let in
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(deaf.getsockname())
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1"
        (row,) = ask(spec_for(url, timeout_s=0.5), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.UNAVAILABLE, 0.0)

    def unreadable(store: Store, name: str) -> bytes:
        raise OSError(5, "Input/output error")

    with JudgeServer() as server:
        judge = spec_for(server.base_url).open(place)
        asked = question(frame_set("v0", store=place.frames))
        monkeypatch.setattr(Store, "get", unreadable)
        judge.buyer.images.cache_clear()  # type: ignore[attr-defined]
        (row,) = judge.submit(asked).result(30)
        judge.close()
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd, server.bodies) == (Reason.INTERNAL, 0.0, [])
    assert spent(place) == Spent()


# --- what servers say ---

WORDS = {
    "plain": ("temperature must be 1", "temperature must be 1"),
    "detail": ('{"detail": "no such model"}', '{"detail": "no such model"}'),
    "string": ('{"error": "no such model"}', "no such model"),
    "list": ('[{"error": {"message": "no"}}]', '[{"error": {"message": "no"}}]'),
    "half a letter": ('{"error": {"message": "bad \\ud800"}}', "bad \ufffd"),
}


@pytest.mark.parametrize(("text", "said"), WORDS.values(), ids=WORDS)
def test_whatever_form_an_error_has_its_words_are_passed_on(
    place: Resources, text: str, said: str
) -> None:
    with JudgeServer(faults=always(refusal(400, text))) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.message) == (Reason.REJECTED, f"HTTP 400: {said}")
    assert to_table(Failure, [row]).num_rows == 1


QUOTA = "You exceeded your current quota"
OUT_OF_MONEY = {
    "in the message": refusal(429, json.dumps({"error": {"message": QUOTA, "code": None}})),
    "in plain words": refusal(429, QUOTA),
    "in a 200": reply(lambda c: json.dumps({"error": {"message": QUOTA, "code": "no_money"}})),
}


@pytest.mark.parametrize("fault", OUT_OF_MONEY.values(), ids=OUT_OF_MONEY)
def test_the_end_of_the_money_is_understood_in_every_form(place: Resources, fault: Fault) -> None:
    with JudgeServer(faults=always(fault)) as server:
        rows = ask(spec_for(server.base_url, concurrency=1, max_attempts=6), place, 10)
    reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
    assert reasons == {Reason.QUOTA: 1, Reason.NOT_ATTEMPTED: 9}
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    "text", ["[" * 100_000, '{"a":' * 100_000, '{"error": {"code": 1e999}}', "", "null", "{}", "[]"]
)
def test_nonsense_with_status_200_is_tried_again(place: Resources, text: str) -> None:
    with JudgeServer(faults=[reply(lambda c: text)]) as server:
        (row,) = ask(spec_for(server.base_url), place)
    assert isinstance(row, Annotation)
    assert len(server.bodies) == 2


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://127.0.0.1:1/v1", "ConnectError: All connection attempts failed"),
        ("https://127.0.0.1:{port}/v1", "SSL"),
    ],
)
def test_a_server_that_cannot_be_reached_is_told_from_another(
    place: Resources, url: str, said: str
) -> None:
    with JudgeServer() as server:
        port = server.base_url.removesuffix("/v1").rpartition(":")[2]
        (row,) = ask(spec_for(url.format(port=port)), place)
    assert isinstance(row, Failure)
    assert said in row.message
    assert (row.cost_usd, spent(place)) == (0.0, Spent())


@contextlib.contextmanager
def _other_host() -> Iterator[tuple[str, list[str]]]:
    """Another server, and what it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(str(self.headers))
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}/v1/chat/completions", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nothing_goes_where_a_server_sends_it_on(place: Resources, status: int) -> None:
    with _other_host() as (url, asked):
        fault = refusal(status, "moved", {"Location": url})
        with JudgeServer(faults=always(fault)) as server:
            (row,) = ask(spec_for(server.base_url), place)
    assert asked == []
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.REJECTED, 0.0)
    assert url in row.message
    assert "base_url" in row.message


def test_a_busy_server_is_left_alone_by_all_for_as_long_as_it_says(place: Resources) -> None:
    """The first of two is told to come again in 0.6 s; the second must not come earlier either."""
    arrived: list[float] = []

    def busy(n: int, key: str) -> Fault:
        arrived.append(time.monotonic())
        return refusal(503, "busy", {"Retry-After": "0.6"}) if n == 0 else None

    with JudgeServer(faults=busy) as server:
        rows = ask(spec_for(server.base_url, concurrency=1), place, 2)
    assert all(isinstance(row, Annotation) for row in rows)
    assert arrived[1] - arrived[0] >= 0.6


def test_a_limit_that_is_used_up_is_waited_for(place: Resources) -> None:
    """The reply is fine and says that it was the last one for the next 0.6 s."""
    used_up = {"x-ratelimit-limit-requests": "10", "x-ratelimit-remaining-requests": "0",
               "x-ratelimit-reset-requests": "600ms", "Content-Type": "application/json"}  # fmt: skip
    arrived: list[float] = []

    def last(n: int, key: str) -> Fault:
        arrived.append(time.monotonic())
        return reply(headers=used_up) if n == 0 else None

    with JudgeServer(faults=last) as server:
        rows = ask(spec_for(server.base_url, concurrency=1), place, 2)
    assert all(isinstance(row, Annotation) for row in rows)
    assert arrived[1] - arrived[0] >= 0.6


def test_an_endpoint_that_closes_takes_no_attempt_from_a_request(place: Resources) -> None:
    """One attempt each: what a dead key turned away goes to the other all the same."""
    dead = refusal(401, "{}")
    with JudgeServer(faults=always(dead)) as one, JudgeServer() as two:
        endpoints = [{"base_url": server.base_url} for server in (one, two)]
        given = {"model": "judge", "capabilities": KNOWN, "endpoints": endpoints}
        rows = ask(OpenAISpec.model_validate({**given, "max_attempts": 1}), place, 12)
    assert one.bodies
    assert all(isinstance(row, Annotation) for row in rows)


def test_one_item_that_is_flagged_does_not_stop_the_run(place: Resources) -> None:
    flagged = refusal(403, '{"error": {"code": 403, "message": "Your input was flagged"}}')
    with JudgeServer(faults=[flagged]) as server:
        rows = ask(spec_for(server.base_url, concurrency=1), place, 3)
    assert Counter(getattr(row, "reason", None) for row in rows) == {
        Reason.CONTENT_FILTER: 1, None: 2}  # fmt: skip


@pytest.mark.parametrize("hint", ["Sat, 21 Nov 2026 10:00:00 +99999999999999999999", "nan", "x"])
def test_a_hint_that_is_none_is_no_hint(hint: str) -> None:
    assert errors.hinted_wait_s({"retry-after": hint}) is None


# --- keys ---


@pytest.mark.parametrize("before", range(440, 500, 7))
def test_no_part_of_a_key_is_left_where_a_message_is_cut(place: Resources, before: int) -> None:
    """A message has 500 characters: a key that begins shortly before its end must go as a whole."""
    text = "x" * before + KEY + "y" * 100
    told = json.dumps({"error": {"message": text}})
    faults = [
        refusal(400, told),
        reply(lambda c: text[280:]),
        refusal(400, text),
        refusal(401, told),
    ]
    with JudgeServer(faults=faults) as server:
        rows = ask(spec_for(server.base_url, concurrency=1, max_attempts=1), place, 5)
    messages = [row.message for row in rows if isinstance(row, Failure)]
    assert len(messages) == 5
    assert not [m for m in messages if KEY[:4] in m]


def test_two_accounts_in_one_variable_are_two_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key without credit in one shell must not stop the run in another."""
    spec = spec_for("http://127.0.0.1:1/v1")
    (one,) = lanes_of(spec, 1)
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    (other,) = lanes_of(spec, 1)
    assert one.name != other.name
    assert KEY not in one.name


def test_no_account_goes_to_a_server_that_it_is_not_of(
    place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The openai package reads more of the environment than the key that an annotator names."""
    monkeypatch.setenv("OPENAI_ORG_ID", "org-1")
    monkeypatch.setenv("OPENAI_PROJECT_ID", "proj-1")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "Authorization: Bearer another")
    came: list[dict[str, str]] = []

    def note(handler: Any, body: dict[str, Any]) -> None:
        came.append({name.lower(): value for name, value in handler.headers.items()})
        handler.send(400, "{}")

    with JudgeServer(faults=always(note)) as server:
        ask(spec_for(server.base_url), place)
    assert came[0]["authorization"] == f"Bearer {KEY}"
    assert not [name for name in came[0] if name.startswith("openai-")]


# --- what the machine must have ---

LIMITED = """
import resource, sys
from annotators.chat.descriptors import make_room
from schemas.options import SetupError
soft, hard, connections = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
try:
    make_room("annotator judge", connections)
    print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
except SetupError as error:
    print(error)
"""


def _limited(soft: int, hard: int, connections: int) -> str:
    given = [str(number) for number in (soft, hard, connections)]
    command = [sys.executable, "-c", LIMITED, *given]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_there_is_room_for_every_connection_or_nothing_begins() -> None:
    """A paid reply for which no file can be opened is lost."""
    assert _limited(64, 900, 256) == "900"  # 2 * 256 + 256 are needed
    said = _limited(64, 500, 256)
    assert "annotator judge: 256 requests in flight need 768 open files" in said
    assert "allows 500; lower concurrency" in said
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY:
        with pytest.raises(SetupError, match="open files"):
            make_room("annotator judge", hard)
    assert SPARE >= 64  # threads that write replies


def test_a_machine_without_a_folder_to_share_is_refused_early(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    spec = spec_for("http://127.0.0.1:1/v1")
    with pytest.raises(SetupError, match=r"annotator judge: no folder .* set TMPDIR"):
        spec.check([QUALITY], 8)
    with (
        pytest.raises(SetupError, match=r"annotator judge: no folder .* set TMPDIR"),
        spec.hold(resources(tmp_path)),
    ):
        pass
