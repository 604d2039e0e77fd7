"""The parts of a batch run on their own: lines of files, durable state, notes, room, money."""

import asyncio
import dataclasses
import json
import math
from pathlib import Path

import pytest
from batch_run import PRICE, place_in, questions_in, spec_for
from hypothesis import given
from hypothesis import strategies as st

from annotators.batch.carrier import Room
from annotators.batch.ingest import Ingestion, Short
from annotators.batch.money import Money
from annotators.batch.notes import EVERY_OTHER, Note, Notes
from annotators.batch.results import member, read_lines
from annotators.batch.shards import Draft, Feed, Limits, Ticket, Tickets, line_of
from annotators.batch.state import INPUT, OUTPUT, Fault, Shard, Shelf, Step
from annotators.journal import Journal, Request
from annotators.judge.chain import chain_of
from annotators.judge.request import request_of
from annotators.ledger import SENTINELS, Amount, Ledger
from schemas import Reason
from schemas.options import SetupError

URL = "http://127.0.0.1:1/v1"
SPEC = spec_for(URL)
WIDE = Limits(requests=100, n_bytes=10**6, input_tokens=None)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), json_values, min_size=1, max_size=4), st.data())
def test_a_member_is_the_text_between_its_neighbours(
    content: dict[str, object], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(content)))
    separators = data.draw(st.sampled_from([(",", ":"), (", ", ": "), (" ,\n", "\t: ")]))
    text = json.dumps(content, separators=separators, ensure_ascii=data.draw(st.booleans()))
    assert json.loads(member(text, name)) == content[name]
    assert member(text, name) in text


def test_a_member_is_found_where_it_is_and_nowhere_else() -> None:
    text = '{ "a" : {"body": 1}, "text": "\\"body\\": 2", "body" : 3.00 , "body":[4e0 ] }'
    assert member(text, "body") == "[4e0 ]"  # of two the last, as JSON readers do
    assert member(member(text, "a"), "body") == "1"
    with pytest.raises(KeyError):
        member("{}", "body")


def test_lines_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    whole = (
        '{"custom_id": "k", "response": {"status_code": 200, "body": {"a": 1.0}}, "error": null}'
    )
    bad = ["[]", "{", '{"custom_id": "k", "response": {"status_code": 1e999, "body": {}}}',
           '{"custom_id": 5, "response": null}', '{"custom_id": "k", "response": 5}',
           '{"custom_id": "k", "response": {"status_code": 200}}', '{"response": null}']  # fmt: skip
    path = tmp_path / "lines"
    path.write_bytes("\n".join([whole, "", *bad]).encode() + b"\n\xff\xfe\n" + whole[:50].encode())
    first, *others = read_lines(path)
    assert first is not None
    assert (first.custom_id, first.status, first.body) == ("k", 200, '{"a": 1.0}')
    assert others == [None] * (len(bad) + 2)


def test_a_reply_with_letters_that_are_none_is_a_reply(tmp_path: Path) -> None:
    (tmp_path / "lines").write_bytes(
        b'{"custom_id": "k", "response": {"status_code": 200, "body": {"a": "\xff"}}}\n'
    )
    (line,) = read_lines(tmp_path / "lines")
    assert line is not None
    assert (line.status, line.body) == (200, '{"a": "\ufffd"}')


def test_the_words_of_an_error_are_found_wherever_servers_put_them(tmp_path: Path) -> None:
    error = {"code": "c", "type": "t", "message": "m", "param": None}
    lines = [
        {"custom_id": "k", "response": {"status_code": 400, "body": {"error": error}}},
        {"custom_id": "k", "response": {"status_code": 400, "body": error}},
        {"custom_id": "k", "response": {"status_code": 400, "body": {}}, "error": error},
        {"custom_id": "k", "response": None, "error": error},
        {"custom_id": "k", "response": None, "error": "c t m"},
    ]
    path = tmp_path / "lines"
    path.write_text("\n".join(json.dumps(line) for line in lines))
    assert [line and line.words for line in read_lines(path)] == ["c t m"] * 5
    assert [line and line.status for line in read_lines(path)] == [400, 400, 400, None, None]


def requests(folder: Path, n: int) -> list[Request]:
    return [request_of(SPEC, one) for one in questions_in(place_in(folder), n)]


