"""Several draws in one request, and scores read from probabilities: what is sent, billed and written.

Both against loopback servers, at once and in batches.
"""

import base64
import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from batch_run import place_in
from batch_run import spec_for as batch_spec_for
from batch_server import BatchServer
from judge_server import JudgeServer, expected_score, expected_shares
from questions import QUALITY, frame_set, jpegs, question

from annotators import OpenAISpec
from annotators.base import Outcome, Question, Resources
from annotators.batch import OpenAIBatchSpec
from annotators.chat import errors
from annotators.journal import Journal
from annotators.judge.completion import read_choice, read_completion
from annotators.judge.distribution import Token
from annotators.judge.gate import AT_LEAST
from annotators.judge.request import request_of
from annotators.ledger import Budget
from annotators.models import Capabilities, Price
from prompts import as_protocol, load_rubric, render
from schemas import Annotation, Comparison, Failure, Reason, Rubric
from schemas.options import SetupError

KEY = "sk-test-0123456789abcdef"
PRICE = Price(input_usd_per_million=2.0, output_usd_per_million=10.0)
IN, OUT = 770, 40  # tokens of two frames and the words, 600 + 2 x 85, and of a reply


def cost(replies: int, price: Price = PRICE) -> float:
    """Of one request for so many replies."""
    dear = replies * OUT * price.output_usd_per_million
    return (IN * price.input_usd_per_million + dear) / 1e6


ALL, ALONE = cost(3), cost(1)  # three replies to one request, and one
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
    return place_in(tmp_path)


def spec_for(server: JudgeServer, **changes: object) -> OpenAISpec:
    given = {"model": "judge", "base_url": server.base_url, "price": PRICE, "draws": 3}
    return OpenAISpec.model_validate(given | {"capabilities": KNOWN} | changes)


def batch_spec(server: BatchServer, **changes: object) -> OpenAIBatchSpec:
    given: dict[str, object] = {"price": PRICE, "draws": 3, "capabilities": KNOWN}
    return batch_spec_for(server.base_url, **(given | changes))


def draws_of(
    place: Resources, *videos: str, n: int = 3, rubric: Rubric = QUALITY
) -> list[Question]:
    """All draws of each clip."""
    clips = [frame_set(video, store=place.frames) for video in videos]
    return [question(clip, rubric=rubric, draw=k) for clip in clips for k in range(n)]


def ask(
    spec: OpenAISpec | OpenAIBatchSpec, place: Resources, asked: Sequence[Question]
) -> list[list[Outcome]]:
    """Every question's outcomes, asked together, from an annotator opened for it."""
    if isinstance(spec, OpenAIBatchSpec):
        spec.prepare(lambda: asked, place, lambda _: None)
    judge = spec.open(place)
    try:
        futures = [judge.submit(one) for one in asked]
        return [list(future.result(timeout=30)) for future in futures]
    finally:
        judge.close()


def first(rows: Sequence[Sequence[Outcome]]) -> list[Outcome]:
    return [one[0] for one in rows]


def annotations(rows: Sequence[Sequence[Outcome]]) -> list[Annotation]:
    """The first row of each question; each must be a score."""
    found = [row for row in first(rows) if isinstance(row, Annotation)]
    assert len(found) == len(rows), rows
    return found


def costs(rows: Sequence[Sequence[Outcome]]) -> list[float | None]:
    return [row.cost_usd for row in first(rows)]


def scores(video: str, choices: Sequence[int], rubric: Rubric = QUALITY) -> list[int]:
    """What the server says of a clip of :func:`frame_set`, by choice."""
    urls, system = shown(video, rubric)
    return [expected_score(urls, system, choice=choice) for choice in choices]


def shown(video: str, rubric: Rubric = QUALITY) -> tuple[list[str], str]:
    """Pictures and rubric as they are sent."""
    urls = ["data:image/jpeg;base64," + base64.b64encode(j).decode() for j in jpegs(video, 2)]
    frames = frame_set(video)
    words = render(rubric, prompt=frames.prompt, n_frames=2, times_s=frames.times_s)
    return urls, words.system


def spent(place: Resources) -> tuple[int, int, int, float]:
    """Requests, tokens in and out, USD."""
    total = place.ledger.totals()["judge"]
    assert (total.reserved_requests, total.lost_requests) == (0, 0)
    return total.requests, total.input_tokens, total.output_tokens, total.usd


