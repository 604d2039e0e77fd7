"""Sentinels: the permutation test, what it says of noise and of change, and when it says nothing."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.sentinels import compare, permutation
from pipeline.sentinels.compare import Finding, find
from pipeline.sentinels.permutation import Chance, Replies, changed_by_chance, holm, smallest_p
from pipeline.sentinels.record import Reading, Record, decode, encode
from pipeline.sentinels.summary import series_of
from pipeline.sentinels.verdict import most_telling, verdicts


def replies(now: list[float], before: list[float]) -> Replies:
    """Of one dimension."""
    return Replies(now=np.array(now)[:, None, None], before=np.array(before)[:, None, None])


# the test itself


def test_every_deal_of_a_small_table_is_counted() -> None:
    # one of {1, 2, 3} is "now": 1 - 2.5 = -1.5, 2 - 2 = 0, 3 - 1.5 = 1.5; two of three are as far apart
    tested = changed_by_chance([replies([3], [1, 2])])
    assert tested.statistic == pytest.approx(1.5**2 + 1.5**2)  # of the one gap, and of the sum
    assert tested.p == pytest.approx(2 / 3)


def test_questions_multiply_their_deals() -> None:
    # each: 3 as "now" gives 3 - 1 = 2, either 1 gives 1 - 2 = -1; only one deal of nine has 2 and 2
    tested = changed_by_chance([replies([3], [1, 1])] * 2)
    assert tested.statistic == pytest.approx(2**2 + 2**2 + (2 + 2) ** 2 / math.sqrt(2))
    assert tested.p == tested.smallest == pytest.approx(1 / 9)


def test_as_many_replies_now_as_before_can_change_places() -> None:
    # 2 of the C(4, 2) = 6 deals put the threes on one side
    tested = changed_by_chance([replies([3, 3], [1, 1])])
    assert tested.p == tested.smallest == pytest.approx(2 / 6)


def test_replies_that_are_all_alike_give_p_1() -> None:
    assert changed_by_chance([replies([4, 4, 4], [4, 4, 4])] * 16).p == 1.0


def test_one_draw_against_one_tells_by_its_sign_alone() -> None:
    # 2^4 deals; all four the same way comes twice, upwards and downwards
    tested = changed_by_chance([replies([5], [1])] * 4)
    assert tested.p == tested.smallest == pytest.approx(2 / 16)
    # two up and two down: squares are the same in every deal, the sum is 0 here and never less
    assert changed_by_chance([replies([5], [1]), replies([1], [5])] * 2).p == 1.0


def test_a_question_without_replies_on_one_side_is_refused() -> None:
    with pytest.raises(ValueError, match="both now and before"):
        changed_by_chance([replies([1], [])])


def test_a_whole_reply_is_dealt_out_not_its_scores() -> None:
    # dimensions that move together: C(4, 2) deals of replies, not of scores; 2 of 6 as extreme
    now, before = np.full((2, 1, 2), 3.0), np.full((2, 1, 2), 1.0)
    assert changed_by_chance([Replies(now=now, before=before)]).p == pytest.approx(2 / 6)


def test_scores_that_changed_places_between_clips_are_a_change() -> None:
    # no mean shift at all: two clips fall from 5 to 1, two rise from 1 to 5
    fell, rose = replies([1, 1, 1], [5, 5, 5, 5, 5, 5]), replies([5, 5, 5], [1, 1, 1, 1, 1, 1])
    assert changed_by_chance([fell, fell, rose, rose]).p < 0.001


def test_drawn_deals_agree_with_all_deals(monkeypatch: pytest.MonkeyPatch) -> None:
    table = [
        replies([4, 3, 5], [3, 2, 4]),
        replies([2, 2, 1], [2, 3, 1]),
        replies([3, 5, 4], [4, 3, 3]),
    ]
    every = changed_by_chance(table)  # 20^3 = 8,000 deals
    monkeypatch.setattr(permutation, "EVERY_DEAL", 0)
    monkeypatch.setattr(permutation, "ENOUGH", 10**9)
    drawn = changed_by_chance(table, most=200_000)
    assert 0.01 < every.p < 0.99
    # three standard errors of a share of 200,000
    assert drawn.p == pytest.approx(every.p, abs=3 * math.sqrt(every.p * (1 - every.p) / 200_000))


def test_drawing_stops_when_the_p_is_known_well_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permutation, "EVERY_DEAL", 0)
    monkeypatch.setattr(permutation, "_extreme", lambda gaps, n, limit: gaps[:, 0] >= 0)
    # every deal is as extreme: the 100th extreme one is the 100th drawn
    assert changed_by_chance([replies([1, 2], [3, 4])]).p == 1.0


def test_a_drawn_p_is_never_zero() -> None:
    # 12 questions of C(9, 3) = 84 deals, 84^12 in all: none of 10,000 drawn is as extreme
    tested = changed_by_chance([replies([5] * 3, [1] * 6)] * 12)
    assert tested.p == pytest.approx(1 / 10_001)
    assert tested.smallest == pytest.approx(1 / 10_001)


def test_subsets_are_whole_and_equally_likely() -> None:
    deals = permutation._deals(np.random.default_rng(0), 5, 2, 20_000)
    found = [tuple(sorted(deal)) for deal in deals.tolist()]
    counts = [found.count(pair) for pair in itertools.combinations(range(5), 2)]
    assert sum(counts) == 20_000  # no element twice in a subset
    # 2,000 expected of each; four standard deviations, sqrt(20,000 * 0.1 * 0.9) = 42
    assert all(abs(count - 2_000) < 4 * 42.5 for count in counts)


@given(
    st.lists(
        st.tuples(
            st.lists(st.integers(1, 5), min_size=1, max_size=3),
            st.lists(st.integers(1, 5), min_size=1, max_size=4),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_p_is_below_the_smallest_that_so_many_replies_can_give(
    table: list[tuple[list[int], list[int]]],
) -> None:
    questions = [replies(list(map(float, a)), list(map(float, b))) for a, b in table]
    tested = changed_by_chance(questions)
    assert smallest_p(questions) - 1e-12 <= tested.p <= 1


def test_holm() -> None:
    # R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm") gives 0.03 0.06 0.06 0.02
    assert holm([0.01, 0.04, 0.03, 0.005], 4) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    # six tests are still to come: times 10, 9, 8, 7 in the order of size
    assert holm([0.01, 0.04, 0.03, 0.005], 10) == pytest.approx([0.09, 0.28, 0.24, 0.05])
    assert holm([], 4) == []


@given(st.lists(st.floats(0.0001, 1), min_size=2, max_size=8))
def test_a_later_test_never_takes_back_what_was_found(ps: list[float]) -> None:
    earlier, later = holm(ps[:-1], 10), holm(ps, 10)
    assert all(after <= before + 1e-12 for before, after in zip(earlier, later[:-1], strict=True))


# noise and change, many times over


def _scores(rng: np.random.Generator, levels: np.ndarray, draws: int) -> np.ndarray:
    """Integer scores 1 to 5 of a noisy judge: (clips, draws, dimensions)."""
    noise = rng.normal(0, 0.7, size=(len(levels), draws, levels.shape[1]))
    return np.clip(np.rint(levels[:, None, :] + noise), 1, 5)


def _tested(now: np.ndarray, before: list[np.ndarray], block: int) -> Chance:
    pooled = np.concatenate(before, axis=1)
    questions = [
        Replies(now=n[:, None], before=b[:, None]) for n, b in zip(now, pooled, strict=True)
    ]
    return changed_by_chance(questions, most=block * 20, block=block)


def test_noise_over_twenty_waves_is_rarely_called_a_change() -> None:
    alpha, waves, runs = 0.1, 20, 30
    rng = np.random.default_rng(1)
    alarms = 0
    for _ in range(runs):
        levels = rng.uniform(1.5, 4.5, size=(8, 2))
        seen = [_scores(rng, levels, 3) for _ in range(waves)]
        ps = [_tested(seen[w], seen[:w], block=300).p for w in range(1, waves)]
        alarms += min(holm(ps, waves)) <= alpha
    # at most 3 of 30 expected; 8 would come with a chance of 1 %
    assert alarms <= 7


def test_a_shift_of_one_level_is_found_at_once() -> None:
    # 8 clips, 2 dimensions, 3 draws, one earlier occasion, among the 20 tests of a run at 0.01
    rng = np.random.default_rng(2)
    found = 0
    for _ in range(10):
        levels = rng.uniform(2.0, 3.0, size=(8, 2))
        before, now = _scores(rng, levels, 3), _scores(rng, levels + 1, 3)
        found += 20 * _tested(now, [before], block=1_000).p <= 0.01
    assert found >= 9


# records


def record(
    occasion: str,
    scores: dict[str, list[float | None]],
    *,
    model: str = "judge-1",
    fingerprint: str = "fp",
    question: str = "q",
    words: bool = True,
) -> Record:
    """One dimension; a clip's scores by draw, None: refused. ``words``: every draw has its own."""
    readings = tuple(
        Reading(
            video_id=clip, dimension="quality", draw=draw, score=score, question=f"{question}-{clip}",
            reason="refusal" if score is None else None,
            words=f"{occasion} {clip} {draw}" if words else "same",
        )
        for clip, many in scores.items()
        for draw, score in enumerate(many)
    )  # fmt: skip
    refused = sum(reading.score is None for reading in readings)
    return Record(
        occasion=occasion, time="2026-01-01T00:00:00+00:00", run="nightly", wave="annotate-00000",
        annotator="judge", model="judge", requested={"temperature": 0.3}, draws=3, models=(model,),
        system_fingerprints=(fingerprint,), scales={"quality": (1.0, 5.0)}, readings=readings,
        n_replies=len(readings), failures={"refusal": refused} if refused else {},
    )  # fmt: skip