def draft_of(folder: Path, asked: list[Request], limits: Limits = WIDE) -> Draft:
    folder.mkdir()
    draft = Draft(folder, limits)
    for i, request in enumerate(asked):
        draft.add(
            Ticket(request=request, worst=Amount(1, 10 + i, 5, 0.5), estimate=9),
            line_of(request.key, b"{}"),
        )
    draft.close()
    return draft


def test_tickets_give_back_the_request_of_a_key(tmp_path: Path) -> None:
    asked = requests(tmp_path, 3)
    asked[1] = dataclasses.replace(asked[1], attempt=2)
    draft = draft_of(tmp_path / "1", asked)
    assert draft.worst == Amount(3, 33, 15, 1.5)
    tickets = Tickets(draft.folder)
    assert tickets.keys == [request.key for request in asked] == list(draft.keys)
    assert [tickets[request.key].request for request in reversed(asked)] == asked[::-1]
    assert tickets[asked[2].key].worst == Amount(1, 12, 5, 0.5)
    assert "f" * 64 not in tickets
    tickets.close()
    lines = [json.loads(line) for line in (draft.folder / INPUT).read_bytes().splitlines()]
    assert lines[0] == {
        "custom_id": asked[0].key, "method": "POST", "url": "/v1/chat/completions", "body": {}
    }  # fmt: skip


def test_a_draft_is_full_at_each_of_its_limits(tmp_path: Path) -> None:
    asked = requests(tmp_path, 2)
    line = line_of(asked[0].key, b"{}")
    worst = Amount(1, 11, 5, 0.5)
    for i, (limits, fits) in enumerate(
        [
            (Limits(requests=2, n_bytes=2 * len(line), input_tokens=21), True),
            (Limits(requests=1, n_bytes=2 * len(line), input_tokens=21), False),
            (Limits(requests=2, n_bytes=2 * len(line) - 1, input_tokens=21), False),
            (Limits(requests=2, n_bytes=2 * len(line), input_tokens=20), False),
        ]
    ):
        draft = draft_of(tmp_path / str(i), asked[:1], limits)  # 10 input tokens
        assert draft.fits(line, worst) is fits
    draft.drop()
    assert not draft.folder.exists()


def test_what_is_given_back_comes_next() -> None:
    feed = Feed([1, 2, 3])
    assert next(feed) == 1
    assert next(feed) == 2
    feed.give_back(2)
    assert list(feed) == [2, 3]


def shard_of(**changes: object) -> Shard:
    given = {"number": 1, "name": "n", "worst": Amount(2, 20, 10, 1.0), **changes}
    return Shard(**given)  # type: ignore[arg-type]


def test_a_shelf_remembers_what_was_saved_and_nothing_else(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, URL)
    shard = shard_of(
        step=Step.SETTLING, used=Amount(1, 2, 3, None), refused=("b",), completed=1,
        faults=(Fault(line=None, code="c", message="m"),),
    )  # fmt: skip
    assert shelf.new() == shelf.folder(shard)
    assert shelf.new().name == "000002"  # a kill while its file is being written
    (tmp_path / "000001" / ".tmp-shard.json").write_text("{")  # and one while its record is
    shelf.save(shard)
    again = Shelf(tmp_path, URL)
    assert again.outstanding() == [shard]
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["000001"]
    again.save(shard.to(Step.INGESTED))
    assert again.outstanding() == []
    assert again.new().name == "000002"


def test_every_step_is_kept_where_another_machine_finds_it_before_the_next(tmp_path: Path) -> None:
    kept: list[list[str]] = []  # how far the shards were, each time

    def keep() -> None:
        kept.append([shard.step for shard in Shelf(tmp_path, URL).outstanding()])

    shelf = Shelf(tmp_path, URL, keep)
    shard = shard_of()
    shelf.new()
    shelf.save(shard)
    shelf.save(shard.to(Step.UPLOADED, file_id="f"))
    shelf.drop(shard)
    assert kept == [[Step.PREPARED], [Step.UPLOADED], []]


