"""Kind `openai` against a loopback server: what is sent, what comes back, how faults end."""

import base64
import dataclasses
import logging
import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pydantic
import pytest
from judge_server import SNAPSHOT, JudgeServer, expected_score
from questions import QUALITY, frame_set, jpegs, question, resources

from annotators import OpenAISpec, expand_all
from annotators.base import Outcome, Question, Resources
from annotators.chat import errors
from annotators.journal import Journal, entry_name
from annotators.judge.gate import AT_LEAST, Gate
from annotators.ledger import Spent
from annotators.models import Capabilities, Price, load_models
from pipeline.kinds import Judge
from prompts import load_rubric, render, reply_schema
from schemas import Annotation, Failure, Reason, Rubric, Settings
from schemas.ids import sha256_hex
from schemas.options import SetupError
from schemas.store import Store, blob_name

KEY = "sk-test-0123456789abcdef"
PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)
# two frames a clip: 600 + 2 * 85 = 770 tokens in, 40 out, at 2 and 10 USD per million
COST = (770 * 2.0 + 40 * 10.0) / 1e6

# nothing is left to find out, so the first request need not go alone
KNOWN = Capabilities(
    temperature=(0, 2), top_p=True, seed=True, choices=True, logprobs=True, batch=True,
    reply_formats=("json_schema", "json_object", "text"), image_details=("low", "high", "auto"),
    images=100, efforts=("low", "high"), default_effort="low", sampling_needs_effort_none=False,
)  # fmt: skip

TWO: Rubric = dataclasses.replace(
    QUALITY,
    dimensions=(*QUALITY.dimensions, *load_rubric("videoprefer/prompt_following").dimensions),
)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


@pytest.fixture
def place(tmp_path: Path) -> Resources:
    return resources(tmp_path)


def spec_for(server: JudgeServer, **changes: object) -> OpenAISpec:
    return OpenAISpec.model_validate(
        {
            "model": "judge",
            "base_url": server.base_url,
            "price": PRICE,
            "capabilities": KNOWN,
            **changes,
        }
    )


def ask(spec: OpenAISpec, place: Resources, *questions: Question) -> list[list[Outcome]]:
    """Every question's outcomes, asked together, from an annotator opened for it."""
    judge = spec.open(place)
    try:
        futures = [judge.submit(one) for one in questions]
        return [list(future.result(timeout=30)) for future in futures]
    finally:
        judge.close()


def spent(place: Resources, account: str = "judge") -> Spent:
    return place.ledger.totals()[account]


def ask_one(spec: OpenAISpec, place: Resources, *, rubric: Rubric = QUALITY) -> Outcome:
    """The first outcome for one clip."""
    return ask(spec, place, question(frame_set("v0", store=place.frames), rubric=rubric))[0][0]


def many(place: Resources, n: int) -> Iterator[Question]:
    return (question(frame_set(f"v{i}", store=place.frames)) for i in range(n))


def test_a_verdict_with_everything_that_it_rests_on(place: Resources) -> None:
    with JudgeServer() as server:
        row = ask_one(spec_for(server, seed=5), place)
    frames = frame_set("v0")
    words = render(QUALITY, prompt=frames.prompt, n_frames=2, times_s=frames.times_s)
    urls = ["data:image/jpeg;base64," + base64.b64encode(j).decode() for j in jpegs("v0", 2)]
    settings = Settings(temperature=0.3, seed=5, max_output_tokens=512, image_detail="low")
    assert isinstance(row, Annotation)
    assert row == Annotation(
        video_id="v0", dimension="video_quality", annotator_id="judge", draw=0, prompt_id="p0",
        generator="g0", score=expected_score(urls, words.system), scale_low=1, scale_high=5,
        n_frames=2, model=SNAPSHOT, system_fingerprint="fp_loopback",
        rationale="A loopback judge looked at 2 frames.",
        rubric="videoprefer/video_quality", rubric_version=1, rubric_sha256=QUALITY.sha256,
        requested=dataclasses.replace(settings, max_output_tokens=None), effective=settings,
        reply_key=row.reply_key, input_tokens=770,
        output_tokens=40, cost_usd=COST)  # fmt: skip
    assert place.journal.exists(entry_name(row.reply_key or ""))
    (body,) = server.bodies
    assert body == {
        "model": "judge", "temperature": 0.3, "seed": 5, "max_tokens": 512,
        "response_format": {"type": "json_schema", "json_schema": {
            "name": "verdict", "strict": True, "schema": reply_schema(QUALITY)}},
        "messages": [
            {"role": "system", "content": words.system},
            {"role": "user", "content": [
                {"type": "text", "text": words.user},
                *({"type": "image_url", "image_url": {"url": u, "detail": "low"}} for u in urls)]},
        ],
    }  # fmt: skip


