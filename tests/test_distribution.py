"""Distributions over a scale, read from the tokens of a reply: worked examples and what always holds."""

import dataclasses
import itertools
import json
import math
import random
import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from questions import QUALITY

from annotators.judge.distribution import Missing, Token, expected, read_distribution
from annotators.judge.places import score_places
from schemas import Dimension, Rubric, ScalePoint

NAME = "video_quality"
REPLY = '{"score": 4, "rationale": "sharp, 3 dogs"}'
SHARES = {"1": 0.05, "2": 0.05, "3": 0.2, "4": 0.4, "5": 0.3}


def dimension(name: str, *scores: int) -> Dimension:
    scale = tuple(ScalePoint(score=score, label="x", anchor="x") for score in scores)
    return Dimension(name=name, question="?", scale=scale)


def rubric_of(*dimensions: Dimension) -> Rubric:
    return dataclasses.replace(QUALITY, dimensions=dimensions)


TEN = rubric_of(dimension(NAME, *range(1, 11)))
TWO = rubric_of(dimension(NAME, 1, 2, 3, 4, 5), dimension("motion", 0, 1))


def log(share: float) -> float:
    return math.log(share) if share else -math.inf


def token(text: str, shares: Mapping[str, float] | None = None) -> Token:
    """A token with the probabilities of what could stand in its place; itself with 0.9 otherwise."""
    shares = {text: 0.9, "?": 0.01} if shares is None else shares
    return Token(
        text=text,
        logprob=log(shares.get(text, 0.001)),
        top=tuple((said, log(share)) for said, share in shares.items()),
        raw=text.encode(),
    )


def cut(text: str, pattern: str = r"\w+|\s|[^\w\s]+") -> list[str]:
    """A text in pieces, as a tokenizer with this vocabulary would."""
    return re.findall(pattern, text)


def tokens(pieces: Sequence[str], shares: Mapping[str, float] = SHARES, at: int = 0) -> list[Token]:
    """The pieces as tokens; the first one with a digit (or the ``at``-th such) has these shares."""
    digits = [i for i, piece in enumerate(pieces) if re.search(r"\d", piece)]
    return [token(piece, shares if i == digits[at] else None) for i, piece in enumerate(pieces)]


def read(text: str, said: Sequence[Token], rubric: Rubric = QUALITY) -> tuple[float, ...] | Missing:
    """Of the first dimension."""
    return read_distribution(text, said, rubric)[rubric.dimensions[0].name]


def shares_of(text: str, said: Sequence[Token], rubric: Rubric = QUALITY) -> tuple[float, ...]:
    found = read(text, said, rubric)
    assert not isinstance(found, Missing), found.message
    return found


def why(text: str, said: Sequence[Token], rubric: Rubric = QUALITY) -> str:
    found = read(text, said, rubric)
    assert isinstance(found, Missing)
    return found.message


def test_the_mean_over_the_levels_as_in_g_eval() -> None:
    """arXiv 2303.16634: score = sum of p(s_i) x s_i."""
    found = shares_of(REPLY, tokens(cut(REPLY)))
    assert found == pytest.approx((0.05, 0.05, 0.2, 0.4, 0.3))
    # 0.05 + 0.10 + 0.60 + 1.60 + 1.50 = 3.85, where the mode is 4
    assert expected(found, QUALITY.dimensions[0]) == pytest.approx(3.85)


