"""Two runs side by side: every number of the page."""

import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compare_runs import NEW, OLD, PEOPLE, QUALITY, pictured_runs, small_run, two_sides
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.audit.audit import audit
from pipeline.audit.measures.measure import Resampling
from pipeline.audit.of_run import read_run
from pipeline.audit.options import AuditOptions
from pipeline.report.compare.findings import findings, percent, points, tenths
from pipeline.report.compare.flips import chosen_flips
from pipeline.report.compare.labels import generator_changes, label_changes
from pipeline.report.compare.money import cost, failures
from pipeline.report.compare.pairs import common_pairs
from pipeline.report.compare.people import people_differences
from pipeline.report.compare.runs import common_rows, identity, rubrics
from pipeline.report.compare.said import people_of_both
from pipeline.report.compare.scores import score_changes
from pipeline.report.compare.sides import Side, open_sides
from pipeline.report.compare.write import compared
from pipeline.report.tables import read_rows
from schemas import HumanRating, HumanVote
from schemas.options import SetupError

HOW = Resampling(resamples=200)


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> tuple[Side, Side]:
    return two_sides(tmp_path_factory.mktemp("sides"), people=PEOPLE)


@pytest.fixture(scope="module")
def found(sides: tuple[Side, Side]) -> dict[str, Any]:
    return compared(*sides, common_pairs(*sides), HOW)


def test_labels_move_from_first_tie_second_to_first_tie_second(found: dict[str, Any]) -> None:
    (row,) = found["labels"]
    # p: A-B and A-C from first to second, B-C from second to first; q: a tie to first; r: a tie; s: first
    assert row["table"] == [[1, 0, 2], [1, 1, 0], [1, 0, 0]]
    assert (row["common"], row["prompts"]) == (6, 4)
    assert (row["only_old"], row["only_new"]) == (1, 0)  # t
    counts = {name: row[name]["count"] for name in ("flipped", "reversed", "to_tie", "from_tie")}
    assert counts == {"flipped": 4, "reversed": 3, "to_tie": 0, "from_tie": 1}
    assert row["flipped"]["value"] == pytest.approx(4 / 6)
    # 2 of 6 the same; by chance (3 * 3 + 2 * 1 + 1 * 2) / 36: (12/36 - 13/36) / (1 - 13/36)
    assert row["kappa"]["value"] == pytest.approx(-1 / 23)


def test_the_interval_takes_whole_prompts(found: dict[str, Any]) -> None:
    # p (3 of 3 changed) or q (1 of 1) alone give 1, r or s alone 0: both can be drawn 4 times of 4
    (row,) = found["labels"]
    assert 0 <= row["flipped"]["low"] < 4 / 6 < row["flipped"]["high"] <= 1


def test_a_generator_gains_what_the_same_pairs_say(found: dict[str, Any]) -> None:
    (one,) = found["generators"]
    # A in p, p, q, r, s: 1 + 1 + 1/2 + 1/2 + 1 of 5, then 0 + 0 + 1 + 1/2 + 1; C in p, p: 1 of 2 both times
    shares = {
        r["generator"]: (r["old"]["value"], r["new"]["value"], r["n"]) for r in one["generators"]
    }
    assert shares == {"A": (0.8, 0.5, 5), "B": (0.2, 0.5, 5), "C": (0.5, 0.5, 2)}
    changes = {r["generator"]: r["change"]["value"] for r in one["generators"]}
    assert changes == pytest.approx({"A": -0.3, "B": 0.3, "C": 0.0})
    # A against B in p, q, r, s: 1 + 1/2 + 1/2 + 1 of 4, then 0 + 1 + 1/2 + 1
    couple = next(r for r in one["couples"] if (r["generator"], r["other"]) == ("A", "B"))
    assert (couple["n"], couple["flipped"]) == (4, 2)
    assert (couple["old"]["value"], couple["new"]["value"]) == (0.75, 0.625)


