"""Replies in every shape: what a careful reader would swear to is a score, all else is a reason.

The replies and what they come to stand in ``replies/*.yaml``, one file per family.
"""

import collections
import dataclasses
import re
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from annotators.verdict import (
    GENAI_BENCH,
    Choice,
    Judgement,
    read_choice,
    read_verdict,
)
from prompts import load_rubric
from schemas import Dimension, Reason, Rubric, ScalePoint

QUALITY = load_rubric("videoprefer/video_quality")
FOLLOWING = load_rubric("videoprefer/prompt_following")
MOTION = Dimension(
    name="motion",
    question="Does anything move?",
    scale=(
        ScalePoint(score=0, label="Still", anchor="nothing moves"),
        ScalePoint(score=1, label="Moving", anchor="something moves"),
    ),
)
BOTH = dataclasses.replace(QUALITY, dimensions=(*QUALITY.dimensions, MOTION))
RUBRICS = {"quality": QUALITY, "following": FOLLOWING, "both": BOTH}


@dataclasses.dataclass(frozen=True)
class Reply:
    family: str
    name: str
    rubric: str
    text: str
    expected: tuple


def _replies() -> list[Reply]:
    found = []
    for path in sorted(Path(__file__).parent.glob("replies/*.yaml")):
        if path.stem == "comparisons":  # of several videos: test_comparison_replies.py
            continue
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        for row in data["replies"]:
            rubric = row.get("rubric", data["rubric"])
            said = row["is"]
            expected = tuple(said[d.name] for d in BOTH.dimensions) if rubric == "both" else (said,)
            found.append(Reply(path.stem, str(row["name"]), rubric, _text(row), expected))
    return found


def _text(row: dict) -> str:
    if "repeat" in row:
        before, part, times, after = row["repeat"]
        return before + part * times + after
    return row["text"]


def read(reply: Reply) -> tuple:
    if reply.rubric == "choice":
        said = read_choice(reply.text, GENAI_BENCH)
        return (said.choice if isinstance(said, Choice) else str(said.reason),)
    return tuple(
        said.score if isinstance(said, Judgement) else str(said.reason)
        for said in read_verdict(reply.text, RUBRICS[reply.rubric])
    )


REPLIES = _replies()
REASONS = {str(reason) for reason in Reason}


def test_the_set_is_large_and_says_what_it_expects():
    assert len(REPLIES) >= 240
    assert len({(reply.family, reply.name) for reply in REPLIES}) == len(REPLIES)
    levels = {1, 2, 3, 4, 5, 0, *(label.choice for label in GENAI_BENCH)}
    assert {one for reply in REPLIES for one in reply.expected} <= levels | REASONS


def test_no_answer_is_invented():
    """Wherever a reason is expected, neither a score nor a choice comes out; nor another one."""
    invented = [
        f"{reply.family}/{reply.name}: {got} instead of {expected}"
        for reply in REPLIES
        for expected, got in zip(reply.expected, read(reply), strict=True)
        if got not in REASONS and got != expected
    ]
    assert invented == []


def test_every_reply_comes_to_what_a_careful_reader_says():
    counts: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    wrong = []
    for reply in REPLIES:
        got = read(reply)
        if got != reply.expected:
            wrong.append(f"{reply.family}/{reply.name}: {got} instead of {reply.expected}")
        counts[reply.family].update(one if one in REASONS else "answer" for one in map(str, got))
    for family, outcomes in counts.items():
        print(f"{family:12}", "  ".join(f"{k} {n}" for k, n in sorted(outcomes.items())))
    print("replies", len(REPLIES))
    assert wrong == []


@pytest.mark.parametrize("reason", [
    Reason.REFUSAL, Reason.CONTENT_FILTER, Reason.TRUNCATED, Reason.NO_ANSWER,
    Reason.SEVERAL_ANSWERS, Reason.OFF_SCALE, Reason.MISSING_DIMENSION, Reason.CONTRADICTION,
])  # fmt: skip
def test_every_reason_is_met(reason: Reason):
    assert any(str(reason) in read(reply) for reply in REPLIES)


def _points(rubric: Rubric) -> list[set[int]]:
    return [{point.score for point in d.scale} for d in rubric.dimensions]


def _hold(text: str) -> None:
    for rubric in RUBRICS.values():
        for said, points in zip(read_verdict(text, rubric), _points(rubric), strict=True):
            assert said.score in points if isinstance(said, Judgement) else said.reason in Reason
    chosen = read_choice(text, GENAI_BENCH)
    assert isinstance(chosen, Choice) or chosen.reason in Reason


