"""Replies held to a schema: valid whatever the model would say, and closed before the room ends."""

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_vlm import END, tiny_tokenizer

from annotators.local.sampler import packed
from annotators.local.skeleton import strings_of
from annotators.local.tighten import SPELLED_OUT, tightened
from annotators.local.vocabulary import Vocabulary
from prompts import load_rubric, reply_schema

QUALITY = load_rubric("videoprefer/video_quality")
FIVE = load_rubric("videofeedback/video_score")


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    tokenizer = tiny_tokenizer()
    return Vocabulary(tokenizer, [tokenizer.convert_tokens_to_ids(END)])


def bits(mask: Any, size: int) -> list[int]:
    return np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")[:size]).tolist()


def babble(words: Vocabulary, schema: dict[str, Any], cap: int, seed: int) -> str | None:
    """What comes out if every allowed token is as likely; None: the cap came first."""
    held = words.held(schema, cap)
    quotes, pick = packed(words.quotes, words.size), random.Random(seed)
    said = b""
    for _ in range(cap):
        token = pick.choice(bits(held.allowed(quotes), words.size))
        held.take(token, words.raw(token))
        said += words.raw(token)
        if held.whole:
            return said.decode()
    return None


def test_what_the_shortest_reply_holds() -> None:
    """{"score": 1, "rationale": ""}: from each closing quotation mark 22, 6 and 2 bytes to the end;
    one free text, the third string."""
    found = strings_of(reply_schema(QUALITY))
    assert [text.free for text in found] == [False, False, True]
    assert [text.after for text in found] == [22, 6, 2]
    assert [text.free_left for text in found] == [1, 1, 1]


def test_free_texts_are_counted_down() -> None:
    free = [text.free_left for text in strings_of(reply_schema(FIVE)) if text.free]
    assert free == [5, 4, 3, 2, 1]


@pytest.mark.parametrize("cap", [320, 512, 1000])
def test_any_babble_is_a_verdict_on_five_dimensions(words: Vocabulary, cap: int) -> None:
    """The shortest reply is under 280 bytes, and a token is at least one of them; five texts have
    6 tokens each to come to an end: from 320 on no cap is too small."""
    schema = reply_schema(FIVE)
    assert strings_of(schema)[0].after + len('{"visual_quality') + 5 * 6 <= 320
    for seed in range(12):
        said = babble(words, schema, cap, seed)
        assert said is not None
        verdict = json.loads(said)
        assert list(verdict) == [dimension.name for dimension in FIVE.dimensions]
        assert all(list(one) == ["score", "rationale"] for one in verdict.values())
        assert {one["score"] for one in verdict.values()} <= {1, 2, 3, 4}


@given(seed=st.integers(0, 10**9), cap=st.integers(40, 90))
def test_any_babble_is_a_verdict_on_one(words: Vocabulary, seed: int, cap: int) -> None:
    said = babble(words, reply_schema(QUALITY), cap, seed)
    assert said is not None
    assert json.loads(said)["score"] in {1, 2, 3, 4, 5}


def test_a_reply_that_ends_by_itself_is_not_shortened(words: Vocabulary) -> None:
    """Tokens of the very text are all allowed, whatever stands in it that looks like an end."""
    said = '{"score": 4, "rationale": "a \\"red\\" ball, \\\\ { and } rolls\\n"}'
    held, quotes = words.held(reply_schema(QUALITY), 200), packed(words.quotes, words.size)
    for token in words.tokenizer.encode(said):
        assert token in bits(held.allowed(quotes), words.size)
        held.take(token, words.raw(token))
    assert held.whole
    assert not held.fault


def test_once_its_share_is_spent_a_text_can_only_end(words: Vocabulary) -> None:
    """{"score": 4, "rationale": " is n tokens; of a cap of n + 20 the end (2 bytes) and 6 to spare are
    set aside: 12 tokens are the text's own, the next begins with a quotation mark."""
    begin, letter = '{"score": 4, "rationale": "', words.tokenizer.encode("q")
    begun = words.tokenizer.encode(begin)
    held = words.held(reply_schema(QUALITY), len(begun) + 20)
    quotes = packed(words.quotes, words.size)
    for token in [*begun, *letter * 12]:
        assert token in bits(held.allowed(quotes), words.size)
        held.take(token, words.raw(token))
    assert {words.raw(t)[:1] for t in bits(held.allowed(quotes), words.size)} == {b'"'}


@pytest.mark.parametrize("n", [2, SPELLED_OUT])
def test_a_ranking_names_every_letter_once(words: Vocabulary, n: int) -> None:
    letters = list("ABCDE")[:n]
    ranking = {"type": "array", "items": {"type": "string", "enum": letters}}
    schema = {
        "type": "object",
        "properties": {"ranking": ranking, "rationale": {"type": "string"}},
        "required": ["ranking", "rationale"],
        "additionalProperties": False,
    }
    for seed in range(10):
        said = babble(words, tightened(schema), 120, seed)
        assert said is not None
        assert sorted(json.loads(said)["ranking"]) == letters


def test_more_letters_than_can_be_spelled_out_are_at_least_counted() -> None:
    ranking = {"type": "array", "items": {"enum": list("ABCDEF")}}
    assert tightened(ranking) == {**ranking, "minItems": 6, "maxItems": 6}
    assert tightened(reply_schema(FIVE)) == reply_schema(FIVE)


def test_a_schema_that_cannot_be_kept_to_is_an_error(words: Vocabulary) -> None:
    with pytest.raises(ValueError, match="cannot be held to its schema"):
        words.held({"type": "array", "uniqueItems": True}, 100)


def test_any_json_object_is_an_object_or_is_cut(words: Vocabulary) -> None:
    said = [babble(words, {"type": "object"}, 400, seed) for seed in range(30)]
    whole = [json.loads(text) for text in said if text is not None]
    assert len(whole) > 5
    assert all(isinstance(one, dict) for one in whole)


def test_tokens_are_bytes(words: Vocabulary, tmp_path: Path) -> None:
    said = "größer 日本"
    tokens = words.tokenizer.encode(said)
    assert b"".join(map(words.raw, tokens)) == said.encode()
    assert words.text([*tokens, *words.ends]) == said
    assert words.raw(10**6) == b""