def test_three_draws_are_one_request_and_one_bill_for_the_images(place: Resources) -> None:
    with JudgeServer() as server:
        rows = ask(spec_for(server, seed=5), place, draws_of(place, "v0", "v1"))
        assert server.n_bills == 2
    assert [(body["n"], body["seed"]) for body in server.bodies] == [(3, 5), (3, 5)]
    found = annotations(rows)
    assert [(row.video_id, row.draw) for row in found] == [
        (v, k) for v in ("v0", "v1") for k in range(3)
    ]
    assert [row.score for row in found] == [*scores("v0", range(3)), *scores("v1", range(3))]
    # the whole bill stands on draw 0, so that sums over rows are right
    assert costs(rows) == [pytest.approx(ALL), 0.0, 0.0] * 2
    assert [(row.input_tokens, row.output_tokens) for row in found] == [
        (IN, 3 * OUT), (None, None), (None, None)] * 2  # fmt: skip
    assert len({row.reply_key for row in found}) == 2
    for row in found:
        assert row.effective is not None
        assert row.requested is not None
        assert (row.effective.choices, row.effective.seed) == (3, 5)
        assert row.requested.choices is None
    assert spent(place) == (2, 2 * IN, 2 * 3 * OUT, pytest.approx(2 * ALL))
    saved = 3 * ALONE - ALL  # to three requests of one reply each: the input of two
    assert saved == pytest.approx(2 * IN * PRICE.input_usd_per_million / 1e6)


def test_the_scores_of_the_server_differ_from_choice_to_choice() -> None:
    """Else the tests here could not tell whether draw k reads choice k."""
    assert len(set(scores("v0", range(3)))) == 3
    assert len(set(scores("v1", range(3)))) > 1


def test_draws_asked_in_any_order_and_apart_read_the_same_replies(place: Resources) -> None:
    asked = draws_of(place, "v0")
    with JudgeServer() as server:
        last = ask(spec_for(server), place, asked[2:])
        rows = ask(spec_for(server), place, asked[::-1])
        assert server.n_bills == 1
    assert rows[0] == last[0]
    assert [row.draw for row in annotations(rows)] == [2, 1, 0]
    assert costs(rows) == [0.0, 0.0, pytest.approx(ALL)]


def test_a_second_run_is_free_and_gives_the_same_rows(place: Resources, tmp_path: Path) -> None:
    """After any end of the first: another process, no server, no frames, only the journal."""
    asked = draws_of(place, "v0", "v1")
    with JudgeServer(faults=["cut_choice", "one_choice"]) as server:
        spec = spec_for(server, concurrency=1)
        rows = ask(spec, place, asked)
    again = dataclasses.replace(place_in(tmp_path / "again"), journal=place.journal)
    assert ask(spec, again, asked) == rows
    assert spent(again) == (0, 0, 0, 0.0)
    assert sum(c or 0 for c in costs(rows)) == pytest.approx(spent(place)[3])


def test_a_kill_between_the_shared_reply_and_its_repair_buys_nothing_twice(
    place: Resources, tmp_path: Path
) -> None:
    asked = draws_of(place, "v0")
    with JudgeServer(faults=["one_choice", "unauthorized", "unauthorized"]) as server:
        stopped = first(ask(spec_for(server, concurrency=1), place, asked))
    assert isinstance(stopped[0], Annotation)
    assert all(isinstance(row, Failure) for row in stopped[1:])
    with JudgeServer() as server:
        rows = ask(spec_for(server), place, asked)
        assert server.n_bills == 2  # draws 1 and 2, alone
        assert "n" not in server.bodies[0]
    assert rows[0][0] == stopped[0]
    assert costs(rows) == [pytest.approx(ALONE)] * 3


CHILD = """
import sys
from pathlib import Path
from batch_run import place_in
from questions import frame_set, question
from annotators import OpenAISpec

place = place_in(Path(sys.argv[1]))
spec = OpenAISpec.model_validate_json(sys.argv[2])
judge = spec.open(place)
clips = [frame_set(f"v{i}", store=place.frames) for i in range(8)]
for future in [judge.submit(question(clip, draw=k)) for clip in clips for k in range(3)]:
    future.result()
"""