@given(st.text(max_size=200))
@example('\x00{"score": "\x00"}')
@example("\ud800 score: 4")
def test_any_text_ends_as_a_level_of_the_scale_or_a_reason(text: str):
    _hold(text)


PIECES = [
    "score", "Rating", ": ", "4", "5", "10", "/", "/5", ".5", " - ", "Good", "Poor", "video_quality",
    "motion", "{", "}", "[", "[[", "]]", '"', "'", ",", "\n", "<think>", "</think>", "<score>",
    "</score>", "|", "| Score |", "|---|", "**", "# ", "A>B", "B>A", "[[A=B=Good]]", "A=B", "verdict",
    "null", "four", "٤", "四", "%", "or", "\\boxed{", "I cannot view the video.", "```json", "//", "/*",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_heap_of_pieces_ends_as_a_level_of_the_scale_or_a_reason(text: str):
    _hold(text)


NUMBER_WORDS = re.compile(r"zero|one|two|three|four|five|six|seven|eight|nine|ten", re.IGNORECASE)


@pytest.mark.parametrize(
    "whole",
    [
        '{"score": 4, "rationale": "sharp, 3 dogs"}',
        '```json\n{"rationale": "sharp", "score": 4}',
        "{'verdict': {'score': 4, 'rationale': 'sharp'}}",
        '[{"dimension": "video_quality", "score": 4}]',
        '{"video_quality": {"score": 4, "rationale": "q"}, "motion": {"score": 1, "rationale": "m"}}',
        "<score>4</score>",
        "<think>score: 2</think>\nScore: [[4]]",
    ],
)
def test_no_place_to_cut_a_reply_makes_a_score_of_it(whole: str):
    """Nor does it in two dimensions; only where all is said (the last sign) there is a score."""
    for rubric in RUBRICS.values():
        for end in range(len(whole) - 1 if whole.endswith("]]") else len(whole)):
            said = read_verdict(whole[:end], rubric)
            assert not any(isinstance(one, Judgement) for one in said), whole[:end]


@pytest.mark.parametrize("label", GENAI_BENCH)
def test_no_place_to_cut_a_label_makes_another_of_it(label):
    whole = f"**Final verdict:** [[{label.text}]]"
    for end in range(len(whole)):
        said = read_choice(whole[:end], GENAI_BENCH)
        assert not isinstance(said, Choice) or said.choice == label.choice, whole[:end]


WORDLESS = [p for p in PIECES if p != "four" and not any(sign.isnumeric() for sign in p)]


@given(st.lists(st.sampled_from(WORDLESS) | st.text(max_size=5), max_size=20).map("".join))
@example("Rating: Good")
@example('{"score": "Excellent"}')
@example("★★★★☆")
def test_without_a_number_there_is_no_score(text: str):
    if any(sign.isnumeric() for sign in text) or NUMBER_WORDS.search(text):
        return
    for rubric in RUBRICS.values():
        assert not any(isinstance(said, Judgement) for said in read_verdict(text, rubric))


@pytest.mark.parametrize(
    "part",
    [
        "[[", "]]", "* ", "{", "}", '{"a":', '{"score": ', "\n", " ", "4 ", "4 or ", '"', "'", "/*", "<",
        "<think>", "</think>", "<score>", "</score>", "|", "|4", "score ", "score: ", "score: 4\n",
        "score:4. ", "video_", "- ", "[[A>B", "[[A>B]]", "A=", "A>B ", "verdict: ", "~~", "\\boxed{", "`",
        "```", "(", "says ", "I cannot view ", "1-", "1,", "$", "<b>", "ich kann ", "#", "{'a':", "[{", "4/",
        "\u200b", "Model A is better: ", "scale ", "scale of ", "not ", "if ", "aspect: ", ", score: 4",
        "I rate the video 4. ", "I rate the video 4 ", ", so ", "Overall, ", "based on ", "the video ",
        "Motion: ", "deserves a score of 2 ", "1. Motion: x. Score: 2\n",
    ],
)  # fmt: skip
def test_long_replies_are_read_in_time_that_grows_with_their_length(part: str):
    """100 kB of one part repeated: a pattern that goes back over it again and again never ends."""
    long, shorter = part * (100_000 // len(part)), part * (20_000 // len(part))
    for text in (
        long,
        f"Score: {shorter}x",
        f"[[{shorter}]]",
        f'{{"score": "{shorter}"}}',
        f"verdict: {shorter}!",
    ):
        for said in read_verdict(text, QUALITY):
            assert not isinstance(said, Judgement) or said.score in (1, 2, 3, 4, 5)
        assert read_choice(text, GENAI_BENCH)
