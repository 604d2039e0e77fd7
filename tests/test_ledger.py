"""The ledger: caps that hold over processes, runs and kills, and sums that balance."""

import functools
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotators.ledger import RESERVED, WAIT, Amount, Budget, Ledger, OverBudget, Spent
from annotators.ledger import ledger as booking
from schemas.options import SetupError

ONE = Amount(input_tokens=1000, output_tokens=500, usd=0.02)


def _run(code: str, *arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["memory", "file"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """Everything here holds for both."""
    return None if request.param == "memory" else tmp_path / "ledger"


def test_a_request_is_reserved_at_its_worst_and_settled_at_what_it_used(path: Path | None) -> None:
    ledger = Ledger(path, ["judge", "idle"])
    assert ledger.reserve("judge", ONE) is RESERVED
    assert ledger.totals()["judge"] == Spent(reserved_requests=1, reserved_usd=0.02)
    ledger.settle("judge", ONE, Amount(input_tokens=900, output_tokens=100, usd=0.005))
    assert ledger.totals() == {
        "judge": Spent(requests=1, input_tokens=900, output_tokens=100, usd=0.005),
        "idle": Spent(),
    }


def test_purposes_are_told_apart_and_add_up_to_the_account(path: Path | None) -> None:
    ledger = Ledger(path, ["judge", "idle"], Budget(requests=3))
    used = Amount(input_tokens=900, output_tokens=100, usd=0.005)
    for purpose in ("", "sentinels"):
        ledger.reserve("judge", ONE, purpose)
    ledger.settle("judge", ONE, used)
    ledger.settle("judge", ONE, None, "sentinels")
    assert ledger.purposes() == {
        "judge": {
            "": Spent(requests=1, input_tokens=900, output_tokens=100, usd=0.005),
            "sentinels": Spent(1, 1000, 500, 0.02, lost_requests=1, lost_usd=0.02),
        },
        "idle": {},
    }
    assert ledger.totals()["judge"] == Spent(2, 1900, 600, 0.025, lost_requests=1, lost_usd=0.02)
    ledger.reserve("judge", ONE, "canary")
    ledger.release("judge", ONE, "canary")
    ledger.reserve("judge", ONE, "canary")
    ledger.settle("judge", ONE, ONE, "canary")
    with pytest.raises(OverBudget):  # the cap is on all of them together
        ledger.reserve("judge", ONE)
    long = "j" * 199  # no room for a purpose: its money counts under the name alone
    other = Ledger(None, [long])
    other.reserve(long, ONE, "sentinels")
    other.settle(long, ONE, ONE, "sentinels")
    assert list(other.purposes()[long]) == [""]


def test_an_unknown_fate_is_billed_at_the_worst_case_and_a_release_is_not(
    path: Path | None,
) -> None:
    ledger = Ledger(path)
    for _ in range(2):
        ledger.reserve("judge", ONE)
    ledger.settle("judge", ONE, None)
    ledger.release("judge", ONE)
    assert ledger.totals()["judge"] == Spent(
        requests=1, input_tokens=1000, output_tokens=500, usd=0.02, lost_requests=1, lost_usd=0.02
    )


def test_requests_without_a_price_are_counted_apart(path: Path | None) -> None:
    ledger = Ledger(path)
    unknown = Amount(input_tokens=1000, output_tokens=500, usd=None)
    ledger.reserve("judge", unknown)
    ledger.settle("judge", unknown, Amount(input_tokens=900, output_tokens=100, usd=None))
    assert ledger.totals()["judge"] == Spent(
        requests=1, input_tokens=900, output_tokens=100, unpriced=1
    )


def test_a_cost_that_got_lost_counts_at_the_worst_case(path: Path | None) -> None:
    ledger = Ledger(path)
    ledger.reserve("judge", ONE)
    ledger.settle("judge", ONE, Amount(input_tokens=900, output_tokens=100, usd=None))
    assert ledger.totals()["judge"] == Spent(
        requests=1, input_tokens=900, output_tokens=100, usd=0.02, lost_usd=0.02
    )


def test_a_cap_in_usd_needs_prices() -> None:
    with pytest.raises(ValueError, match=r"budget\.usd needs the price"):
        Ledger(budget=Budget(usd=1)).reserve("judge", Amount(usd=None))


@pytest.mark.parametrize(
    "budget", [Budget(usd=0.05), Budget(tokens=4000), Budget(requests=2)], ids=str
)
def test_waits_while_something_in_flight_may_make_room_and_refuses_after(
    path: Path | None, budget: Budget
) -> None:
    # each cap has room for two worst cases (0.04 USD, 3000 tokens, 2 requests), not for three
    ledger = Ledger(path, budget=budget)
    assert ledger.reserve("a", ONE) is RESERVED
    assert ledger.reserve("b", ONE) is RESERVED
    assert ledger.reserve("a", ONE) is WAIT
    ledger.release("b", ONE)
    assert ledger.reserve("a", ONE) is RESERVED
    for _ in range(2):
        ledger.settle("a", ONE, ONE)
    (name,) = budget.model_fields_set
    with pytest.raises(OverBudget, match=rf"budget\.{name} is .* are spent.*raise budget\.{name}"):
        ledger.reserve("b", ONE)


def test_a_cheap_reply_makes_room(path: Path | None) -> None:
    ledger = Ledger(path, budget=Budget(usd=0.05))
    for _ in range(2):
        ledger.reserve("a", ONE)
    ledger.settle("a", ONE, Amount(usd=0.01))
    assert ledger.reserve("a", ONE) is RESERVED  # 0.01 spent + 0.02 + 0.02 reserved = the cap


def test_the_sum_over_purposes_has_no_dust(path: Path | None) -> None:
    # as floats, 0.1 + 0.2 + 0.3 = 0.6000000000000001
    ledger = Ledger(path, ["judge"])
    for purpose, usd in (("", 0.1), ("again", 0.2), ("canary", 0.3)):
        ledger.reserve("judge", Amount(usd=usd), purpose)
        ledger.settle("judge", Amount(usd=usd), None, purpose)
        ledger.reserve("judge", Amount(usd=usd), purpose)
    found = ledger.totals()["judge"]
    assert (found.usd, found.lost_usd, found.reserved_usd) == (0.6, 0.6, 0.6)


def test_rows_of_several_processes_have_no_dust_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a process finds its row by its pid: 0.1 + 0.2 as floats are 0.30000000000000004
    pids = (os.getpid(), os.getppid())  # both are alive: none of the rows is taken over
    for pid, usd in zip(pids, (0.1, 0.2), strict=True):
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        ledger = Ledger(tmp_path / "ledger")
        for purpose in ("", "canary"):
            ledger.reserve("judge", Amount(usd=usd), purpose)
            ledger.settle("judge", Amount(usd=usd), Amount(usd=usd), purpose)
    assert {own.usd for own in ledger.purposes()["judge"].values()} == {0.3}
    assert ledger.totals()["judge"].usd == 0.6


def test_tenths_that_binary_fractions_cannot_hold_fill_a_cap_exactly() -> None:
    dime = Amount(usd=0.1)  # as floats, 0.1 ten times is 0.9999999999999999
    ledger = Ledger(budget=Budget(usd=1.0))
    for _ in range(10):
        assert ledger.reserve("a", dime) is RESERVED
        ledger.settle("a", dime, dime)
    assert ledger.totals()["a"].usd == 1.0
    with pytest.raises(OverBudget):
        ledger.reserve("a", Amount(usd=1e-12))


def test_machines_share_a_cap() -> None:
    ledger = Ledger(budget=Budget(requests=7), machines=3)  # 7 // 3 = 2 here
    for _ in range(2):
        assert ledger.reserve("a", ONE) is RESERVED
        ledger.settle("a", ONE, ONE)
    with pytest.raises(OverBudget, match="this machine's share: 2 requests"):
        ledger.reserve("a", ONE)


def test_a_cap_holds_over_runs_whoever_spent_it(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger", ["a"], Budget(requests=2))
    for _ in range(2):
        first.reserve("a", ONE)
        first.settle("a", ONE, ONE)
    second = Ledger(tmp_path / "ledger", ["b"], Budget(requests=3))
    second.begin()
    assert second.totals() == {"b": Spent(), "a": first.totals()["a"]}
    assert second.reserve("b", ONE) is RESERVED
    assert second.reserve("b", ONE) is WAIT
    second.settle("b", ONE, ONE)
    with pytest.raises(OverBudget):
        second.reserve("b", ONE)


def test_begin_counts_what_a_killed_run_had_in_flight_as_lost(path: Path | None) -> None:
    ledger = Ledger(path)
    ledger.reserve("a", ONE)
    ledger.reserve("a", Amount(input_tokens=10, usd=None))
    ledger.begin()
    ledger.begin()  # a second time changes nothing
    assert ledger.totals()["a"] == Spent(
        requests=2,
        input_tokens=1010,
        output_tokens=500,
        usd=0.02,
        unpriced=1,
        lost_requests=2,
        lost_usd=0.02,
    )


@pytest.mark.parametrize("step", ["settle", "regain"])
@pytest.mark.parametrize("writes", [0, 1])
def test_a_kill_in_the_middle_of_a_booking_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, writes: int
) -> None:
    """``kill -9`` may come before, between and after the writes of a booking."""
    ledger, left = Ledger(tmp_path / "ledger"), [writes]
    ledger.reserve("a", ONE)
    if step == "regain":
        ledger.begin()  # a kill, and the next run

    def killed(write: Callable[..., object]) -> Callable[..., None]:
        def once_more(*arguments: object) -> None:
            if not left[0]:
                raise SystemExit
            left[0] -= 1
            write(*arguments)

        return once_more

    booked = functools.partial(ledger.settle, used=ONE) if step == "settle" else ledger.regain
    with monkeypatch.context() as patch:
        for name in ("add", "take_back"):
            patch.setattr(booking, name, killed(getattr(booking, name)))
        with pytest.raises(SystemExit):
            booked("a", ONE)
    after = Ledger(tmp_path / "ledger")
    after.begin()
    # settled in one piece; of a batch that is taken up it counts twice between the two writes: better
    # than never, where a cap is to hold
    assert after.totals()["a"].requests == (1 if step == "settle" else 1 + writes)


def test_what_is_in_flight_after_all_is_no_longer_lost(path: Path | None) -> None:
    ledger = Ledger(path, budget=Budget(requests=3))
    batch = Amount(requests=2, input_tokens=20, output_tokens=10, usd=0.5)
    ledger.reserve("a", batch)
    ledger.begin()  # a kill, and the next run
    ledger.regain("a", batch)
    assert ledger.totals()["a"] == Spent(reserved_requests=2, reserved_usd=0.5)
    assert ledger.reserve("a", batch) is WAIT
    used = Amount(requests=2, input_tokens=15, output_tokens=5, usd=0.25)
    ledger.settle("a", batch, used)
    assert ledger.totals()["a"] == Spent(requests=2, input_tokens=15, output_tokens=5, usd=0.25)


def test_nothing_is_taken_back_from_what_was_not_lost(path: Path | None) -> None:
    ledger = Ledger(path)
    ledger.reserve("a", ONE)
    ledger.settle("a", ONE, ONE)
    ledger.regain("a", ONE)
    spent = ledger.totals()["a"]
    assert (spent.requests, spent.usd, spent.reserved_requests) == (1, 0.02, 1)


def test_travels_in_job_graphs(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", ["a"], Budget(requests=1), machines=1)
    ledger.reserve("a", ONE)
    there = pickle.loads(pickle.dumps(ledger))
    assert there.totals() == ledger.totals()
    assert there.reserve("a", ONE) is WAIT
    there.settle("a", ONE, ONE)  # the row is the process's, not the object's
    assert ledger.totals()["a"].reserved_requests == 0


def test_a_fresh_ledger_makes_no_file(tmp_path: Path) -> None:
    Ledger(tmp_path / "ledger", ["a"])
    assert not list(tmp_path.iterdir())


def test_the_ratio_of_used_to_estimated_input_tokens(path: Path | None) -> None:
    ledger = Ledger(path)
    assert ledger.ratio("a") == (1.0, 0)
    ledger.estimated("a", 100, 150)
    ledger.estimated("a", 300, 250)
    ledger.estimated("b", 1, 5)
    assert ledger.ratio("a") == (1.0, 2)  # 400 / 400
    assert ledger.ratio("b") == (5.0, 1)


@pytest.mark.parametrize("name", ["", "x" * 201])
def test_names_must_fit_a_row(name: str) -> None:
    with pytest.raises(ValueError, match="1 to 200 bytes"):
        Ledger(accounts=[name])


@pytest.mark.parametrize("usd", [float("nan"), -1.0, float("inf")])
def test_amounts_are_finite_and_not_negative(usd: float) -> None:
    with pytest.raises(ValueError, match="no amount"):
        Amount(usd=usd)


@pytest.mark.parametrize("cap", [{"usd": 0}, {"tokens": 0}, {"requests": -1}, {"usd": "inf"}])
def test_caps_are_positive(cap: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(cap))):
        Budget.model_validate(cap)


def test_sums_and_differences_of_what_was_spent() -> None:
    before, later = Spent(requests=1, usd=0.5), Spent(requests=3, usd=0.75, lost_usd=0.25)
    assert later - before == Spent(requests=2, usd=0.25, lost_usd=0.25)
    assert before + (later - before) == later


# An operation: (which account, worst micro-USD, worst tokens, what becomes of it, share used). The
# micro-dollar is whole in the ledger's unit, so a model in whole numbers must agree to the last digit.
OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.integers(0, 400_000),
        st.integers(0, 400),
        st.sampled_from(["settle", "lose", "release", "begin", "leave"]),
        st.integers(0, 4),
    ),
    max_size=30,
)


