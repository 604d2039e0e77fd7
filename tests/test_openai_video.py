"""Clips of a Videos API: what is sent, what is paid, and what becomes of every kind of fault."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from video_server import MP4, VideoServer

from annotators.chat import errors
from annotators.ledger import Amount, Budget, Ledger, Spent
from pipeline.generators.base import GenerationError, Tools
from pipeline.generators.openai_video import OpenAIVideoSpec, order, purchase, spec
from pipeline.generators.openai_video.desk import desk_of
from pipeline.generators.openai_video.notes import Notes
from pipeline.generators.openai_video.repeat import Patience
from pipeline.generators.openai_video.service import Job
from schemas import Clip, Reason
from schemas.ids import canonical_json
from schemas.options import SetupError
from schemas.store import Store

KEY = "sk-live-4f1c9e7a2b8d60351c"
PRICE = {"usd_per_second": 0.10}
COST = 0.40  # of four seconds


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setattr(errors, "FIRST_WAIT_S", 0.01)


def tools_at(folder: Path, **caps: float) -> Tools:
    ledger = Ledger(folder / "ledger", (), Budget.model_validate(caps))
    return Tools(jobs=Store(str(folder / "jobs")), ledger=ledger)


def spec_at(server: VideoServer, **changes: object) -> OpenAIVideoSpec:
    return OpenAIVideoSpec.model_validate(
        {"name": "sora", "model": "sora-2", "base_url": server.base_url, "price": PRICE,
         "poll_s": 0.01, "timeout_s": 60, **changes}
    )  # fmt: skip


def planned(generator: OpenAIVideoSpec, prompt: str = "a red kite", seed: int = 7) -> Clip:
    settings = canonical_json(generator.draw_settings(np.random.default_rng(0)))
    return Clip(video_id=f"v{seed}", prompt_id="p", prompt=prompt, generator=generator.name,
                source="s", settings=settings, seed=seed)  # fmt: skip


def one(generator: OpenAIVideoSpec, tools: Tools, *more: object) -> bytes | GenerationError:
    """The clip of one call, as a thread of a run makes it."""
    (result,) = generator.generate([planned(generator, *more)], tools)  # type: ignore[arg-type]
    return result


def clip_of(result: bytes | GenerationError) -> str:
    """Id of the job and prompt, as the server writes them into its clips."""
    assert isinstance(result, bytes), result
    return result.removeprefix(MP4).rstrip(b"\0").decode()


def failed(result: bytes | GenerationError) -> GenerationError:
    assert isinstance(result, GenerationError), result
    assert KEY not in str(result)
    return result


def spent(tools: Tools) -> Spent:
    return tools.ledger.totals().get("generator sora", Spent())


def test_a_clip(tmp_path: Path) -> None:
    with VideoServer(looks=3) as server:
        tools = tools_at(tmp_path)
        assert clip_of(one(spec_at(server), tools)) == "video_0000 a red kite"
        assert server.calls == {"create": 1, "look": 3, "content": 1}
        assert server.jobs["video_0000"].fields == {
            "model": "sora-2", "prompt": "a red kite", "seconds": "4", "size": "1280x720"}  # fmt: skip
        assert server.keys == {f"Bearer {KEY}"}
        assert spent(tools) == Spent(requests=1, usd=COST)


@pytest.mark.parametrize("request_as", ["form", "json"])
def test_fields_of_other_makers(request_as: str, tmp_path: Path) -> None:
    prompt = 'a "red" kite\n& 100 % 凧'
    with VideoServer() as server:
        generator = spec_at(
            server, request=request_as, seconds=None, price={"usd_per_clip": 0.0},
            extra_body={"num_inference_steps": 40, "num_frames": 81, "flow_shift": 3.5},
            sends=["seed", "guidance_scale"], guidance_scale=[5.0, 5.0], api_key_env=None,
        )  # fmt: skip
        generator.check()
        assert prompt in clip_of(one(generator, tools_at(tmp_path), prompt, 11))
        assert server.jobs["video_0000"].fields == {
            "model": "sora-2", "prompt": prompt, "size": "1280x720", "seed": "11",
            "guidance_scale": "5.0", "num_inference_steps": "40", "num_frames": "81",
            "flow_shift": "3.5",
        }  # fmt: skip
        assert server.keys == {"Bearer none"}


def test_what_shapes_a_clip_is_in_its_settings() -> None:
    block = {"name": "a", "model": "wan", "base_url": "http://a/v1", "extra_body": {"steps": 40}}
    generator = OpenAIVideoSpec.model_validate(block)
    assert generator.fixed_settings() == {
        "model": "wan", "seconds": 4, "size": "1280x720", "steps": 40}  # fmt: skip
    same = {"name": "b", "base_url": "http://b/v1", "concurrency": 9, "poll_s": 1, "timeout_s": 5}
    assert OpenAIVideoSpec.model_validate(block | same).fixed_settings() == (
        generator.fixed_settings())  # fmt: skip
    for other in ({"model": "x"}, {"seconds": 8}, {"size": "1x1"}, {"extra_body": {"steps": 4}},
                  {"sends": ["seed"]}):  # fmt: skip
        changed = OpenAIVideoSpec.model_validate(block | other)
        assert changed.fixed_settings() != generator.fixed_settings()


def test_prices() -> None:
    def worst(price: dict[str, float] | None) -> float | None:
        block = {"name": "a", "model": "m", "seconds": 8, "price": price}
        return OpenAIVideoSpec.model_validate(block).worst_usd

    assert worst({"usd_per_second": 0.30}) == pytest.approx(2.40)
    assert worst({"usd_per_clip": 0.5}) == 0.5
    assert worst({"usd_per_clip": 0.0}) == 0.0
    assert worst(None) is None


# --- faults


@pytest.mark.parametrize(
    ("fault", "reason", "said", "calls"),
    [
        ("unauthorized", Reason.AUTHENTICATION, "Incorrect API key provided: [key]", 1),
        ("forbidden", Reason.AUTHENTICATION, "may not use the model", 1),
        ("payment", Reason.QUOTA, "Add credits", 1),
        ("insufficient_quota", Reason.QUOTA, "exceeded your current quota", 1),
        ("moderation", Reason.CONTENT_FILTER, "blocked by our moderation", 1),
        ("bad_request", Reason.REJECTED, "seconds must be one of", 1),
        ("not_found", Reason.REJECTED, "HTTP 404: No such video", 1),
        ("server_error", Reason.UNAVAILABLE, "gave up after 3 attempts: HTTP 500", 3),
    ],
)
def test_a_job_that_is_not_taken_costs_nothing(
    fault: str, reason: Reason, said: str, calls: int, tmp_path: Path
) -> None:
    with VideoServer(create=[fault] * 20) as server:
        tools = tools_at(tmp_path)
        error = failed(one(spec_at(server, max_attempts=3), tools))
        assert error.reason is reason
        assert said in str(error)
        assert error.cost_usd == 0.0
        assert server.calls["create"] == calls
        assert spent(tools) == Spent()


@pytest.mark.parametrize("fault", ["rate_limit", "server_error", "slow"])
def test_errors_that_pass(fault: str, tmp_path: Path) -> None:
    with VideoServer(
        create=[fault] * 2, look=[fault] * 2, content=[fault] * 2, retry_after_s=0.02
    ) as server:
        tools = tools_at(tmp_path)
        assert clip_of(one(spec_at(server), tools)) == "video_0000 a red kite"
        assert [len(name) for name in set(server.once)] == [
            32
        ]  # every attempt under the same idempotency key
        assert spent(tools) == Spent(requests=1, usd=COST)


def test_retry_after_is_kept_and_holds_for_all_threads(tmp_path: Path) -> None:
    with VideoServer(create=["rate_limit"], retry_after_s=0.5) as server:
        generator, tools = spec_at(server), tools_at(tmp_path)
        began = time.monotonic()
        threads = [threading.Thread(target=one, args=(generator, tools, f"kite {i}"))
                   for i in range(2)]  # fmt: skip
        threads[0].start()
        while not server.calls["create"]:
            time.sleep(0.005)
        time.sleep(0.1)
        threads[1].start()
        threads[1].join()
        assert time.monotonic() - began >= 0.5
        threads[0].join()
        assert len(server.jobs) == 2


def test_a_server_that_is_full_is_waited_for(tmp_path: Path) -> None:
    """It takes two jobs at a time; being turned away is no attempt of the two that are allowed."""
    with VideoServer(most_jobs=2, looks=8) as server:
        generator, tools = spec_at(server, max_attempts=2, concurrency=6), tools_at(tmp_path)
        results = together(generator, tools, [f"kite {i}" for i in range(6)])
        assert all(isinstance(result, bytes) for result in results)
        assert (len(server.jobs), server.most_at_once) == (6, 2)
        assert server.calls["create"] > 6


@pytest.mark.parametrize(
    ("word", "reason", "said"),
    [
        ("broken", Reason.GENERATION, "failed: internal_error: The job crashed"),
        ("blocked", Reason.CONTENT_FILTER, "moderation_blocked: Blocked by moderation"),
        ("broke", Reason.QUOTA, "insufficient_quota: No credit is left"),
        ("expires", Reason.GENERATION, "job video_0000 expired: no reason given"),
    ],
)
@pytest.mark.parametrize(
    ("billed", "cost", "books"),
    [
        (None, None, Spent(requests=1, usd=COST, lost_requests=1, lost_usd=COST)),
        (True, COST, Spent(requests=1, usd=COST)),
        (False, 0.0, Spent()),
    ],
)
def test_a_job_that_fails(
    word: str, reason: Reason, said: str, billed: bool | None, cost: float | None, books: Spent,
    tmp_path: Path,
) -> None:  # fmt: skip
    with VideoServer() as server:
        tools = tools_at(tmp_path)
        generator = spec_at(server, price=PRICE | {"failed_billed": billed})
        error = failed(one(generator, tools, f"{word} kite"))
        assert (error.reason, error.cost_usd) == (reason, cost)
        assert said in str(error)
        assert spent(tools) == books
        if reason is Reason.QUOTA:
            return
        again = failed(one(generator, tools, f"{word} kite"))
        assert (again.reason, again.cost_usd, str(again)) == (
            reason, cost, str(error).replace("video_0000", list(server.jobs)[-1]))  # fmt: skip
        # what cost nothing is asked anew; what was paid for nothing only where somebody says so
        assert len(server.jobs) == (2 if cost == 0.0 else 1)
        generator.ask_again(planned(generator, f"{word} kite"), tools)
        failed(one(generator, tools, f"{word} kite"))
        assert len(server.jobs) == (3 if cost == 0.0 else 2)


def test_a_job_that_goes_on_is_not_forgotten_by_a_retry(tmp_path: Path) -> None:
    with VideoServer() as server:
        generator, tools = spec_at(server, timeout_s=0.1), tools_at(tmp_path)
        assert failed(one(generator, tools, "endless kite")).reason is Reason.TIMEOUT
        generator.ask_again(planned(generator, "endless kite"), tools)
        failed(one(generator, tools, "endless kite"))
        assert len(server.jobs) == 1


@pytest.mark.parametrize(
    ("fault", "reason", "said"),
    [
        ("page", Reason.GENERATION, "22 bytes that are no video"),
        ("empty", Reason.GENERATION, "0 bytes that are no video"),
        ("too_large", Reason.TOO_LARGE, "268435457 bytes or more; at most 268435456"),
        ("unauthorized", Reason.AUTHENTICATION, "Incorrect API key provided: [key]"),
        ("not_found", Reason.UNAVAILABLE, "HTTP 404"),
    ],
)
def test_a_paid_clip_that_cannot_be_had(
    fault: str, reason: Reason, said: str, tmp_path: Path
) -> None:
    with VideoServer(content=[fault] * 20) as server:
        tools = tools_at(tmp_path)
        error = failed(one(spec_at(server), tools))
        assert (error.reason, error.cost_usd) == (reason, COST)
        assert said in str(error)
        assert spent(tools) == Spent(requests=1, usd=COST)


@pytest.mark.parametrize("fault", ["cut", "cut_chunks", "endless_length", "reset", "not_found"])
def test_a_download_that_breaks_off_is_repeated(fault: str, tmp_path: Path) -> None:
    with VideoServer(content=[fault] * 2) as server:
        assert one(spec_at(server), tools_at(tmp_path)) == server.jobs["video_0000"].content
        assert server.calls["content"] == 3


def test_a_clip_that_lies_elsewhere_is_fetched_without_the_key(tmp_path: Path) -> None:
    with VideoServer(content=["elsewhere"]) as server:
        server.keys = type("Order", (list,), {"add": list.append})()
        assert clip_of(one(spec_at(server), tools_at(tmp_path)))
        assert server.keys == [f"Bearer {KEY}"] * 3 + ["none"]


@pytest.mark.parametrize("fault", ["server_error", "garbage", "reset", "not_found"])
def test_looks_that_fail_for_a_while(fault: str, tmp_path: Path) -> None:
    with VideoServer(look=[None, fault, fault], looks=2) as server:
        assert clip_of(one(spec_at(server), tools_at(tmp_path)))
        assert len(server.jobs) == 1


def test_a_job_without_an_end(tmp_path: Path) -> None:
    """It goes on without us, and is there for whoever asks again."""
    with VideoServer() as server:
        tools = tools_at(tmp_path)
        error = failed(one(spec_at(server, timeout_s=0.3), tools, "endless kite"))
        assert (error.reason, error.cost_usd) == (Reason.TIMEOUT, None)
        assert "is in_progress after 0.3 s" in str(error)
        assert spent(tools) == Spent(requests=1, usd=COST, lost_requests=1, lost_usd=COST)
        server.jobs["video_0000"].fields["prompt"] = "done kite"
        assert clip_of(one(spec_at(server), tools, "endless kite")) == "video_0000 done kite"
        assert len(server.jobs) == 1
        assert spent(tools) == Spent(requests=1, usd=COST)


def test_the_time_of_a_job_begins_when_the_server_takes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long it had to wait for its turn: here all the time there was."""
    placed = order.Order.placed

    def late(self: order.Order, patience: Patience) -> Job:
        job = placed(self, patience)
        patience.until = 0.0
        return job

    monkeypatch.setattr(order.Order, "placed", late)
    with VideoServer(looks=3) as server:
        assert clip_of(one(spec_at(server), tools_at(tmp_path))) == "video_0000 a red kite"