def test_agreement_with_people_is_paired(found: dict[str, Any]) -> None:
    rows = {(r["annotator"], r["statistic"]): r for r in found["people"]["rows"]}
    accuracy = rows["consensus", "pair_accuracy_ties_half"]
    # people: A over C over B in p, B over A in q. Old: all of p right, q a tie; new: nothing right
    assert accuracy["old"]["value"] == pytest.approx(3.5 / 4)
    assert accuracy["new"]["value"] == 0.0
    assert accuracy["change"]["value"] == pytest.approx(-0.875)
    assert (accuracy["n_items"], accuracy["n_prompts"], accuracy["n_raters"]) == (4, 2, 1)
    # of two prompts p alone goes from 3 of 3 to 0, q alone from 1/2 of 1 to 0
    assert accuracy["change"]["low"] == pytest.approx(-1.0)
    assert accuracy["change"]["high"] == pytest.approx(-0.5)
    same = rows["consensus", "pair_agreement_with_ties"]
    assert (same["old"]["value"], same["new"]["value"]) == (0.75, 0.0)
    assert (
        "judge",
        "pair_accuracy_ties_half",
    ) not in rows  # the consensus is the judge alone, in both


def test_scores_move_clip_by_clip(found: dict[str, Any]) -> None:
    (one,) = found["scores"]
    # A: 3 2 1 2 to 1 3 1 2; B: 1 2 1 1 to 3 2 1 1; C: 2 to 2; t is in one run only
    changes = {r["generator"]: r["change"]["value"] for r in one["generators"]}
    assert changes == pytest.approx({None: 1 / 9, "A": -0.25, "B": 0.5, "C": 0.0})
    assert [r["n"] for r in one["generators"]] == [9, 4, 4, 1]
    # old 3 1 2, 2 2, 1 1, 2 1; new 1 3 2, 3 2, 1 1, 2 1
    bins = [(b["low"], b["old"], b["new"]) for b in one["bins"]]
    assert bins == [(1.0, 4, 4), (2.0, 4, 3), (3.0, 1, 2)]


def test_bins_of_scores_without_levels_hold_every_score(tmp_path: Path) -> None:
    old = {"p": {"A": 1.03, "B": 4.91}}
    new = {"p": {"A": 2.57, "B": 3.14159}}
    (one,) = score_changes(*two_sides(tmp_path, old, new), HOW)
    assert sum(b["old"] for b in one["bins"]) == sum(b["new"] for b in one["bins"]) == 2
    assert (one["bins"][0]["old"], one["bins"][-1]["old"]) == (1, 1)


def test_cost_is_the_sum_of_the_rows(found: dict[str, Any]) -> None:
    money = found["cost"]["old"]
    # 11 verdicts at $0.001 and a failure at $0.01
    assert money["verdicts"] == 11
    assert money["usd"] == pytest.approx(0.021)
    assert money["usd_of_failures"] == pytest.approx(0.01)
    assert money["usd_per_verdict"] == pytest.approx(0.021 / 11)
    assert (money["input_tokens"], money["output_tokens"]) == (1100, 110)
    (judge,) = money["by_annotator"]
    assert (judge["verdicts"], judge["usd"]) == (11, pytest.approx(0.011))


def test_an_unknown_price_makes_the_sum_unknown(tmp_path: Path) -> None:
    old, _ = two_sides(tmp_path, usd=None)
    money = cost(old)
    assert money["usd"] is money["usd_per_verdict"] is None
    assert money["by_annotator"][0]["usd"] is None
    assert (
        money["all_runs"]["usd"] is None
    )  # a record that says nothing of what was spent is no zero
    assert money["input_tokens"] == 1100


def test_failures_stand_side_by_side(found: dict[str, Any]) -> None:
    (row,) = found["failures"]
    assert (row["stage"], row["reason"], row["old"], row["new"]) == ("annotate", "refusal", 1, 1)
    assert row["owed_old"] is None  # the record has no books


def test_what_both_have_is_counted(found: dict[str, Any]) -> None:
    assert found["common"]["prompts"] == {"common": 4, "only_old": 1, "only_new": 0}
    assert found["common"]["videos"] == {"common": 9, "only_old": 2, "only_new": 0}
    assert found["common"]["other_bytes"] == 0


