"""Budgets, drift, several endpoints, capabilities: what is sent at all, and where."""

import dataclasses
import time
from collections import Counter
from pathlib import Path

import pytest
from judge_server import JudgeServer
from questions import QUALITY, frame_set, question, resources

from annotators import OpenAISpec
from annotators.base import Outcome, Question, Resources
from annotators.chat import errors
from annotators.ledger import Budget, Ledger
from annotators.models import Price
from pipeline.config import Config
from pipeline.plan import make_plan
from schemas import Annotation, Failure, Reason
from schemas.options import SetupError

PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)
# the loopback judge counts 600 + 2 * 85 = 770 tokens in and 40 out
COST = (770 * 2.0 + 40 * 10.0) / 1e6


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-one")
    monkeypatch.setenv("OTHER_KEY", "sk-two")
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


def spec_for(server: JudgeServer, **changes: object) -> OpenAISpec:
    return OpenAISpec.model_validate(
        {"model": "judge", "base_url": server.base_url, "price": PRICE, **changes}
    )


def with_budget(folder: Path, **caps: float) -> Resources:
    place = resources(folder)
    return Resources(
        frames=place.frames,
        journal=place.journal,
        ledger=Ledger(folder / "ledger", ["judge"], Budget.model_validate(caps)),
    )


def ask(spec: OpenAISpec, place: Resources, n: int) -> list[Outcome]:
    judge = spec.open(place)
    try:
        asked: list[Question] = [question(frame_set(f"v{i}", store=place.frames)) for i in range(n)]
        return [future.result(30)[0] for future in [judge.submit(one) for one in asked]]
    finally:
        judge.close()


def reasons(rows: list[Outcome]) -> Counter[Reason]:
    return Counter(row.reason for row in rows if isinstance(row, Failure))


def test_a_cap_in_requests_is_kept_to_the_request(tmp_path: Path) -> None:
    with JudgeServer(latency_s=0.02) as server:
        rows = ask(spec_for(server), with_budget(tmp_path, requests=7), 30)
        assert server.n_bills == 7
        assert reasons(rows) == {Reason.NOT_ATTEMPTED: 23}
        assert "budget.requests is 7" in next(r.message for r in rows if isinstance(r, Failure))
        # the cap is the folder's, not the run's: nothing more is bought, what is known is free
        assert reasons(ask(spec_for(server), with_budget(tmp_path, requests=7), 30)) == {
            Reason.NOT_ATTEMPTED: 23}  # fmt: skip
        assert server.n_bills == 7
        rows = ask(spec_for(server), with_budget(tmp_path, requests=30), 30)
        assert server.n_bills == 30
    assert not reasons(rows)


def test_a_cap_in_usd_is_never_passed(tmp_path: Path) -> None:
    """Reserved at a whole output (512 tokens), settled at 40: reservations must give way, or a third
    of the budget would stop the run."""
    cap = 20.4 * COST
    with JudgeServer(latency_s=0.02) as server:
        place = with_budget(tmp_path, usd=cap)
        rows = ask(spec_for(server), place, 60)
        spent = place.ledger.totals()["judge"]
    assert spent.usd == pytest.approx(server.n_bills * COST)
    assert spent.usd <= cap
    # a request is estimated at its 512 tokens of output: it must fit when the last one is sent
    assert 14 <= server.n_bills <= 20
    assert reasons(rows) == {Reason.NOT_ATTEMPTED: 60 - server.n_bills}


def test_lost_requests_count_as_billed(tmp_path: Path) -> None:
    """Two connections break after the request is on the wire: with a cap of 4 requests two replies
    are all that is left."""
    with JudgeServer(faults=["reset", "reset"]) as server:
        place = with_budget(tmp_path, requests=4)
        rows = ask(spec_for(server, concurrency=1), place, 5)
        spent = place.ledger.totals()["judge"]
    assert (spent.requests, spent.lost_requests) == (4, 2)
    assert server.n_bills == 2
    assert reasons(rows) == {Reason.NOT_ATTEMPTED: 3}


def test_refusals_before_the_model_works_cost_nothing(tmp_path: Path) -> None:
    with JudgeServer(faults=["rate_limit", "server_error", "bad_request"]) as server:
        place = with_budget(tmp_path, requests=4)
        rows = ask(spec_for(server, concurrency=1), place, 5)
    assert reasons(rows) == {Reason.REJECTED: 1}
    assert place.ledger.totals()["judge"].requests == server.n_bills == 4


def test_drift_of_a_known_rule_stops_a_capped_run(tmp_path: Path) -> None:
    """The rule says 5,000 tokens an image, the server counts 85: the budget rests on a wrong number."""
    wrong = {"rule": "fixed", "per_image": 5000}
    with JudgeServer() as server:
        rows = ask(spec_for(server, image_tokens=wrong, concurrency=4),
                   with_budget(tmp_path, usd=10), 60)  # fmt: skip
        assert 10 <= server.n_bills <= 10 + 4
        stopped = next(r.message for r in rows if isinstance(r, Failure))
        assert "times the input tokens" in stopped
        assert "image_tokens" in stopped
        # no cap: the replies calibrate the estimate, and nothing stops
        assert not reasons(ask(spec_for(server, image_tokens=wrong), resources(tmp_path / "b"), 60))
        # a cap, but no rule to be wrong about
        assert not reasons(ask(spec_for(server), with_budget(tmp_path / "c", usd=10), 60))


