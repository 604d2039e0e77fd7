"""Kind `openai` against servers that run a model: one of ours, and one that we did not write."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_clips import clip
from questions import QUALITY, question, resources
from tiny_server import SNAPSHOT, TinyServer
from tiny_vlm import favour_digits, tiny_vlm

from annotators import OpenAISpec
from annotators.base import Outcome, Question, Resources
from annotators.journal import Journal
from annotators.models import Price
from prompts import as_protocol, load_rubric
from schemas import Annotation, Comparison, Failure, Reason

FIVE = load_rubric("videofeedback/video_score")
READY_S = 90.0  # it takes 4 s on a machine of its own


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm(tmp_path_factory.mktemp("models") / "tiny_vlm", "llava")


@pytest.fixture(scope="module")
def ours(folder: Path) -> Iterator[TinyServer]:
    with TinyServer(folder) as server:
        yield server


@pytest.fixture
def place(tmp_path: Path) -> Resources:
    return resources(tmp_path)


def spec_for(base_url: str, **changes: object) -> OpenAISpec:
    given = {"model": "tiny", "base_url": base_url, "api_key_env": None, "max_output_tokens": 48}
    return OpenAISpec.model_validate(given | changes)


def ask(spec: OpenAISpec, place: Resources, *questions: Question) -> list[list[Outcome]]:
    judge = spec.open(place)
    try:
        futures = [judge.submit(one) for one in questions]
        return [list(future.result(timeout=120)) for future in futures]
    finally:
        judge.close()


# --- ours ---


def test_a_server_with_a_model_gives_annotations(ours: TinyServer, place: Resources) -> None:
    price = Price(input_usd_per_million=1.0, output_usd_per_million=2.0)
    clips = [clip(f"v{i}", place.frames) for i in range(4)]
    found = ask(spec_for(ours.base_url, price=price, seed=1), place, *map(question, clips))
    for (row,) in found:
        assert isinstance(row, Annotation)
        assert (row.model, row.system_fingerprint, row.n_frames) == (SNAPSHOT, "fp_tiny", 2)
        assert row.score in {1, 2, 3, 4, 5}
        assert row.cost_usd == pytest.approx((row.input_tokens + 2 * row.output_tokens) / 1e6)
    before = len(ours.bodies)
    again = ask(spec_for(ours.base_url, price=price, seed=1), place, *map(question, clips))
    assert again == found
    assert len(ours.bodies) == before


def test_a_server_with_a_model_compares_and_judges_many_dimensions(
    ours: TinyServer, place: Resources
) -> None:
    one, other = clip("v0", place.frames), clip("v1", place.frames)
    pair = Question(frames=one, others=(other,), rubric=as_protocol(QUALITY, "pairwise"), draw=0)
    five = question(one, rubric=FIVE)
    found = ask(spec_for(ours.base_url, max_output_tokens=330), place, pair, five)
    assert isinstance(found[0][0], Comparison)
    assert [type(row) for row in found[1]] == [Annotation] * 5


def test_draws_that_share_a_request_come_from_one(ours: TinyServer, place: Resources) -> None:
    before = len(ours.bodies)
    frames = clip("v0", place.frames)
    spec = spec_for(ours.base_url, draws=3, several_choices=True, temperature=1)
    found = ask(spec, place, *(question(frames, draw=draw) for draw in range(3)))
    assert all(isinstance(row, Annotation) for (row,) in found)
    assert [body["n"] for body in ours.bodies[before:]] == [3]
    assert len({row.rationale for (row,) in found}) > 1


def test_expected_scores_come_over_the_wire(folder: Path, place: Resources) -> None:
    """The same question at temperature 0: the score is the mean, and the mode is what is said."""
    with TinyServer(folder) as server:
        loaded = server.engine.loaded
        favour_digits(loaded.model, loaded.processor.tokenizer)
        spec = spec_for(server.base_url, score="expected", temperature=0)
        ((row,),) = ask(spec, place, question(clip("v0", place.frames)))
    assert isinstance(row, Annotation)
    assert len(row.distribution) == 5
    assert sum(row.distribution) == pytest.approx(1)
    assert row.score == pytest.approx(sum(p * s for s, p in enumerate(row.distribution, 1)))


def test_log_probabilities_that_do_not_come_are_missed(folder: Path, place: Resources) -> None:
    """The reply is a verdict; what was to be read beside it is not there, so there is no score."""
    with TinyServer(folder, ignores=["logprobs", "top_logprobs"]) as server:
        spec = spec_for(server.base_url, score="expected")
        ((row,),) = ask(spec, place, question(clip("v0", place.frames)))
    assert isinstance(row, Failure)
    assert row.reason is Reason.NO_DISTRIBUTION


def test_fewer_replies_than_asked_for_are_made_up_for(folder: Path, place: Resources) -> None:
    """A server that gives one reply whatever `n` says: the other draws are asked for on their own."""
    frames = clip("v0", place.frames)
    with TinyServer(folder, ignores=["n"]) as server:
        spec = spec_for(server.base_url, draws=3, several_choices=True, temperature=1)
        found = ask(spec, place, *(question(frames, draw=draw) for draw in range(3)))
        assert sorted(body.get("n", 1) for body in server.bodies) == [1, 1, 3]
    assert all(isinstance(row, Annotation) for (row,) in found)


def test_what_the_model_cannot_take_is_rejected(ours: TinyServer, place: Resources) -> None:
    ((row,),) = ask(
        spec_for(ours.base_url, max_output_tokens=9000), place, question(clip("v0", place.frames))
    )
    assert isinstance(row, Failure)
    assert (row.reason, "8192" in row.message) == (Reason.REJECTED, True)


# --- transformers serve ---


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture(scope="module")
def theirs(folder: Path) -> Iterator[str]:
    """The address of `transformers serve` over the tiny model, which is called ./tiny_vlm there."""
    cache, port = folder.parent / "hf", free_port()
    (cache / "hub").mkdir(parents=True)
    command = [
        str(Path(sys.executable).with_name("transformers")), "serve", "./tiny_vlm",
        "--device", "cpu", "--host", "127.0.0.1", "--port", str(port),
    ]  # fmt: skip
    log = (folder.parent / "serve.log").open("wb")
    environment = os.environ | {"HF_HOME": str(cache), "HF_HUB_OFFLINE": "1"}
    server = subprocess.Popen(
        command, cwd=folder.parent, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        wait_until_ready(server, port, folder.parent / "serve.log")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        try:
            server.wait(timeout=10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        log.close()


def wait_until_ready(server: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    until = time.monotonic() + READY_S
    while time.monotonic() < until:
        if server.poll() is not None:
            pytest.fail(f"transformers serve ended: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail(f"transformers serve was not ready in time: {log.read_text()[-2000:]}")


@pytest.mark.slow
def test_random_text_of_a_server_becomes_failures_and_no_scores(
    theirs: str, place: Resources
) -> None:
    """It takes `response_format` and heeds it not: what comes back is counted, kept, and no verdict."""
    spec = spec_for(theirs, model="./tiny_vlm", max_output_tokens=12, temperature=1, concurrency=2)
    found = ask(spec, place, *(question(clip(f"v{i}", place.frames)) for i in range(3)))
    for (row,) in found:
        assert isinstance(row, Failure)
        assert row.input_tokens > 2 * 16  # the usage is read; a picture is 16 tokens
        assert row.output_tokens > 0
        body = Journal(place.journal).get(row.reply_key).body
        # finish_reason is read: what was cut was asked for again with four times the room
        if row.reason is Reason.TRUNCATED:
            assert '"finish_reason":"length"' in body.replace(" ", "")
            assert row.output_tokens > 12


@pytest.mark.slow
def test_log_probabilities_that_a_server_ignores_make_no_score(
    theirs: str, place: Resources
) -> None:
    """Nothing random can be read as a score here either; what matters is that no score is made up."""
    spec = spec_for(theirs, model="./tiny_vlm", max_output_tokens=8, score="expected")
    both = [question(clip(name, place.frames)) for name in ("v0", "v1")]
    (row,), (other,) = ask(spec, place, *both)
    assert isinstance(row, Failure)
    # the first reply tells, and nothing else is bought
    assert isinstance(other, Failure)
    assert other.reason is Reason.NOT_ATTEMPTED
    assert "its first reply came without; set score: sampled" in other.message
    assert len(list(place.journal.names())) == 1