# --- calls without an answer


@pytest.mark.parametrize("fault", ["lost", "lost_gateway"])
def test_a_job_whose_answer_was_lost_is_found(fault: str, tmp_path: Path) -> None:
    """Among others, on the second page of the list, not to be taken for that of another clip."""
    with VideoServer(create=[None, None, fault]) as server:
        generator, tools = spec_at(server), tools_at(tmp_path)
        one(generator, tools, "a red kite", 1)
        one(spec_at(server, model="sora-2-pro"), tools, "a red kite", 2)
        assert clip_of(one(generator, tools, "a red kite", 3)) == "video_0002 a red kite"
        assert len(server.jobs) == 3
        assert server.calls["listing"] >= 1
        assert spent(tools) == Spent(requests=3, usd=pytest.approx(3 * COST))


@pytest.mark.parametrize(
    ("difference", "ours"),
    [
        ({}, True),
        ({"model": "sora-2-2025-12-08"}, True),
        ({"model": "sora-2-pro"}, False),
        ({"seconds": "8"}, False),
        ({"size": "720x1280"}, False),
        ({"prompt": "a red kit"}, False),
        ({"age_s": 700}, False),
    ],
)
def test_which_job_of_a_list_can_be_ours(difference: dict, ours: bool, tmp_path: Path) -> None:
    """A job that nobody noted, made by who knows whom, and a call that came to no end."""
    with VideoServer(create=["reset"]) as server:
        fields = {"model": "sora-2", "prompt": "a red kite", "seconds": "4", "size": "1280x720"}
        age_s = difference.pop("age_s", 0)
        job = server.make(fields | difference)
        assert job
        job.created_at -= age_s
        for i in range(3):  # the server shows two on a page, the newest first
            server.make(fields | {"prompt": f"another's kite {i}"})
        result = clip_of(one(spec_at(server), tools_at(tmp_path)))
        assert result.startswith("video_0000" if ours else "video_0004")
        assert len(server.jobs) == (4 if ours else 5)


