"""Paid replies: kept before they are read, found again, never trusted when damaged, bought once."""

import asyncio
import contextlib
import dataclasses
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_server import JudgeServer
from questions import frame_set, question, resources

from annotators.chat.spec import OpenAISpec
from annotators.journal import Journal, JournalError, Request, entry_name
from annotators.judge.request import request_of
from schemas import Settings
from schemas.store import Store

REQUEST = Request(
    kind="openai", model="m", rubric="r", rubric_version=1, system="s", user="u",
    reply_format="text", reply_schema={"type": "object"}, frames=("aa", "bb"),
    settings=Settings(temperature=0.3, max_output_tokens=9), draw=0,
)  # fmt: skip


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(Store(str(tmp_path)))


def test_an_entry_comes_back_as_the_server_sent_it(journal: Journal, tmp_path: Path) -> None:
    body = ' {"choices": [ {"é": "\\u00e9\\n"}]}\r\n'
    price = {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}
    put = journal.put(REQUEST, body, price)
    assert journal.get(REQUEST.key) == put
    assert (put.body, put.price) == (body, price)
    on_disk = json.loads((tmp_path / entry_name(REQUEST.key)).read_text())
    assert on_disk["request"]["settings"] == {"temperature": 0.3, "max_output_tokens": 9}
    assert on_disk["request"]["frames"] == ["aa", "bb"]


def test_the_first_reply_stays_the_answer(journal: Journal) -> None:
    journal.put(REQUEST, "first")
    assert journal.put(REQUEST, "second").body == "first"


def test_absent_is_none(journal: Journal) -> None:
    assert journal.get(REQUEST.key) is None


@pytest.mark.parametrize("keep", [0, 1, 40, -2])
def test_a_cut_entry_is_an_error_naming_its_file(
    journal: Journal, tmp_path: Path, keep: int
) -> None:
    journal.put(REQUEST, "body")
    path = tmp_path / entry_name(REQUEST.key)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(JournalError, match=REQUEST.key):
        journal.get(REQUEST.key)


@pytest.mark.parametrize(
    ("old", "new"), [('"body": "b', '"body": "c'), ('"draw":0', '"draw":1'), ('"body"', '"bdy"')]
)
def test_an_entry_that_is_not_its_own_is_an_error(
    journal: Journal, tmp_path: Path, old: str, new: str
) -> None:
    journal.put(REQUEST, "body")
    path = tmp_path / entry_name(REQUEST.key)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(JournalError, match=str(path)):
        journal.get(REQUEST.key)


def test_everything_that_shapes_a_reply_is_in_the_key() -> None:
    """One change at a time; every key is another. Host, key, time and retries shape no reply: specs
    that differ in them alone have one key."""
    spec = OpenAISpec(model="m")
    base = frame_set("v0")
    changed = [
        spec, OpenAISpec(model="m2"), OpenAISpec(model="m", temperature=0.4),
        OpenAISpec(model="m", temperature=None), OpenAISpec(model="m", top_p=0.9),
        OpenAISpec(model="m", seed=0), OpenAISpec(model="m", max_output_tokens=99),
        OpenAISpec(model="m", image_detail="high"), OpenAISpec(model="m", reply_format="text"),
    ]  # fmt: skip
    keys = {request_of(one, question(base)).key for one in changed}
    keys |= {request_of(spec, question(base, draw=1)).key}
    keys |= {request_of(spec, question(frame_set("v1"))).key}
    keys |= {request_of(spec, question(frame_set("v0", prompt="another"))).key}
    assert len(keys) == len(changed) + 3
    elsewhere = OpenAISpec(
        model="m", name="n", base_url="http://h/v1", api_key_env="OTHER", concurrency=1,
        timeout_s=1, max_attempts=1, draws=5, price={"input_usd_per_million": 1,
                                                     "output_usd_per_million": 1})  # fmt: skip
    assert request_of(elsewhere, question(base)).key == request_of(spec, question(base)).key


def test_a_setting_that_is_not_sent_leaves_no_trace_in_the_key() -> None:
    assert "top_p" not in REQUEST.description()["settings"]


def test_a_key_is_what_it_was_when_its_reply_was_paid_for() -> None:
    """SHA-256 of the canonical JSON, written out; a second attempt is another request."""
    canonical = (
        '{"draw":0,"frames":["aa","bb"],"kind":"openai","model":"m","reply_format":"text",'
        '"reply_schema":{"type":"object"},"rubric":"r","rubric_version":1,'
        '"settings":{"max_output_tokens":9,"temperature":0.3},"system":"s","user":"u"}'
    )
    assert REQUEST.canonical == canonical
    assert REQUEST.key == hashlib.sha256(canonical.encode()).hexdigest()
    again = dataclasses.replace(REQUEST, attempt=1)
    assert again.canonical == canonical.replace('{"draw"', '{"attempt":1,"draw"')
    assert again.key == hashlib.sha256(again.canonical.encode()).hexdigest()
    effort = dataclasses.replace(REQUEST, settings=Settings(effort="low"))
    assert '"settings":{"effort":"low"}' in effort.canonical


