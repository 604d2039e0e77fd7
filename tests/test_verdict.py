"""Replies in every shape: a score where it is plain, a reason where it is not, never a guess."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from questions import QUALITY

from annotators.judge.completion import is_completion, read_completion
from annotators.judge.said import Scored, verdict_of
from annotators.verdict import Judgement, Unusable, read_verdict
from schemas import Dimension, Reason, Rubric, ScalePoint


def _dimension(name: str, *scores: int) -> Dimension:
    scale = tuple(ScalePoint(score=score, label="x", anchor="x") for score in scores)
    return Dimension(name=name, question="?", scale=scale)


TWO: Rubric = dataclasses.replace(
    QUALITY, dimensions=(_dimension("video_quality", 1, 2, 3, 4, 5), _dimension("motion", 0, 1))
)


def one(text: str) -> int | Reason:
    """What a reply to the packaged rubric comes to."""
    (said,) = read_verdict(text, QUALITY)
    return said.score if isinstance(said, Judgement) else said.reason


@pytest.mark.parametrize(
    "text",
    [
        '{"score": 4, "rationale": "r"}',
        '  {"rationale": "r", "score": 4}\n',
        '{"score": 4.0, "rationale": "r"}',
        '{"score": "4", "rationale": "r"}',
        '{"score": "4/5", "rationale": "r"}',
        '{"Rating": 4, "Rationale": "r"}',
        '{"Video Quality": 4, "rationale": "r"}',
        '{"video_quality": {"score": 4, "rationale": "r"}}',
        '{"verdict": {"score": 4, "rationale": "r"}}',
        '[{"score": 4, "rationale": "r"}]',
        '```json\n{"score": 4, "rationale": "r"}\n```',
        'Sure! Here it is:\n```\n{"score": 4,\n "rationale": "r"}\n```\nHope it helps {really}.',
        '<think>3 dogs, maybe {unsure}</think>{"score": 4, "rationale": "r"}',
        '{"type": "object", "properties": {"score": {"type": "integer", "enum": [1, 2, 3]}}}\n'
        '{"score": 4, "rationale": "r"}',
        '{"score": 4, "rationale": "r"}{"score": 4, "rationale": "r"}',
        '{"score": 4, "score": 4, "rationale": "r"}',
        '{\n "score": 4,\n "rationale": r"\n}',  # a quote too few: the line is still plain
        "Rating: 4\nRationale: r",
        "**Rating:** 4/5\n**Rationale:** r",
        "Rationale: r\nFinal rating: 4",
        "- Score = [[4]]\n- Reason: r",
        "Rating: 4 - Good\nRationale: r",
        "Rating: 4 out of 5.\nRationale: r",
        "Rating: four\nRationale: r",
        "Rating: ４\nRationale: r",  # full-width digit
        "Video quality score: 4 (2 dogs stay the same)\nExplanation: r",
        "Rating: <1-5>\nRating: 4\nRationale: r",  # the instruction said back, then answered
        "Score: an integer from 1 to 5\nScore: 4\nRationale: r",
        '### Score: 4\n{"note": "x"}\nRationale: r',
    ],
)
def test_plain_answers(text: str) -> None:
    (said,) = read_verdict(text, QUALITY)
    assert said == Judgement(dimension="video_quality", score=4, rationale="r")


@pytest.mark.parametrize("text", ["4", " 4\n", "[[4]]", "4/5", "**4**", "four"])
def test_a_bare_number_answers_a_rubric_of_one_dimension(text: str) -> None:
    assert one(text) == 4


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.NO_ANSWER),
        ("The video shows 3 dogs and is rather good.", Reason.NO_ANSWER),
        ("I would say it is about a 4.", Reason.NO_ANSWER),  # prose is not an answer
        ("Rating: good", Reason.NO_ANSWER),
        ('{"score": null, "rationale": "r"}', Reason.NO_ANSWER),
        ('{"score": true, "rationale": "r"}', Reason.NO_ANSWER),
        ('{"score": NaN, "rationale": "r"}', Reason.NO_ANSWER),
        ('{"score": [4], "rationale": "r"}', Reason.NO_ANSWER),
        ('{"note": "score: 4"}', Reason.NO_ANSWER),
        ("{}", Reason.NO_ANSWER),
        ("Rating: 1-5", Reason.NO_ANSWER),  # only the instruction
        ("1, 2, 3, 4, 5, 6, 7, 8", Reason.NO_ANSWER),
        ("{" * 5000, Reason.TRUNCATED),
        ('{"score": 4, "rationale": "the dog', Reason.TRUNCATED),
        ('{"score": ', Reason.TRUNCATED),
        ('```json\n{"score": 4, "rat', Reason.TRUNCATED),
        ('{"score": 4, "score": 2, "rationale": "r"}', Reason.SEVERAL_ANSWERS),
        ('{"score": 4, "rating": 5}', Reason.SEVERAL_ANSWERS),
        ('{"score": 4}\n{"score": 5}', Reason.SEVERAL_ANSWERS),
        ('Rating: 3\n{"score": 4, "rationale": "r"}', Reason.SEVERAL_ANSWERS),
        ('{"score": [3, 4], "rationale": "r"}', Reason.SEVERAL_ANSWERS),
        ('{"score": "3 or 4", "rationale": "r"}', Reason.SEVERAL_ANSWERS),
        ("Rating: 3-4", Reason.SEVERAL_ANSWERS),
        ("Rating: 4,5", Reason.SEVERAL_ANSWERS),
        ("Rating: 3\nRating: 4", Reason.SEVERAL_ANSWERS),
        ('{"score": 0, "rationale": "r"}', Reason.OFF_SCALE),
        ('{"score": 6, "rationale": "r"}', Reason.OFF_SCALE),
        ('{"score": 4.5, "rationale": "r"}', Reason.OFF_SCALE),
        ('{"score": 1e999, "rationale": "r"}', Reason.OFF_SCALE),
        ("Rating: -4", Reason.OFF_SCALE),
        ("Rating: 4%", Reason.OFF_SCALE),
        ("Rating: 4/10", Reason.OFF_SCALE),  # a four, but of ten
        ("Rating: 80", Reason.OFF_SCALE),
        ("I'm sorry, but I can't assist with that.", Reason.REFUSAL),
        ("As an AI, I am unable to view images.", Reason.REFUSAL),
    ],
)
def test_no_number_is_guessed(text: str, reason: Reason) -> None:
    assert one(text) == reason


def test_an_answer_beats_an_apology() -> None:
    assert one('I cannot be sure, but: {"score": 2, "rationale": "r"}') == 2


@pytest.mark.parametrize(
    "text",
    [
        '{"video_quality": {"score": 4, "rationale": "q"}, "motion": {"score": 0, "reason": "m"}}',
        '{"motion": {"rating": 0, "reason": "m"}}{"video_quality": {"score": 4, "reason": "q"}}',
    ],
)
def test_several_dimensions(text: str) -> None:
    assert read_verdict(text, TWO) == (
        Judgement(dimension="video_quality", score=4, rationale="q"),
        Judgement(dimension="motion", score=0, rationale="m"),
    )


def test_several_dimensions_flat_and_in_lines() -> None:
    for text in ('{"video_quality": 4, "motion": 1}', "Video Quality: 4/5\nMotion: 1"):
        assert [said.score for said in read_verdict(text, TWO)] == [4, 1]  # type: ignore[union-attr]


def test_each_dimension_fails_by_itself() -> None:
    """4 is on the one scale and not on the other (0, 1); `score` names no dimension of two."""
    first, second = read_verdict('{"video_quality": 4, "motion": 4}', TWO)
    assert isinstance(first, Judgement)
    assert isinstance(second, Unusable)
    assert second.reason == Reason.OFF_SCALE
    missing = read_verdict('{"video_quality": 4}', TWO)[1]
    assert isinstance(missing, Unusable)
    assert missing.reason == Reason.MISSING_DIMENSION
    assert {s.reason for s in read_verdict('{"score": 4}', TWO)} == {Reason.NO_ANSWER}  # type: ignore[union-attr]


@given(st.integers(1, 5), st.text(max_size=200))
def test_what_strict_mode_sends_comes_back(score: int, rationale: str) -> None:
    text = json.dumps({"score": score, "rationale": rationale})
    (said,) = read_verdict(text, QUALITY)
    assert said == Judgement(
        dimension="video_quality", score=score, rationale=rationale.strip() or None
    )


WORDS = st.sampled_from(
    ["the", "score", "is", "rate", "this", "video", "a", "2", "4", ", ", ". ", "Poor.", "scale", "of", "1",
     "to", "10", "I", "cannot", "see", "frames", "deserves", "level", "warrants", "Overall"]
)  # fmt: skip


@given(st.integers(0, 6), st.lists(WORDS, max_size=12).map(" ".join) | st.text(max_size=60))
def test_strict_json_is_read_as_the_same_fields_in_any_other_shape(
    score: int, rationale: str
) -> None:
    """The short way for strict JSON skips no doubt: a wrapper leads the long way round."""
    fields = {"score": score, "rationale": rationale}
    long_way = read_verdict(json.dumps({"verdict": fields}), QUALITY)[0]
    short_way = read_verdict(json.dumps(fields), QUALITY)[0]
    assert type(short_way) is type(long_way)
    if isinstance(short_way, Unusable):
        assert short_way.reason == long_way.reason  # type: ignore[union-attr]
    else:
        assert short_way == long_way


@given(st.text(alphabet=st.sampled_from(list('{}[]":,/ \n*-.0123456789scoreating')), max_size=80))
def test_any_text_ends_as_a_score_of_the_scale_or_a_reason(text: str) -> None:
    (said,) = read_verdict(text, QUALITY)
    assert isinstance(said, Unusable) or said.score in (1, 2, 3, 4, 5)


def _body(**choice: object) -> str:
    return json.dumps({"choices": [{"finish_reason": "stop", **choice}]})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (_body(message={"content": None, "refusal": "no"}), Reason.REFUSAL),
        (_body(message={"content": '{"score": 4}'}, finish_reason="length"), Reason.TRUNCATED),
        (_body(message={"content": ""}, finish_reason="content_filter"), Reason.CONTENT_FILTER),
        (_body(message={"content": " "}), Reason.NO_ANSWER),
        (_body(message=None), Reason.NO_ANSWER),
        (_body(), Reason.NO_ANSWER),
        (_body(message={"content": 7}), Reason.NO_ANSWER),
    ],
)
def test_what_passes_by_every_schema(body: str, reason: Reason) -> None:
    assert is_completion(body)
    (said,) = verdict_of(read_completion(body), QUALITY)
    assert isinstance(said, Unusable)
    assert said.reason == reason


def test_content_in_parts_and_odd_usage() -> None:
    parts = [{"type": "text", "text": '{"score": 3,'}, {"type": "text", "text": '"rationale": ""}'}]
    body = json.loads(_body(message={"content": parts})) | {
        "usage": {"prompt_tokens": "many", "completion_tokens": -1}
    }
    read = read_completion(json.dumps(body))
    assert verdict_of(read, QUALITY)[0] == Scored(
        dimension="video_quality", score=3.0, rationale=None
    )
    assert (read.input_tokens, read.output_tokens) == (None, None)


@pytest.mark.parametrize(
    "body", ["", "<html>", "[]", "null", '{"error": {}}', '{"choices": []}', "[" * 100_000]
)
def test_what_is_no_completion(body: str) -> None:
    assert not is_completion(body)