def test_a_killed_process_loses_no_more_than_what_was_on_the_wire(
    place: Resources, tmp_path: Path
) -> None:
    """About every other shared request is answered with one reply, so that replies are asked for alone
    between the shared ones; two are in flight at once."""

    def fault(n: int, key: str) -> str | None:
        shared = sum("n" in body for body in server.bodies[: n + 1])
        return "one_choice" if shared % 2 else None

    with JudgeServer(faults=fault, latency_s=0.05) as server:
        spec = spec_for(server, concurrency=2, seed=5)  # so that no two requests are alike
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), spec.model_dump_json()],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        while server.n_bills < 5 and child.poll() is None:
            time.sleep(0.01)
        child.kill()
        child.wait()
        before = server.n_bills
        rows = ask(spec, place, draws_of(place, *(f"v{i}" for i in range(8))))
    annotations(rows)
    assert 5 <= before < 12  # it was killed on its way
    again = {key: n for key, n in server.bills.items() if n > 1}
    assert sum(n - 1 for n in again.values()) <= 2
    assert ask(spec, place, draws_of(place, *(f"v{i}" for i in range(8)))) == rows


def test_a_server_that_ignores_n_is_asked_again_for_each_draw(place: Resources) -> None:
    asked = draws_of(place, "v0")
    with JudgeServer(faults=["one_choice"]) as server:
        rows = ask(spec_for(server, seed=5), place, asked)
    assert [body.get("n") for body in server.bodies] == [3, None, None]
    assert Counter(body["seed"] for body in server.bodies) == {5: 1, 6: 1, 7: 1}
    found = annotations(rows)
    assert [row.score for row in found] == scores("v0", [0, 0, 0])  # each was a first choice
    assert costs(rows) == [pytest.approx(ALONE)] * 3
    assert [row.effective and row.effective.choices for row in found] == [3, None, None]
    assert spent(place) == (3, 3 * IN, 3 * OUT, pytest.approx(3 * ALONE))


def test_replies_to_single_requests_serve_both_ways_of_asking(place: Resources) -> None:
    """What a repair bought is what a run without shared requests would have asked for."""
    asked = draws_of(place, "v0")
    with JudgeServer(faults=["one_choice"]) as server:
        ask(spec_for(server), place, asked)
        ask(spec_for(server, several_choices=False), place, asked)
        assert server.n_bills == 4  # draw 0 alone


def test_choices_that_the_server_does_not_number_are_taken_in_order(place: Resources) -> None:
    with JudgeServer(faults=["unnumbered"]) as server:
        rows = ask(spec_for(server), place, draws_of(place, "v0"))
        assert server.n_bills == 1
    assert [row.score for row in annotations(rows)] == scores("v0", range(3))


def test_a_cut_choice_is_asked_again_alone_with_a_longer_cap(place: Resources) -> None:
    with JudgeServer(faults=["cut_choice"]) as server:
        rows = ask(spec_for(server, seed=5), place, draws_of(place, "v0"))
    assert [(b.get("n"), b["max_tokens"], b["seed"]) for b in server.bodies] == [
        (3, 512, 5), (None, 2048, 6)]  # fmt: skip
    found = annotations(rows)
    assert [row.score for row in found] == [
        *scores("v0", [0]), *scores("v0", [0]), *scores("v0", [2])]  # fmt: skip
    assert costs(rows) == [pytest.approx(ALL), pytest.approx(ALONE), 0.0]
    assert [row.effective and row.effective.max_output_tokens for row in found] == [512, 2048, 512]
    assert spent(place) == (2, 2 * IN, 4 * OUT, pytest.approx(ALL + ALONE))


def test_a_draw_that_is_cut_alone_as_well_is_a_failure_of_that_draw(place: Resources) -> None:
    with JudgeServer(faults=["cut_choice", "truncated"]) as server:
        rows = first(ask(spec_for(server), place, draws_of(place, "v0")))
        assert server.n_bills == 2
    (failed,) = [row for row in rows if isinstance(row, Failure)]
    assert (failed.key, failed.reason) == ("v0/video_quality/judge/1", Reason.TRUNCATED)
    assert (failed.cost_usd, failed.input_tokens) == (pytest.approx(ALONE), IN)