def test_what_is_not_set_is_not_sent(place: Resources) -> None:
    with JudgeServer() as server:
        row = ask_one(spec_for(server, temperature=None, reply_format="text", price=None), place)
    assert server.bodies[0].keys() == {"model", "max_tokens", "messages"}
    assert isinstance(row, Annotation)
    assert row.cost_usd is None  # unknown is not free


def test_one_reply_for_several_dimensions_carries_its_cost_once(place: Resources) -> None:
    with JudgeServer() as server:
        frames = frame_set("v0", store=place.frames)
        (rows,) = ask(spec_for(server), place, question(frames, rubric=TWO))
    assert [row.dimension for row in rows if isinstance(row, Annotation)] == [
        "video_quality", "prompt_following"]  # fmt: skip
    assert [row.cost_usd for row in rows] == [pytest.approx(COST), 0.0]
    assert [row.input_tokens for row in rows] == [770, None]
    assert server.n_bills == 1


def test_draws_are_separate_purchases_with_seeds_of_their_own(place: Resources) -> None:
    frames = frame_set("v0", store=place.frames)
    with JudgeServer() as server:
        spec = spec_for(server, draws=3, seed=5, several_choices=False)
        ask(spec, place, *(question(frames, draw=draw) for draw in range(3)))
        assert sorted(body["seed"] for body in server.bodies) == [5, 6, 7]
        rows = ask(spec, place, *(question(frames, draw=draw) for draw in range(5)))
    assert server.n_bills == 5  # three draws are the first three of five
    assert [r.effective.seed for (r,) in rows if isinstance(r, Annotation) and r.effective] == [
        5, 6, 7, 8, 9]  # fmt: skip


def test_a_known_reply_is_free_and_gives_the_same_rows(place: Resources) -> None:
    """Frames gone, server down, price changed: the journal alone gives the first run's rows."""
    with JudgeServer() as server:
        spec = spec_for(server)
        asked = list(many(place, 6))
        first = ask(spec, place, *asked)
    bought = Spent(requests=6, input_tokens=6 * 770, output_tokens=240, usd=pytest.approx(6 * COST))
    assert spent(place) == bought
    for name in list(place.frames.names()):
        Path(place.frames.path(name)).unlink()
    dear = Price(input_usd_per_million=99, output_usd_per_million=99)
    second = ask(spec.model_copy(update={"price": dear}), place, *asked)
    assert second == first
    assert spent(place) == bought


def test_many_in_flight_but_no_more_than_allowed(place: Resources) -> None:
    with JudgeServer(latency_s=0.2) as server:
        ask(spec_for(server, concurrency=5), place, *many(place, 15))
    assert server.most_at_once == 5


@pytest.mark.parametrize(
    "fault", ["rate_limit", "server_error", "overloaded", "reset", "garbage", "hang"]
)
def test_errors_that_pass_are_tried_again(place: Resources, fault: str) -> None:
    with JudgeServer(faults=[fault, fault]) as server:
        row = ask_one(spec_for(server, timeout_s=0.5), place)
    assert isinstance(row, Annotation)
    assert len(server.bodies) == 3
    assert server.n_bills == 1


