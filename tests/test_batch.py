"""Kind `openai-batch` against a loopback Batch API: what is bought, kept, asked again, given up."""

import dataclasses
import datetime
import gc
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from batch_run import PRICE, place_in, questions_in, spec_for
from batch_server import BatchServer
from judge_server import JudgeServer
from questions import QUALITY, frame_set, question

from annotators import OpenAISpec
from annotators.base import Outcome, Question, Resources, RunStopped
from annotators.batch import OpenAIBatchSpec
from annotators.batch.state import folder_of
from annotators.chat import errors
from annotators.journal import Journal
from annotators.judge.request import LONGER, request_of
from annotators.ledger import Amount, Budget, Ledger, OverBudget
from annotators.models import ModelFacts, ModelTable, Price
from schemas import Annotation, Failure, Reason
from schemas.options import SetupError
from schemas.store import blob_name

KEY = "sk-test-0123456789abcdef"
# two frames a clip: 600 + 2 * 85 = 770 tokens in, 40 out, at 1 and 5 USD per million
COST = (770 * 1.0 + 40 * 5.0) / 1e6


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def place(tmp_path: Path) -> Resources:
    return place_in(tmp_path)


def prepare(spec: OpenAIBatchSpec, place: Resources, asked: list[Question]) -> list[str]:
    """What is said meanwhile."""
    said: list[str] = []
    spec.prepare(lambda: asked, place, said.append)
    return said


def read(spec: OpenAIBatchSpec, place: Resources, asked: list[Question]) -> list[Outcome]:
    """The first outcome of each question."""
    judge = spec.open(place)
    try:
        futures = [judge.submit(one) for one in asked]
        return [future.result(timeout=30)[0] for future in futures]
    finally:
        judge.close()


def run(spec: OpenAIBatchSpec, place: Resources, asked: list[Question]) -> list[Outcome]:
    prepare(spec, place, asked)
    return read(spec, place, asked)


def key_of(spec: OpenAIBatchSpec, one: Question) -> str:
    return request_of(spec, one).key


def reasons(rows: list[Outcome]) -> list[Reason | None]:
    return [row.reason if isinstance(row, Failure) else None for row in rows]


def test_a_batch_buys_what_the_online_kind_would_buy(place: Resources, tmp_path: Path) -> None:
    asked = questions_in(place, 3, draws=2)
    with BatchServer() as server:
        spec = spec_for(server.base_url, seed=5)
        rows = run(spec, place, asked)
    assert Counter(server.bills.values()) == {1: 6}
    online = {"model": "judge", "seed": 5, "price": PRICE}
    with JudgeServer() as judge:  # replies of the batch are this kind's, too
        spec_online = OpenAISpec(base_url=judge.base_url, **online)
        assert read(spec_online, place, asked) == rows
        assert judge.n_bills == 0
    elsewhere = dataclasses.replace(place_in(tmp_path / "other"), frames=place.frames)
    with JudgeServer() as judge:
        spec_online = OpenAISpec(base_url=judge.base_url, concurrency=1, **online)
        assert read(spec_online, elsewhere, asked) == rows
    lines = [server.asked[key_of(spec, one)] for one in asked]
    assert [line["url"] for line in lines] == ["/v1/chat/completions"] * 6
    assert [line["method"] for line in lines] == ["POST"] * 6
    bodies = [json.dumps(body, sort_keys=True) for body in judge.bodies]
    assert sorted(json.dumps(line["body"], sort_keys=True) for line in lines) == sorted(bodies)
    first = rows[0]
    assert isinstance(first, Annotation)
    assert (first.cost_usd, first.input_tokens, first.output_tokens) == (COST, 770, 40)


def test_replies_are_kept_as_sent_with_the_price_of_the_batch(place: Resources) -> None:
    asked = questions_in(place, 1)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        prepare(spec, place, asked)
    entry = Journal(place.journal).get(key_of(spec, asked[0]))
    assert entry is not None
    assert '"created":  0.0e0' in entry.body  # blanks and digits of the server
    assert entry.price == {"input_usd_per_million": 1.0, "output_usd_per_million": 5.0}


