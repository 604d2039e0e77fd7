"""Replies about several videos: an order where it is plain, a reason where it is not, never a guess.

The replies and what they come to stand in ``replies/comparisons.yaml``.
"""

import collections
import dataclasses
import gzip
import itertools
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from annotators.verdict import Ranked, Unusable, read_comparison
from prompts import as_protocol, letters, load_rubric
from schemas import Dimension, Reason, Rubric, ScalePoint
from schemas.options import SetupError

QUALITY = load_rubric("videoprefer/video_quality")
MOTION = Dimension(
    name="motion",
    question="Does anything move?",
    scale=(
        ScalePoint(score=0, label="Still", anchor="nothing moves"),
        ScalePoint(score=1, label="Moving", anchor="something moves"),
    ),
)
RUBRICS = {
    "quality": QUALITY,
    "both": dataclasses.replace(QUALITY, dimensions=(*QUALITY.dimensions, MOTION)),
}
REASONS = {str(reason) for reason in Reason}
PAIRWISE = as_protocol(QUALITY, "pairwise")
LISTWISE = as_protocol(QUALITY, "listwise")


@dataclasses.dataclass(frozen=True)
class Reply:
    name: str
    rubric: Rubric
    text: str
    n_clips: int
    expected: tuple[str, ...]


def _replies() -> list[Reply]:
    path = Path(__file__).parent / "replies" / "comparisons.yaml"
    return [_reply(row) for row in yaml.safe_load(path.read_text(encoding="utf-8"))["replies"]]


def _reply(row: dict) -> Reply:
    rubric, n_clips, said = RUBRICS[row.get("rubric", "quality")], row.get("n", 2), row["is"]
    before, part, times, after = row.get("repeat", (row.get("text", ""), "", 0, ""))
    return Reply(
        name=row["name"],
        rubric=as_protocol(rubric, row.get("protocol", "pairwise" if n_clips == 2 else "listwise")),
        text=before + part * times + after,
        n_clips=n_clips,
        expected=(
            (said,) if isinstance(said, str) else tuple(said[d.name] for d in rubric.dimensions)
        ),
    )


def _shown(said: Ranked | Unusable, n_clips: int) -> str:
    """``BAC``: the letters from rank 1 on."""
    if isinstance(said, Unusable):
        return str(said.reason)
    by_rank = dict(zip(said.ranking, letters(n_clips), strict=True))
    return "".join(by_rank[rank] for rank in range(1, n_clips + 1))


def read(text: str, rubric: Rubric = PAIRWISE, n_clips: int = 2) -> tuple[str, ...]:
    return tuple(_shown(said, n_clips) for said in read_comparison(text, rubric, n_clips))


REPLIES = _replies()


def test_the_set_is_large_and_says_what_it_expects() -> None:
    assert len(REPLIES) >= 200
    assert len({reply.name for reply in REPLIES}) == len(REPLIES)
    orders = {"".join(order) for n in (2, 3) for order in itertools.permutations("ABC"[:n])}
    assert {one for reply in REPLIES for one in reply.expected} <= orders | REASONS


def test_every_reply_comes_to_what_a_careful_reader_says() -> None:
    wrong = [
        f"{reply.name}: {got} instead of {reply.expected}"
        for reply in REPLIES
        if (got := read(reply.text, reply.rubric, reply.n_clips)) != reply.expected
    ]
    assert wrong == []


def test_ranks_stand_in_the_order_shown() -> None:
    """B first, C second, A third: A has rank 3, B rank 1, C rank 2."""
    reply = '{"ranking": ["B", "C", "A"], "rationale": " sharp "}'
    assert read_comparison(reply, LISTWISE, 3) == (
        Ranked(dimension="video_quality", ranking=(3, 1, 2), rationale="sharp"),
    )


def test_a_tie_says_that_none_was_offered() -> None:
    for reply in (
        '{"choice": "tie", "rationale": "r"}',
        "Both videos are equally good.",
        "[[A=B]]",
    ):
        (said,) = read_comparison(reply, PAIRWISE, 2)
        assert isinstance(said, Unusable)
        assert said.reason is Reason.OFF_SCALE
        assert "none was offered" in said.message


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ('{"ranking": ["B", "A"]}', "lacks C"),
        ('{"ranking": ["B", "A", "A"]}', "names A more than once"),
        ('{"ranking": ["B", "A", "E"]}', "E is no video that was shown (A, B, C)"),
        ("Ranking (worst to best): A > B > C", "worst first"),
    ],
)
def test_a_ranking_that_is_none_says_why(reply: str, message: str) -> None:
    (said,) = read_comparison(reply, LISTWISE, 3)
    assert isinstance(said, Unusable)
    assert said.reason is Reason.OFF_SCALE
    assert message in said.message


WRITTEN = [
    lambda order: json.dumps({"ranking": list(order), "rationale": "r"}),
    lambda order: f"```json\n{json.dumps({'ranking': [f'Video {x}' for x in order]})}\n```",
    lambda order: " > ".join(order),
    lambda order: f"All are sharp.\n\nFinal ranking: {', '.join(order)}",
    lambda order: "\n".join(f"{rank}. Video {x}" for rank, x in enumerate(order, 1)),
    lambda order: "\n".join(f"Rank {rank}: {x} (as seen)" for rank, x in enumerate(order, 1)),
    lambda order: json.dumps({"ranking": {x: rank for rank, x in enumerate(order, 1)}}),
]


@given(st.integers(3, 9).flatmap(lambda n: st.permutations(letters(n))), st.sampled_from(WRITTEN))
def test_every_order_is_read_from_every_dress(order: list[str], write) -> None:
    assert read(write(order), LISTWISE, len(order)) == ("".join(order),)


