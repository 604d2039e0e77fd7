"""The card says what the run says, and every table loads by its name, offline."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from report_run import HOSTILE, N_FRAMES, SIZE, make_run, manifest, write_tables

from pipeline.dataset.card import fenced, markdown, write_card
from pipeline.report.tables import NAMES
from prompts import as_protocol
from prompts.load import load_rubric
from schemas.layout import Layout
from schemas.tables import TABLES


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    root = tmp_path_factory.mktemp("card") / "run"
    root.mkdir()
    record = make_run(root)
    write_card(root, record)
    return root, record


def card_of(root: Path) -> tuple[dict[str, Any], str]:
    _, front, body = (root / "README.md").read_text("utf-8").split("---\n", 2)
    return yaml.safe_load(front), body


# Run in a process of its own, because `datasets` reads its cache folder and offline mode at import.
LOADER = """
import json, sys
from datasets import load_dataset
root, names = sys.argv[1], sys.argv[2].split(",")
rows, refused = {}, []
for name in names:
    try:
        data = load_dataset(root, name)
        rows[name] = {split: len(part) for split, part in data.items()}
    except ValueError as error:  # a table without rows: only streaming works, and gives none
        assert "corresponds to no data" in str(error), error
        data = load_dataset(root, name, streaming=True)
        rows[name] = {split: sum(1 for _ in part) for split, part in data.items()}
        assert all("simulated" in part.features or name in ("clip_checks", "scores", "failures")
                   for part in data.values()), name
        refused.append(name)
    if name == "frames":
        rows["sizes"] = [image.size for row in data["train"] for image in row["images"]]
rows["refused"] = refused
print(json.dumps(rows))
"""


def load_every_table(root: Path, cache: Path) -> dict[str, Any]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_CACHE": str(cache),
                   "HF_HOME": str(cache)}  # fmt: skip
    command = [sys.executable, "-c", LOADER, str(root), ",".join(NAMES)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_table_loads_offline_by_its_name(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    root, record = run
    loaded = load_every_table(root, tmp_path)
    for name in NAMES:
        assert sum(loaded[name].values()) == record["tables"][name], name
    assert loaded["preferences"] == {"train": 2, "validation": 2}  # no row of test: no split
    assert set(loaded["refused"]) <= {"comparisons", "human_votes"}  # those without rows
    assert loaded["sizes"] == [[SIZE, SIZE]] * (5 * N_FRAMES)


SCORES = """
import sys
from datasets import load_dataset
for root in sys.argv[1:]:
    print(*load_dataset(root, "annotations")["train"]["score"])