def test_asking_again_for_one_refused_choice_buys_that_draw_alone(place: Resources) -> None:
    """The key that is set aside is that of all three; those that answered keep their replies."""
    asked = draws_of(place, "v0")
    with JudgeServer(faults=["refused_choice", "refusal"]) as server:
        before = first(ask(spec_for(server), place, asked))
        refused = before[2]
        assert isinstance(refused, Failure)
        assert (refused.reason, refused.cost_usd) == (Reason.REFUSAL, 0.0)  # draw 0 carries it
        assert refused.reply_key == before[0].reply_key is not None
        for bills, reason in ((2, Reason.REFUSAL), (3, None)):  # refused once more, then answered
            assert before[2].reply_key is not None
            Journal(place.journal).set_aside([before[2].reply_key])
            rows = ask(spec_for(server), place, asked)
            assert server.n_bills == bills
            assert getattr(rows[2][0], "reason", None) is reason
            assert first(rows)[:2] == before[:2]
            before = first(rows)
        assert ask(spec_for(server), place, asked) == rows
    assert [body.get("n") for body in server.bodies] == [3, None, None]
    assert costs(rows) == [pytest.approx(ALL), 0.0, pytest.approx(2 * ALONE)]
    assert spent(place)[3] == pytest.approx(ALL + 2 * ALONE)


def test_a_request_of_which_no_draw_stands_is_asked_again_as_one(place: Resources) -> None:
    """All three refused: one request for three again. Of that one draw is refused: it alone."""
    asked = draws_of(place, "v0")
    with JudgeServer(faults=["refusal", "refused_choice"]) as server:
        spec = spec_for(server, concurrency=1)
        rows = first(ask(spec, place, asked))
        for n in (3, 1):  # draws without a score: first all, then the last
            refused = [row for row in rows if isinstance(row, Failure)]
            assert [row.reason for row in refused] == [Reason.REFUSAL] * n
            keys = {row.reply_key for row in refused if row.reply_key is not None}
            assert len(keys) == 1
            Journal(place.journal).set_aside(keys)
            rows = first(ask(spec, place, asked))
        assert [body.get("n") for body in server.bodies] == [3, 3, None]
        assert first(ask(spec, place, asked)) == rows  # and all of it lies in the journal
        assert len(server.bodies) == 3
    found = [row for row in rows if isinstance(row, Annotation)]
    assert [row.score for row in found] == [*scores("v0", [0, 1]), *scores("v0", [0])]
    # draw 0 carries what both shared requests cost, 2 x ALL; the last draw its own
    assert [row.cost_usd for row in found] == pytest.approx([2 * ALL, 0.0, ALONE])
    assert spent(place) == (3, 3 * IN, 7 * OUT, pytest.approx(2 * ALL + ALONE))


def test_a_draw_that_was_cut_keeps_its_longer_reply_when_the_others_are_set_aside(
    place: Resources,
) -> None:
    """Draw 1 of three is cut and asked for alone with a larger cap; 0 and 2 are refused. Setting these
    aside buys them alone, for one draw stands, and draw 1 not at all."""

    def faults(handler: object, body: dict[str, object]) -> None:
        cut = {"role": "assistant", "content": '{"sco', "refusal": None}
        no = {"role": "assistant", "content": None, "refusal": "No."}
        choices = [
            {"index": k, "finish_reason": "length" if k == 1 else "stop",
             "message": cut if k == 1 else no}
            for k in range(3)
        ]  # fmt: skip
        usage = {"prompt_tokens": IN, "completion_tokens": 3 * OUT}
        reply = {"model": "judge", "choices": choices, "usage": usage}
        handler.send(200, json.dumps(reply))  # type: ignore[attr-defined]

    asked = draws_of(place, "v0")
    with JudgeServer(faults=[faults]) as server:
        spec = spec_for(server, concurrency=1)
        before = first(ask(spec, place, asked))
        assert [(body.get("n"), body["max_tokens"]) for body in server.bodies] == [
            (3, 512), (None, 2048)]  # fmt: skip
        assert before[0].reply_key is not None
        Journal(place.journal).set_aside([before[0].reply_key])
        after = first(ask(spec, place, asked))
        assert [(body.get("n"), body["max_tokens"]) for body in server.bodies[2:]] == [
            (None, 512), (None, 512)]  # fmt: skip
    assert isinstance(before[1], Annotation)
    assert after[1] == before[1]
    assert all(isinstance(row, Annotation) for row in after)


