"""The rules of a merge, one by one: what is the same, what contradicts, what is left out and why."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from merge_folders import BOAT, DOG, KITE, RUBRIC, clip, rows, write_run

from pipeline.dataset.digests import column_digests, row_digests
from pipeline.dataset.merge.failures import failure_key
from pipeline.dataset.merge.judges import EARLIER, LATER, UNJUDGED, settle
from pipeline.dataset.merge.merge import MergePlan, plan_merge
from pipeline.dataset.merge.sources import Source
from pipeline.dataset.merge.spend import bought, spend_of
from pipeline.dataset.merge.tables import OTHER_FRAMES
from pipeline.dataset.merge.union import Part, Union
from pipeline.dataset.merge.write import write_tables
from pipeline.dataset.withdrawn import Withdrawn
from schemas import Annotation, Comparison, Failure, Reason
from schemas.ids import prompt_id
from schemas.layout import Layout
from schemas.options import SetupError

A, B, C = "ga", "gb", "gc"
KITES = {(KITE, A): 4, (KITE, B): 2}


def plan(tmp_path: Path, *names: str, **options: Any) -> MergePlan:
    folders = [tmp_path / name for name in names or ("first", "second")]
    return plan_merge(folders, tmp_path / "out", say=lambda _: None, **options)


def refusal(tmp_path: Path, **options: Any) -> str:
    with pytest.raises(SetupError) as caught:
        plan(tmp_path, **options)
    return str(caught.value)


def written(found: MergePlan, tmp_path: Path, record: type) -> list[Any]:
    layout = Layout(tmp_path / "out")
    write_tables(
        found.sources, found.chosen, layout, tmp_path / "staged", images=False, say=lambda _: None
    )
    return rows(layout.root, record)


def said(found: MergePlan, tmp_path: Path) -> dict[tuple[str, str], float]:
    """(video_id, annotator_id) -> score, of the merged annotations."""
    return {(a.video_id, a.annotator_id): a.score for a in written(found, tmp_path, Annotation)}


# judges that contradict themselves


@pytest.fixture
def twice(tmp_path: Path) -> Path:
    """The same judge on the same two clips at another date: of one it says the same, of one not."""
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES, "j2": KITES})
    write_run(
        tmp_path / "second", {KITE: "train"}, {"j1": {(KITE, A): 5, (KITE, B): 2}, "j2": KITES}
    )
    return tmp_path


def test_a_contradiction_is_refused_with_an_example(twice: Path) -> None:
    message = refusal(twice)
    assert "table annotations: 1 of 4 rows of second" in message
    assert f"such as {clip(KITE, A)}/quality/j1/0 of first" in message
    assert "score 4.0 there, 5.0 here" in message
    assert "first, last or apart" in message
    assert "j1@second" in message


def test_the_first_or_the_last_word(twice: Path) -> None:
    first, last = (plan(twice, on_conflict=choice) for choice in ("first", "last"))
    assert first.counts["annotations"][1].left_out == {EARLIER: 1}
    assert said(first, twice)[clip(KITE, A), "j1"] == 4
    assert last.counts["annotations"][0].left_out == {LATER: 1}
    assert last.counts["annotations"][1].added == 1
    found = said(last, twice)
    assert found[clip(KITE, A), "j1"] == 5
    assert len(found) == 4


def test_a_judge_of_another_date_kept_apart(twice: Path) -> None:
    """All rows of that annotator in the later run get the other name, also those that agree; the judge
    without a contradiction keeps its name, and its rows are there once."""
    found = plan(twice, on_conflict="apart")
    assert found.chosen.renamed == [{}, {"j1": "j1@second"}]
    scores = said(found, twice)
    assert {name for _, name in scores} == {"j1", "j2", "j1@second"}
    assert scores[clip(KITE, A), "j1"] == 4
    assert scores[clip(KITE, A), "j1@second"] == 5
    assert scores[clip(KITE, B), "j1@second"] == 2
    assert (found.counts["annotations"][1].added, found.counts["annotations"][1].same) == (2, 2)


def test_comparisons_are_kept_apart_with_the_annotations(tmp_path: Path) -> None:
    def comparison(first: int) -> Comparison:
        return Comparison(
            prompt_id=prompt_id(KITE), video_ids=(clip(KITE, A), clip(KITE, B)), generators=(A, B),
            dimension="quality", annotator_id="j1", draw=0, ranking=(first, 3 - first), n_frames=2,
        )  # fmt: skip

    failure = Failure(
        stage="annotate", key=f"{clip(KITE, B)}/quality/j1/0", reason=Reason.REFUSAL, message="no"
    )
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES}, comparisons=[comparison(1)])
    write_run(
        tmp_path / "second", {KITE: "train"}, {"j1": {(KITE, A): 4}},
        clips=list(KITES), comparisons=[comparison(2)], failures=[failure],
    )  # fmt: skip
    assert "table comparisons: 1 of 1 rows of second" in refusal(tmp_path)
    found = plan(tmp_path, on_conflict="apart")
    assert {c.annotator_id for c in written(found, tmp_path, Comparison)} == {"j1", "j1@second"}
    # the first run's row of gb is j1's: what j1@second could not judge stays a failure of its own
    (kept,) = written(found, tmp_path, Failure)
    assert kept.key == f"{clip(KITE, B)}/quality/j1@second/0"


def test_names_of_annotators_hold_slashes() -> None:
    renamed = {"org/judge": "org/judge@b"}
    assert failure_key("annotate", "v1/quality/org/judge/0", renamed) == "v1/quality/org/judge@b/0"
    key = "p1/v1+v2/quality/org/judge/1"
    assert failure_key("compare", key, renamed) == "p1/v1+v2/quality/org/judge@b/1"
    assert failure_key("frames", "v1", renamed) == "v1"


# clips


def test_other_bytes_under_one_id_are_always_refused(tmp_path: Path) -> None:
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES})
    write_run(tmp_path / "second", {KITE: "train"}, {"j2": KITES}, data={(KITE, B): b"another"})
    for choice in ("refuse", "first", "last", "apart"):
        message = refusal(tmp_path, on_conflict=choice)
        assert "1 clips have other bytes in second" in message
        assert clip(KITE, B) in message


def test_one_prompt_id_is_one_text(tmp_path: Path) -> None:
    """White space apart: the first run's row stays as it is written."""
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES})
    write_run(tmp_path / "second", {KITE: "train"}, {"j2": KITES})
    spaced, other = KITE.replace(" ", "  "), "a blue kite"
    for text in (spaced, other):
        _put_text(tmp_path / "second", text)
        if text == spaced:
            found = plan(tmp_path)
            assert [p.text for p in found.prompts.rows] == [KITE]
            assert found.counts["prompts"][1].left_out != {}
        else:
            assert f"is {KITE!r} in first and {other!r} in second" in refusal(tmp_path)


