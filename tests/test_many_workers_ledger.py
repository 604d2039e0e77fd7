"""Machines that share a budget through a store: no cap is broken and no bill unrecorded, whoever is lost."""

import dataclasses
import itertools
import pickle
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.ledger import RESERVED, WAIT, Amount, Budget, Ledger, OverBudget, Spent, lease
from schemas.store import Store

ONE = Amount(input_tokens=100, output_tokens=10, usd=0.01)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written in the background is written at once, and nobody waits before looking again."""
    monkeypatch.setattr(lease, "in_background", lambda work: work())
    monkeypatch.setattr(lease, "AGAIN_S", -1.0)


def far(folder: Path | None = None) -> Store:
    return Store(str(folder) if folder else f"memory://ledgers-{uuid.uuid4().hex}")


def on_machine(launcher: Ledger, place: Path) -> Ledger:
    """The launcher's ledger as it arrives on a machine whose own folder is ``place``."""
    there: Ledger = pickle.loads(pickle.dumps(launcher))
    assert there._lease is not None
    there._lease.job = dataclasses.replace(there._lease.job, place=str(place))
    return there


def ask(ledger: Ledger, worst: Amount = ONE) -> bool:
    """Whether a request may be sent, after the record that may be due first."""
    return any(ledger.reserve("judge", worst) is RESERVED for _ in range(2))


def test_a_machine_that_ends_its_work_leaves_the_exact_bill(tmp_path: Path) -> None:
    launcher = Ledger(
        tmp_path / "ledger", ["judge"], Budget(requests=100), 1, far(tmp_path / "far")
    )
    launcher.begin()
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "vm")
        assert there.reserve("judge", ONE) is WAIT  # nothing is written down yet
        for _ in range(3):
            assert there.reserve("judge", ONE, "again") is RESERVED
            there.settle("judge", ONE, Amount(input_tokens=90, output_tokens=5, usd=0.004), "again")
        there.rest()
    # 3 x (90, 5, 0.004): the headroom was given back
    assert launcher.totals() == {"judge": Spent(3, 270, 15, 0.012)}
    assert set(launcher.purposes()["judge"]) == {"again"}
    other = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=100), 1, far(tmp_path / "far"))
    other.begin()  # the next run on the folder, another process
    assert other.totals() == launcher.totals()


def test_a_machine_that_is_lost_leaves_an_upper_bound(tmp_path: Path) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=100), 1, far())
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "vm")
        assert ask(there)
        assert ask(there)  # two are in flight, and it is gone
    spent = launcher.totals()["judge"]
    # it took the share with room for HEADROOM requests: each may have been billed
    assert (spent.requests, spent.lost_requests) == (64, 64)
    assert spent.lost_usd == spent.usd == 0.64
    assert spent.reserved_requests == 0


def test_what_earlier_jobs_spent_is_left_to_nobody(tmp_path: Path) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=20), 2, far())
    launcher.begin()
    for _ in range(4):  # where the command runs
        launcher.reserve("judge", ONE)
        launcher.settle("judge", ONE, ONE)
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "a")
        for _ in range(6):
            assert ask(there)
            there.settle("judge", ONE, ONE)
        there.rest()
    with launcher.shared_out():  # (20 - 4 - 6) / 2 = 5 each
        machines = [on_machine(launcher, tmp_path / name) for name in "bc"]
        for there in machines:
            for _ in range(5):
                assert ask(there)
                there.settle("judge", ONE, ONE)
            with pytest.raises(
                OverBudget, match=r"share of what was left: 5 requests.*5 requests are"
            ):
                there.reserve("judge", ONE)
            there.rest()
    assert launcher.totals()["judge"].requests == 20
    with pytest.raises(OverBudget, match=r"raise budget\.requests"):
        launcher.reserve("judge", ONE)


def test_more_machines_than_shares_wait_and_take_what_others_leave(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=300), 2, far())
    with launcher.shared_out():
        first, second, third = (on_machine(launcher, tmp_path / name) for name in "abc")
        assert ask(first)
        assert ask(second)
        assert not ask(third)
        first.settle("judge", ONE, ONE)
        first.rest()
        assert ask(third)  # in the first one's share, of which 1 is spent
        assert not ask(first)
        third.settle("judge", ONE, None)
        third.rest()
        # the second has not written for long: it is lost
        monkeypatch.setattr(lease, "STALE_S", -1.0)
        assert ask(first)
        first.settle("judge", ONE, ONE)
        fourth = on_machine(launcher, tmp_path / "d")
        assert ask(fourth)
        fourth.settle("judge", ONE, ONE)
        for there in (first, fourth):
            there.rest()
        second.settle("judge", ONE, ONE)  # it was not lost after all: it may not go on as if
        second.rest()
    spent = launcher.totals()["judge"]
    # 1 + 1 + 1, and more where they counted as lost
    assert spent.requests - spent.lost_requests >= 3
    assert spent.requests >= 5


