"""2,138 real replies of GPT-4o and Gemini 1.5 Pro on the video arena of GenAI-Bench.

Counted with a plain search for `[[...]]` over the same files: GPT-4o names exactly one label in every
reply, Gemini in 1,065. The other four are a provider's notice (618), two readings with a label each
and no winner (642; the published vote took the first), and a verdict per criterion, some with labels
that were not offered, before the last one (697, 833; published as `[[A=B]]`, none of the four).
"""

import collections
import csv
import gzip
import json
from pathlib import Path

import pytest

from annotators.verdict import GENAI_BENCH, Choice, Unusable, read_choice, read_verdict
from prompts import load_rubric
from schemas import Reason

JUDGES = ("gpt4o", "gemini-1.5-pro")
VOTES = {"a": "A", "b": "B", "both_good": "tie_good", "both_bad": "tie_bad"}
LABELS = {"a": "[[A>B]]", "b": "[[B>A]]", "both_good": "[[A=B=Good]]", "both_bad": "[[A=B=Bad]]"}
UNCLEAN = {
    "gpt4o": {},
    "gemini-1.5-pro": {
        618: Reason.CONTENT_FILTER,
        642: Reason.SEVERAL_ANSWERS,
        697: Reason.SEVERAL_ANSWERS,
        833: Reason.SEVERAL_ANSWERS,
    },
}
CHOICES = {
    "gpt4o": {"a": 364, "b": 580, "both_good": 74, "both_bad": 51},
    "gemini-1.5-pro": {"a": 310, "b": 714, "both_good": 1, "both_bad": 40},
}


@pytest.fixture(scope="module")
def folder(test_data: Path) -> Path:
    return test_data / "genai_bench"


def replies(folder: Path, judge: str) -> list[dict]:
    with gzip.open(folder / f"{judge}.pairwise.json.gz", "rt", encoding="utf-8") as file:
        return json.load(file)


@pytest.mark.parametrize("judge", JUDGES)
def test_every_reply_is_its_recorded_vote_or_a_reason(folder: Path, judge: str):
    rows = replies(folder, judge)
    said = {row["idx"]: read_choice(row["response"], GENAI_BENCH) for row in rows}
    choices = {idx: one.choice for idx, one in said.items() if isinstance(one, Choice)}
    reasons = {idx: one.reason for idx, one in said.items() if not isinstance(one, Choice)}
    assert len(said) == 1069
    assert reasons == UNCLEAN[judge]
    assert collections.Counter(choices.values()) == CHOICES[judge]
    assert {row["idx"]: row["model_vote"] for row in rows if row["idx"] in choices} == {
        idx: LABELS[choice] for idx, choice in choices.items()
    }


@pytest.mark.parametrize("judge", JUDGES)
def test_the_published_table_holds_the_same_votes(folder: Path, judge: str):
    with (folder / "genai_bench_video_votes.csv").open(encoding="utf-8", newline="") as file:
        votes = {int(row["idx"]): row[f"judge_{judge}"] for row in csv.DictReader(file)}
    for row in replies(folder, judge):
        said = read_choice(row["response"], GENAI_BENCH)
        if isinstance(said, Choice):
            assert votes[row["idx"]] == VOTES[said.choice]


@pytest.mark.parametrize("judge", JUDGES)
def test_prose_about_two_videos_holds_no_score(folder: Path, judge: str):
    """The same replies read as answers to a rubric with a scale: none of them is one."""
    rubrics = [load_rubric(f"videoprefer/{name}") for name in ("video_quality", "prompt_following")]
    for row in replies(folder, judge):
        for rubric in rubrics:
            assert all(isinstance(said, Unusable) for said in read_verdict(row["response"], rubric))
