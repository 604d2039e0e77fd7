"""Rubrics through the one door, from the configuration to the preferences: the packaged ones and one's
own, in every protocol."""

import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml
from judge_server import JudgeServer

from pipeline import command
from pipeline.dataset.parquet import parts
from schemas import SPLITS
from schemas.layout import Layout

FEEDBACK = [
    "visual_quality",
    "temporal_consistency",
    "dynamic_degree",
    "text_to_video_alignment",
    "factual_consistency",
]
OWN = """\
name: ours/calm
version: 3
protocol: pointwise
template: calm.j2
role: You judge how calm a video is.
task: Score the calm of one video.
checklist: ["No sudden movement."]
dimensions:
  - name: calm
    question: How calm is the video?
    scale:
      - {score: 0, label: Restless, anchor: Everything moves.}
      - {score: 1, label: Calm, anchor: Little moves.}
      - {score: 2, label: Still, anchor: Nothing moves.}
"""
TEMPLATE = """\
{% block system %}{{ role }} {{ task }} OUR OWN WORDS{% endblock %}
{% block user %}The prompt: {{ prompt_json }}, {{ n_frames }} frames{% endblock %}
"""


def run(folder: Path, server: JudgeServer, rubric: str, protocol: str) -> Path:
    tree = {
        "sources": [{"kind": "simulated", "prompts": 2}],
        "generators": {
            "clips_per_prompt": 3,
            "pool": [
                {"kind": "simulated", "name": name}
                for name in ("sim-clean", "sim-colour-flicker", "sim-motion-frozen")
            ],
        },
        "annotators": [
            {
                "kind": "openai",
                "model": "judge",
                "base_url": server.base_url,
                "api_key_env": None,
                "price": {"input_usd_per_million": 1, "output_usd_per_million": 5},
            }
        ],
        "frames": {"count": 2},
        "rubrics": [rubric],
        "protocol": protocol,
        "report": {"prompts": 2},
        "concurrency": {"processes": 1},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(tree))
    code = command.main(["--config", str(folder / "config.yaml"), "--output", str(folder / "out")])
    assert code == 0
    return folder / "out"


def table(root: Path, name: str) -> list[dict[str, Any]]:
    layout = Layout(root)
    splits = [layout.table(name, split) for split in SPLITS]
    folders = splits if name == "preferences" else [layout.table(name)]
    return [row for f in folders for file in parts(f) for row in pq.read_table(file).to_pylist()]


@pytest.mark.parametrize("protocol", ["pointwise", "pairwise", "listwise"])
def test_five_dimensions_in_one_request(tmp_path: Path, protocol: str) -> None:
    with JudgeServer() as server:
        root = run(tmp_path, server, "videofeedback/video_score", protocol)
        # 2 prompts: 3 clips each, or 3 pairs in 2 orders, or 1 list in 2 orders
        assert server.n_bills == {"pointwise": 6, "pairwise": 12, "listwise": 4}[protocol]
        # room for five rationales, where one dimension has 512
        assert {body["max_tokens"] for body in server.bodies} == {960}
    rows = table(root, "annotations" if protocol == "pointwise" else "comparisons")
    assert len(rows) == 5 * server.n_bills
    assert {row["dimension"] for row in rows} == set(FEEDBACK)
    if protocol == "pointwise":
        assert {(row["scale_low"], row["scale_high"]) for row in rows} == {(1.0, 4.0)}
    # the cost of a reply stands on its first dimension alone: 600 + 85 a frame in, 40 out
    frames = {"pointwise": 2, "pairwise": 4, "listwise": 6}[protocol]
    cost = (600 + 85 * frames + 40 * 5) / 1e6
    assert sum(row["cost_usd"] for row in rows) == pytest.approx(server.n_bills * cost)
    pairs = table(root, "preferences")
    assert len(pairs) == 2 * 3 * 6  # prompts x pairs x (five dimensions and overall)
    assert not table(root, "failures")
    # overall: the mean of the five margins
    for _, group in itertools.groupby(
        sorted(pairs, key=lambda p: sorted((p["video_a"], p["video_b"]))),
        key=lambda p: sorted((p["video_a"], p["video_b"])),
    ):
        first, *_ = members = list(group)
        margin = {
            p["dimension"]: p["margin"] * (1 if p["video_a"] == first["video_a"] else -1)
            for p in members
        }
        overall = margin.pop("overall")
        assert overall == pytest.approx(sum(margin.values()) / 5, abs=1e-8)


@pytest.mark.parametrize("protocol", ["pointwise", "pairwise"])
def test_a_rubric_of_ones_own_with_words_of_its_own(tmp_path: Path, protocol: str) -> None:
    (tmp_path / "calm.yaml").write_text(OWN)
    (tmp_path / "calm.j2").write_text(TEMPLATE)
    with JudgeServer() as server:
        root = run(tmp_path, server, "calm.yaml", protocol)
        system = server.bodies[0]["messages"][0]["content"]
    # its template speaks of one video: pairs get the packaged one, with the rubric's words
    assert ("OUR OWN WORDS" in system) == (protocol == "pointwise")
    assert "You judge how calm a video is." in system
    (rubric,) = json.loads((root / "run.json").read_text())["rubrics"]
    assert (rubric["name"], rubric["version"], rubric["protocol"]) == ("ours/calm", 3, protocol)
    assert "question: How calm is the video?" in (root / "README.md").read_text()  # the card
    pairs = table(root, "preferences")
    assert {pair["dimension"] for pair in pairs} == {"calm", "overall"}
    if protocol == "pointwise":
        assert {row["score"] for row in table(root, "annotations")} <= {0.0, 1.0, 2.0}