def test_a_worker_left_over_from_a_run_that_ended_buys_nothing(tmp_path: Path) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=1000), 2, far())
    with launcher.shared_out():
        there, late = on_machine(launcher, tmp_path / "vm"), on_machine(launcher, tmp_path / "late")
        sent = sum(ask(there) for _ in range(10))
    known = launcher.totals()["judge"].requests
    sent += sum(ask(there) for _ in range(64 - sent))  # what it had written down as possible
    assert sent == known == 64
    with pytest.raises(OverBudget, match="has ended"):  # and no more
        ask(there)
    with pytest.raises(OverBudget, match="has ended"):
        ask(late)
    there.rest()
    assert launcher.totals()["judge"].requests == known


def test_a_store_that_cannot_be_written_stops_the_spending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=1000), 1, far())
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: None)
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "vm")
        with monkeypatch.context() as patch:

            def full(*_: object, **__: object) -> bool:
                raise OSError(28, "No space left on device")

            patch.setattr(Store, "put", full)
            with pytest.raises(OverBudget, match="No space left"):
                ask(there)
        assert ask(there)  # room was made


def test_an_answer_of_the_store_that_got_lost_costs_no_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=1000), 1, far())
    put, lost = Store.put, [False]

    def forgetful(self: Store, *given: Any, **how: Any) -> bool:
        written = put(self, *given, **how)
        if lost[0]:
            lost[0] = False
            raise ConnectionResetError("in the middle of the answer")
        return written

    monkeypatch.setattr(Store, "put", forgetful)
    monkeypatch.setattr(lease.time, "sleep", lambda seconds: None)
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "vm")
        for _ in range(100):
            assert ask(there)
            there.settle("judge", ONE, ONE)
            lost[0] = True
            there.rest()
            lost[0] = False
    assert launcher.totals()["judge"] == Spent(100, 10_000, 1000, 1.0)


def test_a_far_store_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 0.05 s for each thing it is asked: a reserve takes microseconds, a record stands for many."""
    puts = []
    put = Store.put

    def slow(self: Store, *given: Any, **how: Any) -> bool:
        time.sleep(0.05)
        puts.append(given[0])
        return put(self, *given, **how)

    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=2000), 1, far())
    monkeypatch.setattr(Store, "put", slow)
    monkeypatch.setattr(
        lease, "in_background", lambda work: threading.Thread(target=work, daemon=True).start()
    )
    with launcher.shared_out():
        there = on_machine(launcher, tmp_path / "vm")
        slowest, sent = 0.0, 0
        while sent < 500:
            begun = time.thread_time()
            verdict = there.reserve("judge", ONE)
            slowest = max(slowest, time.thread_time() - begun)
            if verdict is RESERVED:
                there.settle("judge", ONE, ONE)
                sent += 1
            else:
                time.sleep(0.005)
        there.rest()
    # 64, 128, 256, 512 requests in advance: with job.json, the last and the launcher's end about 8
    assert len(puts) < 20
    assert launcher.totals()["judge"].requests == 500


def test_what_is_sent_while_a_record_is_written_is_in_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One process gives the headroom up; another of its machine is asked to send before that is written,
    and then the machine is lost."""
    launcher = Ledger(tmp_path / "ledger", ["judge"], Budget(requests=100), 1, far())
    with launcher.shared_out():
        one, other = (on_machine(launcher, tmp_path / "vm") for _ in range(2))
        assert ask(one)
        one.settle("judge", ONE, ONE)
        put, verdicts = Store.put, []

        def meanwhile(self: Store, *given: Any, **how: Any) -> bool:
            verdicts.extend(other.reserve("judge", ONE) for _ in range(10))
            return put(self, *given, **how)

        with monkeypatch.context() as patch:
            patch.setattr(Store, "put", meanwhile)
            one.rest()
        sent = 1 + verdicts.count(RESERVED)
        assert len(verdicts) == 10
    assert launcher.totals()["judge"].requests >= sent
    assert verdicts == [WAIT] * 10


