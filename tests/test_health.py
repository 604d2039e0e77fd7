"""The judges' health, worked by hand on a few verdicts."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.parquet import publish, write_rows
from pipeline.health.bias import p_value
from pipeline.health.interval import ratio, wilson
from pipeline.health.keys import owed_by
from pipeline.health.kinds import kind_of
from pipeline.health.names import STATISTICS
from pipeline.health.write import write_judges
from schemas import HARMLESS, Annotation, Comparison, Failure, Reason, Video
from schemas.layout import Layout
from schemas.tables import TABLES, join_key, key_of

JUDGE = "org/judge"
Row = dict[str, Any]


def clip(prompt: str, generator: str) -> Video:
    return Video(
        video_id=f"{prompt}-{generator}", prompt_id=prompt, prompt="a kite", generator=generator,
        uri="x.mp4", sha256="0" * 64, n_bytes=1, source="test")  # fmt: skip


def scored(video: Video, score: float, **more: Any) -> Annotation:
    given: Row = {"dimension": "quality", "annotator_id": JUDGE, "draw": 0, "cost_usd": 0.0} | more
    return Annotation(
        video_id=video.video_id, prompt_id=video.prompt_id, generator=video.generator, score=score,
        scale_low=1, scale_high=5, n_frames=8, **given)  # fmt: skip


def compared(videos: Sequence[Video], ranking: Sequence[int], **more: Any) -> Comparison:
    given: Row = {"dimension": "quality", "annotator_id": JUDGE, "draw": 0, "cost_usd": 0.0} | more
    return Comparison(
        prompt_id=videos[0].prompt_id, video_ids=tuple(v.video_id for v in videos),
        generators=tuple(v.generator for v in videos),
        ranking=tuple(ranking), n_frames=16, **given)  # fmt: skip


def failed(row: Annotation | Comparison, reason: Reason, **more: Any) -> Failure:
    """The failure that stands where the row would have been."""
    stage = "annotate" if isinstance(row, Annotation) else "compare"
    return Failure(stage=stage, key=key_of(row), reason=reason, message="no", **more)


def health(root: Path, videos: Sequence[Video], rows: Sequence[Any], **more: Any) -> Row:
    """``judges.json`` of a run that holds these clips and rows."""
    layout = Layout(root)
    for name in ("videos", "annotations", "comparisons", "failures"):
        record = TABLES[name][0]
        own = [row for row in [*videos, *rows] if isinstance(row, record)]
        staged = write_rows(record, own, layout.work / f"{name}.parquet")
        publish([staged], layout.table(name), record)
    written = write_judges(layout, [JUDGE], **more)
    assert json.loads((root / "judges.json").read_text("utf-8")) == written
    return written


def figure(judges: Row, statistic: str, generator: str = "all", dimension: str = "all",
           annotator: str = JUDGE) -> Row | None:  # fmt: skip
    wanted = (annotator, statistic, dimension, generator)
    found = [r for r in judges["rows"]
             if (r["annotator"], r["statistic"], r["dimension"], r["generator"]) == wanted]  # fmt: skip
    assert len(found) < 2
    return found[0] if found else None


def value(judges: Row, statistic: str, **which: str) -> float | None:
    found = figure(judges, statistic, **which)
    assert found is not None, statistic
    return found["value"]


def test_failures_are_rates_of_the_verdicts_owed(tmp_path: Path) -> None:
    videos = [clip(p, g) for p in ("p1", "p2") for g in ("a", "b")]
    a1, b1, a2, b2 = videos
    judges = health(tmp_path, videos, [
        scored(a1, 3), scored(a2, 4),
        failed(scored(b1, 3), Reason.CONTENT_FILTER),
        failed(scored(b2, 3), Reason.OFF_SCALE),
    ])  # fmt: skip
    refused = figure(judges, "refusal_rate")
    assert refused is not None
    assert (refused["value"], refused["n_items"]) == (0.25, 4)
    assert value(judges, "parse_failure_rate") == 0.25
    assert value(judges, "other_failure_rate") == 0
    assert value(judges, "refusal_rate", generator="b") == 0.5
    assert value(judges, "refusal_rate", generator="a", dimension="quality") == 0


def test_the_four_rates_and_the_usable_verdicts_make_one(tmp_path: Path) -> None:
    videos = [clip(f"p{n}", "a") for n in range(len(Reason))]
    rows = [failed(scored(v, 3), r) for v, r in zip(videos, Reason, strict=True)]
    judges = health(tmp_path, videos, rows)
    rates = ("refusal_rate", "parse_failure_rate", "other_failure_rate", "not_applicable_rate")
    assert sum(value(judges, rate) or 0 for rate in rates) == pytest.approx(1)
    assert value(judges, "not_applicable_rate") == len(HARMLESS) / len(Reason)
    assert figure(judges, "cost_per_verdict_usd") is None  # of nothing usable


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_of_one_kind(reason: Reason) -> None:
    assert kind_of(reason.value) in range(1, 5)


def test_cost_is_all_that_was_paid_over_usable_verdicts(tmp_path: Path) -> None:
    videos = [clip(p, "a") for p in ("p1", "p2", "p3")]
    first, second, third = videos
    rows = [
        scored(first, 3, cost_usd=0.02, output_tokens=10, reply_key="r1"),
        scored(first, 4, dimension="text", reply_key="r1"),  # of the same reply
        scored(second, 3, cost_usd=0.01, output_tokens=20, reply_key="r2"),
        failed(scored(third, 3), Reason.REFUSAL, cost_usd=0.03, output_tokens=6, reply_key="r3"),
    ]
    judges = health(tmp_path, videos, rows)
    assert value(judges, "cost_per_verdict_usd") == pytest.approx(0.06 / 3)
    assert value(judges, "output_tokens_per_verdict") == pytest.approx(36 / 3)
    assert figure(judges, "cost_per_verdict_usd", dimension="text") is None
    assert judges["notes"] == []


def test_an_unknown_price_is_no_number(tmp_path: Path) -> None:
    videos = [clip("p1", "a"), clip("p2", "a")]
    rows = [scored(videos[0], 3, cost_usd=0.1, output_tokens=9, reply_key="r1"),
            scored(videos[1], 3, cost_usd=None, reply_key="r2")]  # fmt: skip
    judges = health(tmp_path, videos, rows)
    assert value(judges, "cost_per_verdict_usd") is None
    assert value(judges, "output_tokens_per_verdict") is None  # the second reply states none
    assert judges["notes"] == [
        "What a verdict of org/judge costs is unknown: a reply of it has no price."]  # fmt: skip


def test_draws_that_are_copies_are_told(tmp_path: Path) -> None:
    one, two = videos = [clip("p1", "a"), clip("p2", "a")]
    rows = [scored(one, 3, draw=d, rationale="fine") for d in range(3)]
    rows += [scored(two, 2 + d, draw=d, rationale=f"draw {d}") for d in range(3)]
    judges = health(tmp_path, videos, rows)
    assert value(judges, "distinct_draws") == pytest.approx(4 / 6)  # 1 of 3 and 3 of 3
    assert value(judges, "spread") == 0.5  # of 0 and of sd(2, 3, 4) = 1
    (note,) = judges["notes"]
    assert "word for word the same in all draws of 50.0 % of items" in note


def test_equal_scores_without_a_word_are_not_called_copies(tmp_path: Path) -> None:
    video = clip("p1", "a")
    judges = health(tmp_path, [video], [scored(video, 3, draw=d) for d in range(2)])
    assert value(judges, "distinct_draws") == 0.5
    assert judges["notes"] == []


def test_one_draw_has_no_spread(tmp_path: Path) -> None:
    video = clip("p1", "a")
    judges = health(tmp_path, [video], [scored(video, 3), scored(video, 3, dimension="text")])
    assert figure(judges, "distinct_draws") is None
    assert figure(judges, "spread") is None


def both_orders(prefer: Callable[[Video, Video], int]) -> tuple[list[Video], list[Comparison]]:
    """Ten prompts of two clips, each pair in both orders; ``prefer`` gives the place picked."""
    videos = [clip(f"p{n}", g) for n in range(10) for g in ("a", "b")]
    pairs = [videos[n : n + 2] for n in range(0, len(videos), 2)]
    return videos, [
        compared(pair, (1, 2) if prefer(*pair) == 0 else (2, 1))
        for one in pairs
        for pair in (one, one[::-1])
    ]


def test_a_judge_that_always_answers_first(tmp_path: Path) -> None:
    judges = health(tmp_path, *both_orders(lambda a, b: 0))
    assert value(judges, "first_position_rate") == 1
    assert value(judges, "first_position_expected") == 0.5
    assert value(judges, "position_consistency") == 0
    # no variance is seen, so the ten prompts count as ten: Wilson's lower end of 10 of 10, 0.7225
    assert "clip shown first in 100.0 % [72.2, 100.0]" in judges["notes"][0]
    assert "same clip in every order on 0.0 % of items" in judges["notes"][0]


def test_a_judge_that_looks_at_the_clips(tmp_path: Path) -> None:
    judges = health(tmp_path, *both_orders(lambda a, b: 0 if a.generator == "b" else 1))
    assert value(judges, "first_position_rate") == 0.5
    assert value(judges, "position_consistency") == 1
    assert value(judges, "position_consistency", generator="b") == 1
    assert judges["notes"] == []


def test_ties_are_not_decided_but_can_be_consistent(tmp_path: Path) -> None:
    a, b = videos = [clip("p1", "a"), clip("p1", "b")]
    judges = health(tmp_path, videos, [compared([a, b], (1, 1)), compared([b, a], (1, 1))])
    assert figure(judges, "first_position_rate") is None
    assert value(judges, "position_consistency") == 1


def test_an_order_that_failed_leaves_no_item_to_be_consistent_on(tmp_path: Path) -> None:
    a, b = videos = [clip("p1", "a"), clip("p1", "b")]
    rows = [compared([a, b], (1, 2)), failed(compared([b, a], (1, 2)), Reason.REFUSAL)]
    judges = health(tmp_path, videos, rows)
    assert figure(judges, "position_consistency") is None
    assert value(judges, "refusal_rate") == 0.5
    assert value(judges, "refusal_rate", generator="a") == 0.5  # a comparison is of both


def test_draws_of_one_order_that_flip(tmp_path: Path) -> None:
    a, b = videos = [clip("p1", "a"), clip("p1", "b")]
    rows = [compared([a, b], r, draw=d) for d, r in enumerate([(1, 2), (1, 2), (2, 1)])]
    judges = health(tmp_path, videos, rows)
    assert value(judges, "repeat_flip_rate") == pytest.approx(2 / 3)  # draws 0 2 and 1 2 of three


def test_lists_expect_the_first_place_once_in_n(tmp_path: Path) -> None:
    a, b, c = videos = [clip("p1", g) for g in "abc"]
    rows = [compared([a, b, c], (1, 2, 3)), compared([c, b, a], (3, 2, 1)),
            compared([b, a, c], (2, 1, 3), draw=1), compared([c, a, b], (1, 2, 3), draw=1)]  # fmt: skip
    judges = health(tmp_path, videos, rows)
    assert value(judges, "first_position_rate") == 0.5  # a from the first, c from the last
    assert value(judges, "first_position_expected") == pytest.approx(1 / 3)
    assert value(judges, "position_consistency") == 0.5  # a and a; a and c


def three_generators(refused: Callable[[int, str], bool]) -> tuple[list[Video], list[Any]]:
    videos = [clip(f"p{n:02}", g) for n in range(12) for g in "abc"]
    rows = [
        failed(scored(v, 3, draw=d), Reason.REFUSAL)
        if refused(int(v.prompt_id[1:]), v.generator)
        else scored(v, 3, draw=d)
        for v in videos
        for d in range(2)
    ]
    return videos, rows


def test_a_judge_that_refuses_one_generator_is_reported(tmp_path: Path) -> None:
    judges = health(tmp_path, *three_generators(lambda n, g: g == "b" or (g == "c" and n == 0)))
    (note,) = judges["notes"]
    # c: 1 of 12 prompts, so the others of b have 1/24; draws do not make more of it
    assert note.startswith(
        "Selection bias: org/judge refuses 100.0 % of the verdicts on clips of b and 4.2 % of those"
        " on other clips of the same prompts (12 prompts, Holm-adjusted p < 0.001 over 3 tests)")  # fmt: skip


def test_refusals_that_follow_the_prompt_are_no_bias(tmp_path: Path) -> None:
    judges = health(tmp_path, *three_generators(lambda n, g: n < 6))
    assert value(judges, "refusal_rate") == 0.5
    assert judges["notes"] == []


def test_refusals_spread_over_generators_are_no_bias(tmp_path: Path) -> None:
    judges = health(tmp_path, *three_generators(lambda n, g: g == "abc"[n % 3]))
    assert judges["notes"] == []


def test_permutations_give_the_exact_chance() -> None:
    # refused in all of three prompts of three generators: 1/27 with labels drawn at random; of
    # nobody else's clips, so any other outcome lies nearer to the expected one
    refused = np.tile([1.0, 0.0, 0.0], (3, 1))
    assert p_value(refused, 0) == pytest.approx(1 / 27, abs=0.006)
    # a prompt without that generator's neighbour: one of two is 1/2
    refused[0, 2] = np.nan
    assert p_value(refused, 0) == pytest.approx(1 / 18, abs=0.008)


def test_many_prompts_of_two_generators_are_mcnemars_test() -> None:
    # 300 prompts refuse only the first, 200 only the second: z = 100 / sqrt(500) = 4.4721
    cells = np.repeat([[1.0, 0.0], [0.0, 1.0]], [300, 200], axis=0)
    assert p_value(cells, 0) == pytest.approx(7.744e-6, rel=1e-3)
    assert p_value(cells, 1) == pytest.approx(p_value(cells, 0))


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611),
     (1, 29, 0.0061, 0.1718)],  # Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3
)  # fmt: skip
def test_wilson_gives_the_published_intervals(
    successes: int, n: int, low: float, high: float
) -> None:
    found = wilson(successes / n, n)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_share_counts_as_many_verdicts_as_its_prompts_are_worth() -> None:
    # Four prompts of four verdicts, 4 2 1 1 of them refused: r = 1/2, residuals 2 0 -1 -1, variance
    # 4/3 * 6 / 16^2 = 1/32, so n* = (1/4) / (1/32) * (t(15) / t(3))^2 = 8 * (2.1314 / 3.1824)^2
    # = 3.5884; Wilson for 1/2 of it: 0.5 -+ 1.96 / 2 / sqrt(3.5884 + 1.96^2) = 0.5 -+ 0.3595
    prompts = np.repeat(np.arange(4), 4)
    top = np.array([1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0], float)
    found = ratio(top, np.ones(16), prompts, 4, share=True)
    assert (found.low, found.high) == pytest.approx((0.1405, 0.8595), abs=1e-4)


def test_a_mean_counts_prompts_not_items() -> None:
    # two prompts of means 1 and 3: variance 2/1 * ((2 - 4)^2 + (6 - 4)^2) / 4^2 = 1
    top, prompts = np.array([1.0, 1.0, 3.0, 3.0]), np.array([0, 0, 2, 2])
    found = ratio(top, np.ones(4), prompts, 3, share=False)
    assert found.value == 2
    assert found.high == pytest.approx(2 + 12.7062)  # t with one degree of freedom
    alone = ratio(top[:2], np.ones(2), prompts[:2], 3, share=False)
    assert (alone.value, alone.low, alone.high) == (1, None, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=60))
def test_a_share_lies_in_its_interval(rows: list[tuple[int, bool]]) -> None:
    prompts = np.array([prompt for prompt, _ in rows])
    top = np.array([float(yes) for _, yes in rows])
    found = ratio(top, np.ones(len(rows)), prompts, 6, share=True)
    assert found.value == pytest.approx(top.mean())
    if found.low is not None and found.high is not None:
        assert 0 <= found.low <= found.value <= found.high <= 1
        assert found.low < found.high
    else:
        assert len(set(prompts)) == 1


def test_judges_are_held_against_each_other(tmp_path: Path) -> None:
    videos = [clip(p, g) for p in ("p1", "p2") for g in "abc"]
    one, other = [1, 2, 3, 1, 2, 3], [1, 2, 3, 3, 2, 1]  # rho 1 and -1
    rows = [scored(v, s) for v, s in zip(videos, one, strict=True)]
    rows += [scored(v, s, annotator_id="b") for v, s in zip(videos, other, strict=True)]
    judges = health(tmp_path, videos, rows)
    found = figure(judges, "judges_spearman_within_prompt", dimension="quality",
                   annotator=f"b & {JUDGE}")  # fmt: skip
    assert found is not None
    assert (found["value"], found["n_items"]) == (0, 2)
    assert (found["low"], found["high"]) == (-1, 1)


def test_choices_of_two_judges_are_compared_over_all_orders(tmp_path: Path) -> None:
    videos, rows = both_orders(lambda a, b: 0 if a.generator == "a" else 1)
    others = [compared([v for v in videos if v.video_id in row.video_ids], (1, 2),
                       annotator_id="b") for row in rows[::2]]  # fmt: skip
    others[0] = compared([v for v in videos[:2]], (2, 1), annotator_id="b")
    judges = health(tmp_path, videos, [*rows, *others])
    found = figure(judges, "judges_same_choice", dimension="quality", annotator=f"b & {JUDGE}")
    assert found is not None
    assert (found["value"], found["n_items"]) == (0.9, 10)


def test_a_run_without_verdicts_says_so(tmp_path: Path) -> None:
    judges = health(tmp_path, [], [], sentinels={"clips": 2})
    assert judges["rows"] == []
    assert judges["notes"] == ["org/judge has neither verdicts nor failures."]
    assert judges["sentinels"] == {"clips": 2}


def test_rows_are_of_the_closed_list_and_finite(tmp_path: Path) -> None:
    judges = health(tmp_path, *both_orders(lambda a, b: 0))
    assert {row["statistic"] for row in judges["rows"]} <= set(STATISTICS)
    keys = [tuple(row[k] for k in ("annotator", "statistic", "dimension", "generator"))
            for row in judges["rows"]]  # fmt: skip
    assert len(keys) == len(set(keys))
    fields = ["annotator", "statistic", "dimension", "generator", "value", "low", "high", "n_items"]
    assert all(list(row) == fields for row in judges["rows"])


def test_a_verdict_on_an_unknown_clip_is_refused(tmp_path: Path) -> None:
    stranger = clip("p9", "z")
    with pytest.raises(ValueError, match="annotations names clip 'p9-z'"):
        health(tmp_path, [clip("p1", "a")], [scored(stranger, 3)])
    with pytest.raises(ValueError, match="'p9-z/quality/org/judge/0' names a clip"):
        health(tmp_path, [clip("p1", "a")], [failed(scored(stranger, 3), Reason.REFUSAL)])


ids = st.text("ab+ .", min_size=1, max_size=4).filter(lambda t: t[0] != " ")
names = st.text("xy/+1", min_size=1, max_size=8)


@given(names, st.integers(0, 9), st.lists(ids, min_size=2, max_size=3, unique=True))
def test_keys_are_read_back_from_both_ends(name: str, draw: int, clips: list[str]) -> None:
    known = {"x", *clips}
    owed = owed_by("annotate", join_key(clips[0], "quality", name, draw), known)
    assert (owed.clips, owed.dimension, owed.annotator_id, owed.draw) == (
        (clips[0],), "quality", name, draw)  # fmt: skip
    key = join_key(["p", "q"][0], tuple(clips), "quality", name, draw)
    owed = owed_by("compare", key, known)
    assert "+".join(owed.clips) == "+".join(clips)  # ids may hold the sign that joins them
    assert all(part in known for part in owed.clips)
    assert (owed.dimension, owed.annotator_id, owed.draw) == ("quality", name, draw)


def test_ids_that_hold_a_plus_are_told_apart() -> None:
    owed = owed_by("compare", "p/a+1+b/quality/m/0", {"a+1", "b"})
    assert owed.clips == ("a+1", "b")
    for key, clips in itertools.product(("p/a+b/quality/0", "a", "p/a+c/quality/m/0"), [{"a"}]):
        with pytest.raises(ValueError, match="table failures"):
            owed_by("compare", key, clips)