@pytest.mark.parametrize("fault", ["reset", "gateway", "garbage"])
def test_a_job_that_was_never_made_is_asked_for_again(fault: str, tmp_path: Path) -> None:
    with VideoServer(create=[fault]) as server:
        tools = tools_at(tmp_path)
        assert clip_of(one(spec_at(server), tools)) == "video_0000 a red kite"
        assert server.calls["listing"] == 1
        # the first call counts as billed: that the list lacks it is no proof for the books
        assert spent(tools) == Spent(
            requests=2, usd=pytest.approx(2 * COST), lost_requests=1, lost_usd=COST)  # fmt: skip


@pytest.mark.parametrize(
    ("server", "changes"),
    [
        ({"listing": ["not_found"] * 9}, {}),
        ({"prompts_listed": False}, {}),
        ({}, {"sends": ["seed"]}),
    ],
)
def test_where_nobody_can_tell_nothing_is_paid_twice(
    server: dict, changes: dict, tmp_path: Path
) -> None:
    with VideoServer(create=["lost"], **server) as videos:
        tools = tools_at(tmp_path)
        error = failed(one(spec_at(videos, **changes), tools))
        assert (error.reason, error.cost_usd) == (Reason.UNAVAILABLE, None)
        assert "might be paid twice" in str(error)
        assert len(videos.jobs) == 1