def test_what_is_off_the_scale_is_left_out_and_the_rest_sums_to_one() -> None:
    """0.3 on 2 and 0.5 on 4; 0.2 on a line break, a word, 9, 4.5 and 4th."""
    odd = dict.fromkeys(["\n", "four", "9", "4.5", "4th"], 0.04)
    found = shares_of(REPLY, tokens(cut(REPLY), {"4": 0.5, "2": 0.3, **odd}))
    assert found == pytest.approx((0, 0.375, 0, 0.625, 0))
    assert expected(found, QUALITY.dimensions[0]) == pytest.approx(3.25)  # 2 x 0.375 + 4 x 0.625


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ('{"score": 4, "rationale": "r"}', r" ?\w+|\S"),  # the blank goes with the digit
        ('{"score": "4", "rationale": "r"}', r'"?\w+|\s|.'),  # a quote does
        ('{"score":4,"rationale":"r"}', r'[":]*\w+|.'),  # quote and colon do
        ('{"score": 4,"rationale":"r"}', r"\d+,|\w+|."),  # a comma follows in the same token
        ('{\n  "score":\n    4\n}', r"\s*\w+|\s|."),
    ],
)
def test_spellings_of_one_number_add_up(text: str, pattern: str) -> None:
    pieces = cut(text, pattern)
    (own,) = [piece for piece in pieces if "4" in piece]
    # 0.2 + 0.1 on 4 beside the token's own 0.3, 0.3 on 5: 0.6 to 0.3
    shares = {own: 0.3, " 4 ": 0.2, '"4"': 0.1, "5,": 0.2, ' "5': 0.1, ' "': 0.1}
    assert shares_of(text, tokens(pieces, shares)) == pytest.approx((0, 0, 0, 2 / 3, 1 / 3))


@pytest.mark.parametrize(
    "text",
    [
        REPLY,
        f"```json\n{REPLY}\n```",
        f"Sure {{really}}! 2 frames:\n{REPLY}\nI hope that 3 helps.",
        f'<think>{{"score": 1}} or 2?</think>\n{REPLY}',
        f'{{"verdict": {REPLY}}}',
        f"[{REPLY}]",
        '{"rationale": "a \\"score\\": 2, {\\"score\\": 3}", "score": 4}',
        '{"video_quality": {"score": 4, "rationale": "r"}}',
        '{"Video Quality": 4, "rationale": "2"}',
        '{"frame": {"score": 2}, "score": 4}',  # of something else
    ],
)
def test_the_place_of_the_score_is_found_in_every_dress(text: str) -> None:
    """The number before which the reading of verdicts, too, would take none."""
    ((start, end),) = score_places(text, QUALITY)[NAME]
    assert text[start:end] == "4"
    pieces = cut(text)
    offsets = [0, *itertools.accumulate(map(len, pieces))]
    said = [token(p, SHARES if o == start else None) for p, o in zip(pieces, offsets)]
    assert shares_of(text, said) == pytest.approx(tuple(SHARES.values()))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Rating: 4", "in no field"),
        ('{"score": "four"}', "in no field"),
        ('{"score": 4.0}', "in no field"),  # the digits say 4, and what follows might say 4.5
        ('{"score": [4]}', "in no field"),
        ('{"frame_1": {"score": 4}}', "in no field"),
        ('{"score": 4}{"score": 4}', "in 2 places"),
        ('{"score": 4, "score": 3}', "in 2 places"),
        ("", "in no field"),
    ],
)
def test_a_score_that_stands_elsewhere_or_twice_has_no_distribution(text: str, words: str) -> None:
    message = why(text, [token(piece, SHARES | {piece: 0.4}) for piece in cut(text) or ["x"]])
    assert words in message
    assert "score: sampled" in message


def test_several_dimensions_in_one_object() -> None:
    text = '{"video_quality": {"score": 4, "rationale": "3 – 4"}, "motion": {"score": 1, "rationale": "r"}}'
    pieces = cut(text)
    places = [i for i, piece in enumerate(pieces) if piece in ("4", "1")]
    said = [token(piece) for piece in pieces]
    said[places[0]] = token("4", SHARES)
    said[places[-1]] = token("1", {"0": 0.3, "1": 0.6})
    found = read_distribution(text, said, TWO)
    assert found[NAME] == pytest.approx(tuple(SHARES.values()))
    assert found["motion"] == pytest.approx((1 / 3, 2 / 3))


def test_one_dimension_of_several_may_be_missing() -> None:
    text = '{"video_quality": {"score": 4, "rationale": "r"}, "motion": {"rationale": "r"}}'
    found = read_distribution(text, tokens(cut(text)), TWO)
    assert not isinstance(found[NAME], Missing)
    assert isinstance(found["motion"], Missing)