def test_a_refusal_of_draw_0_leaves_the_bill_where_it_was(place: Resources) -> None:
    with JudgeServer(faults=["filtered_choice"]) as server:
        rows = first(ask(spec_for(server), place, draws_of(place, "v0")))
    assert isinstance(rows[0], Failure)
    assert (rows[0].reason, rows[0].cost_usd) == (Reason.CONTENT_FILTER, pytest.approx(ALL))
    assert (rows[0].input_tokens, rows[0].output_tokens) == (IN, 3 * OUT)
    assert [row.cost_usd for row in rows[1:]] == [0.0, 0.0]


def test_several_dimensions_carry_the_bill_on_the_first_of_draw_0(place: Resources) -> None:
    with JudgeServer() as server:
        rows = ask(spec_for(server), place, draws_of(place, "v0", rubric=TWO))
        assert server.n_bills == 1
    assert [[row.cost_usd for row in two] for two in rows] == [
        [pytest.approx(ALL), 0.0], [0.0, 0.0], [0.0, 0.0]]  # fmt: skip


def test_a_request_that_comes_to_nothing_is_every_draws_failure_once(place: Resources) -> None:
    with JudgeServer(faults=["bad_request"]) as server:
        rows = first(ask(spec_for(server), place, draws_of(place, "v0")))
        assert len(server.bodies) == 1
    assert [row.reason for row in rows if isinstance(row, Failure)] == [Reason.REJECTED] * 3
    assert [row.cost_usd for row in rows] == [0.0] * 3


def test_shuffled_levels_are_a_request_per_draw_with_words_of_its_own(place: Resources) -> None:
    with JudgeServer() as server:
        rows = ask(spec_for(server, levels="shuffled"), place, draws_of(place, "v0", "v1"))
        assert server.n_bills == 6
    systems = [body["messages"][0]["content"] for body in server.bodies]
    assert all("n" not in body for body in server.bodies)
    assert len(set(systems)) == 6
    assert len({tuple(sorted(text.split())) for text in systems}) == 1  # the same, in other orders
    assert costs(rows) == [pytest.approx(ALONE)] * 6


def test_shuffled_levels_cannot_share_a_request() -> None:
    with JudgeServer() as server:
        spec = spec_for(server, levels="shuffled", several_choices=True)
        with pytest.raises(
            SetupError, match="several_choices: true gives all draws the same words"
        ):
            spec.check([QUALITY], 2)


@pytest.mark.parametrize(
    ("said", "known", "shared"),
    [(None, True, True), (None, None, False), (None, False, False), (True, None, True),
     (False, True, False)],
)  # fmt: skip
def test_draws_share_a_request_where_the_model_is_known_to_give_several(
    place: Resources, said: bool | None, known: bool | None, shared: bool
) -> None:
    facts = KNOWN.model_copy(update={"choices": known})
    with JudgeServer() as server:
        spec = spec_for(server, several_choices=said, capabilities=facts)
        spec.check([QUALITY], 2)
        annotations(ask(spec, place, draws_of(place, "v0")))
        assert server.n_bills == (1 if shared else 3)


def test_a_model_that_gives_one_reply_is_not_asked_for_several() -> None:
    facts = KNOWN.model_copy(update={"choices": False})
    with JudgeServer() as server:
        spec = spec_for(server, several_choices=True, capabilities=facts)
        with pytest.raises(SetupError, match="one reply to a request"):
            spec.check([QUALITY], 2)


@pytest.mark.parametrize("short", [0, 1])
def test_the_budget_reserves_every_reply_of_a_request(tmp_path: Path, short: int) -> None:
    """A cap of what three whole replies may take lets the request out; one token less does not."""
    probe = place_in(tmp_path / "probe")
    with JudgeServer() as server:
        spec = spec_for(server)
        (one,) = draws_of(probe, "v0", n=1)
        estimated = _estimated_input(spec, one)
        place = place_in(tmp_path / "real", Budget(tokens=estimated + 3 * 512 - short))
        rows = first(ask(spec, place, draws_of(place, "v0")))
        assert len(server.bodies) == 1 - short
    if short:
        assert {row.reason for row in rows if isinstance(row, Failure)} == {Reason.NOT_ATTEMPTED}
        assert len(rows) == 3
        assert [row.cost_usd for row in rows] == [0.0] * 3