def test_a_free_server_is_simply_asked_again(tmp_path: Path) -> None:
    with VideoServer(create=["lost"], prompts_listed=False) as server:
        tools = tools_at(tmp_path)
        assert clip_of(one(spec_at(server, price={"usd_per_clip": 0}), tools)).startswith(
            "video_0001")  # fmt: skip


def test_jobs_that_are_lost_among_many_threads(tmp_path: Path) -> None:
    """Each third answer is lost, four clips of each prompt: every clip has a job of its own."""
    with VideoServer(create=[None, None, "lost"] * 8) as server:
        generator, tools = spec_at(server, concurrency=8), tools_at(tmp_path)
        prompts = [f"kite {i}" for i in range(4) for _ in range(4)]
        clips = [clip_of(result) for result in together(generator, tools, prompts)]
        assert len(set(clips)) == 16
        assert [clip.split(maxsplit=1)[1] for clip in clips] == prompts
        assert len(server.jobs) == 16
        assert spent(tools) == Spent(requests=16, usd=pytest.approx(16 * COST))


def together(
    generator: OpenAIVideoSpec, tools: Tools, prompts: list[str]
) -> list[bytes | GenerationError]:
    """One clip per prompt, each with a seed of its own, in as many threads as a run would use."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(generator.at_once(1)) as pool:
        jobs = [pool.submit(one, generator, tools, prompt, i) for i, prompt in enumerate(prompts)]
        return [job.result() for job in jobs]


# --- never twice


def test_a_clip_asked_again_is_taken_from_its_job(tmp_path: Path) -> None:
    with VideoServer() as server:
        tools = tools_at(tmp_path)
        first = one(spec_at(server), tools)
        assert one(spec_at(server, name="sora", concurrency=9), tools) == first
        assert len(server.jobs) == 1
        assert spent(tools) == Spent(requests=1, usd=COST)
        one(spec_at(server), tools, "a red kite", 8)  # another seed is another clip
        one(spec_at(server, seconds=8), tools)
        assert len(server.jobs) == 3


def test_a_job_that_is_gone_is_asked_for_anew(tmp_path: Path) -> None:
    with VideoServer() as server:
        generator, tools = spec_at(server), tools_at(tmp_path)
        one(generator, tools)
        server.jobs["video_0000"].deleted = True
        assert clip_of(one(generator, tools)) == "video_0001 a red kite"
        server.jobs["video_0001"].fields["prompt"] = "a kite that expires"
        assert clip_of(one(generator, tools)) == "video_0002 a red kite"
        server.script["content"] = [None] * server.calls["content"] + ["not_found"] * 3
        assert clip_of(one(generator, tools)) == "video_0003 a red kite"
        assert spent(tools) == Spent(requests=4, usd=pytest.approx(4 * COST))


def test_an_id_means_nothing_at_another_server(tmp_path: Path) -> None:
    with VideoServer() as here, VideoServer() as there:
        tools = tools_at(tmp_path)
        one(spec_at(here), tools)
        there.make({"prompt": "another's kite"})  # under the same id
        assert clip_of(one(spec_at(there), tools)) == "video_0001 a red kite"


def test_a_note_of_another_folder_is_of_use_and_not_in_these_books(tmp_path: Path) -> None:
    """Asked for by one run, which gave up too soon, and collected by another."""
    lost = Spent(requests=1, usd=COST, lost_requests=1, lost_usd=COST)
    with VideoServer(looks=10**6) as server:
        tools = tools_at(tmp_path)
        assert failed(one(spec_at(server, timeout_s=0.1), tools)).reason is Reason.TIMEOUT
        server.looks = 0
        shared = Tools(jobs=tools.jobs, ledger=Ledger(tmp_path / "other"))
        assert clip_of(one(spec_at(server), shared)) == "video_0000 a red kite"
        assert (spent(shared), spent(tools)) == (Spent(), lost)
        assert clip_of(one(spec_at(server), tools)) == "video_0000 a red kite"
        assert spent(tools) == Spent(requests=1, usd=COST)
        assert len(server.jobs) == 1


def test_a_damaged_note_is_named(tmp_path: Path) -> None:
    with VideoServer() as server:
        generator, tools = spec_at(server), tools_at(tmp_path)
        key = Notes(generator, planned(generator), tools).key
        tools.jobs.put(f"openai-video/{key[:2]}/{key}.json", b"{")
        error = failed(one(generator, tools))
        assert f"{key}.json; delete it" in str(error)
        assert not server.calls


def test_a_job_that_cannot_be_noted_stops_what_follows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **more: object) -> bool:
        raise OSError(28, "No space left on device")

    with VideoServer() as server:
        generator, tools = spec_at(server), tools_at(tmp_path)
        monkeypatch.setattr(Store, "put", full)
        error = failed(one(generator, tools))  # the mark that it is settled cannot be kept either
        assert "No space left" in str(error)
        error = failed(one(generator, tools, "another kite"))
        assert error.reason is Reason.NOT_ATTEMPTED
        assert "a paid job could not be noted" in str(error)
        assert len(server.jobs) == 1


RUN = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
sys.path.insert(0, {tests!r})
import test_openai_video as t
generator = t.OpenAIVideoSpec.model_validate_json(sys.stdin.read())
tools = t.tools_at(Path({folder!r}), usd=10.0)
tools.ledger.begin()
t.together(generator, tools, [f"kite {{i}}" for i in range(8)])
"""


