"""Where the money went: parts that add up to what was spent, whoever paid when, and what is unknown."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.dataset.parquet import publish, write_rows
from pipeline.report.books import books_of
from pipeline.report.books.costs import Cost, costs_of
from pipeline.report.books.money import money_of
from pipeline.report.books.parts import split
from pipeline.report.books.reasons import REASONS
from schemas import HARMLESS, Annotation, Failure, Preference, Reason, Settings, Video
from schemas.ids import pair_id
from schemas.layout import Layout
from schemas.tables import table_of

JUDGE = "org/judge"


def spent(
    usd: float | None, requests: int = 1, lost: int = 0, lost_usd: float = 0.0
) -> dict[str, Any]:
    return {
        "usd": usd,
        "requests": requests,
        "input_tokens": 100 * requests,
        "output_tokens": 10 * requests,
        "lost_requests": lost,
        "lost_usd": lost_usd,
    }


def annotation(clip: str, dimension: str = "quality", draw: int = 0, **changes: Any) -> Annotation:
    return Annotation(
        **{
            "video_id": clip,
            "dimension": dimension,
            "annotator_id": JUDGE,
            "draw": draw,
            "prompt_id": "p",
            "generator": "g",
            "score": 3.0,
            "scale_low": 1.0,
            "scale_high": 5.0,
            "n_frames": 4,
            "rubric": "r",
            "rubric_version": 1,
            "rubric_sha256": "0" * 64,
            "requested": Settings(),
            "effective": Settings(),
            "cost_usd": 0.0,
            **changes,
        }
    )


def failure(clip: str, reason: Reason, dimension: str = "quality", **changes: Any) -> Failure:
    key = f"{clip}/{dimension}/{JUDGE}/0"
    return Failure(
        **{"stage": "annotate", "key": key, "reason": reason, "message": "so it is", **changes}
    )


def write(layout: Layout, record: type, rows: list[Any]) -> None:
    table = table_of(record)
    file = write_rows(record, rows, layout.work / f"{table}.parquet")
    publish([file], layout.table(table), record)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A reply of two dimensions, one of which is off the scale; a request of two draws; a refusal; a
    request that was lost; a clip that is not applicable."""
    layout = Layout(tmp_path)
    rows = [
        annotation("v1", reply_key="k1", cost_usd=0.04),
        annotation("v2", draw=0, reply_key="k2", cost_usd=0.03),
        annotation("v2", draw=1, reply_key="k2"),
        annotation("v3", annotator_id="free"),
    ]
    failures = [
        failure("v1", Reason.OFF_SCALE, "following", reply_key="k1"),
        failure("v3", Reason.REFUSAL, reply_key="k3", cost_usd=0.01),
        failure("v4", Reason.UNAVAILABLE, cost_usd=None),
        failure("v5", Reason.NOT_APPLICABLE),
    ]
    write(layout, Annotation, rows)
    write(layout, Failure, failures)
    return layout


def manifest(**spend: Any) -> dict[str, Any]:
    return {
        "annotators": [{"annotator_id": JUDGE}, {"annotator_id": "free"}],
        "tables": {"videos": 5},
        "spend": spend,
    }