def _estimated_input(spec: OpenAISpec, one: Question) -> int:
    from annotators.chat.cost import estimated_input

    return estimated_input(spec, one, request_of(spec, one))


# ---- scores from probabilities


def test_an_expected_score_is_the_mean_over_the_levels(place: Resources) -> None:
    """Against the server's own probabilities, which it sends as log-probabilities of tokens."""
    with JudgeServer() as server:
        rows = ask(spec_for(server, score="expected", draws=1), place, draws_of(place, "v0", n=1))
    (body,) = server.bodies
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)
    (row,) = annotations(rows)
    shares = expected_shares(*shown("v0"))
    assert row.distribution == pytest.approx(tuple(shares))
    assert row.score == pytest.approx(sum((1 + i) * p for i, p in enumerate(shares)))
    assert row.score != round(row.score)
    assert row.effective is not None
    assert row.effective.logprobs is True
    assert row.rationale == "A loopback judge looked at 2 frames."
    assert costs(rows) == [pytest.approx(ALONE)]


def test_sampled_scores_ask_for_no_probabilities(place: Resources) -> None:
    with JudgeServer() as server:
        (row,) = annotations(ask(spec_for(server, draws=1), place, draws_of(place, "v0", n=1)))
    assert {"logprobs", "top_logprobs", "n"}.isdisjoint(server.bodies[0])
    assert row.distribution is None
    assert row.effective is not None
    assert row.effective.logprobs is None


def test_every_dimension_and_every_draw_has_its_distribution(place: Resources) -> None:
    with JudgeServer() as server:
        rows = ask(spec_for(server, score="expected"), place, draws_of(place, "v0", rubric=TWO))
        assert server.n_bills == 1
    shares = pytest.approx(tuple(expected_shares(*shown("v0", TWO))))
    assert [[getattr(row, "distribution", None) for row in two] for two in rows] == [
        [shares] * 2
    ] * 3


def test_a_reply_without_probabilities_is_of_no_use(place: Resources) -> None:
    with JudgeServer(faults=["no_logprobs"]) as server:
        spec = spec_for(server, score="expected", draws=1)
        asked = draws_of(place, "v0", n=1)
        (row,) = first(ask(spec, place, asked))
        assert isinstance(row, Failure)
        assert (row.reason, row.cost_usd) == (Reason.NO_DISTRIBUTION, pytest.approx(ALONE))
        assert "without log-probabilities" in row.message
        assert first(ask(spec, place, asked)) == [row]
        assert server.n_bills == 1
        # the server learned to give them; the reply is asked for again on purpose only
        assert row.reply_key is not None
        Journal(place.journal).set_aside([row.reply_key])
        (mended,) = annotations(ask(spec, place, asked))
    assert mended.distribution is not None
    assert mended.cost_usd == pytest.approx(2 * ALONE)


def test_a_server_that_ignores_logprobs_stops_by_the_failure_rate(place: Resources) -> None:
    with JudgeServer(faults=lambda n, key: "no_logprobs") as server:
        spec = spec_for(server, score="expected", draws=1, concurrency=1)
        asked = [q for i in range(AT_LEAST + 10) for q in draws_of(place, f"v{i}", n=1)]
        rows = first(ask(spec, place, asked))
        bought = server.n_bills
    reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
    assert AT_LEAST <= bought <= AT_LEAST + 2  # what was on its way when the rate was known
    assert reasons == {Reason.NO_DISTRIBUTION: bought, Reason.NOT_ATTEMPTED: len(asked) - bought}


def test_where_nobody_knows_the_first_reply_alone_tells_that_there_are_none(
    place: Resources,
) -> None:
    with JudgeServer(faults=lambda n, key: "no_logprobs") as server:
        spec = spec_for(server, score="expected", draws=1, capabilities=Capabilities())
        asked = [q for i in range(5) for q in draws_of(place, f"v{i}", n=1)]
        rows = first(ask(spec, place, asked))
        assert server.n_bills == 1
    reasons = Counter(row.reason for row in rows if isinstance(row, Failure))
    assert reasons == {Reason.NO_DISTRIBUTION: 1, Reason.NOT_ATTEMPTED: 4}
    assert "its first reply came without; set score: sampled" in str(rows)