"""


def test_a_run_is_not_shown_for_another_in_a_folder_of_that_name_nor_old_rows_for_new(
    tmp_path: Path,
) -> None:
    """`datasets` keeps what it read under the folder's own name, `out` for both of these."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"),
                   "HF_DATASETS_CACHE": str(tmp_path / "cache")}  # fmt: skip
    one, other = tmp_path / "one" / "out", tmp_path / "other" / "out"
    for root in (one, other):
        root.mkdir(parents=True)
        record = make_run(root)
    (file,) = Layout(other).table("annotations").glob("*.parquet")

    def add(points: float) -> None:
        table = pq.read_table(file)
        at = table.schema.get_field_index("score")
        moved = pc.add(table.column("score"), points)
        pq.write_table(table.set_column(at, table.schema.field(at), moved), file)
        write_card(other, record)

    def loaded(*roots: Path) -> list[list[float]]:
        command = [sys.executable, "-c", SCORES, *map(str, roots)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return [[float(x) for x in line.split()] for line in done.stdout.splitlines()]

    write_card(one, record)
    add(10)
    first, second = loaded(one, other)
    assert second == [score + 10 for score in first]
    add(10)  # as a rebuild would
    assert loaded(other) == [[score + 20 for score in first]]


def test_a_run_without_any_row_loads_too(tmp_path: Path) -> None:
    root = tmp_path / "run"
    empty: dict[str, list[Any]] = {name: [] for name in TABLES if name != "clips"}
    write_tables(Layout(root), empty)
    write_card(root, manifest(empty) | {"simulated": False})
    loaded = load_every_table(root, tmp_path / "cache")
    assert all(sum(loaded[name].values()) == 0 for name in NAMES)
    assert "No pairs." in card_of(root)[1]
    assert "only with `streaming=True`" in card_of(root)[1]


def test_metadata_has_one_config_per_table_and_a_hub_licence(
    run: tuple[Path, dict[str, Any]],
) -> None:
    front, _ = card_of(run[0])
    assert sorted(c["config_name"] for c in front["configs"]) == sorted(NAMES)
    assert [c["config_name"] for c in front["configs"] if c.get("default")] == ["preferences"]
    assert front["license"] == "other"  # prompts CC-BY-4.0, clips CC0-1.0: no one licence
    assert front["size_categories"] == ["n<1K"]
    assert "simulated" in front["tags"]


def test_card_states_counts_pairs_judges_cost_and_agreement(
    run: tuple[Path, dict[str, Any]],
) -> None:
    _, body = card_of(run[0])
    # Three prompts of two clips make three possible pairs; the third prompt's clip has no scores.
    # Scores 1 2 and 3 4: both decided on prompt_following; all 3 on video_quality: both ties.
    assert "| prompt_following | 3 | 2 | 1 | 0 | 2 | 100.0 % | 1 | 1 |" in body
    assert "| video_quality | 3 | 2 | 1 | 2 | 0 | 0.0 % | 1 | 1 |" in body
    assert "| alpha | CC0-1.0 | 3 | 3 |" in body
    assert "| beta &lt;i&gt; | CC0-1.0 | 3 | 2 |" in body
    assert "| frames | `undecodable` | 1 |" in body
    assert "| org/judge &lt;b&gt; | openai | org/judge | – | 0.3 | 2 | 20 |" in body
    assert "| signal | signal | – | – | – | 1 | 10 |" in body
    assert "0.0000 USD" in body
    assert "signal prefers the clip that the raters prefer in 70.0 %" in body
    assert "| prompt_following | signal | `spearman` | 0.410 | [0.290, 0.530] | 5 | 3 |" in body
    assert "simulated prompts, clips, raters" in body
    assert 'load_dataset("DIR", "preferences")' in body
    assert "| `margin` | double |" in body


def test_the_card_counts_what_the_clip_checks_found(run: tuple[Path, dict[str, Any]]) -> None:
    _, body = card_of(run[0])
    assert "| generator | clips | near_duplicate | left out |\n" in body
    assert "| alpha | 3 | 0 | 0 |\n" in body
    assert "| beta &lt;i&gt; | 2 | 2 | 0 |\n" in body
    assert "another split than the clip they\nrepeat: 1.**" in body


def test_judges_are_told_with_their_failures_and_cost(run: tuple[Path, dict[str, Any]]) -> None:
    _, body = card_of(run[0])
    table = body.split("### Judges")[1].split("### Rubrics")[0]
    # 1 refusal of 28 verdicts; 2 of 3 pairs flip with the order; 5 of 7 picks of the first; the
    # judge was paid 0.068 for 27 verdicts
    (judge,) = [line for line in table.splitlines() if line.startswith("| org/judge &lt;b&gt;")]
    cells = [cell.strip() for cell in judge.split("|")]
    assert cells[2:4] == ["2", "0.3"]
    assert [cell.split(" [")[0] for cell in cells[4:9]] == [
        "3.6 %", "0.0 %", "33.3 %", "71.4 %", "0.0025"]  # fmt: skip
    assert "| signal | 1 | – | 0.0 % [0.0, 56.1] | 0.0 % [0.0, 56.1] | – | – | 0 |" in table
    assert table.count("\n|") == 4


def test_what_is_found_of_a_judge_stands_in_the_card_escaped(tmp_path: Path) -> None:
    record = make_run(tmp_path)
    judges = json.loads((tmp_path / "judges.json").read_text("utf-8"))
    judges["notes"] = ["Position bias: <script>x</script> | [a](b) picks the first."]
    (tmp_path / "judges.json").write_text(json.dumps(judges), "utf-8")
    body = write_card(tmp_path, record).read_text("utf-8")
    assert (
        "- Position bias: &lt;script&gt;x&lt;/script&gt; \\| \\[a\\](b) picks the first.\n" in body
    )


def test_a_card_without_judges_has_no_table_of_them(tmp_path: Path) -> None:
    record = make_run(tmp_path, stages=False)
    assert "### Judges" not in write_card(tmp_path, record).read_text("utf-8")


def test_rubric_text_is_verbatim_in_a_fence_it_cannot_close(
    run: tuple[Path, dict[str, Any]],
) -> None:
    root, record = run
    text = record["rubrics"][0]["text"]
    assert "```nested```" in text
    assert f"````yaml\n{text}````" in card_of(root)[1]
    assert fenced("a\n\n\n\nb") == "```yaml\na\n\n\n\nb\n```"


def test_packaged_rubric_is_shown_when_its_hash_is_the_recorded_one(
    run: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    rubric = load_rubric("videoprefer/video_quality")
    given = {"name": rubric.name, "version": rubric.version, "sha256": rubric.sha256}
    record = manifest({name: [] for name in TABLES}) | {"rubrics": [given]}
    question = rubric.dimensions[0].scale[0].anchor.split()[0]
    assert question in write_card(tmp_path, record).read_text("utf-8")
    compared = as_protocol(rubric, "pairwise")  # as a run asks it that compares clips
    record["rubrics"] = [given | {"sha256": compared.sha256, "protocol": "pairwise"}]
    text = write_card(tmp_path, record).read_text("utf-8")
    assert question in text
    assert "version 1, pairwise, SHA-256" in text
    record["rubrics"] = [given | {"sha256": "f" * 64}]
    assert "its text was not recorded" in write_card(tmp_path, record).read_text("utf-8")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("<img src=x>", "&lt;img src=x&gt;"),
        ("a|b\nc", "a\\|b c"),
        ("[x](javascript:y)", "\\[x\\](javascript:y)"),
        ("snake_case _em_", "snake_case \\_em\\_"),
        ("`code` & *b*", "\\`code\\` &amp; \\*b\\*"),
        (None, "–"),
    ],
)
def test_other_peoples_text_does_nothing_in_markdown(given: str | None, shown: str) -> None:
    assert markdown(given) == shown


def test_no_prompt_or_rationale_stands_in_the_card(run: tuple[Path, dict[str, Any]]) -> None:
    body = card_of(run[0])[1]
    assert HOSTILE not in body
    assert "<script>" not in body


def test_a_name_cannot_turn_the_line_around() -> None:
    assert markdown("model\u202egnp.exe\x1b[31m") == "model\ufffdgnp.exe\ufffd\\[31m"