def _put_text(root: Path, text: str) -> None:
    from merge_folders import put

    from schemas import Prompt

    layout = Layout(root)
    (row,) = rows(root, Prompt)
    fields = {name: getattr(row, name) for name in ("prompt_id", "source", "licence", "split")}
    put(layout, Prompt, [Prompt(**fields, text=text)])


def test_frames_of_the_first_run_stay(tmp_path: Path) -> None:
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES})
    write_run(tmp_path / "second", {KITE: "train"}, {"j2": KITES}, policy="random-1")
    found = plan(tmp_path)
    assert found.counts["frames"][1].left_out == {OTHER_FRAMES: 2}
    assert found.counts["annotations"][1].added == 2  # which say how many frames they saw


def test_clips_that_the_first_run_leaves_out_are_judged_by_none(tmp_path: Path) -> None:
    black = {(KITE, A): True}
    write_run(
        tmp_path / "first", {KITE: "train"}, {"j1": {(KITE, B): 2}}, clips=list(KITES), checks=black
    )
    write_run(tmp_path / "second", {KITE: "train"}, {"j2": KITES})
    found = plan(tmp_path)
    assert found.counts["annotations"][1].left_out == {UNJUDGED: 1}


# splits


def test_a_prompt_that_would_bridge_two_splits_is_left_out(tmp_path: Path) -> None:
    """The second run tests on the kite's twin, whose words the first run trains on."""
    twin = "over a lake a red kite"
    write_run(tmp_path / "first", {KITE: "train", DOG: "test"}, {"j1": KITES})
    write_run(
        tmp_path / "second",
        {twin: "test", BOAT: "test"},
        {"j1": {(twin, A): 3, (twin, B): 4, (BOAT, A): 1}},
    )
    found = plan(tmp_path)
    split = {p.text: p.split for p in found.prompts.rows}
    assert split == {KITE: "train", DOG: "test", twin: None, BOAT: "test"}
    assert any("1 prompt is left out" in note for note in found.prompts.notes)
    assert not any("keeps them where they were" in note for note in found.prompts.notes)
    assert set(found.prompts.decision.left_out) == {prompt_id(twin)}