@pytest.mark.parametrize(
    ("fault", "cost"),
    # after a 429 nothing was done; after a lost connection nobody knows
    [("rate_limit", 0.0), ("server_error", 0.0), ("reset", None), ("garbage", None)],
)
def test_errors_that_do_not_pass_end_the_item(
    place: Resources, fault: str, cost: float | None
) -> None:
    with JudgeServer(faults=lambda n, key: fault) as server:
        row = ask_one(spec_for(server, max_attempts=3), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.UNAVAILABLE, cost)
    assert "after 3 attempts" in row.message
    assert len(server.bodies) == 3
    assert list(place.journal.names()) == []


def test_a_server_that_is_not_there_costs_nothing(place: Resources) -> None:
    with JudgeServer() as server:
        spec = spec_for(server, max_attempts=2)
    row = ask_one(spec, place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.UNAVAILABLE, 0.0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("refusal", Reason.REFUSAL),
        ("content_filter", Reason.CONTENT_FILTER),
        ("malformed", Reason.TRUNCATED),
        ("empty", Reason.NO_ANSWER),
        ("prose", Reason.NO_ANSWER),
        ("off_scale", Reason.OFF_SCALE),
    ],
)
def test_paid_for_nothing_is_a_failure_with_its_cost_and_is_not_bought_again(
    place: Resources, fault: str, reason: Reason
) -> None:
    with JudgeServer(faults=[fault]) as server:
        first = ask_one(spec_for(server), place)
        second = ask_one(spec_for(server), place)
    assert isinstance(first, Failure)
    assert first.key == "v0/video_quality/judge/0"
    assert first.reason == reason
    assert (first.cost_usd, first.input_tokens, first.output_tokens) == (
        pytest.approx(COST), 770, 40)  # fmt: skip
    assert second == first
    assert server.n_bills == 1


def test_a_cut_reply_is_bought_once_more_with_a_larger_cap(place: Resources) -> None:
    """512 tokens were too few, so 2,048 are allowed; both replies are paid for and on the row."""
    with JudgeServer(faults=["truncated"]) as server:
        row = ask_one(spec_for(server), place)
        assert ask_one(spec_for(server), place) == row  # the journal knows both
    assert [body["max_tokens"] for body in server.bodies] == [512, 2048]
    assert isinstance(row, Annotation)
    assert (row.cost_usd, row.input_tokens, row.output_tokens) == (
        pytest.approx(2 * COST), 1540, 80)  # fmt: skip
    assert row.requested is not None
    assert row.requested.max_output_tokens is None
    assert row.effective is not None
    assert row.effective.max_output_tokens == 2048


def test_a_reply_that_is_cut_twice_is_a_failure(place: Resources) -> None:
    with JudgeServer(faults=["truncated", "truncated"]) as server:
        row = ask_one(spec_for(server), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (Reason.TRUNCATED, pytest.approx(2 * COST))
    assert server.n_bills == 2


def test_a_reply_set_aside_is_asked_for_again_and_stays_on_record(place: Resources) -> None:
    with JudgeServer(faults=["refusal"]) as server:
        refused = ask_one(spec_for(server), place)
        assert isinstance(refused, Failure)
        assert refused.reply_key is not None
        Journal(place.journal).set_aside([refused.reply_key])
        row = ask_one(spec_for(server), place)
        assert ask_one(spec_for(server), place) == row
    assert server.n_bills == 2
    assert isinstance(row, Annotation)
    assert row.cost_usd == pytest.approx(2 * COST)  # the refusal was paid for, too
    assert Journal(place.journal).get(refused.reply_key) is not None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("bad_request", Reason.REJECTED), ("filtered_request", Reason.CONTENT_FILTER)],
)
def test_a_request_that_would_fail_again_is_sent_once(
    place: Resources, fault: str, reason: Reason
) -> None:
    with JudgeServer(faults=[fault]) as server:
        row = ask_one(spec_for(server), place)
    assert isinstance(row, Failure)
    assert (row.reason, row.cost_usd) == (reason, 0.0)
    assert row.message.startswith("HTTP 400: ")
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("insufficient_quota", Reason.QUOTA),
        ("payment", Reason.QUOTA),
        ("unauthorized", Reason.AUTHENTICATION),
        ("forbidden", Reason.AUTHENTICATION),
    ],
)
def test_an_error_of_the_account_stops_everything_not_yet_sent(
    place: Resources, fault: str, reason: Reason
) -> None:
    """40 questions, 4 at a time, the third is told: what is on the wire ends as it ends."""
    with JudgeServer(faults=[None, None, fault], latency_s=0.05) as server:
        judge = spec_for(server, concurrency=4).open(place)
        rows = [future.result(30)[0] for future in [judge.submit(q) for q in many(place, 40)]]
        late = judge.submit(question(frame_set("late", store=place.frames))).result(30)[0]
        judge.close()
        arrived = len(server.bodies)
        reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
        assert reasons[reason] == 1
        assert reasons[Reason.NOT_ATTEMPTED] == 40 - arrived
        assert arrived <= 3 + 4
        assert isinstance(late, Failure)
        assert late.reason == Reason.NOT_ATTEMPTED
        assert reason in late.message
        assert late.cost_usd == 0.0
        again = ask(spec_for(server), place, *many(place, 40))  # the account works again
        assert all(isinstance(row, Annotation) for (row,) in again)
        assert server.n_bills == 40