def test_names_of_shards_differ_between_shelves_and_stay_the_same_in_one(tmp_path: Path) -> None:
    one, other = Shelf(tmp_path / "a", URL), Shelf(tmp_path / "b", URL)
    assert one.name(1, ["k"]) == Shelf(tmp_path / "a", URL).name(1, ["k"])
    names = {one.name(1, ["k"]), one.name(2, ["k"]), one.name(1, ["l"]), other.name(1, ["k"])}
    assert len(names) == 4


def test_a_damaged_record_is_no_reason_to_buy_again(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path, URL)
    shelf.new()
    shelf.save(shard_of())
    (tmp_path / "000001" / "shard.json").write_text("{")
    with pytest.raises(SetupError, match=r"shard\.json: not the record of a batch"):
        Shelf(tmp_path, URL).outstanding()


def test_notes_outlive_a_kill_and_end_with_the_run_that_follows(tmp_path: Path) -> None:
    refused = Note(key="a", reason=Reason.REJECTED, message="no")
    gone = Note(key="b", reason=Reason.UNAVAILABLE, message="later", cost_usd=None)
    every = Note(key=EVERY_OTHER, reason=Reason.NOT_ATTEMPTED, message="stopped")
    notes = Notes.begin(tmp_path)
    notes.add([refused, gone])
    assert notes.is_final("b")  # in this run
    notes.add([every])
    with open(tmp_path / "notes.jsonl", "a") as file:
        file.write('{"key": "c", "rea')  # killed while it was written
    reader = Notes(tmp_path)
    assert [reader.of(key) for key in "abc"] == [refused, gone, every]
    again = Notes.begin(tmp_path)
    assert [again.of(key) for key in "abc"] == [refused, gone, None]
    assert [again.is_final(key) for key in "abc"] == [True, False, False]
    again.add([dataclasses.replace(gone, key="c")])
    again.complete()
    assert Notes(tmp_path).of("c") is not None
    assert Notes.begin(tmp_path).of("a") is None
    assert Notes(tmp_path).of("a") is None


def completion(cut: bool = False) -> str:
    usage = {"prompt_tokens": 8, "completion_tokens": 2}
    choice = {"finish_reason": "length" if cut else "stop", "message": {"content": "{}"}}
    return json.dumps({"choices": [choice], "usage": usage})


def test_a_result_file_that_is_shorter_than_the_bill_is_not_believed(tmp_path: Path) -> None:
    place, asked = place_in(tmp_path), requests(tmp_path, 2)
    draft = draft_of(tmp_path / "1", asked)
    response = {"status_code": 200, "body": json.loads(completion())}
    line = json.dumps({"custom_id": asked[0].key, "response": response})
    (draft.folder / OUTPUT).write_text(line + "\n")
    journal = Journal(place.journal)
    ingestion = Ingestion(journal, PRICE, "secret")
    shard = shard_of(step=Step.FINISHED, status="completed", completed=2)
    with pytest.raises(Short, match="1 of 2 replies"):
        ingestion.run(shard, draft.folder)
    tally = ingestion.run(dataclasses.replace(shard, completed=1), draft.folder)
    assert tally.answered == {asked[0].key}
    assert tally.missed == {asked[1].key: "the batch is completed and says nothing about it"}
    # 8 and 2 tokens at 1 and 5 USD per million, and the other at its worst case
    assert tally.used.usd == pytest.approx(18e-6 + 0.5)
    assert (tally.used.requests, tally.used.input_tokens) == (2, 8 + 11)
    expired = dataclasses.replace(shard, completed=None, status="expired")
    assert ingestion.run(expired, draft.folder).used.requests == 1
    assert journal.get(asked[0].key) is not None
    assert journal.get(asked[1].key) is None


def test_messages_do_not_show_the_key(tmp_path: Path) -> None:
    place, asked = place_in(tmp_path), requests(tmp_path, 1)
    draft = draft_of(tmp_path / "1", asked)
    error = {"code": "bad", "message": "key topsecret may not"}
    response = {"status_code": 400, "body": {"error": error}}
    (draft.folder / "errors.jsonl").write_text(
        json.dumps({"custom_id": asked[0].key, "response": response}) + "\n"
    )
    tally = Ingestion(Journal(place.journal), None, "topsecret").run(
        shard_of(status="completed"), draft.folder
    )
    (note,) = tally.notes.values()
    assert note.message == "HTTP 400: bad key [key] may not"