def test_a_killed_run_takes_its_jobs_up_again(tmp_path: Path) -> None:
    """Killed with eight jobs in the making: the next run creates none, and the books are whole."""
    with VideoServer(looks=10**6) as server:
        generator = spec_at(server, concurrency=8)
        code = RUN.format(tests=str(Path(__file__).parent), folder=str(tmp_path))
        with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE,
                              env=os.environ | {"OMP_NUM_THREADS": "1"}) as run:  # fmt: skip
            assert run.stdin
            run.stdin.write(generator.model_dump_json().encode())
            run.stdin.close()
            until = time.monotonic() + 60
            while server.calls["look"] < 30 and time.monotonic() < until:
                time.sleep(0.02)
            run.send_signal(signal.SIGKILL)
        assert len(server.jobs) == 8
        server.looks = 0
        tools = tools_at(tmp_path, usd=10.0)
        tools.ledger.begin()
        assert spent(tools) == Spent(requests=8, usd=pytest.approx(8 * COST), lost_requests=8,
                                     lost_usd=pytest.approx(8 * COST))  # fmt: skip
        results = together(generator, tools, [f"kite {i}" for i in range(8)])
        assert sorted(clip_of(result) for result in results) == sorted(
            f"{job.id} {job.fields['prompt']}" for job in server.jobs.values())  # fmt: skip
        assert server.calls["create"] == 8
        assert spent(tools) == Spent(requests=8, usd=pytest.approx(8 * COST))