def test_a_stopped_annotator_still_reads_the_journal(place: Resources) -> None:
    with JudgeServer(faults=[None, "unauthorized"]) as server:
        known, unknown = many(place, 2)
        (first,) = ask(spec_for(server), place, known)
        judge = spec_for(server).open(place)
        judge.submit(unknown).result(30)
        assert judge.submit(known).result(30) == first
        judge.close()


def test_waiting_between_attempts_ends_when_the_run_is_stopped(place: Resources) -> None:
    """A request is told to wait a minute; the run ends before."""
    with JudgeServer(faults=["rate_limit"], retry_after_s=60.0) as server:
        judge = spec_for(server).open(place)
        (first,) = many(place, 1)
        started = time.monotonic()
        waiting = judge.submit(first)
        while not server.bodies:
            time.sleep(0.005)
        time.sleep(0.1)
        judge.close()
        (row,) = waiting.result(30)
    assert isinstance(row, Failure)
    assert row.reason == Reason.NOT_ATTEMPTED
    assert time.monotonic() - started < 20


def test_too_many_failures_stop_the_run(place: Resources) -> None:
    with JudgeServer(faults=lambda n, key: "bad_request") as server:
        rows = ask(spec_for(server, concurrency=1), place, *many(place, 60))
    reasons = Counter(row.reason for (row,) in rows if isinstance(row, Failure))
    rejected = reasons.pop(Reason.REJECTED)
    assert AT_LEAST <= rejected <= AT_LEAST + 1  # the next one may be on the wire already
    assert reasons == {Reason.NOT_ATTEMPTED: 60 - rejected}
    message = rows[-1][0].message  # type: ignore[union-attr]
    assert "20 of the last 20 items failed; the last of them: rejected: " in message
    assert "An image could not be read" in message  # what the server said


def test_half_may_fail_and_old_failures_are_forgotten() -> None:
    gate = Gate()
    for i in range(400):
        gate.count(failed=i % 2 == 1)  # 100 of the last 200, beginning with a success
    assert gate.why is None
    gate.count(failed=False)  # a success for a success: 100
    gate.count(failed=True)  # a failure for a failure: 100
    assert gate.why is None
    gate.count(failed=True)  # a failure for a success
    assert gate.why is not None
    assert gate.why.startswith("101 of the last 200")


def test_refusals_from_the_journal_do_not_stop_a_resumed_run(place: Resources) -> None:
    with JudgeServer(faults=["refusal"] * 30) as server:
        for batch in (slice(0, 15), slice(15, 30)):  # 15 failures each: too few to stop
            ask(spec_for(server), place, *list(many(place, 30))[batch])
        rows = ask(spec_for(server), place, *many(place, 35))
    assert sum(isinstance(row, Annotation) for (row,) in rows) == 5
    assert server.n_bills == 35