def test_a_chain_goes_on_after_replies_that_are_cut_or_set_aside(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    (question,) = questions_in(place, 1)
    journal = Journal(place.journal)
    first = request_of(SPEC, question)
    assert chain_of(SPEC, journal, question) == ([], first)
    journal.put(first, completion(cut=True))
    longer = request_of(SPEC, question, longer=True)
    assert chain_of(SPEC, journal, question)[1] == longer
    journal.put(longer, completion(cut=True))  # the second cut stands
    chain, missing = chain_of(SPEC, journal, question)
    assert ([request for request, _ in chain], missing) == ([first, longer], None)
    journal.set_aside([longer.key])
    second = request_of(SPEC, question, attempt=1, longer=True)
    assert chain_of(SPEC, journal, question)[1] == second


def test_room_is_for_so_many_tokens() -> None:
    async def scenario() -> list[str]:
        room, order = Room(45), list[str]()

        async def enter(name: str) -> None:
            await room.enter(shard_of(name=name))  # 20 tokens each
            order.append(name)

        await enter("a")
        await enter("b")
        third = asyncio.create_task(enter("c"))
        await asyncio.sleep(0.01)
        assert order == ["a", "b"]
        assert room.n == 2
        await room.leave(shard_of())
        await third
        await room.enter(shard_of(), anyway=True)  # of an earlier process: it is there already
        assert room.n == 3
        small = Room(5)
        await small.enter(shard_of())  # written when there was more room: it goes alone
        return order

    assert asyncio.run(scenario()) == ["a", "b", "c"]


def ledger_in(folder: Path) -> Ledger:
    return Ledger(folder / "ledger", ["judge"])


def test_what_was_in_flight_is_reserved_again_and_not_lost(tmp_path: Path) -> None:
    worst = Amount(2, 20, 10, 1.0)
    before = ledger_in(tmp_path)
    before.reserve("judge", worst)
    before.reserve("judge", worst)
    before.settle("judge", worst, Amount(2, 4, 2, 0.25))
    after = ledger_in(tmp_path)
    after.begin()
    assert after.totals()["judge"].lost_requests == 2
    money = Money(SPEC, after)
    assert money.resume([shard_of(step=Step.CREATED)])
    spent = after.totals()["judge"]
    assert (spent.requests, spent.input_tokens, spent.output_tokens, spent.usd) == (2, 4, 2, 0.25)
    assert (spent.lost_requests, spent.lost_usd) == (0, 0.0)
    assert (spent.reserved_requests, spent.reserved_usd) == (2, 1.0)
    money.settle(worst, Amount(1, 4, 2, 0.25))
    spent = after.totals()["judge"]
    assert (spent.requests, spent.usd, spent.reserved_requests) == (3, 0.5, 0)


def test_a_shard_that_was_booked_before_the_kill_is_not_booked_again(tmp_path: Path) -> None:
    worst, used = Amount(2, 20, 10, 1.0), Amount(1, 4, 2, 0.25)
    settling = shard_of(step=Step.SETTLING, used=used)
    other = shard_of(number=2, step=Step.CREATED)
    for booked in (True, False):
        ledger = ledger_in(tmp_path / str(booked))
        ledger.reserve("judge", worst)
        ledger.reserve("judge", worst)
        # sentinels of the same judge that were lost are none of its batches
        ledger.reserve("judge", worst, SENTINELS)
        if booked:
            ledger.settle("judge", worst, used)
        ledger.begin()
        assert Money(SPEC, ledger).resume([settling, other]) is not booked


def test_an_estimate_is_corrected_by_replies(tmp_path: Path) -> None:
    place = place_in(tmp_path)
    (question,) = questions_in(place, 1)
    request = request_of(SPEC, question)
    money = Money(SPEC, place.ledger)
    estimate, worst = money.worst(question, request)
    assert (worst.input_tokens, worst.output_tokens) == (estimate, 512)
    assert worst.usd == pytest.approx((estimate * 1.0 + 512 * 5.0) / 1e6)
    assert money.compare([(100, 50)] * 10) is None  # no cap rests on it
    assert money.worst(question, request) == (
        estimate,
        Amount(1, round(estimate / 2), 512, math.fsum([round(estimate / 2), 2560]) / 1e6),
    )