EIGHT = [f"clip-{i}" for i in range(8)]
STEADY = {clip: [3.0, 3.0, 4.0] for clip in EIGHT}
HIGHER = {clip: [4.0, 4.0, 5.0] for clip in EIGHT}


def said(finding: Finding, n_tests: int = 1) -> str:
    return verdicts([finding], alpha=0.01, n_tests=n_tests)[0].said


def look(now: Record, *before: Record, n_tests: int = 1) -> Finding:
    return find(now, before, n_tests=n_tests, alpha=0.01)


def test_a_record_is_read_as_it_was_written() -> None:
    one = record("a", {"clip-0": [3.0, None]})
    assert decode(encode(one)) == one


def test_the_first_occasion_has_nothing_to_compare_with() -> None:
    found = look(record("a", STEADY))
    assert (found.p, found.n_before) == (None, 0)
    assert said(found) == "nothing to compare with yet"


def test_a_steady_judge_is_said_to_be_so() -> None:
    found = look(record("b", STEADY), record("a", STEADY))
    assert (found.p, found.shift, found.low, found.high) == (1.0, 0.0, 0.0, 0.0)
    assert said(found).startswith("no change seen: mean shift +0.00 points [+0.00, +0.00]")


def test_a_shift_is_found_and_measured() -> None:
    found = look(record("b", HIGHER), record("a", STEADY))
    assert found.shift == pytest.approx(1.0)
    assert (found.n_clips, found.n_before) == (8, 1)
    assert said(found).startswith("CHANGED: mean shift +1.00 points [+1.00, +1.00]")