class Lost(BaseException):
    """The machine vanishes."""


# which machine, what it does, a part of the worst case, and the writing to the store (counted from
# the step's first) in which it vanishes: before or after the store has it
STEPS = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["ask", "ask", "ask", "settle", "lose", "rest", "vanish", "stale"]),
        st.integers(0, 4),
        st.sampled_from(
            [None, None, None, (0, "before"), (0, "after"), (1, "before"), (1, "after")]
        ),
    ),
    max_size=40,
)
CAPS = st.sampled_from(
    [
        Budget(),
        Budget(requests=9),
        Budget(usd=0.07),
        Budget(tokens=900),
        Budget(requests=150, usd=1.2),
    ]
)


@settings(max_examples=120)
@given(STEPS, CAPS, st.integers(1, 3), st.integers(1, 3))
def test_recorded_is_never_less_than_billed_nor_more_than_the_cap(
    tmp_path_factory: pytest.TempPathFactory,
    steps: list[tuple[int, str, int, tuple[int, str] | None]],
    budget: Budget,
    n_shares: int,
    n_jobs: int,
) -> None:
    folder = tmp_path_factory.mktemp("machines")
    places = (folder / str(n) for n in itertools.count())
    launcher = Ledger(None, ["judge"], budget, n_shares, far())
    billed = 0.0
    requests = tokens = 0
    patch = pytest.MonkeyPatch()
    patch.setattr(lease, "in_background", lambda work: work())
    patch.setattr(lease, "AGAIN_S", -1.0)
    with patch.context() as own:
        for part in range(n_jobs):
            with launcher.shared_out():
                machines: dict[int, tuple[Ledger, list[Amount]]] = {}
                for which, what, quarter, cut in steps[part::n_jobs]:
                    if which not in machines:
                        machines[which] = (on_machine(launcher, next(places)), [])
                    there, flying = machines[which]
                    worst = Amount(
                        input_tokens=25 * (1 + which), output_tokens=10, usd=0.01 * (1 + which)
                    )
                    own.setattr(lease, "STALE_S", -1.0 if what == "stale" else 120.0)
                    try:
                        with _cut(cut):
                            if what in ("ask", "stale"):
                                if _asked(there, worst):
                                    flying.append(worst)
                                    requests += 1  # sent: it may be billed from now on
                            elif what == "rest":
                                there.rest()
                            elif what == "vanish":
                                raise Lost
                            elif flying:
                                paid = flying.pop(0)
                                used = Amount(
                                    input_tokens=paid.input_tokens * quarter // 4,
                                    usd=(paid.usd or 0) * quarter / 4,
                                )
                                billed += used.usd or 0
                                tokens += used.input_tokens
                                there.settle("judge", paid, used if what == "settle" else None)
                    except Lost:
                        billed += sum(one.usd or 0 for one in flying)
                        tokens += sum(one.input_tokens + one.output_tokens for one in flying)
                        del machines[which]
                # the job ends with whatever is still in flight
                for _, flying in machines.values():
                    billed += sum(one.usd or 0 for one in flying)
                    tokens += sum(one.input_tokens + one.output_tokens for one in flying)
            spent = launcher.totals()["judge"]
            assert spent.requests >= requests
            assert spent.usd >= billed - 1e-9
            assert spent.input_tokens + spent.output_tokens >= tokens
            assert spent.reserved_requests == 0
            assert spent.requests <= (budget.requests or 10**9)
            assert spent.usd <= (budget.usd or 1e9) + 1e-9
            assert spent.input_tokens + spent.output_tokens <= (budget.tokens or 10**9)


def _asked(ledger: Ledger, worst: Amount) -> bool:
    try:
        return ask(ledger, worst)
    except OverBudget:
        return False


class _cut:
    """The machine vanishes at a writing to the store."""

    def __init__(self, cut: tuple[int, str] | None) -> None:
        self._cut, self._patch = cut, pytest.MonkeyPatch()

    def __enter__(self) -> None:
        if self._cut is None:
            return
        at, when = self._cut
        count, put = itertools.count(), Store.put

        def fatal(store: Store, *given: Any, **how: Any) -> bool:
            if next(count) < at:
                return put(store, *given, **how)
            if when == "after":
                put(store, *given, **how)
            raise Lost

        self._patch.setattr(Store, "put", fatal)

    def __exit__(self, *_: object) -> None:
        self._patch.undo()
