"""What is drawn from given scores: by the job's own key, row by row."""

import math
from collections.abc import Sequence

import pytest
import torch

from annotators.local.job import Job
from annotators.local.sampler import LEAST, Row, Sampler, packed

NOTHING = torch.zeros(1, 1, dtype=torch.long)  # the tokens so far, which a sampler does not look at


class Letters:
    """Four tokens; the last ends a reply."""

    size, ends, quotes = 4, (3,), ()

    def raw(self, token: int) -> bytes:
        return b"abc$"[token : token + 1]


class Only:
    """A grammar that allows these tokens and never ends."""

    whole, fault, in_free_text = False, "", False

    def __init__(self, tokens: Sequence[int]) -> None:
        self.tokens = tokens

    def allowed(self, quotes: object) -> object:
        return packed(self.tokens, 4)

    def take(self, token: int, raw: bytes) -> None:
        assert token in self.tokens


def row(key: str = "k", *, only: Sequence[int] | None = None, **changes: object) -> Row:
    settings = {"temperature": 1.0, "top_p": 1.0, "max_tokens": 1000, **changes}
    made = Row(Job(key=key, messages=(), pictures=(), schema=None, **settings), Letters())
    made.held = None if only is None else Only(only)
    return made


def scores(*chances: float) -> torch.Tensor:
    return torch.tensor([[math.log(chance) if chance else -math.inf for chance in chances]])


def drawn(rows: Sequence[Row], given: torch.Tensor) -> list[int]:
    only = Sampler(rows, Letters())(NOTHING, given.expand(len(rows), -1))
    assert (only > -torch.inf).sum().item() == len(rows)  # generate has no choice left
    return only.argmax(-1).tolist()


def test_draws_follow_the_scores() -> None:
    """2000 draws at 0.2, 0.5, 0.3: standard errors are at most sqrt(0.25 / 2000) = 0.011."""
    one = row(max_tokens=3000)
    for _ in range(2000):
        drawn([one], scores(0.2, 0.5, 0.3, 0))
    shares = [one.tokens.count(token) / 2000 for token in range(3)]
    assert shares == pytest.approx([0.2, 0.5, 0.3], abs=0.04)


def test_the_number_decides_by_the_heaped_chances() -> None:
    """At 0.2, 0.5, 0.3 a number below 0.2 is token 0, below 0.7 token 1, else token 2."""
    for i in range(50):
        one = row(f"key {i}")
        expected = 0 if one.number < 0.2 else 1 if one.number < 0.7 else 2
        assert drawn([one], scores(0.2, 0.5, 0.3, 0)) == [expected]


def test_temperature_sharpens() -> None:
    """At temperature 0.5 chances are squared: 0.04, 0.25, 0.09 of 0.38, so borders 0.105 and 0.763."""
    for i in range(50):
        one = row(f"key {i}", temperature=0.5)
        expected = 0 if one.number < 0.04 / 0.38 else 1 if one.number < 0.29 / 0.38 else 2
        assert drawn([one], scores(0.2, 0.5, 0.3, 0)) == [expected]


def test_the_nucleus_leaves_the_unlikely_out() -> None:
    """0.5 and 0.3 are at least 0.7 together: token 0 is out, and of 0.8 token 1 has 0.625."""
    for i in range(50):
        one = row(f"key {i}", top_p=0.7)
        expected = 1 if one.number < 0.625 else 2
        assert drawn([one], scores(0.2, 0.5, 0.3, 0)) == [expected]


def test_a_nucleus_holds_one_token_at_least() -> None:
    assert drawn([row(f"{i}", top_p=0.01) for i in range(9)], scores(0.2, 0.5, 0.3, 0)) == [1] * 9


def test_what_is_not_allowed_is_not_drawn() -> None:
    rows = [row(f"{i}", only=[0], temperature=t) for i in range(9) for t in (0.0, 2.0)]
    assert drawn(rows, scores(1e-9, 0.5, 0.5, 0)) == [0] * 18


def test_a_row_draws_alike_alone_and_in_company() -> None:
    given = scores(0.2, 0.5, 0.3, 0)
    settings = [{"temperature": 0.0}, {"top_p": 0.6}, {"temperature": 1.7}, {"only": [0, 2]}, {}]

    def rows() -> list[Row]:
        return [row(f"{i}", **one) for i, one in enumerate(settings)]

    together = rows()
    for _ in range(20):
        drawn(together, given)
    for alone, other in zip(rows(), together):
        for _ in range(20):
            drawn([alone], given)
        assert alone.tokens == other.tokens
    assert len({tuple(one.tokens) for one in together}) == len(settings)


def test_a_row_ends_at_the_end_or_at_its_cap() -> None:
    ended, cut, going = row(only=[3]), row(only=[1], max_tokens=1), row(only=[1])
    first = drawn([ended, cut, going], scores(0.25, 0.25, 0.25, 0.25))
    assert (first, ended.finish, cut.finish, going.finish) == ([3, 1, 1], "stop", "length", None)
    assert drawn([ended, cut, going], scores(0.25, 0.25, 0.25, 0.25)) == [3, 3, 1]
    assert (ended.tokens, cut.tokens, going.tokens) == ([], [1], [1, 1])


def test_a_model_with_more_rows_than_tokens_never_says_them() -> None:
    given = torch.tensor([[0.0, 0.0, 0.0, 0.0, 50.0, 50.0]])  # 4 and 5 are filling
    assert all(token < 4 for i in range(20) for token in drawn([row(f"{i}", only=[1])], given))
    free = [row(f"{i}") for i in range(20)]
    assert all(token < 4 for token in drawn(free, given))


def test_notes_are_of_what_the_model_thinks_and_not_of_what_is_allowed() -> None:
    """0.1 and 0.2 are allowed: both are noted with the most likely third, at their own values."""
    one = row(only=[0, 1], top_logprobs=3, temperature=0.0)
    drawn([one], scores(0.1, 0.2, 0.6, 0.1))
    (spoken,) = one.spoken
    assert (spoken.raw, spoken.logprob) == (b"b", pytest.approx(math.log(0.2)))
    assert [raw for raw, _ in spoken.top] == [b"c", b"b", b"a"]
    assert [value for _, value in spoken.top] == pytest.approx(
        [math.log(chance) for chance in (0.6, 0.2, 0.1)]
    )


def test_where_more_is_allowed_than_is_noted_the_likeliest_are() -> None:
    one = row(only=[0, 1, 2], top_logprobs=2, temperature=0.0)
    drawn([one], scores(0.1, 0.2, 0.6, 0.1))
    assert [raw for raw, _ in one.spoken[0].top] == [b"c", b"b"]


def test_a_judges_own_words_go_without_alternatives() -> None:
    one = row(only=[0, 1], top_logprobs=3, temperature=0.0)
    one.held.in_free_text = True
    drawn([one], scores(0.1, 0.2, 0.6, 0.1))
    (spoken,) = one.spoken
    assert (spoken.raw, spoken.logprob, spoken.top) == (b"b", pytest.approx(math.log(0.2)), ())


def test_what_cannot_be_said_has_a_number_that_json_can_write() -> None:
    one = row(only=[0, 1], top_logprobs=4, temperature=0.0)
    drawn([one], scores(0.0, 0.4, 0.6, 0))
    assert dict(one.spoken[0].top)[b"a"] == LEAST