def test_a_second_run_sends_nothing(place: Resources) -> None:
    asked = questions_in(place, 3)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        prepare(spec, place, asked)
        before = server.calls.copy()
        prepare(spec, place, asked)
        assert server.calls == before
    spent = place.ledger.totals()["judge"]
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (3, 3 * 770, 3 * 40)
    assert (spent.usd, spent.reserved_requests) == (pytest.approx(3 * COST), 0)


def test_equal_requests_are_bought_once(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer() as server:
        rows = run(spec_for(server.base_url, shard_requests=1), place, asked + asked)
        assert Counter(server.bills.values()) == {1: 2}
    assert reasons(rows) == [None] * 4


def test_shards_keep_to_requests_and_bytes(place: Resources) -> None:
    asked = questions_in(place, 5)
    with BatchServer() as server:
        prepare(spec_for(server.base_url, shard_requests=2), place, asked)
        assert sorted(len(b.file.content.splitlines()) for b in server.batches.values()) == [
            1,
            2,
            2,
        ]
    more = questions_in(place, 5, "w")
    with BatchServer() as server:
        spec = spec_for(server.base_url, shard_bytes=8_000)
        prepare(spec, place, more)
        sizes = [len(b.file.content) for b in server.batches.values()]
        assert max(sizes) <= 8_000
        longest = max(
            len(line) for b in server.batches.values() for line in b.file.content.splitlines()
        )
        assert len(sizes) == -(-5 // (8_000 // (longest + 1)))  # no file could hold one more
        assert Counter(server.bills.values()) == {1: 5}


def test_a_request_that_no_file_can_hold_is_noted(place: Resources) -> None:
    with BatchServer() as server:
        (row,) = run(spec_for(server.base_url, shard_bytes=100), place, questions_in(place, 1))
        assert not server.calls
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.REJECTED, 0.0)
    assert "shard_bytes" in row.message


def test_files_do_not_stay_anywhere(place: Resources) -> None:
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        prepare(spec, place, questions_in(place, 2))
        assert [file.purpose for file in server.files.values()] == ["batch_output"]
    assert place.work is not None
    left = [path.name for path in folder_of(place.work, "judge").rglob("*") if path.is_file()]
    assert sorted(left) == ["about.json", "notes.jsonl", "shard.json"]


def test_enqueued_tokens_make_shards_wait(place: Resources) -> None:
    asked = questions_in(place, 4)
    with BatchServer(looks=3) as server:
        spec = spec_for(server.base_url, shard_requests=1)
        prepare(spec, place, asked)
        assert server.most_at_once > 1
    one = 3003  # estimated tokens of one request, see below
    more = questions_in(place, 4, "w")
    with BatchServer(looks=3) as server:
        spec = spec_for(server.base_url, shard_requests=1, enqueued_tokens=2 * one - 1)
        assert reasons(run(spec, place, more)) == [None] * 4
        assert server.most_at_once == 1
    with pytest.raises(SetupError, match=f"one request needs {one} input tokens"):
        prepare(
            spec_for("http://127.0.0.1:1/v1", enqueued_tokens=1), place, questions_in(place, 1, "x")
        )


def test_a_batch_for_which_there_is_no_room_is_created_again(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer(batches=lambda n: "no_room" if n < 2 else None) as server:
        assert reasons(run(spec_for(server.base_url), place, asked)) == [None] * 2
        assert server.calls["upload"] == 1  # the file is there already
        assert Counter(server.bills.values()) == {1: 2}
    again = questions_in(place, 2, "a")
    with BatchServer(
        batches=lambda n: "no_room" if n == 0 else None,
        calls=lambda name, n: "server_error" if (name, n) == ("create", 1) else None,
    ) as server:
        said = prepare(
            spec_for(server.base_url), place, again
        )  # what was turned away is not adopted
        assert len([line for line in said if "must wait for room" in line]) == 1
        assert Counter(server.bills.values()) == {1: 2}
    with (
        BatchServer(batches=lambda n: "no_room") as server,
        pytest.raises(RunStopped, match="set enqueued_tokens to the limit of the account"),
    ):
        prepare(spec_for(server.base_url, shard_requests=1), place, questions_in(place, 3, "w"))


@pytest.mark.parametrize("what", ["expired", "busy", "broken"])
def test_what_may_pass_is_asked_again(place: Resources, what: str) -> None:
    asked = questions_in(place, 4)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        first = key_of(spec, asked[0])
        server._lines = lambda key, n: what if key == first and n == 0 else None
        assert reasons(run(spec, place, asked)) == [None] * 4
        assert Counter(server.bills.values()) == {1: 4}
        assert [len(b.file.content.splitlines()) for b in server.batches.values()] == [4, 1]
    spent = place.ledger.totals()["judge"]
    assert (spent.requests, spent.reserved_requests, spent.lost_requests) == (4, 0, 0)


def test_what_never_passes_is_given_up_and_asked_again_by_the_next_run(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer(lines=lambda key, n: "expired" if n < 4 else None) as server:
        spec = spec_for(server.base_url, rounds=3)
        rows = run(spec, place, asked)
        assert len(server.batches) == 3
        for row in rows:
            assert isinstance(row, Failure)
            assert (row.reason, row.cost_usd, row.reply_key) == (Reason.UNAVAILABLE, 0.0, None)
            assert "gave up after 3 batches: batch_expired It could not be executed" in row.message
        assert place.ledger.totals()["judge"].requests == 0
        assert reasons(run(spec, place, asked)) == [None, None]  # tried twice more
        assert Counter(server.bills.values()) == {1: 2}


@pytest.mark.parametrize("fate", ["expired", "cancelled"])
def test_what_a_batch_had_done_before_it_ended_is_kept(place: Resources, fate: str) -> None:
    asked = questions_in(place, 3)
    with BatchServer(batches=lambda n: fate if n == 0 else None) as server:
        spec = spec_for(server.base_url)
        done = key_of(spec, asked[1])
        server._lines = lambda key, n: "answered" if key == done else None
        assert reasons(run(spec, place, asked)) == [None] * 3
        assert Counter(server.bills.values()) == {1: 3}


@pytest.mark.parametrize(
    ("what", "reason"), [("refused", Reason.REJECTED), ("filtered", Reason.CONTENT_FILTER)]
)
def test_a_batch_with_nothing_but_errors(place: Resources, what: str, reason: Reason) -> None:
    with BatchServer(lines=lambda key, n: what) as server:
        rows = run(spec_for(server.base_url), place, questions_in(place, 2))
        (batch,) = server.batches.values()
        assert batch.status == "completed"
        assert batch.output is None
    for row in rows:
        assert isinstance(row, Failure)
        assert (row.reason, row.cost_usd, row.reply_key) == (reason, 0.0, None)
        assert row.message.startswith("HTTP 400: ")


def test_a_run_in_which_most_requests_fail_is_stopped(place: Resources) -> None:
    asked = questions_in(place, 30)
    with BatchServer(lines=lambda key, n: "refused") as server:
        spec = spec_for(server.base_url, shard_requests=20, transfers=1)
        with pytest.raises(RunStopped, match=r"of 20 requests failed|of 30 requests failed"):
            prepare(spec, place, asked)
    assert place.ledger.totals()["judge"].reserved_requests == 0


def test_lines_in_disorder_never_reach_a_wrong_key(place: Resources) -> None:
    asked = questions_in(place, 6)
    with BatchServer(tampers=["repeat", "unknown", "unreadable", "shuffle"]) as server:
        spec = spec_for(server.base_url)
        said = prepare(spec, place, asked)
        rows = read(spec, place, asked)
        assert Counter(server.bills.values()) == {1: 6}
    ignored = (
        "ignored 1 lines with an unknown custom_id, 1 lines with a repeated custom_id, "
        "1 lines that cannot be read"
    )
    assert any(ignored in line for line in said)
    elsewhere = dataclasses.replace(
        place, journal=place_in(Path(place.journal.root, "..", "o")).journal
    )
    with JudgeServer() as judge:
        online = OpenAISpec(model="judge", base_url=judge.base_url, price=PRICE)
        assert read(online, elsewhere, asked) == rows  # scores follow from each clip's own frames
    assert not Journal(place.journal).known("f" * 64)


@pytest.mark.parametrize("call", ["upload", "create", "retrieve", "download", "delete"])
@pytest.mark.parametrize("fault", ["server_error", "rate_limit", "reset", "late_reset", "short"])
def test_errors_of_the_service_that_may_pass(place: Resources, call: str, fault: str) -> None:
    asked = questions_in(place, 3)
    script = {
        (call, 0): fault,
        (call, 1): fault,
        ("list_files", 0): fault,
        ("list_batches", 0): fault,
    }
    with BatchServer(calls=lambda name, n: script.get((name, n))) as server:
        for i in range(3):  # of others, so that lists have pages
            other = server.add_file(f"other-{i}.jsonl", "batch", b"")
            server.add_batch(other, {}).status = "completed"
        spec = spec_for(server.base_url, shard_requests=2)
        assert reasons(run(spec, place, asked)) == [None] * 3
        assert Counter(server.bills.values()) == {1: 3}
        assert len(server.batches) == 3 + 2  # none twice
        if call != "delete":
            assert len([f for f in server.files.values() if f.purpose == "batch"]) == 3


def test_a_file_that_the_service_does_not_find_at_once(place: Resources) -> None:
    script = {("create", 0): "not_yet", ("create", 1): "not_yet"}
    with BatchServer(calls=lambda name, n: script.get((name, n))) as server:
        assert reasons(run(spec_for(server.base_url), place, questions_in(place, 1))) == [None]
        assert server.calls["upload"] == 1


def test_a_service_that_stays_away_stops_the_run(place: Resources) -> None:
    with BatchServer(calls=lambda name, n: "reset") as server:
        spec = spec_for(server.base_url, max_attempts=2)
        with pytest.raises(RunStopped, match="upload failed 2 times"):
            prepare(spec, place, questions_in(place, 1))
    other = dataclasses.replace(place, work=place.work and place.work / "other")
    with (
        BatchServer(calls=lambda name, n: "not_found") as server,
        pytest.raises(RunStopped, match=r"upload: rejected: HTTP 404: Not Found.*`kind: openai`"),
    ):
        prepare(spec_for(server.base_url), other, questions_in(place, 1, "w"))


@pytest.mark.parametrize("call", ["upload", "create", "retrieve", "download"])
@pytest.mark.parametrize("fault", ["unauthorized", "insufficient_quota"])
def test_an_account_that_is_closed_stops_the_run_and_the_next_goes_on(
    place: Resources, call: str, fault: str
) -> None:
    asked = questions_in(place, 3)
    closed = True
    with BatchServer(calls=lambda name, n: fault if closed and name == call else None) as server:
        spec = spec_for(server.base_url, shard_requests=2)
        reason = "authentication" if fault == "unauthorized" else "quota"
        with pytest.raises(RunStopped, match=reason) as stopped:
            prepare(spec, place, asked)
        assert KEY not in str(stopped.value)
        assert set(reasons(read(spec, place, asked))) <= {None, Reason.NOT_ATTEMPTED}
        closed = False
        assert reasons(run(spec, place, asked)) == [None] * 3
        assert Counter(server.bills.values()) == {1: 3}
    spent = place.ledger.totals()["judge"]
    assert (spent.requests, spent.lost_requests, spent.reserved_requests) == (3, 0, 0)
    assert spent.usd == pytest.approx(3 * COST)


def test_a_quota_that_ends_within_a_batch(place: Resources) -> None:
    asked = questions_in(place, 3)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        last = key_of(spec, asked[2])
        server._lines = lambda key, n: "quota" if key == last and n == 0 else None
        with pytest.raises(RunStopped, match="quota"):
            prepare(spec, place, asked)
        assert reasons(read(spec, place, asked)) == [None, None, Reason.NOT_ATTEMPTED]
        assert reasons(run(spec, place, asked)) == [None] * 3
        assert Counter(server.bills.values()) == {1: 3}
    with (
        BatchServer(batches=lambda n: "quota") as server,
        pytest.raises(RunStopped, match="billing_hard_limit_reached"),
    ):
        prepare(spec_for(server.base_url), dataclasses.replace(place, work=place.work and place.work / "o"),
                questions_in(place, 1, "w"))  # fmt: skip


def test_a_file_that_fails_validation(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer(batches=lambda n: "invalid") as server:
        rows = run(spec_for(server.base_url, rounds=2), place, asked)
        assert len(server.batches) == 2
    assert reasons(rows) == [Reason.UNAVAILABLE] * 2
    assert isinstance(rows[0], Failure)
    assert "invalid_file The file could not be processed" in rows[0].message
    more = questions_in(place, 3, "w")
    with BatchServer(batches=lambda n: "invalid_line" if n == 0 else None) as server:
        place = dataclasses.replace(place, work=place.work and place.work / "other")
        rows = run(spec_for(server.base_url), place, more)
        assert reasons(rows) == [Reason.REJECTED, None, None]  # the line that was named
        assert Counter(server.bills.values()) == {1: 2}


def test_a_reply_that_is_cut_is_asked_for_again_with_a_larger_cap(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        first = key_of(spec, asked[0])
        server._lines = lambda key, n: "cut" if key == first else None
        rows = run(spec, place, asked)
        assert Counter(server.bills.values()) == {1: 3}
        longer = request_of(spec, asked[0], longer=True).key
        assert server.asked[longer]["body"]["max_tokens"] == 512 * LONGER
    assert reasons(rows) == [None, None]
    assert [row.cost_usd for row in rows] == [pytest.approx(2 * COST), pytest.approx(COST)]


def test_a_reply_that_was_set_aside_is_bought_anew(place: Resources) -> None:
    asked = questions_in(place, 2)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        prepare(spec, place, asked)
        Journal(place.journal).set_aside([key_of(spec, asked[0])])
        assert reasons(read(spec, place, asked)) == [Reason.NOT_ATTEMPTED, None]
        rows = run(spec, place, asked)
        assert Counter(server.bills.values()) == {1: 3}
    assert [row.cost_usd for row in rows] == [pytest.approx(2 * COST), pytest.approx(COST)]


def test_a_reply_that_is_none_counts_as_billed(place: Resources) -> None:
    with BatchServer(lines=lambda key, n: "garbage") as server:
        (row,) = run(spec_for(server.base_url, rounds=2), place, questions_in(place, 1))
        assert server.bills.total() == 2
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.UNAVAILABLE, None)
    assert place.ledger.totals()["judge"].requests == 2


def test_a_request_that_no_line_is_about_counts_as_billed(place: Resources) -> None:
    with BatchServer(lines=lambda key, n: "vanished" if n == 0 else None) as server:
        (row,) = run(spec_for(server.base_url), place, questions_in(place, 1))
        assert server.bills.total() == 1
    assert isinstance(row, Annotation)
    assert place.ledger.totals()["judge"].requests == 2  # nobody knows about the first


def test_under_a_cap_shards_wait_for_what_others_cost(tmp_path: Path) -> None:
    # worst case 3003 in and 512 out, real 770 and 40: 8000 tokens hold two at the worst case; two cost
    # 1620, so one more fits, then (2430) one more ...: 5 really cost 4050, and the sixth still fits
    # while 4050 + 3515 <= 8000
    place = place_in(tmp_path, Budget(tokens=8_000))
    asked = questions_in(place, 9)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        with pytest.raises(RunStopped, match=r"budget.tokens is 8000"):
            prepare(spec, place, asked)
        rows = read(spec, place, asked)
        assert reasons(rows) == [None] * 6 + [Reason.NOT_ATTEMPTED] * 3
        assert [len(b.file.content.splitlines()) for b in server.batches.values()] == [
            2,
            1,
            1,
            1,
            1,
        ]
    assert isinstance(rows[-1], Failure)
    assert "budget.tokens is 8000" in rows[-1].message
    spent = place.ledger.totals()["judge"]
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (6, 6 * 770, 6 * 40)
    assert spent.reserved_requests == 0
    richer = dataclasses.replace(place, ledger=place_in(tmp_path, Budget(requests=9)).ledger)
    with BatchServer() as server:
        rows = run(spec_for(server.base_url), richer, asked)
        assert server.bills.total() == 3
    assert reasons(rows) == [None] * 9


def test_money_that_is_gone_when_a_shard_is_written_costs_only_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_in(tmp_path, Budget(usd=1.0))
    original, refused = Ledger.reserve, []

    def reserve(ledger: Ledger, account: str, worst: Amount) -> object:
        # two questions: each is tried on top of those before it, then both are reserved
        if len(refused) < 3:
            refused.append(worst.requests)
            if len(refused) == 3:
                raise OverBudget("a batch cost more than its worst case")
        return original(ledger, account, worst)

    monkeypatch.setattr(Ledger, "reserve", reserve)
    with BatchServer() as server:
        rows = run(spec_for(server.base_url), place, questions_in(place, 2))
        assert Counter(server.bills.values()) == {1: 2}
    assert refused == [1, 2, 2]
    assert reasons(rows) == [None, None]
    assert place.ledger.totals()["judge"].reserved_requests == 0


def test_a_cap_that_rests_on_wrong_estimates_stops_the_run(tmp_path: Path) -> None:
    place = place_in(tmp_path, Budget(usd=1.0))
    rule = {"rule": "fixed", "tokens": 4000}  # and the server counts 85
    with BatchServer() as server:
        spec = spec_for(server.base_url, image_tokens=rule, shard_requests=10, transfers=1)
        with pytest.raises(RunStopped, match="set image_tokens"):
            prepare(spec, place, questions_in(place, 10))
    assert place.ledger.totals()["judge"].requests == 10  # and what was paid is kept


def test_a_frame_that_is_gone_costs_only_its_own_question(place: Resources) -> None:
    asked = questions_in(place, 2)
    sha256 = asked[0].frames.jpeg_sha256[0]
    Path(place.frames.path(blob_name(sha256, ".jpg"))).unlink()
    with BatchServer() as server:
        rows = run(spec_for(server.base_url), place, asked)
        assert server.bills.total() == 1
    assert reasons(rows) == [Reason.NOT_FOUND, None]


def test_paid_batches_are_not_forgotten_over_another_address(place: Resources) -> None:
    asked = questions_in(place, 1)
    with BatchServer(
        calls=lambda name, n: "unauthorized" if name == "retrieve" else None
    ) as server:
        with pytest.raises(RunStopped):
            prepare(spec_for(server.base_url), place, asked)
        with pytest.raises(SetupError, match=f"lie with {server.base_url}"):
            prepare(spec_for("http://127.0.0.1:1/v1"), place, asked)


def test_a_run_takes_up_batches_whose_questions_nobody_asks_any_more(place: Resources) -> None:
    asked = questions_in(place, 2)
    closed = True
    with BatchServer(
        calls=lambda name, n: "unauthorized" if closed and name == "retrieve" else None
    ) as server:
        spec = spec_for(server.base_url)
        with pytest.raises(RunStopped):
            prepare(spec, place, asked)
        closed = False
        said = prepare(spec, place, [])
        assert any("1 batches of an earlier run are taken up again" in line for line in said)
    assert reasons(read(spec, place, asked)) == [None, None]


def test_progress_is_said(place: Resources) -> None:
    with BatchServer() as server:
        said = prepare(spec_for(server.base_url), place, questions_in(place, 2))
    assert said[-1] == (
        "judge: 1 of 1 batches read, 2 of 2 requests answered, 0 failed, 0.0019 USD so far, "
        "waiting for 0 min"
    )


def test_without_notes_a_missing_reply_was_not_asked_for(place: Resources) -> None:
    nowhere = dataclasses.replace(place, work=None)
    (row,) = read(spec_for("http://127.0.0.1:1/v1"), nowhere, questions_in(place, 1))
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.NOT_ATTEMPTED, 0.0)
    with pytest.raises(SetupError, match="batches need a folder"):
        prepare(spec_for("http://127.0.0.1:1/v1"), nowhere, questions_in(place, 1))


def test_a_damaged_reply_is_neither_bought_again_nor_read(place: Resources) -> None:
    asked = questions_in(place, 1)
    with BatchServer() as server:
        spec = spec_for(server.base_url)
        prepare(spec, place, asked)
        key = key_of(spec, asked[0])
        Path(place.journal.path(blob_name(key, ".json"))).write_text("{")
        (row,) = run(spec, place, asked)
        assert server.bills.total() == 1
    assert isinstance(row, Failure)
    assert row.reason is Reason.INTERNAL
    assert "not a whole journal entry" in row.message


def test_the_price_of_the_table_is_that_of_answers_at_once() -> None:
    price = Price(
        input_usd_per_million=2.0, output_usd_per_million=8.0, cached_input_usd_per_million=1.0
    )
    facts = ModelFacts(price=price, batch_factor=0.5)
    table = ModelTable(date=datetime.date(2026, 11, 1), source="test", models={"judge": facts})
    half = Price(
        input_usd_per_million=1.0, output_usd_per_million=4.0, cached_input_usd_per_million=0.5
    )
    assert OpenAIBatchSpec(model="judge").resolved(table).price == half
    assert OpenAIBatchSpec(model="judge", price=PRICE).resolved(table).price == PRICE
    assert OpenAIBatchSpec(model="stranger").resolved(table).price is None
    assert OpenAISpec(model="judge").resolved(table).price == price


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"endpoints": [{}, {"base_url": "http://h/v1"}]}, "give one endpoint"),
        ({"requests_per_minute": 5}, "no limits per minute"),
        ({"capabilities": {"batch": False}}, "batch"),
    ],
)
def test_settings_that_cannot_work(given: dict[str, object], words: str) -> None:
    spec = OpenAIBatchSpec.model_validate({"model": "judge", **given})
    with pytest.raises(SetupError, match=words):
        spec.check([QUALITY], 8)