def ledger(own: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The record of a run with these purposes of the judge."""
    every = [*own.values(), *(one for many in more.values() for one in many.values())]
    unknown = any(one["usd"] is None for one in every)
    total = {n: sum(one[n] for one in every) for n in every[0] if n != "usd"}
    total["usd"] = None if unknown else sum(one["usd"] for one in every)
    by = {JUDGE: own, "free": {}, **more}
    return {**total, "all_runs": total, "by_purpose": by, "prices_of": "2026-11-21"}


def parts(account: dict[str, Any]) -> dict[tuple[str, str | None], float | None]:
    return {(part["part"], part["reason"]): part["usd"] for part in account["parts"]}


def test_a_reply_counts_once_and_is_shared_by_all_that_it_answers(layout: Layout) -> None:
    """0.04 for two dimensions: 0.02 each; 0.03 for two draws: 0.015 each, both usable."""
    found = {
        (c.account, c.kind, c.reason): (c.verdicts, c.usd, c.unknown) for c in costs_of(layout)
    }
    assert found == {
        (JUDGE, "usable", None): (3, pytest.approx(0.05), 0),
        (JUDGE, "refused", "refusal"): (1, 0.01, 0),
        (JUDGE, "unreadable", "off_scale"): (1, 0.02, 0),
        (JUDGE, "failed", "unavailable"): (1, 0.0, 1),
        (JUDGE, "not_applicable", "not_applicable"): (1, 0.0, 0),
        ("free", "usable", None): (1, 0.0, 0),
    }


def test_all_that_was_spent_is_accounted_for(layout: Layout) -> None:
    """0.08 for rows, 0.06 of sentinels of which 0.02 lost, 0.02 lost, 0.03 that no row tells of."""
    own = {
        "": spent(0.13, 12, lost=1, lost_usd=0.02),
        "sentinels": spent(0.06, 3, lost=1, lost_usd=0.02),
        "again": spent(0.005, 1),
    }
    money = money_of(layout, manifest(**ledger(own)))
    judge, free = money["accounts"]
    assert parts(judge) == {
        ("usable", None): pytest.approx(0.05),
        ("refused", "refusal"): 0.01,
        ("unreadable", "off_scale"): 0.02,
        ("failed", "unavailable"): 0.0,
        ("not_applicable", "not_applicable"): 0.0,
        ("sentinels", None): pytest.approx(0.04),
        ("lost", None): pytest.approx(0.04),
        ("elsewhere", None): pytest.approx(0.035),
    }
    assert sum(part["usd"] for part in judge["parts"]) == pytest.approx(judge["usd"]) == 0.195
    assert (judge["again"], judge["again_usd"]) == (1, 0.005)
    assert [p["unknown"] for p in judge["parts"] if p["reason"] == "unavailable"] == [1]
    assert parts(free) == {("usable", None): 0.0}
    assert not money["free"]
    # three usable verdicts of the judge that is paid; five clips
    assert [(r["per"], r["n"], pytest.approx(r["usd"])) for r in money["rates"]] == [
        ("usable verdict", 3, 0.195 / 3),
        ("thousand clips", 5, 0.195 * 200),
    ]


def test_what_was_paid_before_is_a_line_of_its_own(layout: Layout) -> None:
    """The rows hold replies worth 0.08, of which 0.03 were bought here."""
    money = money_of(layout, manifest(**ledger({"": spent(0.03, 2)})))
    assert parts(money["accounts"][0])["cached", None] == pytest.approx(-0.05)
    assert sum(part["usd"] for part in money["total"]["parts"]) == pytest.approx(0.03)
    assert money["rates"][0]["usd"] == pytest.approx(0.08 / 3)  # what they cost, whoever paid
    nothing = money_of(layout, manifest(**ledger({"": spent(0.0, 0)})))
    assert not nothing["free"]  # its replies had a price


def test_an_unknown_price_is_never_zero(layout: Layout) -> None:
    own = {"": spent(None, 12, lost=1), "sentinels": spent(None, 3)}
    money = money_of(layout, manifest(**ledger(own, **{"generator g": {"": spent(1.0, 2)}})))
    judge, _, made = money["accounts"]
    assert (judge["usd"], money["total"]["usd"]) == (None, None)
    assert parts(judge)["sentinels", None] is parts(judge)["lost", None] is None
    assert ("elsewhere", None) not in parts(judge)
    assert parts(made) == {("clips", None): 1.0}
    assert not money["free"]


def test_clips_that_failed_cost_what_their_rows_say(layout: Layout) -> None:
    rows = [Failure(stage="video", key=f"v{n}", reason=Reason.GENERATION, message="no", cost_usd=c)
            for n, c in enumerate((0.5, 0.0, None))]  # fmt: skip
    write(layout, Failure, rows)
    own = {"generator a": {"": spent(3.0, 6)}, "generator b": {"": spent(1.5, 3, 1, 0.5)}}
    money = money_of(layout, manifest(**ledger({"": spent(0.07, 2)}, **own)))
    made = money["accounts"][-1]
    assert (made["account"], made["role"]) == ("generator a, generator b", "generators")
    assert parts(made) == {
        ("failed_clips", None): 0.5,
        ("clips", None): 3.5,
        ("lost", None): 0.5,
    }
    assert [part["n"] for part in made["parts"]] == [1, 7, 1]


def test_a_judge_of_an_earlier_configuration_is_no_generator(layout: Layout) -> None:
    money = money_of(layout, manifest(**ledger({"": spent(0.08)}, old={"": spent(2.0, 9)})))
    old = next(a for a in money["accounts"] if a["account"] == "old")
    assert (old["role"], parts(old)) == ("judge", {("elsewhere", None): 2.0})


def test_records_of_older_versions_are_split_as_far_as_they_can_be(layout: Layout) -> None:
    total = spent(0.1, 5)
    by = {"by_annotator": {JUDGE: total, "free": spent(0.0, 0)}}
    one = money_of(layout, manifest(**total, all_runs=total, **by))
    assert one["told_apart"]
    assert parts(one["accounts"][0])["elsewhere", None] == pytest.approx(0.02)
    # resumed: nobody kept what each judge had spent before
    ever, clips = spent(1.1, 9), spent(0.6, 2)
    several = money_of(layout, manifest(**total, all_runs=ever, clips_of_all_runs=clips, **by))
    assert not several["told_apart"]
    everybody, free = several["accounts"]
    # 3 of the 4 usable verdicts: no dollar bought the free judge's
    assert (everybody["usable"], free["account"], free["usd"]) == (3, "free", 0)
    found = parts(everybody)
    assert (found["clips", None], found["elsewhere", None]) == (
        0.6,
        pytest.approx(1.1 - 0.6 - 0.08),
    )
    assert sum(usd or 0.0 for usd in found.values()) == pytest.approx(1.1)
    # folders that were merged: what their last runs spent by judge is less than all of it
    merged = money_of(layout, manifest(**ever, all_runs=ever, by_annotator={JUDGE: total}))
    assert not merged["told_apart"]
    assert sum(part["usd"] for part in merged["total"]["parts"]) == pytest.approx(1.1)
    # a merged dataset has no last run
    assert money_of(layout, manifest(**ever, all_runs=ever))["run"] is not None
    joined = {**manifest(**ever, all_runs=ever), "merged_from": [{"name": "one"}]}
    assert money_of(layout, joined)["run"] is None
    # nothing at all was kept
    bare = money_of(layout, {"annotators": [{"annotator_id": JUDGE}]})
    assert bare["total"]["requests"] == 0


def test_caps_are_held_against_all_runs(layout: Layout) -> None:
    spend = ledger({"": spent(0.08, 4)}) | {"budget": {"usd": 0.5, "tokens": 1000, "requests": 3}}
    assert [
        (c["unit"], c["spent"], c["left"]) for c in money_of(layout, manifest(**spend))["cap"]
    ] == [
        ("usd", 0.08, pytest.approx(0.42)),
        ("tokens", 440, 560),
        ("requests", 4, 0),
    ]


def test_decided_pairs_share_all_that_was_spent(layout: Layout) -> None:
    def pair(n: int, label: str) -> Preference:
        a, b = f"a{n}", f"b{n}"
        high = {"a": 4.0, "tie": 3.0}[label]
        return Preference(
            pair_id=pair_id(a, b, "quality"), prompt_id="p", prompt="a kite", dimension="quality",
            video_a=a, video_b=b, generator_a="g", generator_b="h", score_a=high, score_b=3.0,
            margin=high - 3, basis="scores", weight=1.0, label=label, split="train",
            annotator_id="consensus", n_a=1, n_b=1, simulated=True,
        )  # fmt: skip

    file = write_rows(Preference, [pair(0, "a"), pair(1, "tie")], layout.work / "p.parquet")
    publish([file], layout.table("preferences", "train"), Preference)
    money = money_of(layout, manifest(**ledger({"": spent(0.1, 4)})))
    (rate,) = [one for one in money["rates"] if one["per"] == "decided pair"]
    assert (rate["n"], rate["usd"]) == (1, pytest.approx(0.1))


def test_the_gate_is_what_the_first_clips_cost(layout: Layout) -> None:
    layout.work.mkdir(exist_ok=True)
    (layout.work / "order.json").write_text('{"first": ["v1", "v3"], "judged": null}')
    asked = manifest(**ledger({"": spent(0.08)}))
    assert money_of(layout, asked)["gate_usd"] == 0  # none was held
    # both dimensions of v1, the refusal of v3
    assert money_of(layout, asked | {"gate": {"said": []}})["gate_usd"] == pytest.approx(0.05)


def test_a_run_that_is_free_says_so(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    write(layout, Annotation, [annotation("v1", annotator_id="free")])
    write(layout, Video, [])
    assert money_of(layout, manifest(**ledger({"": spent(0.0, 0)})))["free"]
    assert not money_of(layout, manifest(**ledger({"": spent(0.0, 3)})))["free"]  # it was asked


def test_every_reason_is_explained_and_the_harmless_are_not_taken_up_again() -> None:
    assert set(REASONS) == {reason.value for reason in Reason}
    assert {name for name, said in REASONS.items() if not said["retry"]} == set(HARMLESS)
    found = books_of(Layout(Path("nowhere")), {"failures": {"annotate": {"refusal": 2}}})
    assert list(found["reasons"]) == ["refusal"]


AMOUNTS = st.floats(0, 100).map(lambda usd: round(usd, 12))
MONEY = st.builds(
    lambda usd, share, n: spent(usd, n + 1, n, round(usd * share, 12)),
    AMOUNTS, st.floats(0, 1), st.integers(0, 5),
)  # fmt: skip
COSTS = st.builds(
    Cost,
    account=st.just(JUDGE),
    kind=st.sampled_from(["usable", "refused", "unreadable", "failed"]),
    reason=st.none(),
    verdicts=st.integers(1, 50),
    usd=AMOUNTS,
    unknown=st.integers(0, 1),
)


@given(
    st.dictionaries(st.sampled_from(["", "again", "sentinels", "canary"]), MONEY),
    st.lists(COSTS, max_size=4),
)
def test_parts_add_up_to_what_was_spent(own: dict[str, Any], costs: list[Cost]) -> None:
    found = split(own, costs)
    total = sum(one["usd"] for one in own.values())
    assert sum(part.usd or 0.0 for part in found) == pytest.approx(total, abs=1e-6)
    assert sum((part.usd or 0.0) < 0 for part in found) <= 1  # only what was paid before
    assert {part.part for part in found if (part.usd or 0.0) < 0} <= {"cached"}


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from([None, 0.0, 0.25, 1.0])), min_size=1))
def test_sharing_a_reply_loses_nothing(tmp_path_factory: Any, rows: list[tuple[int, Any]]) -> None:
    """Whatever stands on which row of a reply: known sums stay, an unknown one makes it all unknown."""
    layout = Layout(tmp_path_factory.mktemp("shared"))
    made = [
        annotation(f"v{n}", reply_key=f"k{reply}", cost_usd=usd)
        for n, (reply, usd) in enumerate(rows)
    ]
    write(layout, Annotation, made)
    (cost,) = costs_of(layout)
    unknown = {reply for reply, usd in rows if usd is None}
    assert cost.usd == pytest.approx(sum(usd for reply, usd in rows if reply not in unknown))
    assert cost.unknown == sum(reply in unknown for reply, _ in rows)