@settings(deadline=None, max_examples=150)
@given(OPERATIONS)
def test_spent_and_reserved_are_those_of_a_plain_model_and_stay_under_the_caps(
    operations: list[tuple[str, int, int, str, int]],
) -> None:
    cap_usd, cap_tokens, cap_requests = 1_000_000, 1_000, 12
    ledger = Ledger(budget=Budget(usd=1, tokens=cap_tokens, requests=cap_requests))
    flying: list[tuple[str, int, int]] = []
    spent = {"a": [0, 0, 0], "b": [0, 0, 0]}  # requests, tokens, micro-USD

    def book(account: str, tokens: int, micro: int) -> None:
        for i, value in enumerate((1, tokens, micro)):
            spent[account][i] += value

    for account, micro, tokens, fate, quarter in operations:
        worst = Amount(input_tokens=tokens, usd=micro / 1e6)
        wanted = (1, tokens, micro)
        sums = [sum(own[i] for own in spent.values()) for i in range(3)]
        held = (len(flying), sum(f[1] for f in flying), sum(f[2] for f in flying))
        caps = (cap_requests, cap_tokens, cap_usd)
        if any(s + w > c for s, w, c in zip(sums, wanted, caps, strict=True)):
            with pytest.raises(OverBudget):
                ledger.reserve(account, worst)
        elif any(s + h + w > c for s, h, w, c in zip(sums, held, wanted, caps, strict=True)):
            assert ledger.reserve(account, worst) is WAIT
        else:
            assert ledger.reserve(account, worst) is RESERVED
            flying.append((account, tokens, micro))
        if fate == "begin":
            ledger.begin()
            for f in flying:
                book(*f)
            flying.clear()
        elif fate != "leave" and flying:
            who, t, m = flying.pop(0)
            worst = Amount(input_tokens=t, usd=m / 1e6)
            if fate == "settle":
                t, m = t * quarter // 4, m * quarter // 4
                ledger.settle(who, worst, Amount(output_tokens=t, usd=m / 1e6))
                book(who, t, m)
            elif fate == "lose":
                ledger.settle(who, worst, None)
                book(who, t, m)
            else:
                ledger.release(who, worst)
        totals = ledger.totals()
        for name, (requests, n_tokens, micro_usd) in spent.items():
            own = totals.get(name, Spent())
            assert own.requests == requests
            assert own.input_tokens + own.output_tokens == n_tokens
            assert own.usd == micro_usd / 1e6
            assert own.reserved_requests == sum(f[0] == name for f in flying)
            assert own.reserved_usd == sum(f[2] for f in flying if f[0] == name) / 1e6
        for i, cap in enumerate(caps):
            assert sum(own[i] for own in spent.values()) <= cap