def test_a_frame_that_is_gone_or_damaged_is_never_sent(place: Resources) -> None:
    with JudgeServer() as server:
        gone, damaged = many(place, 2)
        Path(place.frames.path(blob_name(sha256_hex(jpegs("v0", 2)[1]), ".jpg"))).unlink()
        Path(place.frames.path(blob_name(sha256_hex(jpegs("v1", 2)[0]), ".jpg"))).write_bytes(b"x")
        rows = [row for (row,) in ask(spec_for(server), place, gone, damaged)]
    assert [row.reason for row in rows if isinstance(row, Failure)] == [
        Reason.NOT_FOUND, Reason.CHECKSUM]  # fmt: skip
    assert server.bodies == []


def test_a_damaged_journal_entry_is_named_and_not_bought_again(place: Resources) -> None:
    with JudgeServer() as server:
        row = ask_one(spec_for(server), place)
        path = Path(place.journal.path(entry_name(row.reply_key or "")))
        path.write_bytes(path.read_bytes()[:-40])
        again = ask_one(spec_for(server), place)
    assert isinstance(again, Failure)
    assert again.reason == Reason.INTERNAL
    assert str(path) in again.message
    assert server.n_bills == 1


def test_a_journal_that_cannot_be_written_stops_the_buying(
    place: Resources, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk must not turn every further reply into money thrown away."""
    questions = list(many(place, 30))

    def full(*_: object, **__: object) -> bool:
        raise OSError(28, "No space left on device")

    with JudgeServer() as server:
        monkeypatch.setattr(Store, "put", full)
        rows = [row for (row,) in ask(spec_for(server, concurrency=2), place, *questions)]
    assert 1 <= server.n_bills <= 4
    reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
    assert reasons == {Reason.INTERNAL: server.n_bills,
                       Reason.NOT_ATTEMPTED: 30 - server.n_bills}  # fmt: skip
    lost = next(r for r in rows if isinstance(r, Failure) and r.reason is Reason.INTERNAL)
    assert "No space left" in lost.message
    assert lost.cost_usd is None  # paid, but what is not known any more


def test_the_sdk_is_loaded_only_where_an_annotator_is_opened() -> None:
    heavy = {"openai", "torch", "apache_beam"}
    script = f"import annotators, sys; sys.exit(bool({heavy} & {{*sys.modules}}))"
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parent.parent)


def test_close_answers_everything(place: Resources) -> None:
    with JudgeServer(latency_s=0.2) as server:
        judge = spec_for(server, concurrency=2).open(place)
        futures = [judge.submit(one) for one in many(place, 10)]
        while len(server.bodies) < 2:
            time.sleep(0.005)
        judge.close()
        judge.close()
    rows = [future.result(0)[0] for future in futures]
    assert sum(isinstance(row, Annotation) for row in rows) == server.n_bills == 2
    assert {row.reason for row in rows if isinstance(row, Failure)} == {Reason.NOT_ATTEMPTED}


# --- the key ---


def test_the_key_is_in_no_artefact(
    place: Resources, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Journal, rows, messages, logs, spec: the server saw the key, and even says it back."""
    caplog.set_level(logging.DEBUG)
    faults = ["bad_request", "refusal", "reset", "garbage", None, "unauthorized"]
    with JudgeServer(faults=faults) as server:
        spec = spec_for(server, concurrency=1)
        rows = ask(spec, place, *many(place, 6))
    reasons = [row.reason for (row,) in rows if isinstance(row, Failure)]
    assert Reason.AUTHENTICATION in reasons
    artefacts = [repr(rows), repr(spec), str(spec.model_dump()), caplog.text]
    blobs = [pickle.dumps(spec), *(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())]
    assert len(blobs) > 10
    assert not [text for text in artefacts if KEY in text]
    assert not [data for data in blobs if KEY.encode() in data]


def test_anything_like_a_key_is_struck_from_messages() -> None:
    assert errors.redact("Bearer abc.def, sk-proj-a1*****z9 or topsecret", "topsecret") == (
        "[key], [key] or [key]"
    )


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_unset_key_names_variable_and_annotator(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("MY_KEY", value)
    with pytest.raises(SetupError, match=r"annotator judge: .* MY_KEY is not set or is empty"):
        OpenAISpec(model="m", name="judge", api_key_env="MY_KEY").check_key()


def test_a_key_in_place_of_its_variable_is_refused_and_not_repeated() -> None:
    with pytest.raises(SetupError) as caught:
        OpenAISpec(model="m", api_key_env=KEY).check([QUALITY], 8)
    assert KEY not in str(caught.value)
    with pytest.raises(pydantic.ValidationError) as refused:
        OpenAISpec.model_validate({"model": "m", "api_key": KEY})
    assert KEY not in str(refused.value)


# --- settings ---


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "o3"}, "temperature: null"),
        ({"model": "gpt-5-mini", "temperature": None, "top_p": 0.9}, "top_p"),
        ({"base_url": "localhost:8000"}, "base_url"),
        ({"base_url": "http://user:secret@h/v1"}, "base_url must hold no user"),
        ({"api_key_env": None}, "api_key_env"),
    ],
)
def test_settings_that_cannot_work_are_refused(changes: dict[str, object], message: str) -> None:
    spec = OpenAISpec.model_validate({"model": "m"} | changes)
    with pytest.raises(SetupError, match=message):
        spec.resolved(load_models()).check([QUALITY], 8)