# --- the budget, and the word to stop


def test_a_cap_is_kept_to_the_clip(tmp_path: Path) -> None:
    """2.00 USD are five clips of 0.40, however many threads ask."""
    with VideoServer(looks=2, latency_s=0.01) as server:
        generator, tools = spec_at(server, concurrency=8), tools_at(tmp_path, usd=2.0)
        results = together(generator, tools, [f"kite {i}" for i in range(12)])
        assert len(server.jobs) == 5
        assert sum(isinstance(result, bytes) for result in results) == 5
        errors_ = [failed(result) for result in results if not isinstance(result, bytes)]
        assert {error.reason for error in errors_} == {Reason.NOT_ATTEMPTED}
        assert {error.cost_usd for error in errors_} == {0.0}
        assert all("budget.usd is 2.0" in str(error) for error in errors_)
        assert spent(tools) == Spent(requests=5, usd=pytest.approx(2.0))
        # with more to spend the same process goes on: another run has another ledger
        more = tools_at(tmp_path, usd=4.8)
        results = together(generator, more, [f"kite {i}" for i in range(12)])
        assert all(isinstance(result, bytes) for result in results)
        assert len(server.jobs) == 12


def test_a_refused_job_gives_its_share_to_another(tmp_path: Path) -> None:
    """There is room for one clip: the first is refused, so the second, which waited, is made."""
    with VideoServer(create=["moderation"], latency_s=0.2) as server:
        generator, tools = spec_at(server, concurrency=2), tools_at(tmp_path, usd=0.5)
        results = together(generator, tools, ["kite 0", "kite 1"])
        assert sorted(isinstance(result, bytes) for result in results) == [False, True]
        assert spent(tools) == Spent(requests=1, usd=COST)