def test_a_refusal_has_no_distribution_and_says_that_it_is_a_refusal(place: Resources) -> None:
    with JudgeServer(faults=["refused_choice"]) as server:
        rows = first(ask(spec_for(server, score="expected"), place, draws_of(place, "v0")))
    assert [getattr(row, "reason", None) for row in rows] == [None, None, Reason.REFUSAL]


# ---- batches


def lines_of(server: BatchServer) -> list[list[dict[str, object]]]:
    """The bodies of each batch."""
    return [
        [json.loads(line)["body"] for line in batch.file.content.splitlines()]
        for batch in server.batches.values()
    ]


def test_draws_are_one_line_of_a_batch(place: Resources, tmp_path: Path) -> None:
    asked = draws_of(place, "v0", "v1")
    with BatchServer() as server:
        rows = ask(batch_spec(server), place, asked)
        assert sorted(server.bills.values()) == [1, 1]
    assert [[body["n"] for body in bodies] for bodies in lines_of(server)] == [[3, 3]]
    assert [row.score for row in annotations(rows)] == [
        *scores("v0", range(3)), *scores("v1", range(3))]  # fmt: skip
    assert costs(rows) == [pytest.approx(ALL), 0.0, 0.0] * 2
    assert spent(place) == (2, 2 * IN, 6 * OUT, pytest.approx(2 * ALL))
    with JudgeServer() as judge:  # they are the other kind's replies, too
        assert ask(spec_for(judge), place, asked) == rows
        assert judge.n_bills == 0


@pytest.mark.parametrize(
    ("fault", "second", "caps", "by_draw"),
    [
        ("one_choice", 2, 512, [ALONE, ALONE, ALONE]),
        ("cut_choice", 1, 2048, [ALL, ALONE, 0.0]),
    ],
)
def test_what_a_shared_line_lacks_is_a_line_of_the_next_batch(
    place: Resources, fault: str, second: int, caps: int, by_draw: list[float]
) -> None:
    asked = draws_of(place, "v0")
    with BatchServer() as server:
        spec = batch_spec(server)
        shared = request_of(spec, asked[0]).key
        server._lines = lambda key, n: fault if key == shared else None
        rows = ask(spec, place, asked)
        annotations(rows)
        bodies = lines_of(server)
        assert [len(batch) for batch in bodies] == [1, second]
        assert all("n" not in body and body["max_tokens"] == caps for body in bodies[1])
        assert costs(rows) == pytest.approx(by_draw)
        assert spent(place)[0] == 1 + second
        assert spent(place)[3] == pytest.approx(sum(by_draw))
        assert ask(spec, place, asked) == rows
        assert len(server.batches) == 2


def test_a_shared_line_of_which_no_draw_stands_is_one_line_again(place: Resources) -> None:
    asked = draws_of(place, "v0")
    with BatchServer(lines=lambda key, n: "refusal") as server:
        spec = batch_spec(server)
        rows = first(ask(spec, place, asked))
        assert [row.reason for row in rows if isinstance(row, Failure)] == [Reason.REFUSAL] * 3
        Journal(place.journal).set_aside({row.reply_key for row in rows if row.reply_key})
        server._lines = lambda key, n: None
        again = ask(spec, place, asked)
    assert [[body["n"] for body in bodies] for bodies in lines_of(server)] == [[3], [3]]
    assert [row.score for row in annotations(again)] == scores("v0", range(3))
    assert costs(again) == [pytest.approx(2 * ALL), 0.0, 0.0]


def test_a_line_that_fails_is_every_draws_failure(place: Resources) -> None:
    with BatchServer(lines=lambda key, n: "refused") as server:
        rows = first(ask(batch_spec(server), place, draws_of(place, "v0")))
    assert [row.reason for row in rows if isinstance(row, Failure)] == [Reason.REJECTED] * 3
    assert [row.cost_usd for row in rows] == [0.0] * 3


def test_a_batch_reserves_every_reply_of_a_line(tmp_path: Path) -> None:
    probe = place_in(tmp_path / "probe")
    with BatchServer() as server:
        spec = batch_spec(server)
        ask(spec, probe, draws_of(probe, "v0"))
        (shard,) = (tmp_path / "probe").rglob("shard.json")
        worst = json.loads(shard.read_text())["worst"]
    assert (worst["requests"], worst["output_tokens"]) == (1, 3 * 512)


