"""What the explorer filters by besides scores: splits, generators, failures, clip checks."""

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from explorer_rows import (
    annotation,
    check,
    failure,
    preference,
    prompt,
    prompts_of,
    rating,
    written,
)

from pipeline.report.aggregates import failure_groups
from pipeline.report.explorer import material
from pipeline.report.explorer.entries import prompt_entries
from pipeline.report.explorer.index import index_of
from pipeline.report.explorer.order import order_of
from pipeline.report.media import Media
from schemas import Reason
from schemas.layout import Layout


def index(layout: Layout, shown: int = 0) -> dict[str, Any]:
    return index_of(layout, order_of(layout, shown), per_file=12, dimensions=[])


def test_generators_are_numbered_and_clips_know_theirs(tmp_path: Path) -> None:
    found = index(written(tmp_path, prompts_of({"p": 3, "q": 1})))
    assert found["generators"] == ["a", "b", "c"]
    at = found["ids"].index("p")
    assert found["generator"][found["starts"][at] : found["starts"][at + 1]] == [0, 1, 2]
    assert found["texts"] == [f"text of {name}" for name in found["ids"]]


def test_the_split_is_that_of_the_prompt_or_of_its_pairs(tmp_path: Path) -> None:
    rows = [
        prompt("assigned", "test"),
        *prompts_of({"drawn": 2}),
        prompt("nowhere"),
        preference("drawn.a", "drawn.b", "d", 1.0, split="validation"),
    ]
    layout = written(tmp_path, rows)
    found = index(layout)
    assert found["splits"] == ["train", "validation", "test"]
    expected = {"assigned": 2, "drawn": 1, "nowhere": -1}
    assert dict(zip(found["ids"], found["split"], strict=True)) == expected
    # a table from before prompts said what came of their split
    (path,) = layout.table("prompts").glob("*.parquet")
    old = pq.read_table(path).drop_columns(["split"])
    old = old.replace_schema_metadata({"schema_version": "1", "record": "Prompt"})
    pq.write_table(old, path)
    assert dict(zip(*(index(layout)[n] for n in ("ids", "split")), strict=True)) == {
        "assigned": -1, "drawn": 1, "nowhere": -1}  # fmt: skip


FAILED = [
    *prompts_of({"p": 3, "q": 2}),
    failure("annotate", "p.a/d/org/judge/0"),
    failure("annotate", "p.a/d/org/judge/1"),
    failure("annotate", "p.c/d/org/judge/0"),
    failure("compare", "q/q.a+q.b/d/org/judge/0"),
    failure("compare", "q/q.b+q.a/d/org/judge/0", Reason.TIMEOUT),
    failure("video", "q.z", Reason.GENERATION),  # the clip never came to be
    check("p.a", "frozen", "black"),
    check("p.b", "frozen"),
    check("q.a"),
]


def test_reasons_count_clips_and_prompts_once(tmp_path: Path) -> None:
    found = index(written(tmp_path, FAILED))
    names = [(r["stage"], r["reason"], r["clips"], r["prompts"]) for r in found["reasons"]]
    # the commonest first, then by name: p.a failed twice for one reason, and is one clip
    assert names == [
        ("annotate", "refusal", 2, 0),
        ("clip check", "frozen", 2, 0),
        ("clip check", "black", 1, 0),
        ("compare", "refusal", 0, 1),
        ("compare", "timeout", 0, 1),
    ]
    p, q = (found["ids"].index(name) for name in "pq")
    first = found["starts"][p]
    assert found["clip_reasons"] == {
        str(first): [0, 1, 2], str(first + 1): [1], str(first + 2): [0]}  # fmt: skip
    assert found["prompt_reasons"] == {str(q): [3, 4]}


def test_reasons_of_prompts_that_are_not_shown_do_not_count(tmp_path: Path) -> None:
    layout = written(tmp_path, FAILED)
    found = index(layout, 1)
    assert len(found["reasons"]) == {"p": 3, "q": 2}[found["ids"][0]]
    assert all(int(place) < found["starts"][-1] for place in found["clip_reasons"])
    assert set(found["prompt_reasons"]) <= {"0"}


def test_an_example_of_a_failure_leads_to_its_prompt(tmp_path: Path) -> None:
    layout = written(tmp_path, FAILED)

    def prompts(*shown: Any) -> dict[str, Any]:
        groups = failure_groups(layout, 3, *shown)
        return {example["key"]: example["prompt"] for g in groups for example in g["examples"]}

    assert prompts() == {
        "p.a/d/org/judge/0": "p",
        "p.a/d/org/judge/1": "p",
        "p.c/d/org/judge/0": "p",
        "q/q.a+q.b/d/org/judge/0": "q",
        "q/q.b+q.a/d/org/judge/0": "q",
        "q.z": None,
    }
    assert set(prompts({"q"}).values()) == {"q", None}  # p is not on the page
    counts = {
        (g["stage"], g["reason"]): (g["count"], g["examples"]) for g in failure_groups(layout, 0)
    }
    assert counts["annotate", "refusal"] == (3, [])


def test_what_failed_stands_in_the_order_of_the_table(tmp_path: Path) -> None:
    keys = [f"p.{clip}/d/judge/{draw}" for draw in range(40) for clip in "ab"]
    layout = written(tmp_path, [*prompts_of({"p": 2}), *(failure("annotate", k) for k in keys)])
    media = Media(layout=layout, folder=tmp_path / "report")
    (entry,) = prompt_entries(layout, ["p"], media)
    for n, clip in enumerate(entry["clips"]):
        assert [row["key"] for row in clip["failures"]] == keys[n::2]


@pytest.mark.parametrize(("read", "made"), [(1, 1), (2, 1), (3, 2), (4000, 3)])
def test_entries_do_not_depend_on_how_many_are_read_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, read: int, made: int
) -> None:
    sizes = {"p": 3, "q": 2, "none": 0, "r": 1, "s": 2}
    rows = [*prompts_of(sizes), *FAILED[7:]]
    for name, n in sizes.items():
        for clip in (f"{name}.{'abc'[k]}" for k in range(n)):
            rows += [annotation(clip, "d", "judge", n), rating(clip, "d", "r", 1)]
    layout = written(tmp_path, rows)
    order, media = order_of(layout, 0), Media(layout=layout, folder=tmp_path / "report")
    whole = list(prompt_entries(layout, order.prompts, media))
    assert [entry["id"] for entry in whole] == list(order.prompts)
    by_id = {entry["id"]: entry for entry in whole}
    assert [clip["scores"][0]["mean"] for clip in by_id["p"]["clips"]] == [3, 3, 3]
    assert [f["key"] for f in by_id["p"]["clips"][0]["failures"]] == [
        "p.a/d/org/judge/0", "p.a/d/org/judge/1"]  # fmt: skip
    assert [f["reason"] for f in by_id["q"]["failures"]] == ["refusal", "timeout"]
    monkeypatch.setattr(material, "READ_AT_ONCE", read)
    monkeypatch.setattr(material, "MADE_AT_ONCE", made)
    assert list(prompt_entries(layout, order.prompts, media)) == whole
    backwards = list(prompt_entries(layout, order.prompts[::-1], media))
    assert backwards == whole[::-1]