def test_too_few_replies_are_never_called_unchanged() -> None:
    # one clip: 2 of C(6, 3) = 20 deals, so 0.1 at best
    one = {"clip-0": [3.0, 3.0, 4.0]}
    found = look(record("b", one), record("a", one))
    assert found.smallest == pytest.approx(0.1)
    assert "too few replies to tell" in said(found)
    assert "unchanged" not in said(found)


def test_many_tests_in_a_run_can_make_replies_too_few() -> None:
    # two clips: 2 of 20^2 deals, so 0.005: enough for two tests and not for three
    two = {clip: [3.0, 3.0, 4.0] for clip in EIGHT[:2]}
    found = look(record("b", two), record("a", two))
    assert said(found, n_tests=2).startswith("no change seen")
    assert said(found, n_tests=3).startswith("too few replies to tell")


def test_other_questions_are_not_compared() -> None:
    # another rubric, other frames or another temperature: other questions
    found = look(record("b", HIGHER), record("a", STEADY, question="other"))
    assert (found.p, found.n_before, found.new_models) == (None, 0, ())


def test_only_clips_that_both_have_are_compared() -> None:
    more = {**STEADY, "clip-9": [1.0, 1.0, 1.0]}
    assert look(record("b", more), record("a", STEADY)).n_clips == 8