def test_settings_of_the_other_kind_are_refused() -> None:
    for name in ("choices", "concurrency"):
        with pytest.raises(ValueError, match=name):
            OpenAIBatchSpec.model_validate({"model": "judge", name: 2})


def test_frames_of_one_clip_are_one_question_each(place: Resources) -> None:
    clip = frame_set("v0", store=place.frames)
    asked = [question(clip, draw=k) for k in range(3)]
    with BatchServer() as server:
        rows = run(spec_for(server.base_url), place, asked)
        assert Counter(server.bills.values()) == {1: 3}
    assert [row.draw for row in rows if isinstance(row, Annotation)] == [0, 1, 2]


def test_no_thread_is_waited_for_where_half_read_questions_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A generator is collected in any thread, one that is about to begin among them: waiting there
    for another thread to end can stop both for ever."""
    waited: list[str] = []
    shutdown = ThreadPoolExecutor.shutdown

    def watched(pool: ThreadPoolExecutor, wait: bool = True, **how: bool) -> None:
        name: str = pool._thread_name_prefix  # type: ignore[attr-defined]
        waited.extend([name] * (wait and name in ("frames", "questions")))
        shutdown(pool, wait, **how)

    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", watched)
    place = place_in(tmp_path, Budget(requests=1))
    with BatchServer() as server, pytest.raises(RunStopped):
        prepare(spec_for(server.base_url), place, questions_in(place, 3))
    gc.collect()
    assert waited == []