@given(st.text(max_size=200), st.sampled_from(["A", "B", "[[A]]", "A > B", "choice: B", "", "{"]))
def test_whatever_is_said_is_an_order_or_a_reason(text: str, beside: str) -> None:
    for rubric, n_clips in ((PAIRWISE, 2), (LISTWISE, 4)):
        (said,) = read_comparison(f"{text}\n{beside}", rubric, n_clips)
        if isinstance(said, Ranked):
            assert sorted(said.ranking) == list(range(1, n_clips + 1))
        else:
            assert said.message


SIDES = [
    '{{"choice": "{0}", "rationale": "{1} is soft."}}',
    '{{"choice": "{0}", "rationale": "Video {1} is better."}}',
    "{0}",
    "Video {0}\n\nSharper.",
    "[[{0}>{1}]]",
    "{1} < {0}",
    "Video {0} is better than video {1}.",
    "Video {0} is better than video {0}.",
    "I prefer {0}.",
    "A dog. Video {0} is better because {1} is soft.",
    "Verdict: {0} or {1}",
    "1. {0}\n2. {1}",
    "The winner is {0}!",
    "Verdict: {0}\nFinal verdict: {1}",
]


@pytest.mark.parametrize("words", SIDES)
def test_no_side_is_favoured(words: str) -> None:
    """With A and B in each other's place a reply comes to the other choice, or to the same reason."""
    (one,), (other,) = read(words.format("A", "B")), read(words.format("B", "A"))
    assert other == (one if one in REASONS else one[::-1])


def test_more_videos_than_letters_are_refused() -> None:
    for n_clips in (1, 27):
        with pytest.raises(SetupError, match=f"{n_clips} videos"):
            read_comparison("A", LISTWISE, n_clips)


# Two judges were asked to choose among [[A>B]], [[B>A]], [[A=B=Good]] and [[A=B=Bad]].
SIDE_OF_VOTE = {"[[A>B]]": "AB", "[[B>A]]": "BA"}


@pytest.mark.parametrize("judge", ["gpt4o", "gemini-1.5-pro"])
def test_real_replies_come_to_their_published_vote_or_to_a_reason(
    test_data: Path, judge: str
) -> None:
    """Of 1,069 replies each: no vote for a side is read as the other, and no tie as a side; all but
    a few of those with a side are read, though nobody asked them for letters."""
    with gzip.open(test_data / "genai_bench" / f"{judge}.pairwise.json.gz", "rt") as file:
        rows = json.load(file)
    read_as: dict[str | None, collections.Counter[str]] = collections.defaultdict(
        collections.Counter
    )
    for row in rows:
        (said,) = read(row["response"])
        read_as[SIDE_OF_VOTE.get(row["model_vote"])][said] += 1
    assert sum(counts.total() for counts in read_as.values()) == 1069
    assert set(read_as[None]) <= REASONS
    for side in ("AB", "BA"):
        assert set(read_as[side]) - REASONS == {side}
        assert read_as[side][side] > 0.99 * read_as[side].total()


WHOLE = [
    ('{"choice": "B", "rationale": "sharp"}', PAIRWISE, 2),
    ('```json\n{"rationale": "sharp", "choice": "B"}\n```', PAIRWISE, 2),
    ("{'answer': {'choice': 'B', 'rationale': 'sharp'}}", PAIRWISE, 2),
    ('{"ranking": ["C", "A", "B"], "rationale": "sharp"}', LISTWISE, 3),
    ('{"ranking": "C > A > B"}', LISTWISE, 3),
    ("Ranking: C > A > B", LISTWISE, 3),
    ("Ranking:\n1. C\n2. A\n3. B", LISTWISE, 3),
    ('["C", "A", "B"]', LISTWISE, 3),
    ("<think>A > B > C</think>\nFinal ranking: [[C > A > B]]", LISTWISE, 3),
]


@pytest.mark.parametrize(("whole", "rubric", "n_clips"), WHOLE)
def test_no_place_to_cut_a_reply_makes_another_answer_of_it(
    whole: str, rubric: Rubric, n_clips: int
) -> None:
    answer = read(whole, rubric, n_clips)
    assert answer[0] not in REASONS
    for end in range(len(whole)):
        (said,) = read(whole[:end], rubric, n_clips)
        assert said in REASONS | set(answer), whole[:end]


PIECES = [
    "A", "B", "C", "Video ", "Video B", " is better", ".", " > ", ", ", " = ", "\n", "1. ", "2. ", "{", "}",
    "[", "]", "[[", "]]", '"choice": ', '"ranking": ', '"rationale": ', '"', "Verdict: ", "Ranking: ",
    "Overall, ", "not ", "tie", "both", "Motion", ": ", "<think>", "</think>", "| ", "|---|", "**", "? ",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_any_heap_of_pieces_is_an_order_or_a_reason(text: str) -> None:
    for rubric, n_clips in ((PAIRWISE, 2), (LISTWISE, 3)):
        for said in read_comparison(text, rubric, n_clips):
            if isinstance(said, Ranked):
                assert sorted(said.ranking) == list(range(1, n_clips + 1))
            else:
                assert said.reason in Reason


@pytest.mark.parametrize("reason", [
    Reason.REFUSAL, Reason.CONTENT_FILTER, Reason.TRUNCATED, Reason.NO_ANSWER,
    Reason.SEVERAL_ANSWERS, Reason.OFF_SCALE, Reason.MISSING_DIMENSION, Reason.CONTRADICTION,
])  # fmt: skip
def test_every_reason_is_met(reason: Reason) -> None:
    assert any(str(reason) in reply.expected for reply in REPLIES)