def test_a_judge_that_begins_to_refuse_has_changed() -> None:
    # the scores that are left are the same: no shift, and a change all the same
    half: dict[str, list[float | None]] = {clip: [3.0, None, None] for clip in EIGHT}
    found = look(record("b", half), record("a", {clip: [3.0, 3.0, 3.0] for clip in EIGHT}))
    assert found.shift == 0.0
    assert said(found).startswith("CHANGED")
    assert said(found).endswith("scores missing now: 16 refusal (before: 0)")


def test_a_judge_that_refuses_everything_has_changed_though_no_score_is_left() -> None:
    none: dict[str, list[float | None]] = {clip: [None] * 3 for clip in EIGHT}
    found = look(record("b", none), record("a", STEADY))
    assert found.shift is None
    assert said(found).startswith("CHANGED: no scores on both sides")


def test_another_model_and_another_fingerprint_are_said_of_themselves() -> None:
    old, new = record("a", STEADY), record("b", STEADY, model="judge-2", fingerprint="fp2")
    found = look(new, old)
    assert "ANOTHER MODEL answers: judge-2 (before: judge-1)" in said(found)
    assert "new system fingerprint: fp2" in said(found)
    verdict = verdicts([found], alpha=0.01, n_tests=1)[0]
    assert (verdict.changed, verdict.another) == (False, True)


def test_a_new_fingerprint_alone_is_no_other_judge() -> None:
    found = look(record("b", STEADY, fingerprint="fp2"), record("a", STEADY))
    assert not verdicts([found], alpha=0.01, n_tests=1)[0].another


def test_draws_that_a_cache_repeats_count_once() -> None:
    # three times the same words: three replies would make noise between two nights look certain
    once = {clip: [3.0, 3.0, 3.0] for clip in EIGHT}
    other = {clip: [4.0, 4.0, 4.0] for clip in EIGHT}
    found = look(record("b", other, words=False), record("a", once, words=False))
    assert (found.alike, found.smallest) == (True, 2 / 2**8)  # one reply against one, eight times
    assert "each occasion counts as one reply" in said(found)
    assert "too few replies to tell" in said(found, n_tests=2)
    later = look(
        record("c", other, words=False),
        record("a", once, words=False),
        record("b", once, words=False),
    )
    assert later.p == pytest.approx(3.0**-8)  # one of three deals, for each of eight clips
    assert "CHANGED" in said(later)


def test_occasions_of_one_draw_say_nothing_of_a_cache() -> None:
    three, one = {c: [3.0] * 3 for c in EIGHT}, {c: [3.0] for c in EIGHT}
    assert look(record("b", three, words=False), record("a", one, words=False)).alike
    assert not look(record("b", one), record("a", one)).alike


def test_equal_scores_in_other_words_are_draws_of_their_own() -> None:
    found = look(record("b", STEADY), record("a", {clip: [3.0] * 3 for clip in EIGHT}))
    assert not found.alike


def test_noise_that_a_cache_repeats_is_no_change() -> None:
    # each night every clip gets a 3 or a 4 by chance, and the cache repeats it for all three draws
    rng = np.random.default_rng(3)

    def night(i: int) -> Record:
        scores: dict[str, list[float | None]] = {c: [float(rng.integers(3, 5))] * 3 for c in EIGHT}
        return record(f"{i:02d}", scores, words=False)

    alarms = alarms_if_draws_counted = 0
    for _ in range(12):
        nights = [night(i) for i in range(5)]
        apart = [dataclasses.replace(n, readings=_own_words(n)) for n in nights]
        alarms += (look(nights[-1], *nights[:-1]).p or 0) <= 0.05
        alarms_if_draws_counted += (look(apart[-1], *apart[:-1]).p or 0) <= 0.05
    assert alarms <= 2  # 0.6 of 12 expected; 3 would come with a chance of 2 %
    assert alarms_if_draws_counted >= 6