@pytest.mark.parametrize("fault", ["unauthorized", "insufficient_quota"])
def test_after_an_account_is_refused_nothing_more_is_asked(fault: str, tmp_path: Path) -> None:
    with VideoServer(create=[None, fault]) as server:
        generator, tools = spec_at(server, concurrency=1), tools_at(tmp_path)
        results = together(generator, tools, [f"kite {i}" for i in range(6)])
        assert isinstance(results[0], bytes)
        stopped = {"unauthorized": Reason.AUTHENTICATION, "insufficient_quota": Reason.QUOTA}[fault]
        assert failed(results[1]).reason is stopped
        for result in results[2:]:
            error = failed(result)
            assert error.reason is Reason.NOT_ATTEMPTED
            assert f"the run was stopped ({stopped}: create: HTTP" in str(error)
        assert server.calls["create"] == 2
        # what was paid before is had all the same
        assert isinstance(one(generator, tools, "kite 0", 0), bytes)


def test_a_worker_without_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with VideoServer() as server:
        monkeypatch.delenv("OPENAI_API_KEY")
        with pytest.raises(GenerationError, match="OPENAI_API_KEY is not set") as raised:
            one(spec_at(server), tools_at(tmp_path))
        assert raised.value.reason is Reason.AUTHENTICATION