def test_an_entry_of_the_first_release_is_read(journal: Journal, tmp_path: Path) -> None:
    """It was the same JSON, indented."""
    entry = journal.put(REQUEST, "body", {"input_usd_per_million": 1.0})
    path = tmp_path / entry_name(REQUEST.key)
    path.write_text(json.dumps(json.loads(path.read_text()), indent=1, ensure_ascii=False) + "\n")
    assert Journal(journal.store).get(REQUEST.key) == entry


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_a_description_survives_its_journey_through_json(text: str) -> None:
    request = dataclasses.replace(REQUEST, system=text, settings=Settings(temperature=0.1 + 0.2))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Store(folder))
        assert journal.get(request.key) is None
        assert journal.put(request, text) == journal.get(request.key)


def test_equal_requests_in_flight_share_one_call(journal: Journal) -> None:
    """Ten at once on each of two loops in two threads: one call, twenty equal entries."""
    calls: list[int] = []

    @contextlib.asynccontextmanager
    async def buy() -> AsyncIterator[str]:
        calls.append(1)
        await asyncio.sleep(0.1)
        yield "body"

    async def ten() -> None:
        one = Journal(journal.store)
        found = await asyncio.gather(*(one.once(REQUEST, buy) for _ in range(10)))
        assert {entry.body for entry in found} == {"body"}

    threads = [threading.Thread(target=asyncio.run, args=(ten(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert calls == [1]


def test_followers_share_the_error_and_a_later_call_asks_again(journal: Journal) -> None:
    @contextlib.asynccontextmanager
    async def fail() -> AsyncIterator[str]:
        await asyncio.sleep(0.01)
        raise ConnectionError("down")
        yield "never"

    @contextlib.asynccontextmanager
    async def body() -> AsyncIterator[str]:
        yield "body"

    async def scene() -> None:
        both = await asyncio.gather(
            journal.once(REQUEST, fail), journal.once(REQUEST, fail), return_exceptions=True
        )
        assert [str(error) for error in both] == ["down", "down"]
        assert (await journal.once(REQUEST, body)).body == "body"

    asyncio.run(scene())


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from questions import frame_set, question, resources
from annotators.chat.spec import OpenAISpec
place = resources(Path(sys.argv[1]))
judge = OpenAISpec(model="m", base_url=sys.argv[2], concurrency=8).open(place)
print("open", flush=True)
asked = [judge.submit(question(frame_set(f"v{i}", store=place.frames)))
         for i in range(int(sys.argv[3]))]
for future in asked:
    (row,) = future.result()
    print(row.video_id, row.score, flush=True)
judge.close()
print("done", flush=True)
"""
CONCURRENCY = 8


def _start(folder: Path, server: JudgeServer, n: int) -> "subprocess.Popen[str]":
    here = Path(__file__).parent
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), server.base_url, str(n), str(here)],
        stdout=subprocess.PIPE, text=True, cwd=here.parent,
        env=os.environ | {"OPENAI_API_KEY": "sk-loopback"})  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    return process


def _kill_many_times(tmp_path: Path, n_questions: int, n_kills: int) -> str:
    """After every kill: what was billed and is not in the journal is at most what was in flight."""
    chance = random.Random(7)
    lost = 0
    journal = resources(tmp_path).journal
    with JudgeServer(latency_s=0.05) as server:
        for _ in range(n_kills):
            process = _start(tmp_path, server, n_questions)
            before = server.n_bills
            # at least one reply, then anywhere: a kill before the first request would prove nothing
            while server.n_bills == before and process.poll() is None:
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.12))
            process.send_signal(signal.SIGKILL)
            process.wait()
            time.sleep(0.1)  # the server finishes, and bills, what it was working on
            lost_now = server.n_bills - len(list(journal.names())) - lost
            assert 0 <= lost_now <= CONCURRENCY
            lost += lost_now
        process = _start(tmp_path, server, n_questions)
        rows, _ = process.communicate(timeout=60)
        assert rows.endswith("done\n")
        assert len(list(journal.names())) == n_questions  # no reply lost
        assert server.n_bills == n_questions + lost
        assert lost <= n_kills * CONCURRENCY
        again = _start(tmp_path, server, n_questions)
        assert again.communicate(timeout=60)[0] == rows
        assert server.n_bills == n_questions + lost  # a whole journal asks for nothing
    print(f"{n_kills} kills: {n_questions} replies, {lost} bought twice")
    return rows


@pytest.mark.slow
def test_killed_runs_pay_again_only_for_what_was_in_flight(tmp_path: Path) -> None:
    _kill_many_times(tmp_path, n_questions=60, n_kills=2)


@pytest.mark.slow
def test_thirty_kills_end_with_the_rows_of_a_calm_run(tmp_path: Path) -> None:
    rows = _kill_many_times(tmp_path / "killed", n_questions=600, n_kills=30)
    with JudgeServer() as server:
        calm = _start(tmp_path / "calm", server, 600)
        assert calm.communicate(timeout=60)[0] == rows
        assert server.n_bills == 600