def _own_words(one: Record) -> tuple[Reading, ...]:
    return tuple(
        dataclasses.replace(r, words=f"{one.occasion}{i}") for i, r in enumerate(one.readings)
    )


def test_dimensions_weigh_by_their_share_of_the_scale() -> None:
    # 10 points of a scale of 100 weigh as 0.4 points of a scale of 4: both a tenth, squared 0.01,
    # once for the gap and once for the sum of all one gaps
    def on(scale: tuple[float, float], now: float, before: float) -> float:
        one, other = (
            dataclasses.replace(record(name, {"c": [value]}), scales={"quality": scale})
            for name, value in (("b", now), ("a", before))
        )
        pairs = compare._paired([one], [other], first_only=False)
        return changed_by_chance([compare._scaled(p, one.scales) for p in pairs]).statistic

    assert on((0, 100), 60, 50) == pytest.approx(0.02)
    assert on((1, 5), 3.4, 3) == pytest.approx(0.02)


def test_the_most_telling_verdict_has_the_smallest_p() -> None:
    steady = look(record("b", STEADY), record("a", STEADY))
    higher = look(record("c", HIGHER), record("a", STEADY))
    first = look(record("a", STEADY))
    found = verdicts([first, steady, higher], alpha=0.01, n_tests=3)
    assert most_telling(found).finding is higher
    assert [one.changed for one in found] == [False, False, True]
    assert most_telling(found[:1]).finding is first


# the series of occasions


def test_a_series_holds_every_occasion_against_the_first() -> None:
    # every clip rises by one point, the second time clip-0 alone by half of one: 0.5 / 8
    half = STEADY | {"clip-0": [3.5, 3.5, 4.5]}
    first, second, third = series_of([record("a", STEADY), record("b", half), record("c", HIGHER)])
    assert (first["shift"], first["low"], first["high"]) == (0.0, None, None)
    assert (first["mean"], first["n_scores"], first["n_clips"]) == (pytest.approx(10 / 3), 24, 8)
    assert second["shift"] == pytest.approx(0.5 / 8)
    assert second["low"] == 0.0  # resamples without clip-0 are more than 2.5 %: (7 / 8) ** 8 = 34 %
    assert second["high"] == pytest.approx(1.5 / 8)  # thrice or more: 7 %, four times: 1.6 %
    assert [third[end] for end in ("shift", "low", "high")] == pytest.approx([1.0, 1.0, 1.0])
    assert [one["occasion"] for one in (first, second, third)] == ["a", "b", "c"]


def test_a_series_counts_the_clips_that_have_scores_on_both_occasions() -> None:
    first, second, third = series_of(
        [
            record("a", {"clip-0": [3.0], "clip-1": [3.0]}),
            record("b", {"clip-0": [4.0], "clip-1": [None]}),
            record("c", {"clip-2": [4.0]}),
        ]
    )
    assert (first["n_clips"], second["n_clips"], third["n_clips"]) == (2, 1, 0)
    assert (second["shift"], second["n_scores"], second["mean"]) == (1.0, 1, 4.0)
    assert (third["shift"], third["low"], third["high"]) == (None, None, None)
    assert series_of([]) == []


def test_a_series_is_of_occasions_that_asked_what_the_run_asked() -> None:
    # a history that runs on other clips share: theirs neither stand in it nor are what it begins with
    others = {f"other-{n}": [5.0] * 3 for n in range(8)}
    found = series_of(
        [record("a", others), record("b", STEADY), record("c", others), record("d", HIGHER)], {"d"}
    )
    assert {one["occasion"]: one["shift"] for one in found} == pytest.approx({"b": 0.0, "d": 1.0})
    assert [one["low"] is None for one in found] == [True, False]


def test_a_series_begins_with_the_first_occasion_that_was_answered() -> None:
    nothing = dataclasses.replace(record("a", STEADY), readings=())
    silent, first, second = series_of([nothing, record("b", STEADY), record("c", HIGHER)])
    assert (silent["shift"], first["shift"]) == (None, 0.0)
    assert second["shift"] == pytest.approx(1.0)