def test_expected_scores_of_a_batch(place: Resources) -> None:
    with BatchServer() as server:
        rows = ask(batch_spec(server, score="expected"), place, draws_of(place, "v0"))
        assert sorted(server.bills.values()) == [1]
    shares = expected_shares(*shown("v0"))
    for row in annotations(rows):
        assert row.distribution == pytest.approx(tuple(shares))
        assert row.score == pytest.approx(sum((1 + i) * p for i, p in enumerate(shares)))


# ---- clips that are compared


def pair(place: Resources, *, draw: int, flipped: bool = False) -> Question:
    """Two clips of a prompt, in one order or the other."""
    one, other = (frame_set(video, store=place.frames) for video in ("v0", "v1"))
    shown_first, shown_last = (other, one) if flipped else (one, other)
    rubric = as_protocol(QUALITY, "pairwise")
    return Question(frames=shown_first, others=(shown_last,), rubric=rubric, draw=draw)


def test_draws_of_a_pair_share_a_request_in_each_order(place: Resources) -> None:
    asked = [pair(place, draw=k, flipped=flipped) for flipped in (False, True) for k in range(3)]
    with JudgeServer(faults=["one_choice"]) as server:
        # a comparison is always sampled, whatever the scores are
        rows = first(ask(spec_for(server, score="expected", concurrency=1), place, asked))
    assert Counter(body.get("n") for body in server.bodies) == {3: 2, None: 2}
    assert not any("logprobs" in body for body in server.bodies)
    found = [row for row in rows if isinstance(row, Comparison)]
    assert [(row.video_ids, row.draw) for row in found] == [
        *((("v0", "v1"), k) for k in range(3)), *((("v1", "v0"), k) for k in range(3))]  # fmt: skip
    assert sum(row.cost_usd or 0 for row in found) == pytest.approx(spent(place)[3])
    tokens_in = 600 + 4 * 85  # two frames of each
    assert spent(place)[:3] == (4, 4 * tokens_in, 6 * OUT)


# ---- bodies, read without trust


def body_of(indices: Sequence[object]) -> str:
    """Choices that say ``a``, ``b``, ... and are numbered so."""
    choices = [
        {"index": index, "message": {"content": letter}} for index, letter in zip(indices, "abcdef")
    ]
    return json.dumps({"choices": choices})


@pytest.mark.parametrize(
    ("indices", "texts"),
    [
        ([0, 1, 2], ["a", "b", "c"]),
        ([2, 0, 1], ["b", "c", "a"]),
        ([0, 2], ["a", None, "b"]),  # the one in the middle was left out
        ([0], ["a", None, None]),
        ([0, 0, 0], ["a", "b", "c"]),  # not numbered
        ([None], ["a", None, None]),
        ([None, 1], ["a", "b", None]),
        ([["x"], {}, "0"], ["a", "b", "c"]),
    ],
)
def test_choices_are_found_by_their_number_or_else_in_order(
    indices: list[object], texts: list[str | None]
) -> None:
    found = [read_choice(body_of(indices), k) for k in range(3)]
    assert [one and one.text for one in found] == texts


def test_log_probabilities_are_read_as_far_as_they_make_sense() -> None:
    content = [
        {"token": "4", "logprob": -0.5, "bytes": [52], "top_logprobs": [
            {"token": "4", "logprob": -0.5, "bytes": [52]},
            {"token": "5", "logprob": "much"}, "x", {"token": 5, "logprob": -1}]},
        {"token": "\\xe2", "logprob": -9999.0, "bytes": [226], "top_logprobs": None},
        {"token": "x", "logprob": None, "bytes": [300]},
        7,
    ]  # fmt: skip
    choice = {"message": {"content": "4"}, "logprobs": {"content": content}}
    found = read_completion(json.dumps({"choices": [choice]})).logprobs
    nothing = -math.inf
    assert found == (
        Token(text="4", logprob=-0.5, raw=b"4",
              top=(("4", -0.5), ("5", nothing), ("", nothing), ("", -1.0))),
        Token(text="\\xe2", logprob=-9999.0, raw=b"\xe2"),
        Token(text="x", logprob=nothing),
        Token(text="", logprob=nothing),
    )  # fmt: skip
