"""The model card: what it says comes from the files, and its snippets run."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from videorm_run import DIMENSIONS, flat, write_run
from videorm_saved import save_clip, save_model

from pipeline.videorm.card import write_card
from pipeline.videorm.card_facts import audit_rows, deviations
from pipeline.videorm.options import VideoRMOptions
from schemas.ids import sha256_hex
from schemas.options import SetupError

INTERVAL = {"value": 0.7124, "low": 0.6651, "high": 0.7549}
METRICS: dict[str, Any] = {
    "preset": "videorm-tiny",
    "answers": {"video_quality": ["static_quality", "temporal_quality"]},
    "arms": {"videorm": {"parameters": 12345, "selected_epoch": 2, "description": "with <b>shift</b>"}},
    "curve": [{"arm": "videorm", "epoch": 1, "validation_loss": 0.6}],
    "accuracy": [
        {"arm": a, "against": "raters", "dimension": "video_quality", "split": "test", **INTERVAL,
         "n_pairs": 1234, "n_prompts": 56}
        for a in ("videorm", "first_frame", "human_ceiling")
    ],
    "differences": [{"arm": "videorm", "minus": "per_frame", "against": "raters",
                     "dimension": "all", **INTERVAL}],
    "best_of_n": [{"arm": "videorm", "gold": "raters", "dimension": "overall", "n": 4, **INTERVAL,
                   "n_prompts": 56}],
    "calibration": [{"arm": "videorm", "against": "raters", "dimension": "all", "temperature": 1.5,
                     "n_pairs": 99, "before": {"ece": INTERVAL, "log_loss": INTERVAL},
                     "after": {"ece": {**INTERVAL, "value": 0.01}, "log_loss": INTERVAL}}],
    "probes": [
        {"probe": name, "arm": "videorm", "dimension": "video_quality", "expected": "falls",
         **INTERVAL, "unit": "SD", "n_clips": 40, "n_prompts": 10, "tolerance": None,
         "met": met, "verdict": told, "note": ""}
        for name, met, told in (("shuffle", True, "met"), ("noise", False, "not_met"),
                                ("flicker", False, "open"), ("reversed", None, None))
    ],
    "notes": ["3 prompts stand in two splits"],
}  # fmt: skip


def audit_row(annotator: str, statistic: str, **more: Any) -> dict[str, Any]:
    return {
        "annotator": annotator, "statistic": statistic, "dimension": "video_quality", "slice": "all",
        **INTERVAL, "n_items": 2345, "n_raters": 7, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prompts to train on and one to test on, four clips each, two raters."""
    root = tmp_path_factory.mktemp("card") / "mine"
    prompts = {"train": ["clip a", "clip b"], "test": ["clip c"]}
    write_run(
        root,
        prompts,
        lambda rng, i: flat(50 * i)[None],
        lambda i: {"prompt_following": float(i), "video_quality": float(i // 2)},
        raters=2,
    )
    return root


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path / "m")


def card(folder: Path, data: Path, metrics: dict[str, Any] = METRICS, **more: Any) -> str:
    audit = {data: more.pop("audit")} if "audit" in more else None
    return write_card(folder, metrics, VideoRMOptions(**more), [data], audit).read_text("utf-8")


def cells(text: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, without its head."""
    table = text.split(f"{heading}\n")[1].split("\n#")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows[2:]]


def test_front_matter_is_what_a_hub_reads(model: Path, data: Path) -> None:
    _, front, body = card(model, data).split("---\n", 2)
    found = yaml.safe_load(front)
    assert found["library_name"] == "videoprefer"
    assert found["pipeline_tag"] == "video-classification"
    assert {"reward-model", "text-to-video"} <= set(found["tags"])
    assert "license" not in found
    assert "add `license:`" in body
    assert "base_model" not in found  # random towers are nobody's


def test_the_snippets_run(
    model: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    snippets = re.findall(r"```python\n(.*?)```", card(model, data), re.S)
    assert len(snippets) == 2
    for seed, name in enumerate(("a.mp4", "b.mp4")):
        save_clip(model / name, seed)
    monkeypatch.chdir(model)
    first: dict[str, Any] = {}
    exec(snippets[0], first)
    assert first["clips"][first["best"]] in capsys.readouterr().out
    assert [set(row) for row in first["rewards"]] == [set(DIMENSIONS)] * 2
    second: dict[str, Any] = {}
    exec(snippets[1], second)
    assert second["videos"].grad.abs().sum() > 0
    assert tuple(second["rewards"].shape) == (2, 2)


def test_every_figure_is_one_of_the_files(model: Path, data: Path) -> None:
    text = card(model, data)
    raters = ["raters", "video_quality"]
    found = cells(text, "## How good it is")
    assert found[0] == [*raters, "videorm", "0.712", "[0.665, 0.755]", "1,234", "56"]
    assert [row[2] for row in found[:3]] == ["videorm", "first_frame", "human_ceiling"]
    assert cells(text, "### Best of n")[0][:4] == ["raters", "overall", "videorm", "4"]
    assert cells(text, "### Calibration")[0][-6:] == [
        "[0.665, 0.755]", "1.500", "0.010", "0.712", "[0.665, 0.755]", "99"
    ]  # fmt: skip
    assert [(row[0], row[-1]) for row in cells(text, "### Probes")] == [
        ("shuffle", "met"), ("noise", "**not met**"), ("flicker", "**not shown**"), ("reversed", "–"),
    ]  # fmt: skip
    assert "12,345" in text
    assert "- 3 prompts stand in two splits" in text
    assert "video_quality by static_quality, temporal_quality." in text
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        assert f"| `{name}` | `{sha256_hex((model / name).read_bytes())}` |" in text


def test_pairs_are_counted_by_dimension_and_split(model: Path, data: Path) -> None:
    text = card(model, data)
    # four clips make 6 pairs a prompt: 12 to train, 6 to test; quality has 2 ties among the 6
    table = {row[0]: row[1:] for row in cells(text, "## What it learned from")}
    assert table["prompt_following"] == ["12", "0", "0", "0", "6", "0"]
    assert table["video_quality"] == ["12", "4", "0", "0", "6", "2"]
    # 3 prompts x 4 clips x 2 raters x 2 dimensions
    assert "48 ratings and 0 votes of 2 people" in text


def test_a_section_stands_only_where_its_rows_are(model: Path, data: Path) -> None:
    bare = card(model, data, {"preset": "videorm-tiny"})
    for heading in ("How good", "Best of n", "Calibration", "Probes", "With ties", "By generator"):
        assert f"{heading}" not in re.sub(r"calibration below", "", bare)
    assert "Unknown: no audit against people lies beside the data." in bare
    short = [{"arm": "videorm", "dimension": "all"}]  # a row that lacks what others have
    assert "undefined" in card(model, data, {"probes": short, "calibration": [], "slices": short})


def test_the_audit_is_told_as_it_stands(model: Path, data: Path) -> None:
    rows = [
        audit_row("consensus", "pair_accuracy_ties_half_loo"),
        audit_row("human_ceiling", "pair_accuracy_ties_half_loo", value=0.81),
        audit_row("a_judge", "pair_accuracy_ties_half_loo"),  # pairs are made of the consensus
        audit_row("rater r1", "pair_accuracy_ties_half_loo"),
        audit_row("consensus", "mean_score"),
        audit_row("consensus", "pair_accuracy_ties_half_loo", slice="generator=x"),
        audit_row("raters", "krippendorff_alpha_ordinal", value=None, low=None, high=None),
    ]
    told = cells(card(model, data, audit=rows), "### How far its labels can be trusted")
    accuracy = "`pair_accuracy_ties_half_loo`"
    assert [row[1:3] for row in told] == [
        ["consensus", accuracy], ["human_ceiling", accuracy], ["raters", "`krippendorff_alpha_ordinal`"],
    ]  # fmt: skip
    assert told[1][3:] == ["0.810", "[0.665, 0.755]", "2,345", "7"]
    assert told[2][3:5] == ["undefined", "–"]
    assert [r["annotator"] for r in audit_rows(rows[2:4])] == [
        "a_judge"
    ]  # no consensus: each judge


def test_the_audit_beside_the_data_is_found(model: Path, data: Path) -> None:
    (data / "audit.json").write_text(json.dumps([audit_row("consensus", "spearman_within_prompt")]))
    try:
        assert "| video_quality | consensus | `spearman_within_prompt` |" in card(model, data)
    finally:
        (data / "audit.json").unlink()


def test_simulated_data_is_told_loudly(model: Path, tmp_path: Path, data: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    assert "Simulated" not in card(model, data)
    ratings = next((data / "tables" / "human_ratings").glob("*.parquet"))
    table = pq.read_table(ratings)
    simulated = tmp_path / "simulated" / "tables" / "human_ratings"
    simulated.mkdir(parents=True)
    column = table.schema.get_field_index("simulated")
    marked = table.set_column(column, "simulated", pa.array([True] * len(table)))
    pq.write_table(marked, simulated / "part-00000.parquet")
    text = card(model, tmp_path / "simulated")
    assert "> **Simulated data.** This model learned from simulated raters." in text
    assert "simulated" in yaml.safe_load(text.split("---\n")[1])["tags"]
    assert "- Simulated raters: no conclusion about real ones follows." in text


def test_what_others_wrote_is_escaped(model: Path, data: Path) -> None:
    text = card(model, data)
    assert "with &lt;b&gt;shift&lt;/b&gt;" in text
    assert "<b>" not in text


def test_text_swaps_name_their_dimensions_also_where_none_were_given(
    model: Path, tmp_path: Path, data: Path
) -> None:
    swap = {"text_swap": {"weight": 0.1}}
    found = write_card(model, METRICS, VideoRMOptions(data=swap), [data]).read_text("utf-8")
    assert "under its own and another prompt were added on prompt_following." in found
    other = save_model(tmp_path / "other", dimensions=("video_quality",))
    assert "under its own and another prompt" not in write_card(
        other, METRICS, VideoRMOptions(data=swap), [data]
    ).read_text("utf-8")


def test_deviations_are_settings_of_the_recipe_alone() -> None:
    paper = VideoRMOptions(preset="videorm-paper", trunk="hps", device="cpu", seed=3)
    assert deviations(paper) == []
    changed = VideoRMOptions(preset="videorm-paper", trunk="hps", training={"epochs": 4}, threads=2)
    assert deviations(changed) == [("training.epochs", 1, 4)]


def test_a_folder_without_a_model_has_no_card(tmp_path: Path, data: Path) -> None:
    with pytest.raises(SetupError, match=r"config\.json: not found"):
        card(tmp_path, data)
    assert not (tmp_path / "README.md").exists()