def test_no_log_probabilities_at_all() -> None:
    assert "without log-probabilities" in why(REPLY, [])
    bare = [Token(text=piece, logprob=-0.1) for piece in cut(REPLY)]
    assert "no alternatives to its tokens" in why(REPLY, bare)
    said = tokens(cut(REPLY))
    score = next(i for i, one in enumerate(said) if one.text == "4")
    said[score] = dataclasses.replace(said[score], top=())
    assert "token of the score of video_quality has no alternatives" in why(REPLY, said)


def test_a_place_where_no_level_is_likely() -> None:
    below = {"4": 0.3, "5": 0.19, "\n": 0.5}
    assert "0.49 together, less than 0.5" in why(REPLY, tokens(cut(REPLY), below))
    found = shares_of(REPLY, tokens(cut(REPLY), below | {"5": 0.21}))
    assert found == pytest.approx((0, 0, 0, 0.3 / 0.51, 0.21 / 0.51))


def test_tokens_of_another_text() -> None:
    other = REPLY.replace("score", "mark")
    assert "do not spell it" in why(REPLY, tokens(cut(other)))
    assert "do not spell it" in why(REPLY, tokens(cut(REPLY))[1:])
    assert "do not spell it" in why(REPLY, tokens(cut(REPLY))[:3])


def test_thoughts_and_marks_that_the_server_took_out_of_the_text() -> None:
    before = cut('<think>maybe {"score": 2}?</think>\n')
    said = [*map(token, before), *tokens(cut(REPLY)), token("<|im_end|>")]
    assert shares_of(REPLY, said) == pytest.approx(tuple(SHARES.values()))
    # the same text twice: nobody knows which of them the server gave
    twice = [*tokens(cut("x" + REPLY)), *tokens(cut(REPLY))]
    assert "do not spell it" in why(REPLY, twice)


def test_letters_that_are_cut_into_bytes() -> None:
    """A token that is a part of a letter has bytes, and a text that says nothing."""
    text = '{"rationale": "naïve 犬🐕", "score": 4}'
    said: list[Token] = []
    for piece in cut(text, r"[A-Za-z]+|."):
        parts = [piece.encode()] if piece.isascii() else [bytes([b]) for b in piece.encode()]
        for raw in parts:
            shown = raw.decode("ascii", "backslashreplace")
            one = token(shown, SHARES if shown == "4" else None)
            said.append(dataclasses.replace(one, raw=raw))
    assert shares_of(text, said) == pytest.approx(tuple(SHARES.values()))
    without = [dataclasses.replace(one, raw=None) for one in said]
    assert "do not spell it" in why(text, without)
    # where the broken letters come after the score, they do no harm
    text = '{"score": 4, "rationale": "犬"}'
    said = [*tokens(cut('{"score": 4, "rationale": "')), token("\ufffd"), token('"}')]
    said = [dataclasses.replace(one, raw=None) for one in said]
    assert shares_of(text, said) == pytest.approx(tuple(SHARES.values()))


def test_bytes_that_a_server_gets_wrong_do_no_harm_where_the_texts_are_right() -> None:
    said = [dataclasses.replace(one, raw=b"") for one in tokens(cut(REPLY))]
    assert shares_of(REPLY, said) == pytest.approx(tuple(SHARES.values()))


def test_a_drawn_token_that_is_not_among_its_alternatives_is_added() -> None:
    """0.2 on 4, drawn, beside 0.6 on 5: the 20 alternatives need not hold what was drawn."""
    said = tokens(cut(REPLY), {"5": 0.6})
    score = next(i for i, one in enumerate(said) if one.text == "4")
    said[score] = dataclasses.replace(said[score], logprob=math.log(0.2))
    assert shares_of(REPLY, said) == pytest.approx((0, 0, 0, 0.25, 0.75))
    # and one that is listed twice in the same words counts once
    listed = dataclasses.replace(said[score], top=(("4", math.log(0.2)), *said[score].top * 2))
    assert shares_of(REPLY, [*said[:score], listed, *said[score + 1 :]]) == pytest.approx(
        (0, 0, 0, 0.25, 0.75)
    )