def test_two_keys_share_the_work_and_a_dead_one_leaves_it_to_the_other(tmp_path: Path) -> None:
    with JudgeServer(latency_s=0.05) as one, JudgeServer(latency_s=0.05) as two:
        spec = OpenAISpec(
            model="judge",
            concurrency=4,
            endpoints=[
                {"base_url": one.base_url},
                {"base_url": two.base_url, "api_key_env": "OTHER_KEY"},
            ],
        )
        assert not reasons(ask(spec, resources(tmp_path / "a"), 40))
        assert min(one.n_bills, two.n_bills) >= 10
        assert one.n_bills + two.n_bills == 40

        one._faults = lambda n, key: "insufficient_quota"
        before = two.n_bills
        rows = ask(spec, resources(tmp_path / "b"), 40)
        assert not reasons(rows)
        assert two.n_bills - before == 40

        two._faults = lambda n, key: "unauthorized"
        rows = ask(spec, resources(tmp_path / "c"), 40)
        assert set(reasons(rows)) <= {Reason.QUOTA, Reason.AUTHENTICATION, Reason.NOT_ATTEMPTED}
        assert len(rows) == sum(reasons(rows).values())


def test_requests_per_minute_are_kept(tmp_path: Path) -> None:
    """600 a minute are 10 a second; a bucket holds a few seconds' worth, so 60 need some time."""
    with JudgeServer() as server:
        started = time.monotonic()
        ask(spec_for(server, requests_per_minute=600), resources(tmp_path), 60)
        took = time.monotonic() - started
    assert server.n_bills == 60
    assert 10 * (took + 6) >= 60  # never faster than capacity + rate x time


def test_a_setting_the_server_refuses_is_found_by_the_first_requests(tmp_path: Path) -> None:
    """What a model nobody declared accepts is asked of it alone, before hundreds are in flight."""
    with JudgeServer(faults=lambda n, key: "bad_request", latency_s=0.05) as server:
        rows = ask(spec_for(server), resources(tmp_path), 50)
    assert len(server.bodies) == 3
    assert server.most_at_once == 1
    assert reasons(rows) == {Reason.REJECTED: 3, Reason.NOT_ATTEMPTED: 47}
    assert "temperature" in rows[-1].message  # type: ignore[union-attr]


def test_one_bad_item_is_not_taken_for_a_bad_setting(tmp_path: Path) -> None:
    with JudgeServer(faults=["bad_request"]) as server:
        rows = ask(spec_for(server), resources(tmp_path), 20)
    assert sum(isinstance(row, Annotation) for row in rows) == 19


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capabilities": {"temperature": [1, 1]}}, "temperature"),
        ({"capabilities": {"seed": False}, "seed": 3}, "seed"),
        ({"capabilities": {"reply_formats": ["text"]}}, "reply_format"),
        ({"capabilities": {"images": 4}}, "images"),
        ({"capabilities": {"efforts": []}, "effort": "low"}, "effort"),
        ({"capabilities": {"efforts": ["low", "high"]}, "effort": "medium"}, "effort"),
    ],
)
def test_what_is_declared_unsupported_is_refused(changes: dict[str, object], message: str) -> None:
    spec = OpenAISpec.model_validate(
        {"model": "mine", "base_url": "http://localhost:1/v1", **changes}
    )
    with pytest.raises(SetupError, match=message):
        spec.check([QUALITY], 8)


def test_effort_is_sent_and_is_in_the_row(tmp_path: Path) -> None:
    with JudgeServer() as server:
        (row,) = ask(spec_for(server, effort="low", temperature=None), resources(tmp_path), 1)
    assert server.bodies[0]["reasoning_effort"] == "low"
    assert isinstance(row, Annotation)
    assert row.effective is not None
    assert row.effective.effort == "low"
    assert row.system_fingerprint == "fp_loopback"


def test_two_judges_that_would_share_every_reply_are_refused(tmp_path: Path) -> None:
    """Another name or server is no other judge: the journal holds one reply for both."""
    tree = {
        "sources": [{"kind": "simulated", "prompts": 1}],
        "generators": {"pool": [{"kind": "simulated", "name": "sim-clean"}]},
    }
    one = {"kind": "openai", "model": "m", "base_url": "http://a:1/v1"}
    two = {**one, "name": "other", "base_url": "http://b:1/v1"}
    with pytest.raises(SetupError, match="m and other ask the same of m"):
        make_plan(Config.model_validate({**tree, "annotators": [one, two]}))
    make_plan(Config.model_validate({**tree, "annotators": [one, {**two, "temperature": 0.7}]}))


def test_what_is_asked_again_and_what_is_no_verdict_stand_apart_in_the_ledger(
    tmp_path: Path,
) -> None:
    """The first reply is cut and bought once more; a question may name a purpose of its own."""
    place = with_budget(tmp_path)
    with JudgeServer(faults=["truncated"]) as server:
        judge = spec_for(server).open(place)
        try:
            one = question(frame_set("v0", store=place.frames))
            judge.submit(one).result(30)
            judge.submit(dataclasses.replace(one, draw=1, purpose="canary")).result(30)
        finally:
            judge.close()
    found = place.ledger.purposes()["judge"]
    assert {name: spent.requests for name, spent in found.items()} == {
        "": 1,
        "again": 1,
        "canary": 1,
    }
    assert all(spent.usd == pytest.approx(COST) for spent in found.values())