def test_rubrics_differ_by_the_digest_of_their_text(tmp_path: Path) -> None:
    one = {"name": "r", "version": 1, "sha256": "a" * 64, "text": "judge\nthe clip"}
    other = {**one, "sha256": "b" * 64, "text": "judge\nthe video"}
    alike = {"name": "same", "version": 2, "sha256": "c" * 64, "text": None}
    old = small_run(tmp_path / "old", OLD, record={"rubrics": [one, alike]})
    new = small_run(tmp_path / "new", NEW, record={"rubrics": [other, alike]})
    rows = {row["rubric"]: row for row in rubrics(*open_sides(old, new))}
    assert rows["r"]["differs"]
    assert not rows["same"]["differs"]
    assert [
        line for line in rows["r"]["lines"] if line[:1] in "+-" and line[:2] not in ("--", "++")
    ] == [
        "-the clip",
        "+the video",
    ]


def test_the_surest_flip_of_each_prompt_comes_first(sides: tuple[Side, Side]) -> None:
    pairs = common_pairs(*sides)
    # of p A-B, with margins 2 and -2 (A-C and B-C have 1 and -1); then q, which did not turn round
    names = [(r["first"], r["second"]) for r in pairs.table.to_pylist()]
    assert [names[row] for row in chosen_flips(pairs)] == [("pA", "pB"), ("qA", "qB")]
    assert chosen_flips(pairs, most=1) == chosen_flips(pairs)[:1]


def test_agreement_is_what_the_audit_itself_says(tmp_path: Path) -> None:
    """Values, intervals and counts of either run alone, for scores and for comparisons."""
    sides = open_sides(*pictured_runs(tmp_path))
    people = [HumanRating(**row) for row in read_rows(sides[0].layout, "human_ratings")]
    expected = []
    for side in sides:
        run = read_run(side.layout)
        options = AuditOptions(resamples=HOW.resamples)
        expected.append(audit(run.scores, people, options, margins=run.margins, clips=run.clips))
    rows = people_differences(*sides, HOW)["rows"]
    assert {row["annotator"] for row in rows} == {
        "consensus",
        "signal",
    }  # the judges have two names
    for row in rows:
        for name, result in zip(("old", "new"), expected, strict=True):
            wanted = (row["annotator"], row["statistic"], row["dimension"], "all")
            (own,) = (
                r for r in result.rows if (r.annotator, r.statistic, r.dimension, r.slice) == wanted
            )
            assert row[name] == {"value": own.value, "low": own.low, "high": own.high}
            assert row["n_items"] == own.n_items


def test_a_journal_tells_when_replies_were_bought(tmp_path: Path) -> None:
    old, new = two_sides(tmp_path)
    for name, seconds in (("one", 86_400), ("two", 3 * 86_400)):
        file = old.layout.root / "journal" / "ab" / f"{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
        os.utime(file, (seconds, seconds))
    assert identity(old)["journal"] == ["1970-01-02 00:00 UTC", "1970-01-04 00:00 UTC"]
    assert identity(new)["journal"] == []


def test_people_who_said_two_things_are_no_standard(tmp_path: Path) -> None:
    other = {**PEOPLE, "q": {"A": 2, "B": 4}}
    old = small_run(tmp_path / "old", OLD, people=PEOPLE)
    new = small_run(tmp_path / "new", NEW, people=other)
    result = people_differences(*open_sides(old, new), HOW)
    assert result["rows"] == []
    assert "quality: 1 times the same rater said two things" in result["why"][0]


def test_people_of_both_runs_count(tmp_path: Path) -> None:
    # q was rated in the new run only, p in the old run only: both are held to both
    old = small_run(tmp_path / "old", OLD, people={"p": PEOPLE["p"]})
    new = small_run(tmp_path / "new", NEW, people={"q": PEOPLE["q"]})
    rows = people_differences(*open_sides(old, new), HOW)["rows"]
    assert {
        (r["n_items"], r["n_prompts"]) for r in rows if r["statistic"].startswith("pair_acc")
    } == {(4, 2)}


