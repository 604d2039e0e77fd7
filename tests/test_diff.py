"""What changed between two versions: worked examples, each number derived beside it."""

import json
from pathlib import Path
from typing import Any

import pytest
from merge_folders import BOAT, DOG, KITE, clip, put, write_run

from pipeline.dataset.diff.diff import diff
from pipeline.dataset.diff.labels import preference_diff
from pipeline.dataset.withdrawn import Withdrawal, Withdrawn, write_withdrawn
from pipeline.state import write_json
from pipeline.verbs import diff as verb
from pipeline.verbs.diff_words import summary
from schemas import Preference, Prompt, Video
from schemas.ids import pair_id, prompt_id
from schemas.layout import Layout
from schemas.options import SetupError
from schemas.tables import arrow_schema, to_table

A, B = "ga", "gb"
JUDGED = {(KITE, A): 4, (KITE, B): 2, (DOG, A): 3, (DOG, B): 5, (BOAT, A): 2, (BOAT, B): 2}
SPLITS = {KITE: "train", DOG: "train", BOAT: "test"}


def row(
    statistic: str, value: float | None, low: float | None, high: float | None
) -> dict[str, Any]:
    return {
        "annotator": "j1", "statistic": statistic, "dimension": "quality", "slice": "all",
        "value": value, "low": low, "high": high, "n_items": 3, "n_raters": 2,
    }  # fmt: skip


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The judge has changed its mind: of the kites the other way round, of the boats that there is a
    difference; the dogs have gone into another split, and a clip has gone."""
    root = tmp_path_factory.mktemp("diff")
    write_run(root / "old", SPLITS, {"j1": JUDGED})
    write_json(root / "old" / "audit.json", [
        row("spearman", 0.5, 0.4, 0.6), row("accuracy", 0.7, 0.6, 0.8), row("alpha", None, None, None),
        row("gone", 0.1, 0.0, 0.2),
    ])  # fmt: skip
    new = JUDGED | {(KITE, A): 1, (KITE, B): 5, (BOAT, A): 3}
    write_run(
        root / "new", SPLITS | {DOG: "test"}, {"j1": new},
        clips=[c for c in JUDGED if c != (DOG, B)],
        row={"model": "j1-2"},
        record={"spend": {"usd": 2.0, "requests": 3}, "rubrics": [
            {"name": "mine", "version": 2, "protocol": "pointwise", "sha256": "3" * 64, "text": None}]},
    )  # fmt: skip
    write_json(root / "new" / "audit.json", [
        row("spearman", 0.7, 0.65, 0.75), row("accuracy", 0.72, 0.6, 0.8), row("alpha", 0.3, 0.2, 0.4),
    ])  # fmt: skip
    gone = Withdrawn(entries=(Withdrawal(video_ids=(clip(DOG, B),)),))
    write_withdrawn(Layout(root / "new"), gone)
    return root


@pytest.fixture(scope="module")
def found(versions: Path) -> dict[str, Any]:
    return diff(versions / "old", versions / "new")


def test_rows_by_table(found: dict[str, Any]) -> None:
    videos, annotations = found["tables"]["videos"], found["tables"]["annotations"]
    assert (videos["old"], videos["new"], videos["removed"], videos["added"]) == (6, 5, 1, 0)
    assert videos["examples"]["removed"] == [clip(DOG, B)]
    # every row names another snapshot, three another score
    assert annotations["changed"] == 6
    assert annotations["columns"] == {"model": 6, "score": 3}
    assert found["tables"]["prompts"]["columns"] == {"split": 1}


def test_labels(found: dict[str, Any]) -> None:
    """Of three pairs that both have the kites' is reversed (margin 2 -> -4) and the boats' is no tie any
    more (0 -> 1); that of the dogs stays (2 -> 2)."""
    pairs = found["preferences"]
    overall, quality = pairs["dimensions"][1], pairs["dimensions"][0]
    assert (quality["dimension"], overall["dimension"]) == ("quality", "overall")
    counts = {
        n: quality[n] for n in ("common", "prompts", "flipped", "reversed", "from_tie", "to_tie")
    }
    assert counts == {
        "common": 3, "prompts": 3, "flipped": 2, "reversed": 1, "from_tie": 1, "to_tie": 0,
    }  # fmt: skip
    assert quality["share"] == pytest.approx(2 / 3)
    assert quality["low"] <= 2 / 3 <= quality["high"]
    assert quality["mean_margin_change"] == pytest.approx((6 + 1 + 0) / 3)
    assert quality["mean_size_of_margin"]["old"] == pytest.approx((2 + 0 + 2) / 3)
    assert quality["mean_size_of_margin_of_flipped"] == {"old": 1.0, "new": 2.5}
    flip = pairs["flips"][0]
    assert flip["prompt"] == KITE
    assert sorted(flip["label"]) == ["a", "b"]
    assert abs(flip["margin"][1] - flip["margin"][0]) == 6


def test_pairs_that_moved_between_splits(found: dict[str, Any]) -> None:
    pairs = found["preferences"]
    assert pairs["moved"] == 2  # quality and overall
    assert {one["prompt"] for one in pairs["moved_examples"]} == {DOG}
    assert "pairs in another split: 2 of 6" in summary(found)


def test_agreement(found: dict[str, Any]) -> None:
    """The intervals of spearman, [0.4, 0.6] and [0.65, 0.75], are apart; those of accuracy are not."""
    agreement = found["agreement"]
    apart = {one["statistic"]: one["apart"] for one in agreement["changed"]}
    assert apart == {"spearman": True, "accuracy": False, "alpha": None}
    assert (agreement["matched"], agreement["only_old"], agreement["only_new"]) == (3, 1, 0)


def test_judges_cost_rubrics_and_withdrawn(found: dict[str, Any]) -> None:
    (judge,) = found["judges"]["changed"]
    assert (judge["snapshots_removed"], judge["snapshots_added"]) == (["j1-1"], ["j1-2"])
    assert found["cost"]["usd"] == {"old": 1.25, "new": 2.0}
    (rubric,) = found["rubrics"]
    assert (rubric["old"][0]["version"], rubric["new"][0]["version"]) == (1, 2)
    assert found["withdrawn"]["since"] == [clip(DOG, B)]
    assert found["old"]["dataset_version"] != found["new"]["dataset_version"]
    said = summary(found)
    for words in ("1 reversed, 0 to a tie, 1 from a tie", "intervals apart", "snapshot j1-2 is new",
                  "version 1 (11111111) -> version 2 (33333333)", "$1.2500 -> $2.0000",
                  "withdrawn since: 1 clips"):  # fmt: skip
        assert words in said


def test_the_same_rows_are_no_change(versions: Path) -> None:
    found = diff(versions / "old", versions / "old")
    assert all(t["added"] + t["removed"] + t["changed"] == 0 for t in found["tables"].values())
    assert [one["flipped"] for one in found["preferences"]["dimensions"]] == [0, 0]
    assert "the tables hold the same rows" in summary(found)
    assert "none of" not in summary(found)


def test_whichever_side_is_called_a(tmp_path: Path) -> None:
    """A pair that was drawn the other way round, with the same winner, has not flipped."""

    def pair(a: str, b: str, label: str, margin: float) -> Preference:
        return Preference(
            pair_id=pair_id("v1", "v2", "quality"), prompt_id="p", prompt="p", dimension="quality",
            video_a=a, video_b=b, generator_a="g", generator_b="h", score_a=max(margin, 0.0),
            score_b=max(-margin, 0.0), label=label, margin=margin, weight=1.0, split="train",
            annotator_id="consensus", n_a=1, n_b=1,
        )  # fmt: skip

    for name, one in (("old", pair("v1", "v2", "a", 2.0)), ("new", pair("v2", "v1", "b", -2.0))):
        put(Layout(tmp_path / name), Preference, [one], "train")
    found = preference_diff(Layout(tmp_path / "old"), Layout(tmp_path / "new"), 5)
    (dimension,) = found["dimensions"]
    assert (dimension["common"], dimension["flipped"], dimension["mean_margin_change"]) == (
        1,
        0,
        0.0,
    )


def test_tables_of_schema_version_1(versions: Path, tmp_path: Path) -> None:
    """A clip of the older schema has no terms, which is what null says: no row has changed."""
    import shutil

    import pyarrow.parquet as pq
    from merge_folders import rows

    old = tmp_path / "one"
    shutil.copytree(versions / "old", old)
    schema = arrow_schema(Video)
    table = to_table(Video, rows(old, Video)).drop_columns(["terms"])
    table = table.replace_schema_metadata({**schema.metadata, b"schema_version": b"1"})
    (file,) = Layout(old).table("videos").glob("*.parquet")
    pq.write_table(table, file)
    found = diff(old, versions / "old")
    assert found["tables"]["videos"]["changed"] == 0
    assert found["tables"]["videos"]["added"] == 0


def test_the_command(versions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "diff.json"
    arguments = [str(versions / "old"), str(versions / "new"), "--output", str(out), "--limit", "1"]
    assert verb(arguments) == 0
    assert "labels of quality: 2 of 3 common pairs" in capsys.readouterr().out
    assert len(json.loads(out.read_text())["preferences"]["flips"]) == 1
    assert verb([str(versions / "old"), str(tmp_path / "absent")]) == 2
    with pytest.raises(SetupError, match="not a complete run"):
        diff(versions, versions / "new")
    assert prompt_id(KITE) in {p.prompt_id for p in _prompts(versions)}


def _prompts(versions: Path) -> list[Prompt]:
    from merge_folders import rows

    return rows(versions / "old", Prompt)