@pytest.mark.parametrize("nothing", [-9999.0, -math.inf, math.nan])
def test_what_servers_write_for_hardly_any(nothing: float) -> None:
    said = tokens(cut(REPLY), {"4": 0.5, "3": 0.5})
    score = next(i for i, one in enumerate(said) if one.text == "4")
    top = (*said[score].top, ("5", nothing), ("1", nothing))
    said[score] = dataclasses.replace(said[score], top=top)
    assert shares_of(REPLY, said) == pytest.approx((0, 0, 0.5, 0.5, 0))


def test_rounding_may_leave_a_trace_above_one() -> None:
    said = tokens(cut(REPLY), {"4": math.exp(1e-4)})
    assert shares_of(REPLY, said) == (0, 0, 0, 1, 0)


def test_a_scale_to_ten_whose_ten_is_one_token() -> None:
    text = '{"score": 10, "rationale": "r"}'
    found = shares_of(text, tokens(cut(text), {"10": 0.5, "9": 0.3, "1": 0.2}), TEN)
    assert found == pytest.approx((0.2, 0, 0, 0, 0, 0, 0, 0, 0.3, 0.5))
    # drawn is the 1: what may stand behind it does not matter, for a 10 would have been another token
    text = '{"score": 1, "rationale": "r"}'
    said = tokens(cut(text), {"10": 0.5, "9": 0.3, "1": 0.2})
    assert shares_of(text, said, TEN) == pytest.approx((0.2, 0, 0, 0, 0, 0, 0, 0, 0.3, 0.5))
    # drawn is a 10 in two tokens though there is one for it: the first of them is no 1
    text = '{"score": 10, "rationale": "r"}'
    said = tokens([*cut('{"score": '), "1", "0", *cut(', "r": "r"}')], {"10": 0.5, "1": 0.5})
    found = shares_of(text, said, TEN)
    assert found == pytest.approx((0, 0, 0, 0, 0, 0, 0, 0, 0, 1))


def test_a_ten_in_two_tokens_shares_its_probability_with_the_one() -> None:
    """Digit by digit: 0.8 on ``1``, behind it 0.75 on ``0`` and 0.25 on the end of the number."""
    text = '{"score": 10, "rationale": "r"}'
    pieces = [*cut('{"score": '), "1", "0", *cut(', "rationale": "r"}')]
    said = tokens(pieces, {"1": 0.8, "7": 0.2})
    second = pieces.index("0")
    said[second] = token("0", {"0": 0.75, ",": 0.2, "\n": 0.05})
    # 10: 0.8 x 0.75 = 0.6; 1: 0.8 x 0.25 = 0.2; 7: 0.2
    expected_shares = (0.2, 0, 0, 0, 0, 0, 0.2, 0, 0, 0.6)
    assert shares_of(text, said, TEN) == pytest.approx(expected_shares)
    # the same model drew a 1 this time: the comma behind it tells
    text = '{"score": 1, "rationale": "r"}'
    said = [*said[:second], token(",", {"0": 0.75, ",": 0.2, "\n": 0.05}), *said[second + 2 :]]
    assert shares_of(text, said, TEN) == pytest.approx(expected_shares)


def test_digits_that_may_begin_several_levels_and_were_not_drawn() -> None:
    """Drawn is 7. Whether the alternative ``1`` would have become 10, nobody can tell."""
    text = '{"score": 7, "rationale": "r"}'
    message = why(text, tokens(cut(text), {"7": 0.7, "1": 0.3}), TEN)
    assert "0.30 lies on digits that may begin several levels" in message
    # hardly any of it is left out
    found = shares_of(text, tokens(cut(text), {"7": 0.6, "8": 0.3, "1": 0.009}), TEN)
    assert found == pytest.approx((0, 0, 0, 0, 0, 0, 2 / 3, 1 / 3, 0, 0))
    # a model that could have written 10 in one token means 1 by it
    found = shares_of(text, tokens(cut(text), {"7": 0.6, "1": 0.2, "10": 0.2}), TEN)
    assert found == pytest.approx((0.2, 0, 0, 0, 0, 0, 0.6, 0, 0, 0.2))