def test_votes_answer_too(tmp_path: Path) -> None:
    vote = HumanVote(prompt_id="p", video_a="pB", video_b="pA", rater="v", dimension=QUALITY, choice="b",
                     source="small")  # fmt: skip
    rows = people_differences(*two_sides(tmp_path, votes=[vote]), HOW)["rows"]
    accuracy = next(r for r in rows if r["statistic"] == "pair_accuracy_ties_half")
    assert (accuracy["old"]["value"], accuracy["new"]["value"]) == (
        1.0,
        0.0,
    )  # A over B, as old has it
    assert accuracy["change"]["low"] is None  # one prompt tells nothing about the spread


def test_a_vote_told_the_other_way_about_is_the_same_vote(tmp_path: Path) -> None:
    def vote(a: str, b: str, choice: str) -> HumanVote:
        return HumanVote(prompt_id="p", video_a=a, video_b=b, rater="v", dimension=QUALITY, choice=choice,
                         source="small")  # fmt: skip

    old = small_run(tmp_path / "old", OLD, votes=[vote("pA", "pB", "a")])
    alike = small_run(tmp_path / "alike", NEW, votes=[vote("pB", "pA", "b")])
    other = small_run(tmp_path / "other", NEW, votes=[vote("pB", "pA", "a")])
    assert len(people_of_both(*open_sides(old, alike))[0].votes) == 1
    people, why = people_of_both(*open_sides(old, other))
    assert people.votes == []
    assert "two things" in why[0]


def test_dimensions_that_other_people_answer_for_are_not_compared(tmp_path: Path) -> None:
    old = small_run(tmp_path / "old", OLD, people=PEOPLE)
    config = {"audit": {"dimensions": {QUALITY: ["beauty"]}}}
    new = small_run(tmp_path / "new", NEW, people=PEOPLE, record={"config": config})
    result = people_differences(*open_sides(old, new), HOW)
    assert result["rows"] == []
    assert "other human dimensions" in result["why"][0]


def test_nothing_in_common_is_said(tmp_path: Path) -> None:
    sides = two_sides(tmp_path, {"p": {"A": 1, "B": 2}}, {"z": {"A": 1, "B": 2}})
    found = compared(*sides, common_pairs(*sides), HOW)
    assert "no prompt in common" in found["findings"][0]
    assert found["labels"][0]["flipped"]["value"] is None
    assert found["people"]["why"] == ["nobody rated clips that both runs have"]
    # one clip of a prompt in both makes no pair
    lone = two_sides(tmp_path / "lone", {"p": {"A": 1, "B": 2}}, {"p": {"B": 1, "C": 2}})
    said = findings(compared(*lone, common_pairs(*lone), HOW))
    assert "No labelled pair is in both, though prompts (1) and clips (1) are" in said[0]
    other = two_sides(tmp_path / "other", {"p": {"A": 1, "B": 2}}, {"p": {"C": 1, "D": 2}})
    said = findings(compared(*other, common_pairs(*other), HOW))
    assert "though prompts (1) are: each has its own clips of them" in said[0]


def test_dimensions_that_only_one_run_has_are_the_reason_where_they_are(found: Any) -> None:
    label = {"common": 0, "prompts": 0, "only_old": 0, "only_new": 0}
    labels = [
        {**label, "dimension": "beauty", "only_old": 6},
        {**label, "dimension": "quality", "only_new": 6},
    ]
    said = findings({**found, "labels": labels})
    assert "are: the two label other dimensions, so no label can be compared." in said[0]


def test_no_flip_of_few_prompts_is_not_called_certain(tmp_path: Path) -> None:
    sides = two_sides(tmp_path, OLD, OLD)
    said = findings(compared(*sides, common_pairs(*sides), HOW))
    assert "0 of 7 common pairs have another label, 0.0 % over 5 prompts:" in said[0]
    assert (
        "The two have pairs of 5 prompts in common: intervals over so few are too narrow." in said
    )


def test_findings_quote_the_numbers(found: dict[str, Any]) -> None:
    said = found["findings"]
    assert said[0].startswith("quality: 4 of 6 common pairs have another label, 66.7 %")
    assert "3 turned round, 0 became a tie, 1 no longer are one; κ −0.04" in said[0]
    assert (
        "orders 87.5 % of the pairs as people do (a tie of its own counts half), then 0.0 %:"
        " −87.5 [−100.0, −50.0] points" in said[1]
    )