def test_one_client_for_all_threads(tmp_path: Path) -> None:
    with VideoServer() as server:
        tools = tools_at(tmp_path)
        assert desk_of(spec_at(server), tools) is desk_of(spec_at(server), tools)
        assert desk_of(spec_at(server), tools) is not desk_of(spec_at(server), tools_at(tmp_path))
        assert desk_of(spec_at(server, seconds=8), tools) is not desk_of(spec_at(server), tools)


# --- what is refused before


def test_what_is_refused_before_anything_is_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    def check(**block: object) -> None:
        OpenAIVideoSpec.model_validate({"name": "a", "model": "m", **block}).check()

    check(base_url="http://localhost:8091/v1")
    check(base_url="http://localhost:8091/v1", api_key_env=None)
    with pytest.raises(SetupError, match="generator a: OpenAI shut its own Videos API down"):
        check()
    with pytest.raises(SetupError, match="generator a: base_url must be an http"):
        check(base_url="localhost:8091")
    with pytest.raises(SetupError, match="no user, password or query"):
        check(base_url="http://me:secret@localhost/v1")
    with pytest.raises(SetupError, match="the environment variable MINE is not set") as raised:
        check(base_url="http://localhost/v1", api_key_env="MINE")
    assert KEY not in str(raised.value)
    with pytest.raises(SetupError, match="not the key itself"):
        check(base_url="http://localhost/v1", api_key_env=KEY)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"guidance_scale": 7.5}, "the Videos API has none"),
        ({"sends": ["guidance_scale"]}, "the Videos API has none"),
        ({"sends": ["steps"]}, "sends"),
        ({"extra_body": {"prompt": "x"}}, "extra_body: prompt"),
        ({"extra_body": {"seed": 1}, "sends": ["seed"]}, "extra_body: seed"),
        ({"extra_body": {"shift": float("inf")}}, "finite"),
        ({"extra_body": {"list": [1]}}, "extra_body"),
        ({"price": {}}, "either usd_per_second or usd_per_clip"),
        ({"price": {"usd_per_second": 1, "usd_per_clip": 1}}, "either"),
        ({"price": {"usd_per_second": 1}, "seconds": None}, "usd_per_second needs seconds"),
        ({"size": "large"}, "size"),
        ({"seconds": 0}, "seconds"),
    ],
)
def test_what_no_block_may_say(block: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        OpenAIVideoSpec.model_validate({"name": "a", "model": "m", **block})


def test_a_spec_travels_and_holds_no_key() -> None:
    generator = OpenAIVideoSpec.model_validate({"name": "a", "model": "m", "sends": ["seed"]})
    sent = generator.model_dump_json()
    assert OpenAIVideoSpec.model_validate_json(sent) == generator
    assert KEY not in sent
    assert json.loads(sent)["api_key_env"] == "OPENAI_API_KEY"
    assert (generator.place, generator.batch, generator.at_once(2)) == ("threads", 1, 4)
    assert generator.worst == Amount(usd=None)
    assert (order.CLOCKS_S, purchase.MOST_MISSED, spec.RETIRED.isoformat()) == (
        600.0, 3, "2026-09-24")  # fmt: skip