def test_levels_below_zero() -> None:
    text, scale = '{"score": -1, "rationale": "r"}', rubric_of(dimension(NAME, -1, 0, 1))
    whole = tokens(cut(text, r"-?\w+|\s|."), {"-1": 0.6, "0": 0.2, "1": 0.2})
    assert shares_of(text, whole, scale) == pytest.approx((0.6, 0.2, 0.2))
    split = [token(piece) for piece in cut(text, r"\w+|\s|.")]
    sign = next(i for i, one in enumerate(split) if one.text == "-")
    split[sign] = token("-", {"-": 0.6, "0": 0.2, "1": 0.2})
    split[sign + 1] = token("1", {"1": 1.0})
    assert shares_of(text, split, scale) == pytest.approx((0.6, 0.2, 0.2))
    assert expected(shares_of(text, split, scale), scale.dimensions[0]) == pytest.approx(-0.4)


def test_a_number_with_which_the_tokens_end() -> None:
    """A token list that breaks off behind the 1 leaves open whether it was one."""
    text = '{"score": 1, "rationale": "r"}'
    said = tokens(cut(text), {"1": 0.9, "2": 0.1})
    score = next(i for i, one in enumerate(said) if one.text == "1")
    assert "may begin several levels" in why(text, said[: score + 1], TEN)


levels = st.lists(st.integers(-3, 12), min_size=2, max_size=8, unique=True).map(sorted)
shares_at = st.lists(st.floats(0.001, 1), min_size=8, max_size=8)


@given(levels, shares_at, st.floats(0, 0.4), st.randoms(use_true_random=False))
def test_what_always_holds(
    scores: list[int], weights: list[float], off: float, chance: random.Random
) -> None:
    """Any scale, any shares, in any order: they sum to 1, are what was put in, the mean is on it."""
    rubric = rubric_of(dimension(NAME, *scores))
    weights = weights[: len(scores)]
    wanted = [weight / sum(weights) for weight in weights]
    text = json.dumps({"score": chance.choice(scores), "rationale": "é 3 犬"})
    shares = {str(s): (1 - off) * w for s, w in zip(scores, wanted)} | {"\n": off}
    said = tokens(cut(text, r"-?\w+|\s|."), shares)
    found = shares_of(text, said, rubric)
    assert math.fsum(found) == pytest.approx(1)
    assert found == pytest.approx(tuple(wanted))
    low, high = min(scores), max(scores)
    assert low <= expected(found, rubric.dimensions[0]) <= high
    shuffled = [dataclasses.replace(t, top=tuple(chance.sample(t.top, len(t.top)))) for t in said]
    assert shares_of(text, shuffled, rubric) == found


@given(
    st.text(max_size=60),
    st.lists(st.tuples(st.text(max_size=4), st.floats(), st.binary(max_size=3)), max_size=12),
)
def test_nothing_that_a_server_sends_breaks_it(
    text: str, sent: list[tuple[str, float, bytes]]
) -> None:
    said = [
        Token(text=piece, logprob=p, top=((piece, p), ("4", p)), raw=raw) for piece, p, raw in sent
    ]
    for found in (read_distribution(text, said, TWO), read_distribution(REPLY + text, said, TWO)):
        assert found.keys() == {NAME, "motion"}


@pytest.mark.parametrize(
    "text", ["{" + '"\\' * 200_000, '{"a":1,"b":' * 200_000, "{[" * 200_000, '{"' * 200_001]
)
def test_long_replies_without_an_end_are_read_once(text: str) -> None:
    """Quadratic time would be minutes here."""
    assert score_places(text, QUALITY) == {NAME: []}


@given(st.lists(st.sampled_from(['{"score": ', "4", '"', "{", "}", "[", "]", ",", "\\", "x"])))
def test_no_text_breaks_the_search_for_places(pieces: list[str]) -> None:
    text = "".join(pieces)
    for start, end in score_places(text, QUALITY)[NAME]:
        assert set(text[start:end]) == {"4"}