def test_figures_in_words() -> None:
    assert percent({"value": 0.2125, "low": None, "high": None}) == "21.3 %"  # as the page rounds
    assert points({"value": 0.018, "low": -0.004, "high": 0.0}) == "+1.8 [−0.4, 0.0]"
    assert tenths(-0.00001, "+") == "0.0"  # no minus zero


def test_another_run_is_refused(tmp_path: Path) -> None:
    run = small_run(tmp_path / "old", OLD)
    with pytest.raises(SetupError, match="same folder twice"):
        open_sides(run, tmp_path / "old" / ".." / "old")
    with pytest.raises(SetupError, match="no such folder"):
        open_sides(run, tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SetupError, match="not a complete run") as error:
        open_sides(run, tmp_path / "empty")
    assert "JSON" not in str(error.value)


def test_folders_of_one_name_are_told_apart_by_what_they_lie_in(tmp_path: Path) -> None:
    runs = [small_run(tmp_path / month / "out", OLD) for month in ("june", "july")]
    assert [side.folder for side in open_sides(*runs)] == ["june/out", "july/out"]


prompt_scores = st.dictionaries(
    st.sampled_from("ABC"), st.sampled_from([1.0, 2.0, 2.5, 3.0]), min_size=2, max_size=3
)
run_scores = st.dictionaries(st.sampled_from("pqrs"), prompt_scores, min_size=1, max_size=4)
quick = settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@quick
@given(scores=run_scores)
def test_a_run_changes_nothing_against_itself(
    scores: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also where every pair is told the other way about."""
    sides = two_sides(tmp_path_factory.mktemp("self"), scores, scores, people=scores)
    found = compared(*sides, common_pairs(*sides), HOW)
    for row in found["labels"]:
        assert row["flipped"]["count"] == row["only_old"] == row["only_new"] == 0
        assert row["flipped"]["value"] == 0.0
        assert row["flipped"]["high"] in (0.0, None)
        assert row["kappa"]["value"] in (1.0, None)
        assert np.trace(row["table"]) == row["common"]
    shifts = [
        r for one in found["scores"] for part in ("generators", "annotators") for r in one[part]
    ]
    gains = [
        r for one in found["generators"] for part in ("generators", "couples") for r in one[part]
    ]
    for row in [*shifts, *gains, *found["people"]["rows"]]:
        assert row["old"] == row["new"]
        assert set(row["change"].values()) <= {0.0, None}
    assert chosen_flips(common_pairs(*sides)) == []


@quick
@given(one=run_scores, other=run_scores)
def test_the_other_way_about_every_change_is_negated(
    one: Any, other: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("swapped")
    there = two_sides(folder, one, other)
    back = there[::-1]
    ways = [(common_pairs(*sides), sides) for sides in (there, back)]
    labels, turned = (label_changes(pairs, HOW) for pairs, _ in ways)
    for row, other_row in zip(labels, turned, strict=True):
        assert np.array_equal(np.transpose(row["table"]), other_row["table"])
        assert row["to_tie"] == other_row["from_tie"]
        assert row["flipped"] == other_row["flipped"]
        assert row["only_old"] == other_row["only_new"]
        same(row["kappa"], other_row["kappa"], 1)
    for changes in (
        [[r for one in generator_changes(p, HOW) for r in one["generators"]] for p, _ in ways],
        [[r for one in score_changes(*s, HOW) for r in one["generators"]] for _, s in ways],
    ):
        for row, other_row in zip(*changes, strict=True):
            assert row["old"] == other_row["new"]
            same(row["change"], other_row["change"], -1)
    assert common_rows(*there)["videos"]["common"] == common_rows(*back)["videos"]["common"]
    assert [r["old"] for r in failures(*there)] == [r["new"] for r in failures(*back)]


def same(one: dict[str, Any], other: dict[str, Any], sign: int) -> None:
    ends = ("low", "high") if sign > 0 else ("high", "low")
    for mine, theirs in zip(("value", "low", "high"), ("value", *ends), strict=True):
        if one[mine] is None:
            assert other[theirs] is None
        else:
            assert math.isclose(one[mine], sign * other[theirs], abs_tol=1e-12)