def test_an_older_first_run_with_nearly_the_same_words_in_two_splits(tmp_path: Path) -> None:
    """What no run of today would write: the stricter split stays, unless the user keeps both."""
    twin = "over a lake a red kite"
    write_run(tmp_path / "first", {KITE: "train", twin: "test"}, {"j1": KITES})
    write_run(tmp_path / "second", {KITE: "train"}, {"j2": KITES})
    found = plan(tmp_path)
    assert {p.text: p.split for p in found.prompts.rows} == {KITE: None, twin: "test"}
    assert any("1 prompts that first" in note for note in found.prompts.notes)
    kept = plan(tmp_path, settings=["splits.near_duplicates=null"])
    assert {p.text: p.split for p in kept.prompts.rows} == {KITE: "train", twin: "test"}


def test_what_an_earlier_run_left_out_stays_out(tmp_path: Path) -> None:
    write_run(tmp_path / "first", {KITE: "train", DOG: None}, {"j1": KITES})
    write_run(tmp_path / "second", {DOG: "train", BOAT: None}, {"j1": {(DOG, A): 3, (BOAT, A): 2}})
    split = {p.text: p.split for p in plan(tmp_path).prompts.rows}
    assert split == {KITE: "train", DOG: None, BOAT: None}


# people


def test_people_who_contradict_themselves(tmp_path: Path) -> None:
    write_run(
        tmp_path / "first", {KITE: "train"}, {"j1": KITES}, ratings=[(KITE, A, "ann", 5)],
        votes=[(KITE, A, B, "ann", "a")],
    )  # fmt: skip
    write_run(
        tmp_path / "second", {KITE: "train"}, {"j1": KITES},
        ratings=[(KITE, A, "ann", 4), (KITE, A, "bob", 3)], votes=[(KITE, A, B, "ann", "a")],
    )  # fmt: skip
    message = refusal(tmp_path, on_conflict="apart")  # a person is not two
    assert "table human_ratings: 1 of 2 rows of second" in message
    assert "score 5.0 there, 4.0 here" in message
    assert "first or last" in message
    found = plan(tmp_path, on_conflict="last")
    assert found.counts["human_ratings"][0].left_out == {LATER: 1}
    assert found.counts["human_ratings"][1].added == 2
    assert found.counts["human_votes"][1].same == 1


def test_audits_that_contradict_each_other(tmp_path: Path) -> None:
    answers = [{"quality": ["looks"]}, {"quality": ["static", "looks"]}]
    for name, one in zip(("first", "second"), answers, strict=True):
        config = {"audit": {"ratings": [], "dimensions": one}}
        write_run(tmp_path / name, {KITE: "train"}, {"j1": KITES}, config=config)
    assert "audit.dimensions.quality: looks in first, static, looks in second" in refusal(tmp_path)


# failures


def test_a_failure_that_another_run_made_good(tmp_path: Path) -> None:
    """j1 refused gb in the first run and judged it in the second; gc nobody could read."""
    failed = [
        Failure(stage=stage, key=key, reason=reason, message="no")
        for stage, key, reason in (
            ("annotate", f"{clip(KITE, B)}/quality/j1/0", Reason.REFUSAL),
            ("annotate", f"{clip(KITE, B)}/quality/org/j2/0", Reason.REFUSAL),
            ("video", clip(KITE, C), Reason.NOT_FOUND),
        )
    ]
    write_run(
        tmp_path / "first",
        {KITE: "train"},
        {"j1": {(KITE, A): 4}},
        clips=list(KITES),
        failures=failed,
    )
    write_run(tmp_path / "second", {KITE: "train"}, {"j1": KITES}, failures=failed[2:])
    found = plan(tmp_path)
    assert {f.key for f in written(found, tmp_path, Failure)} == {failed[1].key, failed[2].key}
    assert [sum(c.left_out.values()) for c in found.counts["failures"]] == [1, 1]