HAMMER = """
import sys, random, time
from pathlib import Path
from annotators.ledger import *
ledger = Ledger(Path(sys.argv[1]), budget=Budget(requests=int(sys.argv[2])))
sent, worst = 0, Amount(input_tokens=7, output_tokens=3, usd=0.01)
rng = random.Random(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        if ledger.reserve("shared", worst) is not RESERVED:
            time.sleep(0.0001)
        elif rng.random() < 0.3:
            ledger.release("shared", worst)
        else:
            sent += 1
            ledger.settle("shared", worst, worst)
except OverBudget:
    print(sent)
"""


def test_processes_that_hammer_one_file_get_exactly_what_the_cap_allows(tmp_path: Path) -> None:
    processes = [_run(HAMMER, str(tmp_path / "ledger"), "3000", str(i)) for i in range(3)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:  # all are up: now, at the same time
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    sent = [int(process.communicate(timeout=60)[0]) for process in processes]
    assert sum(sent) == 3000  # an update that got lost would let more through
    spent = Ledger(tmp_path / "ledger").totals()["shared"]
    assert (spent.requests, spent.input_tokens, spent.output_tokens) == (3000, 21_000, 9000)
    assert (spent.usd, spent.reserved_requests) == (30.0, 0)


HOLD = """
import sys, time
from pathlib import Path
from annotators.ledger import *
ledger = Ledger(Path(sys.argv[1]))
worst = Amount(usd=0.25)
for _ in range(4):
    ledger.reserve("a", worst)
ledger.settle("a", worst, Amount(usd=0.125))
print("ready", flush=True)
time.sleep(60)
"""


def _killed_with_three_in_flight(file: Path) -> None:
    process = _run(HOLD, str(file))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_what_a_killed_process_held_is_lost_at_the_next_begin(tmp_path: Path) -> None:
    _killed_with_three_in_flight(tmp_path / "ledger")
    ledger = Ledger(tmp_path / "ledger")
    assert ledger.totals()["a"].reserved_requests == 3
    ledger.begin()
    assert ledger.totals()["a"] == Spent(requests=4, usd=0.875, lost_requests=3, lost_usd=0.75)


def test_nobody_waits_for_what_a_killed_process_held(tmp_path: Path) -> None:
    _killed_with_three_in_flight(tmp_path / "ledger")
    ledger = Ledger(tmp_path / "ledger", budget=Budget(requests=4))
    with pytest.raises(OverBudget):  # 1 settled and 3 lost: it would be WAIT for ever
        ledger.reserve("b", ONE)
    assert ledger.totals()["a"].lost_requests == 3


FORK = """
import os, sys
from pathlib import Path
from annotators.ledger import *
ledger = Ledger(Path(sys.argv[1]))
ledger.reserve("a", Amount())
child = os.fork()
if child == 0:
    ledger.reserve("a", Amount())
    os._exit(0)
os.waitpid(child, 0)
ledger.settle("a", Amount(), Amount())
Ledger(Path(sys.argv[1]), budget=Budget(requests=2)).reserve("b", Amount())
"""


def test_a_forked_child_keeps_its_own_row(tmp_path: Path) -> None:
    process = subprocess.run(
        [sys.executable, "-c", FORK, str(tmp_path / "ledger")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "OverBudget" in process.stderr  # were the row the parent's, who lives: WAIT
    Ledger(tmp_path / "ledger").begin()
    spent = Ledger(tmp_path / "ledger").totals()["a"]
    assert (spent.requests, spent.lost_requests) == (2, 1)  # the child's, not the parent's


def test_rows_of_dead_processes_are_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("annotators.ledger.rows.ROWS", 2)
    monkeypatch.setattr("annotators.ledger.rows.started", lambda pid: None)
    for pid in range(1000, 1005):  # five processes, one after the other
        monkeypatch.setattr(os, "getpid", lambda pid=pid: pid)
        ledger = Ledger(tmp_path / "ledger")
        ledger.reserve("a", ONE)
        ledger.settle("a", ONE, ONE)
    assert ledger.totals()["a"].requests == 5
    ledger.reserve("b", ONE)
    with pytest.raises(RuntimeError, match="more than 2 accounts"):
        ledger.reserve("c", ONE)


def test_purposes_take_no_row_that_an_account_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four rows: of 3 accounts, each of which asks again, the first alone has it told apart."""
    monkeypatch.setattr("annotators.ledger.rows.ROWS", 4)
    ledger = Ledger(tmp_path / "ledger", budget=Budget(requests=6))
    for account in "abc":
        for purpose in ("", "again"):
            assert ledger.reserve(account, ONE, purpose) is RESERVED
            ledger.settle(account, ONE, ONE, purpose)
    assert {name: spent.requests for name, spent in ledger.totals().items()} == dict.fromkeys(
        "abc", 2
    )
    assert {name: set(own) for name, own in ledger.purposes().items()} == {
        "a": {"", "again"},
        "b": {""},
        "c": {""},
    }
    with pytest.raises(OverBudget):
        ledger.reserve("a", ONE, "again")


def test_nobody_waits_for_a_killed_process_that_nobody_has_asked_after(tmp_path: Path) -> None:
    """Killed, and a zombie as long as its parent does not wait for it: a signal still reaches it."""
    process = _run(HOLD, str(tmp_path / "ledger"))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    ledger = Ledger(tmp_path / "ledger", budget=Budget(requests=4))
    with pytest.raises(OverBudget):
        ledger.reserve("b", ONE)
    process.communicate()


def test_a_file_that_is_no_ledger_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"of another version")
    (tmp_path / "folder").mkdir()
    for path, said in ((other, "not a file of this version"), (tmp_path / "folder", "director")):
        with pytest.raises(SetupError, match=f"ledger .* cannot be used.*{said}") as refused:
            Ledger(path).begin()
        assert str(path) in str(refused.value)
    assert other.read_bytes() == b"of another version"


def test_those_that_wait_do_not_all_look_for_the_dead(
    path: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds ask again twenty times a second, and every look reads a file for each process."""
    looks: list[None] = []
    monkeypatch.setattr("annotators.ledger.ledger.bury", lambda rows: looks.append(None))
    ledger = Ledger(path, budget=Budget(requests=1))
    ledger.reserve("a", ONE)
    assert [ledger.reserve("b", ONE) for _ in range(50)] == [WAIT] * 50
    assert len(looks) == 1