def test_settings_that_can_work_are_not() -> None:
    for changes in (
        {"model": "o3", "temperature": None},
        {"model": "gpt-5", "temperature": 1},
        {"model": "gpt-5.2"},
        {"model": "gpt-4o"},
        {"model": "Qwen/Qwen3-VL-8B", "base_url": "http://h:1/v1", "api_key_env": None},
    ):
        OpenAISpec.model_validate(changes).resolved(load_models()).check([QUALITY], 8)


def test_annotators_are_told_apart_by_kind_and_by_name() -> None:
    spec = pydantic.TypeAdapter(Judge).validate_python({"kind": "openai", "model": "m"})
    assert isinstance(spec, OpenAISpec)
    named = spec.model_copy(update={"name": "n"})
    assert [one.annotator_id for one in expand_all([spec, named])] == ["m", "n"]
    with pytest.raises(SetupError, match="two are called 'm'"):
        expand_all([spec, spec])
    assert expand_all([OpenAISpec(model="org/model")])[0].annotator_id == "org/model"
    with pytest.raises(SetupError, match="name:"):
        expand_all([OpenAISpec(model="two\nlines")])


# --- waiting ---


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
        ({"retry-after": formatdate(0, usegmt=True)}, 0.0),  # a date that is over
    ],
)
def test_the_servers_hint(headers: dict[str, str], seconds: float | None) -> None:
    assert errors.hinted_wait_s(headers) == seconds


def test_waits_double_and_differ_between_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """First wait 0.5 s: attempt n waits between 0.25 s and min(60, 0.5 * 2^n) s."""
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.5)

    def wait(key: str, attempt: int) -> float:
        import tenacity

        state = tenacity.RetryCallState(
            tenacity.Retrying(), None, (), {})  # fmt: skip
        state.attempt_number = attempt
        return errors.wait_for(key)(state)

    for attempt, longest in [(1, 1.0), (2, 2.0), (5, 16.0), (10, 60.0)]:
        waits = [wait(f"k{i}", attempt) for i in range(200)]
        assert 0.25 <= min(waits) < 0.1 * longest + 0.25
        assert 0.9 * longest < max(waits) <= longest
        assert waits[0] == wait("k0", attempt)


def test_retry_after_is_waited_for(place: Resources) -> None:
    with JudgeServer(faults=["rate_limit"], retry_after_s=0.4) as server:
        started = time.monotonic()
        assert isinstance(ask_one(spec_for(server), place), Annotation)
    assert time.monotonic() - started >= 0.4