# rules


def test_dimensions_of_later_runs_do_not_change_overall(tmp_path: Path) -> None:
    more = RUBRIC.replace("quality", "motion").replace("mine", "other")
    rubric = {
        "name": "other",
        "version": 1,
        "protocol": "pointwise",
        "sha256": "2" * 64,
        "text": more,
    }
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES})
    write_run(
        tmp_path / "second", {KITE: "train"}, {"j1": {k: {"motion": s} for k, s in KITES.items()}},
        record={"rubrics": [rubric]},
    )  # fmt: skip
    found = plan(tmp_path)
    assert found.rules.rules.dimensions == ["quality", "motion"]
    assert found.rules.rules.preferences.weights == {"quality": 1.0}
    chosen = plan(tmp_path, settings=["preferences.weights={quality: 1, motion: 3}"])
    assert chosen.rules.rules.preferences.weights == {"quality": 1.0, "motion": 3.0}
    assert chosen.rules.config["preferences"]["weights"] == {"quality": 1, "motion": 3}


def test_cost_that_one_run_does_not_know() -> None:
    known = {"usd": 1.5, "requests": 2, "by_annotator": {"j": {"usd": 1.5, "requests": 2}}}
    unknown = {"usd": None, "requests": 1, "by_annotator": {"j": {"usd": None, "requests": 1}}}
    one = spend_of([known, unknown], [{}, {"j": "j@b"}])
    assert (one["usd"], one["requests"]) == (None, 3)
    assert one["by_annotator"]["j"]["usd"] == 1.5
    assert one["by_annotator"]["j@b"]["usd"] is None
    # of a run that was resumed, what all of its runs spent
    resumed = {"usd": 0.0, "requests": 0, "all_runs": {"usd": 2.0, "requests": 4}}
    assert spend_of([known, resumed], [{}, {}])["usd"] == 3.5


def test_what_money_was_for_is_kept_by_a_merge() -> None:
    def run(usd: float, **own: float) -> dict[str, Any]:
        purposes = {name: {"usd": each, "requests": 1} for name, each in own.items()}
        return {"usd": usd, "requests": 1, "by_purpose": {"j": purposes}}

    first, second = run(0.75, again=0.25, sentinels=0.5), run(1.0, sentinels=1.0)
    own = spend_of([first, second], [{}, {}])["by_purpose"]
    assert {purpose: one["usd"] for purpose, one in own["j"].items()} == {
        "again": 0.25, "sentinels": 1.5
    }  # fmt: skip
    own = spend_of([first, second], [{}, {"j": "j@b"}])["by_purpose"]
    assert own["j@b"]["sentinels"] | {"usd": 1.0, "requests": 1} == own["j@b"]["sentinels"]
    # a run of an older version does not say
    assert "by_purpose" not in spend_of([first, {"usd": 1.0, "requests": 1}], [{}, {}])


def test_a_run_that_is_there_twice_is_paid_once(tmp_path: Path) -> None:
    """`first` costs 1.25 and went into `both`, where its judge is known as j1@first; `second` 0.5."""
    first, second = ({"usd": usd, "by_annotator": {"j1": {"usd": usd}}} for usd in (1.25, 0.5))
    parts = [
        {"run_id": "1", "spend": first, "renamed": {"j1": "j1@first"}},
        {"run_id": "2", "spend": second, "renamed": {}},
    ]
    both = {"run_id": "3", "spend": spend_of([first, second], [{}, {}]), "merged_from": parts}
    records = [both, {"run_id": "1", "spend": first}, both]
    sources = [
        Source(name=str(n), layout=Layout(tmp_path), record=record, withdrawn=Withdrawn())
        for n, record in enumerate(records)
    ]
    found = spend_of(*bought(sources, [{"j1": "j1@both"}, {}, {}]))
    assert found["usd"] == 1.75
    assert {n: one["usd"] for n, one in found["by_annotator"].items()} == {
        "j1@first": 1.25, "j1@both": 0.5
    }  # fmt: skip


def test_scores_on_different_scales_are_not_averaged(tmp_path: Path) -> None:
    """As a run refuses it: 1 to 5 beside a metric without bounds."""
    write_run(tmp_path / "first", {KITE: "train"}, {"j1": KITES})
    write_run(
        tmp_path / "second",
        {KITE: "train"},
        {"j2": KITES},
        row={"scale_low": None, "scale_high": None},
    )
    with pytest.raises(SetupError, match=r"different scales do not average: j1 .*j2 .unbounded"):
        plan(tmp_path)
    with pytest.raises(SetupError, match=r"--set consensus\.scale=standardised"):
        plan(tmp_path)
    for setting in ("consensus.scale=standardised", "consensus.annotators=[j1]"):
        assert plan(tmp_path, settings=[setting])
    with pytest.raises(SetupError, match="no annotator 'j3'"):
        plan(tmp_path, settings=["consensus.annotators=[j3]"])


# the union itself

Rows = Mapping[int, int]  # key -> what it says
_ROWS = st.dictionaries(st.integers(0, 8), st.integers(0, 2), max_size=8)


def union_of(tables: Sequence[Rows], policy: str) -> dict[int, int]:
    """What the rule makes of some tables, and that each row has one fate."""
    union = Union()
    for table in tables:
        part = Part(np.array(list(table), np.uint64), np.array(list(table.values()), np.uint64))
        settle(None, (), "annotations", union, part, policy)  # type: ignore[arg-type]
        union.add(part)
    assert all(part.counts().balanced for part in union.parts)
    return {
        int(key): int(value)
        for part in union.parts
        for key, value in zip(part.keys[part.keep], part.said[part.keep], strict=True)
    }


@settings(max_examples=40)
@given(st.lists(_ROWS, max_size=4))
def test_first_keeps_the_first_word_and_last_the_last(tables: list[Rows]) -> None:
    """As joining dictionaries does, of which the later one wins; so one order's first is the other's
    last."""
    last: dict[int, int] = {}
    for table in tables:
        last |= table
    assert union_of(tables, "last") == last
    assert union_of(tables[::-1], "first") == last


@settings(max_examples=40)
@given(_ROWS, st.lists(st.sets(st.integers(0, 8)), min_size=2, max_size=4))
def test_without_contradictions_order_does_not_matter(world: Rows, parts: list[set[int]]) -> None:
    tables = [{key: said for key, said in world.items() if key in part} for part in parts]
    union = union_of(tables, "first")
    assert union == {k: v for table in tables for k, v in table.items()}
    assert union_of(tables[::-1], "last") == union
    assert union_of([union, union], "first") == union


_ANNOTATIONS = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2"]), st.integers(0, 2), st.sampled_from([None, "", "a", "b"]),
        st.sampled_from([None, (0.5, 0.5), (0.5,), (0.25, 0.75), ()]),
        st.sampled_from([1.0, 2.0]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=40)
@given(_ANNOTATIONS)
def test_digests_tell_rows_apart(found: list[tuple[Any, ...]]) -> None:
    """Equal rows and no others have equal digests: text, lists, numbers, and what is null."""
    import pyarrow as pa

    of = [pa.string(), pa.int64(), pa.string(), pa.list_(pa.float64()), pa.float64()]
    columns = [pa.array(list(c), t) for c, t in zip(zip(*found, strict=True), of, strict=True)]
    digests = list(zip(*(column_digests(c).tolist() for c in columns), strict=True))
    for i, one in enumerate(found):
        for j, other in enumerate(found):
            assert (one == other) == (digests[i] == digests[j])
    sliced = [column_digests(c.slice(1)).tolist() for c in columns]
    assert list(zip(*sliced, strict=True)) == digests[1:]


def test_digests_do_not_depend_on_files(tmp_path: Path) -> None:
    write_run(tmp_path / "one", {KITE: "train"}, {"j1": KITES})
    files = sorted(Layout(tmp_path / "one").table("annotations").glob("*.parquet"))
    keys, whole = row_digests(files * 2, Annotation, ("video_id", "annotator_id"))
    assert keys[:2].tolist() == keys[2:].tolist()
    assert len(set(whole.tolist())) == 2
